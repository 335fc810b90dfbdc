"""What is timed: each cell of the grid as data, without any library."""

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from typing import Any

#: From few samples to many, so that a peer's rate is known before it would take minutes.
ROWS = (
    (1, 10_000), (4096, 256), (256, 4096), (100, 10_007), (1, 1_000_000), (1, 999_937),
    (64, 65_536),
)  # fmt: skip
TAPS = (3, 9, 31, 64, 129, 511, 1025, 20_000)
VALUE, BY_KERNEL, BY_SIGNAL = "value", "value and gradient by kernel", "gradient by signal"
TASKS = (VALUE, BY_KERNEL, BY_SIGNAL)
#: Calls in one `lax.fori_loop`.
ITERATIONS = 8


@dataclass(frozen=True, slots=True)
class Case:
    """One cell: shapes, what is computed from them, and how it is called.

    Attributes:
        family: the table it stands in.
        x: shape of the signal.
        h: shape of the kernel: of rank ``len(axes)`` if it is shared, else of the rank of x;
            (2, K) for two 1-D passes, (O, C, *K) with channels, C of each group.
        axes: the filtered axes, none negative.
        form: ``jit``, ``call`` (not jitted) or ``loop`` (inside `lax.fori_loop`).
        kind: ``filter``, ``separable`` (two 1-D passes) or ``channels`` (a bank of
            kernels that are not reversed, each of them summed over channels).
        must: peers that are never left out, however slow.
        iterations: calls in a loop.
        stride: from one output to the next, of channels.
    """

    family: str
    x: tuple[int, ...]
    h: tuple[int, ...]
    axes: tuple[int, ...]
    dtype: str = "float32"
    mode: str = "same"
    task: str = VALUE
    form: str = "jit"
    kind: str = "filter"
    boundary: str = "zero"
    must: tuple[str, ...] = field(default=(), compare=False)
    iterations: int = 1
    stride: int = 1

    @property
    def is_shared(self) -> bool:
        """Whether all rows have one kernel."""
        return self.kind != "filter" or len(self.h) == len(self.axes)

    @property
    def groups(self) -> int:
        """How many groups channels form."""
        return self.x[1] // self.h[1] if self.kind == "channels" else 1

    @property
    def kernel(self) -> tuple[int, ...]:
        """Taps along each filtered axis."""
        if self.kind == "separable":
            return self.h[-1:] * 2
        if self.kind == "channels":
            return self.h[2:]
        return self.h if self.is_shared else tuple(self.h[a] for a in self.axes)

    @property
    def lengths(self) -> tuple[int, ...]:
        """Samples along each filtered axis."""
        return tuple(self.x[a] for a in self.axes)

    @property
    def windows(self) -> tuple[tuple[int, int], ...]:
        """Where in the full convolution the output starts along each axis, and its length."""
        windows = {
            "full": lambda n, k: (0, n + k - 1),
            "same": lambda n, k: ((k - 1) // 2, n),
            "causal": lambda n, k: (0, n),
            "valid": lambda n, k: (k - 1, n - k + 1),
        }
        pairs = zip(self.lengths, self.kernel, strict=True)
        return tuple(windows[self.mode](n, k) for n, k in pairs)

    @property
    def y(self) -> tuple[int, ...]:
        """Shape of the output."""
        shape = list(self.x)
        for axis, (_, length) in zip(self.axes, self.windows, strict=True):
            shape[axis] = -(-length // self.stride)
        if self.kind == "channels":
            shape[1] = self.h[0]
        return tuple(shape)

    @property
    def outputs(self) -> int:
        return math.prod(self.y)

    @property
    def taps(self) -> int:
        return math.prod(self.kernel)

    @property
    def products(self) -> int:
        """Products in the defining sum of one call."""
        return self.outputs * self.taps * (self.h[1] if self.kind == "channels" else 1)

    @property
    def margins(self) -> tuple[int, ...]:
        """Zeros on either side of the channels' axes, whose kernels are odd or meet no zeros."""
        return tuple(k // 2 if self.mode == "same" else 0 for k in self.kernel)

    @property
    def shape_label(self) -> str:
        """All but the number of taps and the task: a row of the picture."""
        parts = [str(self.x).replace(",)", ")")]
        if self.family in ("rows", "kernel per row", "depthwise"):
            axis = self.axes[0] - len(self.x)
            parts.append(f"axis {-1 if axis == -1 else self.axes[0]}")
        if self.kind == "channels":
            parts.append(f"{self.h[0]} kernels")
        if self.groups > 1:
            parts.append(f"{self.groups} groups")
        if self.stride > 1:
            parts.append(f"stride {self.stride}")
        if self.form == "loop":
            parts.append("in fori_loop")
        if self.form == "call":
            parts.append("not jitted")
        if not self.is_shared:
            parts.append("kernel per row" if len(self.x) < 3 else "kernel per channel")
        if self.boundary != "zero":
            parts.append(self.boundary)
        if self.mode != "same":
            parts.append(self.mode)
        return ", ".join([*parts, self.dtype])

    @property
    def taps_label(self) -> str:
        return "x".join(map(str, self.kernel))

    @property
    def name(self) -> str:
        """Unique, and what ``--only`` searches."""
        return f"{self.family}: {self.shape_label}, K={self.taps_label}, {self.task}"

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {"name": self.name, **asdict(self), "outputs": self.outputs}


def grid(quick: bool = False) -> list[Case]:
    """Every cell, the cheap ones of a family first."""
    make = _quick if quick else _whole
    return list(dict.fromkeys(make()))


def _tasks(case: Case) -> Iterator[Case]:
    for task in TASKS:
        yield replace(case, task=task)


def rows(
    shape: tuple[int, int], taps: int, dtype: str = "float32", axis: int = -1, per: bool = False
) -> Case:
    """A matrix of ``shape`` = (rows, samples), stored along ``axis``; one kernel or one a row."""
    count, n = shape
    x = (count, n) if axis == -1 else (n, count)
    h: tuple[int, ...] = (taps,)
    if per:
        h = (count, taps) if axis == -1 else (taps, count)
    family = "kernel per row" if per else "rows"
    return Case(family, x, h, (axis % 2,), dtype)


def _whole() -> Iterator[Case]:
    for shape in ROWS:
        for k in TAPS:
            if k <= shape[1]:
                yield from _tasks(rows(shape, k))
    for dtype in ("float64", "complex64", "bfloat16"):
        for shape in ((256, 4096), (1, 1_000_000)):
            for k in (9, 64, 1025):
                yield from _tasks(rows(shape, k, dtype))
    for shape in ((256, 4096), (100, 10_007), (64, 65_536)):
        for k in (9, 64, 511):
            yield from _tasks(rows(shape, k, axis=0))
    for shape in ROWS:
        for k in TAPS:
            if k <= shape[1] and shape[0] > 1:
                yield from _tasks(rows(shape, k, per=True))
    for k in (9, 64, 511):
        yield from _tasks(rows((256, 4096), k, axis=0, per=True))
        yield from _tasks(rows((256, 4096), k, "float64", per=True))
    yield from _images(1024, (3, 7, 15, 31), separable=(7, 15, 31))
    for boundary in ("reflect", "symmetric", "edge", "wrap"):
        for k in (3, 7):
            yield Case("boundaries", (1024, 1024), (k, k), (0, 1), boundary=boundary)
    yield from _volumes()
    must = ("jax.scipy.signal.convolve",)
    for case in _tasks(Case("images", (300, 300), (300, 300), (0, 1))):
        yield replace(case, must=must) if case.task == VALUE else case
    for power in (16, 18, 20):
        yield from _tasks(Case("long", (2**power,), (2**power,), (0,), mode="full"))
    yield from _depthwise(8, 2048, 1536)
    yield from _layers()
    yield from _small(((64, 5), (1000, 31)))
    yield from _loops(((256, 4096), (1, 1_000_000)), (9, 31, 129, 1025))
    yield from _complaints()


def _quick() -> Iterator[Case]:
    for k in (3, 31):
        yield from _tasks(rows((64, 2048), k))
    yield from _tasks(rows((64, 2048), 9, per=True))
    yield rows((64, 2048), 9, axis=0)
    yield rows((64, 2048), 9, "float64")
    yield rows((64, 2048), 9, "complex64")
    yield rows((64, 2048), 9, "bfloat16")
    yield Case("images", (256, 256), (7, 7), (0, 1))
    yield Case("boundaries", (256, 256), (3, 3), (0, 1), boundary="edge")
    yield Case("volumes", (32, 32, 32), (3, 3, 3), (0, 1, 2))
    yield Case("separable", (256, 256), (2, 7), (0, 1), kind="separable")
    yield Case("long", (4096,), (4096,), (0,), mode="full")
    yield Case("depthwise", (2, 256, 64), (1, 4, 64), (1,), mode="causal")
    yield from _tasks(Case("layers", (4, 8, 500), (8, 8, 5), (2,), kind="channels"))
    yield Case("small", (64, 5), (3,), (1,), form="call")
    yield from _loops(((64, 2048),), (9,))


def _images(n: int, sizes: tuple[int, ...], separable: tuple[int, ...]) -> Iterator[Case]:
    for k in sizes:
        yield from _tasks(Case("images", (n, n), (k, k), (0, 1)))
    for k in separable:
        yield Case("separable", (n, n), (2, k), (0, 1), kind="separable")


def _volumes() -> Iterator[Case]:
    axes = (0, 1, 2)
    for n, k, dtype in (
        (64, 3, "float32"), (128, 3, "float32"), (64, 5, "float32"), (64, 9, "float32"),
        (128, 7, "float32"), (64, 5, "float64"), (64, 5, "complex64"), (64, 5, "bfloat16"),
    ):  # fmt: skip
        yield from _tasks(Case("volumes", (n, n, n), (k, k, k), axes, dtype))


def _depthwise(batch: int, time: int, channels: int) -> Iterator[Case]:
    """Short and causal, as sequence models use it, in both layouts."""
    for dtype in ("float32", "bfloat16"):
        first = Case("depthwise", (batch, time, channels), (1, 4, channels), (1,), dtype, "causal")
        yield from _tasks(first)
        last = Case("depthwise", (batch, channels, time), (1, channels, 4), (2,), dtype, "causal")
        yield from _tasks(last)


def _layers() -> Iterator[Case]:
    """Banks of kernels over channels, as networks have them and analyses by filter banks."""
    # A rate of other problems foretells nothing of those that these libraries are made for.
    must = ("torch conv", "jax.lax.conv")
    for x, kernels, k in (
        ((8, 64, 4096), 64, 5), ((32, 64, 1000), 64, 15), ((32, 256, 1000), 64, 1),
        ((8, 3, 100_000), 8, 65), ((8, 1, 20_000), 64, 31), ((4, 16, 4096), 16, 255),
        ((32, 1, 1000), 64, 5),
    ):  # fmt: skip
        yield from _tasks(Case("layers", x, (kernels, x[1], k), (2,), kind="channels", must=must))
    for x, kernels, k in (
        ((16, 8, 28, 28), 64, 7), ((16, 64, 56, 56), 64, 3), ((4, 3, 224, 224), 64, 7),
        ((32, 16, 64, 64), 8, 11), ((32, 128, 14, 14), 128, 3), ((32, 256, 7, 7), 256, 3),
        ((32, 64, 56, 56), 64, 1),
    ):  # fmt: skip
        h = (kernels, x[1], k, k)
        yield from _tasks(Case("layers", x, h, (2, 3), kind="channels", must=must))
    for x, kernels, k, groups in (
        ((32, 64, 56, 56), 64, 3, 64), ((32, 64, 28, 28), 64, 7, 64),
        ((32, 256, 14, 14), 256, 3, 256), ((32, 64, 28, 28), 64, 3, 4),
        ((32, 256, 14, 14), 256, 3, 32), ((16, 256, 7, 7), 256, 7, 256),
    ):  # fmt: skip
        h = (kernels, x[1] // groups, k, k)
        yield from _tasks(Case("layers", x, h, (2, 3), kind="channels", must=must))
    for x, h, stride in (
        ((16, 64, 64, 64), (64, 1, 3, 3), 2), ((8, 64, 56, 56), (128, 64, 3, 3), 2),
        ((4, 3, 224, 224), (96, 3, 4, 4), 4), ((8, 64, 1000), (64, 1, 9), 2),
        ((16, 128, 28, 28), (128, 1, 3, 3), 3),
    ):  # fmt: skip
        mode = "same" if h[-1] % 2 else "valid"
        axes = tuple(range(2, len(x)))
        case = Case("layers", x, h, axes, mode=mode, kind="channels", must=must, stride=stride)
        yield from _tasks(case)


def _small(shapes: tuple[tuple[int, int], ...]) -> Iterator[Case]:
    """Where the call itself is what costs."""
    for shape in shapes:
        for k in (3, 5, 31):
            if k <= shape[1]:
                for form in ("jit", "call"):
                    yield Case("small", shape, (k,), (1,), form=form)


def _loops(shapes: tuple[tuple[int, int], ...], taps: tuple[int, ...]) -> Iterator[Case]:
    for shape in shapes:
        for k in taps:
            for per in (False, True) if shape[0] > 1 else (False,):
                case = rows(shape, k, per=per)
                yield replace(case, family="loop", form="loop", iterations=ITERATIONS)


def _complaints() -> Iterator[Case]:
    """The public reports, as they were made; where a report leaves a size open, it is ours."""
    lax, signal = "jax.lax.conv", "jax.scipy.signal.convolve"
    yield Case("jax#5227", (300, 300), (300, 300), (0, 1), "float64", must=(signal,))
    # One of the report's twelve layers.
    layer = Case("jax#13800", (32, 512, 1024), (1, 512, 5), (2,), must=(lax,))
    yield from _tasks(layer)
    # A batch of images by a kernel of about 30 by 30; the batch and the images are our choice.
    yield Case("jax#25461", (16, 256, 256), (30, 30), (1, 2), boundary="reflect", must=(signal,))
    yield Case(
        "jax#12868", (1, 1000, 1024), (1000, 1000, 1), (2,), mode="valid", form="loop",
        kind="channels", must=(lax,), iterations=2,
    )  # fmt: skip
