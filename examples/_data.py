"""Data for the examples: real recordings that need no network, or a file of your own."""

import wave
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pywt.data

#: Weights of red, green and blue in the luminance of ITU-R BT.601.
_LUMINANCE = np.array([0.299, 0.587, 0.114])
_PICTURE_SUFFIXES = (".png",)


class DataError(Exception):
    """A file that cannot be used, with the reason in words for its user."""


@dataclass(frozen=True, slots=True)
class Rows:
    """A matrix whose rows are signals.

    Attributes:
        name: where it comes from, for titles and printing.
        values: finite float32 of shape (rows, samples).
        rate: samples a second, where it is known.
        is_image: whether the rows are lines of a picture.
    """

    name: str
    values: np.ndarray
    rate: float | None = None
    is_image: bool = False


def image() -> Rows:
    """A photograph of 512 x 512 pixels in 0..1: a stair with railings (public domain)."""
    pixels = np.asarray(pywt.data.ascent(), np.float32) / np.float32(255)
    return Rows("PyWavelets' ascent", pixels, is_image=True)


def ecg() -> Rows:
    """An electrocardiogram of 1024 samples, as one row."""
    return Rows("PyWavelets' ECG", np.asarray(pywt.data.ecg(), np.float32)[None])


def sea_temperature() -> Rows:
    """The El Niño index of sea temperature, 1950 to 2015: quarterly departures from the mean."""
    _, temperature = pywt.data.nino()
    return Rows("PyWavelets' El Niño series", np.asarray(temperature, np.float32)[None])


def load(path: str | Path) -> Rows:
    """Reads a matrix of rows from a file.

    A vector is one row. A colour picture becomes its luminance, in 0..1. Each channel of a
    sound is a row, in -1..1. A CSV file may have one line of column names.

    Args:
        path: a ``.npy``, ``.csv``, ``.png`` or ``.wav`` file.

    Raises:
        DataError: the file is missing, unreadable, or holds no matrix of finite real numbers.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in _READERS:
        raise DataError(f"{path}: expected a file named {', '.join(_READERS)}, got {suffix!r}")
    if not path.exists():
        raise DataError(f"{path}: no such file")
    if not path.is_file():
        raise DataError(f"{path}: expected a file, got a folder or a device")
    try:
        values, rate = _READERS[suffix](path)
    except DataError as error:
        raise DataError(f"{path}: {error}") from error
    except (OSError, ValueError, EOFError, SyntaxError, wave.Error) as error:
        # A damaged picture is a SyntaxError to its reader.
        raise DataError(f"{path}: cannot be read as {suffix}: {error}") from error
    is_image = suffix in _PICTURE_SUFFIXES
    return Rows(path.name, _as_rows(values, path, is_image), rate, is_image)


def _as_rows(values: np.ndarray, path: Path, is_image: bool) -> np.ndarray:
    if values.dtype.kind not in "biuf":
        raise DataError(f"{path}: expected real numbers, got dtype {values.dtype}")
    if is_image and values.ndim == 3 and values.shape[2] in (3, 4):
        values = values[..., :3] @ _LUMINANCE
    if values.ndim == 1:
        values = values[None]
    if values.ndim != 2:
        raise DataError(f"{path}: expected a vector or a matrix, got shape {values.shape}")
    if values.size == 0:
        raise DataError(f"{path}: expected at least one number, got shape {values.shape}")
    with np.errstate(over="ignore"):
        # Beyond float32's range the values become infinite, and are counted below.
        result = np.ascontiguousarray(values, np.float32)
    bad = int(np.count_nonzero(~np.isfinite(result)))
    if bad:
        raise DataError(f"{path}: expected finite numbers of float32, got {bad} others (NaN, inf)")
    return result


def _read_npy(path: Path) -> tuple[np.ndarray, float | None]:
    try:
        values = np.load(path, allow_pickle=False)
    except ValueError as error:
        # NumPy's own message advises unpickling, which a damaged or hostile file does not deserve.
        raise DataError("expected NumPy's format, with no Python objects in it") from error
    if not isinstance(values, np.ndarray):
        raise DataError("expected one array, got an archive of several")
    return values, None


def _read_csv(path: Path) -> tuple[np.ndarray, float | None]:
    with path.open(encoding="utf-8-sig") as file:
        lines = [line for line in file if line.strip()]
    if not lines:
        raise DataError("expected numbers, got an empty file")
    has_names = not _is_number(lines[0].split(",")[0])
    if has_names and len(lines) == 1:
        raise DataError("expected numbers, got a line of column names only")
    return np.loadtxt(lines[has_names:], delimiter=",", ndmin=2), None


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _read_png(path: Path) -> tuple[np.ndarray, float | None]:
    from matplotlib.image import imread  # noqa: PLC0415 - slow to import, of use to pictures only

    return imread(path), None


def _read_wav(path: Path) -> tuple[np.ndarray, float | None]:
    with wave.open(str(path), "rb") as sound:
        width, channels = sound.getsampwidth(), sound.getnchannels()
        rate = float(sound.getframerate())
        raw = sound.readframes(sound.getnframes())
    if width == 1:
        # The only unsigned width of the format.
        samples = (np.frombuffer(raw, np.uint8).astype(np.float32) - 128) / 128
    elif width == 3:
        # NumPy has no 24-bit integer: each becomes the upper bytes of a 32-bit one.
        wide = np.zeros((len(raw) // 3, 4), np.uint8)
        wide[:, 1:] = np.frombuffer(raw, np.uint8).reshape(-1, 3)
        samples = wide.view("<i4")[:, 0] / 2.0**31
    else:
        samples = np.frombuffer(raw, f"<i{width}") / 2.0 ** (8 * width - 1)
    return samples.reshape(-1, channels).T, rate


_READERS: dict[str, Callable[[Path], tuple[np.ndarray, float | None]]] = {
    ".npy": _read_npy,
    ".csv": _read_csv,
    ".png": _read_png,
    ".wav": _read_wav,
}
