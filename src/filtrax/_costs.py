"""What a unit of each engine's work costs, in nanoseconds, by platform and dtype.

The tables are data; each column belongs to one of the counts that `_choose.counts_of` gives.
``python -m benchmarks.calibrate`` fits and writes them; the present ones come from two cores of an
AMD EPYC of the fifth generation (48 KiB and 1 MiB of cache a core) with JAX 0.10.2; "narrow" ones,
of machines whose cores multiply 64 bytes in two halves, from two of the fourth (32 KiB and 1 MiB);
"short" ones, of vectors of 32 bytes or less, from two of the third (32 and 512 KiB), in float32 and
float64 only; those of XLA's form of `shift` and `overlap` from an older machine, or guessed. A few
were set by hand from single times: of banks (`shift` in all dtypes, `direct` in bfloat16), of dot
products of lanes and narrow ones of short rows in complex64, of `direct` along three axes in
float32 and float64; and, where the fit's chose up to ten times too slow, those of `direct` for
gradients by kernels of images, narrow ones of `direct` (twice the fit's, in bfloat16 four times),
short ones of one channel (up to twenty times the fit's, for each output) and of products of spectra
in `fft` (four times the fit's), of `direct`'s banks, of `fft` (1.2 times in float32, short ones
of transforms 1.4 times, of samples in complex64), of `toeplitz` in complex64, and of `overlap`
(three; in bfloat16 1.15 times the fit's; short ones of XLA's form 2.8 times those of long vectors).
Those of the compiled `overlap` in small blocks were fitted by themselves, to layers; in complex64
they are float32's.
What was not measured of a dtype costs what it does in float32, float64 or complex64; a platform
that has not been measured uses a guess in the same form, in which only the ratios matter.
"""

from typing import Any

import jax.numpy as jnp

from filtrax import _native

Prices = dict[str, tuple[float, ...]]

# begin calibrated
# fmt: off
MEASURED: dict[str, dict[str, Prices]] = {
    "cpu": {
        "bfloat16": {
            "direct": (63300.0, 0.196, 0.944, 0.273, 2.43, 0.761, 14.3, 0.127, 4.44, 0.0672,
                0.467, 0.0025, 3.8, 0.388, 4.3, 0.1, 2.05, 16.4, 0.0554, 2.29, 0.0203, 0.151),
            "fft": (53300.0, 0.0765, 0.24, 0.561, 0.968, 0.288, 1.37),
            "toeplitz": (50200.0, 0.00356, 0.00764, 0.00961, 0.291, 0.46, 0.347, 0.448, 0.738,
                7330.0, 1.72),
        },
        "complex64": {
            "direct": (71000.0, 0.76, 0.066, 0.349, 1.72, 0.326, 1.49, 0.343, 0.0, 0.135, 2.52,
                0.1, 5.84, 0.0779, 3.17, 0.35, 5.5, 26.7, 0.00538, 1.08, 0.356, 2.37),
            "fft": (41600.0, 0.0881, 0.119, 1.08, 0.554, 0.161, 1.35),
            "overlap": (49300.0, 0.246, 0.393, 2.54, 0.5, 0.477, 2.44),
            "shift": (20000.0, 25000.0, 0.112, 3.71, 0.356, 0.544, 0.4),
            "toeplitz": (55400.0, 0.0318, 0.0674, 0.0795, 0.367, 1.55, 1.37, 1.66, 0.983,
                6220.0, 3.46),
        },
        "float32": {
            "direct": (35400.0, 0.157, 0.0, 0.251, 2.48, 0.59, 12.1, 0.067, 0.0, 0.0532, 0.576,
                0.0025, 2.36, 0.137, 4.83, 0.08, 2.25, 7.0, 0.1, 1.7, 0.1, 0.0),
            "fft": (30200.0, 0.0505, 0.224, 0.602, 1.17, 0.608, 1.96),
            "overlap": (76200.0, 0.146, 0.102, 1.97, 0.5, 0.374, 1.68),
            "shift": (20000.0, 25000.0, 0.0235, 2.59, 0.195, 0.0316, 0.1),
            "toeplitz": (33800.0, 0.00316, 0.00699, 0.00613, 0.475, 0.505, 0.25, 0.388, 0.739,
                1790.0, 1.83),
        },
        "float64": {
            "direct": (7400.0, 0.0672, 0.528, 0.226, 2.16, 0.0798, 1.09, 0.0799, 12.1, 0.044,
                1.31, 0.273, 0.0, 0.0807, 0.848, 0.2, 2.37, 0.0, 0.25, 0.0, 0.5, 0.403),
            "fft": (29200.0, 0.145, 0.373, 0.0, 1.52, 1.32, 2.36),
            "overlap": (44600.0, 0.296, 0.444, 3.76, 0.5, 0.792, 3.28),
            "shift": (20000.0, 25000.0, 0.0472, 2.89, 0.467, 0.371, 0.2),
            "toeplitz": (30900.0, 0.00836, 0.013, 0.0134, 1.24, 0.351, 0.334, 0.571, 0.886,
                2030.0, 1.95),
        },
    },
    "cpu compiled": {
        "bfloat16": {
            "overlap": (14900.0, 0.0131, 0.214, 0.077, 0.242, 0.00374, 0.0558, 0.0859, 0.0546,
                0.0846),
            "shift": (8480.0, 0.00128, 0.00511, 0.00348, 0.00823, 0.0931, 3.96, 2.16, 0.0784,
                0.00613, 0.0112, 0.0129, 29.4, 0.061, 0.242, 0.00419, 0.00751, 0.08, 0.00177,
                0.586),
        },
        "complex64": {
            "overlap": (11400.0, 0.0172, 0.547, 0.121, 0.156, 0.00405, 0.0423, 0.0719, 0.0418,
                0.124),
            "shift": (6770.0, 0.00629, 0.0181, 0.0416, 0.0299, 0.0423, 16.8, 4.06, 1.0, 1.0,
                0.0328, 0.0278, 19.1, 0.118, 4.88, 0.00411, 0.00232, 0.282, 0.00303, 0.187),
        },
        "float32": {
            "overlap": (10700.0, 0.00737, 0.282, 0.0504, 0.0355, 0.00405, 0.0423, 0.0719,
                0.0418, 0.124),
            "shift": (6240.0, 0.0027, 0.00471, 0.00914, 0.00654, 0.0499, 10.9, 0.507, 1.0,
                0.0063, 0.00869, 0.00695, 23.2, 0.0522, 0.881, 0.0034, 0.0083, 0.101, 0.00255,
                0.515),
        },
        "float64": {
            "overlap": (10200.0, 0.021, 0.295, 0.112, 0.0878, 0.00828, 0.0885, 0.12, 0.0861,
                0.192),
            "shift": (6920.0, 0.00217, 0.00933, 0.032, 0.0154, 0.0798, 7.72, 0.035, 1.0, 0.0116,
                0.0203, 0.0174, 14.5, 0.139, 3.12, 0.0032, 0.0312, 0.219, 0.0, 2.52),
        },
    },
    "cpu compiled narrow": {
        "bfloat16": {
            "overlap": (20700.0, 0.0156, 0.483, 0.0987, 1.12, 0.0109, 0.0664, 0.156, 0.179,
                0.277),
            "shift": (9360.0, 0.0109, 0.0109, 0.0114, 0.0245, 0.123, 0.0, 4.77, 0.0347, 0.0125,
                0.0313, 0.0423, 36.1, 0.0597, 0.0, 0.00959, 0.0109, 0.284, 0.0, 4.48),
        },
        "complex64": {
            "overlap": (16100.0, 0.0249, 0.834, 0.109, 1.35, 0.0105, 0.224, 0.239, 0.243,
                0.118),
            "shift": (9740.0, 0.0136, 0.0413, 0.0622, 0.0446, 0.05, 3.54, 14.6, 1.0, 1.0,
                0.0566, 0.068, 20.0, 0.115, 8.9, 0.00963, 0.00306, 0.419, 0.0, 4.28),
        },
        "float32": {
            "overlap": (16400.0, 0.0103, 0.402, 0.0961, 0.0196, 0.00911, 0.0659, 0.0996, 0.192,
                0.134),
            "shift": (9390.0, 0.00611, 0.0103, 0.0147, 0.00989, 0.1, 9.89, 0.678, 1.0, 0.0134,
                0.0144, 0.018, 16.3, 0.074, 1.94, 0.0089, 0.0124, 0.174, 0.00522, 1.83),
        },
        "float64": {
            "overlap": (17200.0, 0.0235, 0.72, 0.151, 0.19, 0.0207, 0.132, 0.205, 0.249, 0.209),
            "shift": (8860.0, 0.00873, 0.0202, 0.033, 0.0219, 0.24, 9.67, 3.07, 1.0, 0.0247,
                0.0284, 0.0325, 0.0, 0.154, 2.48, 0.0166, 0.0253, 0.392, 0.0108, 2.08),
        },
    },
    "cpu compiled short": {
        "float32": {
            "overlap": (59900.0, 0.0112, 0.955, 0.143, 1.24, 0.0199, 0.134, 0.289, 0.243,
                0.387),
            "shift": (35200.0, 0.0211, 0.0215, 0.00726, 0.0315, 0.371, 0.0, 0.971, 1.0, 0.0158,
                0.00251, 0.0545, 113.0, 0.234, 1.56, 0.0138, 0.0404, 0.244, 0.0059, 3.5),
        },
        "float64": {
            "overlap": (52800.0, 0.0731, 1.54, 0.238, 1.2, 0.0419, 0.434, 0.605, 0.792, 0.254),
            "shift": (30200.0, 0.0229, 0.0409, 0.00839, 0.0771, 0.918, 12.0, 0.0, 1.0, 0.029,
                0.0, 0.122, 60.9, 0.585, 0.0, 0.0234, 0.103, 0.581, 0.00308, 9.45),
        },
    },
    "cpu narrow": {
        "bfloat16": {
            "direct": (63200.0, 1.39, 91.2, 2.68, 11.8, 3.88, 92.8, 1.42, 7.24, 0.488, 3.71,
                0.00404, 15.8, 3.38, 11.4, 0.2, 35.8, 126.0, 0.382, 24.8, 0.0, 0.0),
            "fft": (30600.0, 0.0, 0.287, 3.06, 1.24, 0.0164, 0.923),
            "toeplitz": (38700.0, 0.00925, 0.0223, 0.0156, 0.388, 1.05, 0.732, 0.612, 1.14,
                5380.0, 2.15),
        },
        "complex64": {
            "direct": (100000.0, 1.07, 70.4, 1.35, 6.32, 0.736, 9.04, 0.66, 6.84, 0.362, 7.82,
                0.5, 20.6, 0.324, 12.1, 0.7, 14.3, 82.8, 0.0172, 2.18, 0.898, 3.3),
            "fft": (36500.0, 0.112, 0.116, 4.0, 0.778, 0.017, 0.804),
            "toeplitz": (73000.0, 0.0397, 0.15, 0.104, 0.733, 1.36, 2.75, 2.4, 1.67, 7800.0,
                3.85),
        },
        "float32": {
            "direct": (20700.0, 0.892, 0.932, 1.28, 5.96, 1.09, 83.0, 0.474, 0.0, 0.161, 1.37,
                0.01, 7.6, 1.0, 12.0, 0.15, 10.1, 73.8, 0.0496, 7.5, 0.0, 0.0),
            "fft": (43500.0, 0.0, 0.292, 3.06, 1.55, 0.0967, 1.72),
            "toeplitz": (40600.0, 0.00751, 0.0169, 0.0154, 0.511, 0.679, 0.828, 0.46, 0.942,
                8690.0, 0.854),
        },
        "float64": {
            "direct": (9830.0, 0.159, 1.67, 0.884, 5.4, 0.252, 6.06, 0.206, 7.96, 0.187, 2.24,
                0.0536, 35.6, 0.222, 3.06, 0.4, 6.02, 0.0, 0.354, 0.0, 0.922, 0.906),
            "fft": (39000.0, 0.0801, 0.323, 3.32, 1.35, 0.329, 1.47),
            "toeplitz": (66500.0, 0.0167, 0.0332, 0.0412, 0.549, 0.425, 0.941, 0.533, 0.866,
                5190.0, 2.33),
        },
    },
    "cpu short": {
        "float32": {
            "direct": (66100.0, 1.2, 20.0, 1.08, 6.47, 1.31, 60.7, 0.236, 4.32, 0.164, 2.78,
                0.00203, 5.67, 1.82, 11.0, 0.0372, 6.34, 56.6, 0.0638, 6.64, 0.0, 0.227),
            "fft": (50200.0, 0.23, 0.81, 4.6, 4.3, 0.118, 2.69),
            "overlap": (76200.0, 0.409, 0.286, 5.52, 1.4, 1.05, 4.7),
            "toeplitz": (42200.0, 0.0176, 0.0368, 0.0484, 0.84, 1.36, 0.571, 1.5, 1.83, 8500.0,
                0.721),
        },
        "float64": {
            "direct": (33500.0, 0.45, 8.0, 0.909, 5.76, 0.459, 2.37, 0.405, 3.99, 0.254, 2.66,
                0.063, 17.1, 0.481, 5.67, 0.113, 4.31, 0.0, 0.386, 0.0, 0.831, 1.33),
            "fft": (36700.0, 0.207, 0.565, 6.21, 3.73, 0.187, 4.32),
            "overlap": (44600.0, 0.829, 1.24, 10.5, 1.4, 2.22, 9.18),
            "toeplitz": (42500.0, 0.0352, 0.0739, 0.127, 1.34, 1.66, 2.29, 1.75, 2.21, 5790.0,
                4.49),
        },
    },
}
# fmt: on
# end calibrated

# Wide and deep: products are cheap, samples moved are what counts, every call costs a launch.
_ACCELERATOR: Prices = {
    "direct": (1e4, *(1e-4, 2e-3) * 10, 4e-3),
    "shift": (5e3, 0.0, 1e-4, 1e-3, 2e-3, 2e-3, 1e-4),
    "toeplitz": (1e4, 5e-5, 5e-5, 5e-5, 4e-3, 4e-3, 4e-3, 4e-3, 4e-3, 4e-3, 5e3),
    "fft": (3e4, 1e-4, 1e-4, 4e-3, 4e-3, 2e-4, 4e-3),
    "overlap": (4e4, 1e-4, 1e-4, 6e-3, 4e-3, 2e-4, 4e-3),
}


#: How tables of machines end, by the vectors that they have. What one of the later ones lacks is
#: as in those before it.
_VECTORS = {"long": "", "halved": " narrow", "short": " short"}


def table_of(platform: str, compiled: bool = False) -> str:
    """The name of the prices of this machine: CPUs are priced by their vectors."""
    return _tables(platform, compiled)[-1]


def _tables(platform: str, compiled: bool) -> list[str]:
    """The tables of this machine, its own last."""
    name = f"{platform} compiled" if compiled else platform
    vectors = _native.vectors()
    if platform != "cpu" or vectors not in _VECTORS:
        return [name]
    known = list(_VECTORS)
    return [name + _VECTORS[each] for each in known[: known.index(vectors) + 1]]


def prices_for(platform: str, dtype: Any, compiled: bool = False) -> Prices:
    """The prices of a platform, or of kernels compiled for it, for the arithmetic of a dtype."""
    if platform not in MEASURED:
        return _ACCELERATOR
    name = jnp.dtype(dtype).name
    # Half precision is summed in float32, and integers run at the speed of numbers as wide.
    kind = "complex64" if name.startswith("complex") else "float64" if "64" in name else "float32"
    # Each engine by the nearest table that has it: a dtype's own prices go together.
    tables = [MEASURED.get(where, {}) for where in _tables(platform, compiled)]
    prices: Prices = {}
    for dtype_of_table in (kind, name):
        for table in tables:
            prices |= table.get(dtype_of_table, {})
    return prices
