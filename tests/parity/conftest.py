"""TensorFlow says much when it starts: these settings keep it to errors, and to the CPU.

`FILTRAX_PARITY_CASES` is the number of random cases for each of TensorFlow and
torch (550 by default).
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
# Without it results do not depend on which instructions this machine has.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
