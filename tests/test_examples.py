"""The examples run on real data, on odd data, and say what is wrong with bad data."""

import importlib
import re
import wave
from pathlib import Path
from types import ModuleType

import jax
import numpy as np
import pytest
from matplotlib.image import imread, imsave

EXAMPLES = Path(__file__).parents[1] / "examples"


@pytest.fixture
def data(monkeypatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(EXAMPLES))
    return importlib.import_module("_data")


@pytest.fixture
def filter_rows(data, monkeypatch) -> ModuleType:
    module = importlib.import_module("filter_rows")
    # One short timing is enough here.
    monkeypatch.setattr(module, "milliseconds", lambda call: 1.0 if call() is not None else 0.0)
    return module


def save_wav(path: Path, samples: np.ndarray, width: int) -> None:
    """Integers (frames, channels) as little-endian words of so many bytes."""
    offset = 128 if width == 1 else 0
    words = [int(v + offset).to_bytes(width, "little", signed=width > 1) for v in samples.ravel()]
    with wave.open(str(path), "wb") as sound:
        sound.setnchannels(samples.shape[1])
        sound.setsampwidth(width)
        sound.setframerate(8000)
        sound.writeframes(b"".join(words))


def test_the_data_ships_with_pywavelets(data):
    assert data.image().values.shape == (512, 512)
    assert data.ecg().values.shape == (1, 1024)
    assert data.sea_temperature().values.shape == (1, 264)
    for rows in (data.image(), data.ecg(), data.sea_temperature()):
        assert rows.values.dtype == np.float32
        assert np.isfinite(rows.values).all()
    assert 0 <= data.image().values.min() < data.image().values.max() <= 1
    assert abs(data.sea_temperature().values.mean()) < 1e-3


@pytest.mark.parametrize("values", [np.arange(6.0), np.arange(6).reshape(2, 3), np.eye(2) > 0])
def test_npy(data, tmp_path, values):
    np.save(tmp_path / "x.npy", values)
    rows = data.load(tmp_path / "x.npy")
    np.testing.assert_array_equal(rows.values, np.atleast_2d(values).astype(np.float32))


@pytest.mark.parametrize("text", ["1,2\n3,4\n", "a,b\n1,2\n3,4\n", "\ufeffa,b\n1,2\n\n3,4"])
def test_csv(data, tmp_path, text):
    (tmp_path / "x.csv").write_text(text, encoding="utf-8")
    np.testing.assert_array_equal(data.load(tmp_path / "x.csv").values, [[1, 2], [3, 4]])


@pytest.mark.parametrize("width", [1, 2, 3, 4])
def test_wav(data, tmp_path, width):
    top = 2 ** (8 * width - 1)
    samples = np.array([[0, -top], [top // 2, top - 1], [-1, 1]])
    save_wav(tmp_path / "x.wav", samples, width)
    rows = data.load(tmp_path / "x.wav")
    assert rows.rate == 8000
    np.testing.assert_array_equal(rows.values, (samples.T / top).astype(np.float32))


def test_png_in_colour_becomes_its_luminance(data, tmp_path):
    imsave(tmp_path / "x.png", np.eye(3)[None].repeat(2, axis=0))
    expected = [[0.299, 0.587, 0.114]] * 2
    rows = data.load(tmp_path / "x.png")
    assert rows.is_image
    np.testing.assert_allclose(rows.values, expected, atol=1e-6)


BAD_ARRAYS = {
    "complex": (np.ones((2, 3)) * 1j, "real numbers, got dtype complex128"),
    "empty": (np.ones((0, 3)), "at least one number, got shape (0, 3)"),
    "scalar": (np.float64(3.0), "a vector or a matrix, got shape ()"),
    "cube": (np.ones((2, 3, 4)), "a vector or a matrix, got shape (2, 3, 4)"),
    "nan": (np.array([1, np.nan, np.inf]), "got 2 others"),
    "too large": (np.array([1e300]), "got 1 others"),
    "text": (np.array(["a"]), "real numbers, got dtype <U1"),
}


@pytest.mark.parametrize("name", BAD_ARRAYS)
def test_an_array_that_is_no_matrix_of_numbers(data, tmp_path, name):
    values, message = BAD_ARRAYS[name]
    np.save(tmp_path / "x.npy", values)
    with pytest.raises(data.DataError, match=re.escape(message)):
        data.load(tmp_path / "x.npy")


BAD_FILES = {
    "x.txt": ("", "expected a file named .npy, .csv, .png, .wav, got '.txt'"),
    "x.npy": ("hello", "expected NumPy's format"),
    "x.png": ("hello", "cannot be read as .png"),
    "x.wav": ("RIFFxxxx", "cannot be read as .wav"),
    "empty.wav": ("", "cannot be read as .wav"),
    "empty.npy": ("", "cannot be read as .npy"),
    "empty.csv": ("", "got an empty file"),
    "names.csv": ("a,b\n", "column names only"),
    "ragged.csv": ("1,2\n3\n", "cannot be read as .csv"),
    "missing.csv": ("1,,3\n", "cannot be read as .csv"),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_a_file_that_cannot_be_read(data, tmp_path, name):
    text, message = BAD_FILES[name]
    (tmp_path / name).write_text(text)
    with pytest.raises(data.DataError, match=re.escape(message)):
        data.load(tmp_path / name)


def test_no_file_and_a_folder(data, tmp_path):
    with pytest.raises(data.DataError, match="no such file"):
        data.load(tmp_path / "x.npy")
    (tmp_path / "x.csv").mkdir()
    with pytest.raises(data.DataError, match="a folder"):
        data.load(tmp_path / "x.csv")


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (3, 2), (50, 7), (2, 3000)])
def test_filter_rows_takes_any_matrix(filter_rows, tmp_path, capsys, shape):
    np.save(tmp_path / "x.npy", np.random.default_rng(0).standard_normal(shape))
    out = tmp_path / "picture.png"
    with jax.enable_x64(False), jax.numpy_dtype_promotion("standard"):
        filter_rows.main([str(tmp_path / "x.npy"), "--out", str(out)])
    printed = capsys.readouterr().out
    assert f"{shape} with ({min(31, shape[1])},) gives {shape}" in printed
    assert str(out) in printed
    assert imread(out).shape[0] > 300


def test_filter_rows_notices_a_wrong_result(filter_rows, monkeypatch):
    x, h = np.eye(4, dtype=np.float32), np.array([1, 2, 0], np.float32)
    monkeypatch.setattr("filtrax.filter_rows", lambda x, h: jax.numpy.roll(x, 1, axis=1))
    with pytest.raises(SystemExit, match="disagree"):
        filter_rows.compare("wrong", x, h)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--taps", "0"], "--taps: expected 1 to 512, the length of a row, got 0"),
        (["--taps", "513"], "--taps: expected 1 to 512, the length of a row, got 513"),
        (["nowhere.npy"], "nowhere.npy: no such file"),
    ],
)
def test_filter_rows_refuses(filter_rows, capsys, arguments, message):
    with pytest.raises(SystemExit) as stopped:
        filter_rows.arguments(arguments)
    assert stopped.value.code == 2
    assert message in capsys.readouterr().err


def test_a_notch_is_learned(data, monkeypatch, tmp_path, capsys):
    example = importlib.import_module("learn_a_notch")
    out = tmp_path / "picture.png"
    with jax.enable_x64(False), jax.numpy_dtype_promotion("standard"):
        example.main(["--out", str(out)])
    printed = capsys.readouterr().out
    found = re.search(r"notch .* to ([\d.]+) Hz", printed)
    assert found is not None
    assert abs(float(found[1]) - example.HUM) < 0.1
    wrong = {
        label: float(value)
        for label, value in re.findall(r"    (\w.*\w) +(0\.\d+|1\.\d+)", printed)
    }
    assert wrong["learned"] < wrong["textbook design"] < wrong["as disturbed"]
    assert imread(out).shape[0] > 300


def test_a_row_filter_is_identified(data, monkeypatch, tmp_path, capsys):
    example = importlib.import_module("identify_row_filter")
    monkeypatch.setattr(example, "STEPS", 300)
    out = tmp_path / "picture.png"
    with jax.enable_x64(False), jax.numpy_dtype_promotion("standard"):
        example.main(["--rows", "128", "--out", str(out)])
    printed = capsys.readouterr().out
    found = {
        label: (float(tap), float(rows))
        for label, tap, rows in re.findall(
            r"  (closed form|Adam).* ([\d.e-]+) +([\d.e-]+)", printed
        )
    }
    (bound,) = re.findall(r"standard error of a tap.* ([\d.e-]+)\)", printed)
    # 21 taps: the largest of so many errors is three to four standard errors at most.
    assert found["closed form"][0] < 4 * float(bound) < found["Adam"][0]
    assert found["closed form"][1] < 1e-3 < found["Adam"][1]
    assert imread(out).shape[0] > 300
    for wrong in (["--rows", "512"], ["--noise", "-1"]):
        with pytest.raises(SystemExit):
            example.arguments(wrong)
        assert f"{wrong[0]}: expected" in capsys.readouterr().err


def test_an_ecg_is_denoised_by_linear_phase(data, tmp_path, capsys):
    example = importlib.import_module("denoise_ecg")
    out = tmp_path / "picture.png"
    with jax.enable_x64(False), jax.numpy_dtype_promotion("standard"):
        example.main(["--out", str(out)])
    printed = capsys.readouterr().out
    # On the half that was not learned from.
    wrong = {
        label: float(value)
        for label, value in re.findall(r"    (\w.*\w) +0\.\d+ +(0\.\d+)\n", printed)
    }
    assert wrong["learned"] < 0.8 * wrong["design for 60 Hz"] < 0.8 * wrong["as disturbed"]
    kept = re.search(r"sum of taps (\S+), asymmetry (\S+)", printed)
    assert kept is not None
    assert all(abs(float(each)) < 1e-6 for each in kept.groups())
    assert imread(out).shape[0] > 300


def test_separable_approximations_are_learned(data, monkeypatch, tmp_path, capsys):
    example = importlib.import_module("separable_approximation")
    # One of the numbers of terms is enough here.
    monkeypatch.setattr(example, "RANKS", (2,))
    out = tmp_path / "picture.png"
    with jax.enable_x64(False), jax.numpy_dtype_promotion("standard"):
        example.main(["--out", str(out)])
