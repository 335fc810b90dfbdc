"""Kernels compiled for CPUs: every loop they have, against sums written out in NumPy."""

import itertools
import os
import subprocess
import sys
from dataclasses import replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.signal
from jax.sharding import Mesh, NamedSharding
from jax.sharding import PartitionSpec as P

import filtrax
from filtrax import _native
from filtrax._choose import choose
from filtrax._engines import Correlation, compiled, loops, tap_counts, tiles
from filtrax._engines.compiled import COMPILED
from filtrax._geometry import Axis

pytestmark = pytest.mark.skipif(
    not _native.available(), reason="the library was installed without a C++ compiler"
)

EPS = {"float32": 1e-6, "float64": 1e-14, "complex64": 1e-6, "complex128": 1e-14,
       "bfloat16": 1e-2}  # fmt: skip
INTEGERS = ("int32", "uint32", "int64", "uint64")


def same(n: int, k: int, dilation: int = 1) -> Axis:
    return Axis(n, k, n, k // 2, dilation=dilation)


def lanes(n: int) -> Axis:
    return Axis(n, n, n, 0, paired=True)


def whole(n: int) -> Axis:
    return Axis(n, n, 1, 0)


# Sizes of (G, B, C, O) and the axes; each takes another way through the kernels.
PROBLEMS: dict[str, tuple[tuple[int, int, int, int], tuple[Axis, ...]]] = {
    **{f"rows of {n}, {k} taps": ((1, 3, 1, 1), (same(n, k),))
       for n in (1, 5, 64, 300, 5000) for k in (1, 2, 9, 31, 100)},
    "a kernel a row, full": ((3, 1, 1, 1), (Axis(501, 50, 550, 49),)),
    "a kernel a row, valid": ((30, 1, 1, 1), (Axis(501, 50, 452, 0),)),
    "padding cut off": ((1, 2, 1, 1), (Axis(200, 7, 150, -20),)),
    "few in the middle of a long row": ((1, 3, 1, 1), (Axis(20_000, 5, 5, -9997),)),
    "padding beyond the kernel": ((1, 4, 1, 1), (Axis(40, 5, 140, 60),)),
    "rows of fewer than a vector": ((1, 50, 1, 1), (same(3, 4),)),
    "long ends": ((1, 4, 1, 1), (same(4000, 599),)),
    "longer ends, dilated": ((1, 3, 1, 1), (same(9000, 41, dilation=150),)),
    "dilated": ((1, 2, 1, 1), (same(200, 7, dilation=3),)),
    "images of channels": ((1, 2, 3, 2), (same(50, 4), same(60, 5))),
    "small images": ((1, 5, 1, 1), (Axis(38, 22, 17, 0), Axis(38, 22, 17, 0))),
    "many channels": ((1, 1, 16, 2), (same(5000, 9),)),
    "images, dilated": ((1, 2, 1, 1), (same(50, 7), same(200, 7, dilation=2))),
    "many spectra": ((1, 5, 10, 9), (same(300, 40),)),
    "many spectra of sets": ((2, 2, 12, 9), (Axis(150, 30, 121, 0),)),
    "many spectra of long rows": ((1, 2, 9, 8), (Axis(5000, 70, 4940, 5),)),
    "many spectra in turns": ((1, 40, 120, 5), (same(60, 20),)),
    "many spectra of images": ((1, 2, 5, 4), (same(24, 5), same(50, 20))),
    "many spectra of every second row":
        ((2, 3, 5, 4), (Axis(24, 5, 13, 3, stride=2), same(50, 20))),
    "many spectra of images, padding cut off":
        ((1, 2, 6, 3), (Axis(24, 5, 14, -3), Axis(60, 20, 70, 25))),
    "many spectra of rows far from each other":
        ((1, 2, 6, 3), (same(24, 3, dilation=4), same(40, 18))),
    "many spectra, few outputs": ((1, 5, 10, 9), (Axis(300, 261, 40, 0),)),
    "many spectra, few outputs in turns": ((1, 120, 40, 5), (Axis(60, 45, 24, 4),)),
    "many spectra, few outputs of long rows": ((1, 3, 9, 8), (Axis(5000, 4900, 101, 0),)),
    "many spectra, few outputs of images": ((2, 3, 6, 4), (same(9, 3), Axis(70, 50, 25, 2))),
    "many spectra of volumes": ((1, 2, 4, 4), (same(6, 3), Axis(7, 2, 9, 2), same(40, 20))),
    "images in parts": ((1, 1, 1, 1), (same(150, 7), same(1300, 5))),
    "images in parts of channels": ((1, 1, 40, 1), (same(40, 5), same(120, 3))),
    "images, padding beyond the kernel": ((1, 2, 1, 1), (Axis(40, 5, 60, 12), Axis(50, 5, 90, 24))),
    "images, padding cut off": ((1, 2, 1, 1), (Axis(40, 5, 20, -7), Axis(60, 5, 40, -9))),
    "images of short rows": ((1, 4, 1, 1), (same(9, 3), same(7, 3))),
    "images of short rows, own kernels": ((5, 3, 1, 1), (same(19, 5), same(14, 5))),
    "images of short rows, beyond the kernel":
        ((1, 3, 1, 1), (Axis(5, 9, 13, 8), Axis(6, 4, 20, 9))),
    "images of short rows, padding cut off":
        ((2, 3, 1, 1), (Axis(12, 3, 7, -2), Axis(14, 3, 9, -2))),
    "images of short rows and channels": ((1, 3, 4, 1), (same(8, 3), same(11, 5))),
    "images of short rows, dilated": ((3, 2, 1, 1), (same(12, 3), same(11, 5, dilation=2))),
    "images of short rows, every second one":
        ((3, 2, 1, 1), (Axis(13, 3, 7, 1, stride=2), same(11, 5))),
    "images of some vectors, own kernels": ((3, 2, 1, 1), (same(40, 4), same(45, 7))),
    "images of some vectors, taps in every second row":
        ((3, 2, 1, 1), (same(40, 4, dilation=2), same(45, 7))),
    **{f"every second output of images, {c} channels, {n} by {k}":
       ((g, 3, c, 1), (Axis(n, k, m, lo, stride=2), Axis(n + 5, 3, m + 2, 1, stride=2)))
       for g, c, n, k, m, lo in ((5, 1, 14, 3, 7, 1), (2, 3, 14, 5, 7, 2), (1, 1, 75, 3, 38, 1),
                                 (1, 1, 300, 2, 160, 9), (4, 1, 20, 3, 8, -1),
                                 (3, 1, 75, 7, 38, 3), (1, 3, 30, 9, 16, 5))},
    **{f"every second sample of images, {c} channels, {n} by {k}":
       ((g, 3, c, 1), (Axis(n, k, m, lo, base=2), Axis(n + 3, across, m + 6, 1, base=2)))
       for g, c, n, k, m, lo, across in ((5, 1, 7, 3, 14, 1, 3), (2, 3, 7, 5, 13, 2, 4),
                                         (1, 1, 38, 3, 75, 1, 5), (1, 1, 160, 2, 300, 9, 2),
                                         (4, 1, 9, 3, 12, -3, 1), (3, 1, 9, 2, 17, 0, 2))},
    "every second sample down an image": ((3, 2, 1, 1), (Axis(9, 3, 17, 1, base=2), same(12, 3))),
    "every second sample across an image":
        ((3, 2, 1, 1), (same(12, 3), Axis(20, 5, 39, 2, base=2))),
    "every second output of volumes":
        ((2, 1, 2, 1), (Axis(9, 3, 5, 1, stride=2), Axis(10, 3, 5, 1, stride=2),
                        Axis(37, 3, 19, 1, stride=2))),
    **{f"every second output of rows of {n}, {k} taps":
       ((3, 2, c, 1), (Axis(n, k, m, lo, stride=2),))
       for c, n, k, m, lo in ((1, 30, 5, 15, 2), (3, 1000, 9, 500, 4), (1, 5000, 3, 2499, -1),
                              (1, 100, 2, 80, 30), (1, 3, 5, 2, 2))},
    **{f"every second sample of rows of {n}, {k} taps": ((3, 2, c, 1), (Axis(n, k, m, lo, base=2),))
       for c, n, k, m, lo in ((1, 15, 5, 30, 2), (3, 500, 9, 999, 4), (1, 2500, 3, 4990, -3),
                              (1, 80, 2, 200, 30), (1, 700, 31, 1401, 15), (2, 40, 1, 79, 0))},
    "every second sample of rows amid others":
        ((2, 3, 1, 1), (Axis(1, 1, 3, 1), Axis(50, 4, 99, 1, base=2))),
    **{f"few outputs, every second sample of images of {n}":
       ((g, b, 1, 1),
        (Axis(n, n // 2, k, 1, dilation=2), Axis(n + 9, n // 2 + 4, 3, 1, dilation=2)))
       for g, b, n, k in ((12, 2, 14, 3), (9, 1, 29, 5), (30, 1, 70, 3))},
    "few outputs, every second sample of images, rows summed":
        ((3, 1, 7, 1), (Axis(15, 7, 3, 1, dilation=2), Axis(40, 19, 3, 0, dilation=2))),
    "volumes of short rows": ((1, 2, 1, 1), (same(5, 3), same(6, 2), same(9, 3))),
    "images of few taps": ((1, 3, 1, 1), (same(28, 2), same(28, 2))),
    **{f"images of few taps, {down} by {across}, {n} to {m}":
        ((1, 3, 1, 1), (same(21, down), Axis(n, across, m, lo)))
        for down, across, n, m, lo in
        ((2, 1, 53, 53, 0), (2, 3, 70, 70, 1), (3, 1, 64, 64, 0), (3, 2, 66, 66, 1),
         (3, 3, 61, 61, 1), (3, 3, 75, 90, 9), (2, 2, 90, 60, -8))},
    "one row of an image": ((1, 3, 1, 1), (Axis(3, 1, 1, -1), same(300, 9))),
    "a row between zeros": ((1, 3, 1, 1), (Axis(1, 1, 3, 1), same(300, 9))),
    "few outputs of one row": ((1, 3, 1, 1), (Axis(3, 1, 1, -1), Axis(500, 480, 21, 0))),
    "volumes": ((1, 1, 1, 1), (same(9, 3), same(10, 3), same(70, 5))),
    "volumes in parts": ((1, 1, 1, 1), (same(7, 3), same(70, 5), same(90, 3))),
    "along the first of two": ((1, 2, 1, 1), (same(300, 7), Axis(6, 1, 6, 0))),
    "along the first, strided": ((2, 2, 1, 1), (Axis(50, 7, 20, 3, stride=2), Axis(66, 1, 66, 0))),
    "a kernel for each of the last": ((1, 2, 1, 1), (same(300, 40), lanes(66))),
    "a kernel for each of many": ((1, 1, 1, 1), (same(100, 31), lanes(4096))),
    "a kernel for each of a few": ((1, 2, 1, 1), (same(300, 7), lanes(3))),
    "a kernel for each of twelve": ((2, 1, 1, 1), (Axis(7000, 9, 6995, 2), lanes(12))),
    "a kernel for each of two, short, with channels": ((1, 60, 2, 1), (same(5, 3), lanes(2))),
    "a kernel for each lane of three, images":
        ((1, 2, 1, 1), (same(30, 5), Axis(41, 3, 44, 3), lanes(3))),
    "a kernel for each of a few, every second output":
        ((1, 2, 1, 1), (Axis(60, 5, 30, 2, stride=2), lanes(5))),
    "a kernel for each lane of three, whose few outputs stand apart":
        ((1, 2, 1, 1), (Axis(8, 2, 5, 0, dilation=3), lanes(3))),
    "few outputs for each of two": ((1, 3, 1, 1), (Axis(5000, 5000, 9, 4), lanes(2))),
    "few outputs for each of twelve, strided":
        ((1, 2, 2, 1), (Axis(400, 397, 5, 3, stride=2), lanes(12))),
    "few outputs for each of many": ((1, 1, 1, 1), (Axis(100, 98, 3, 0), lanes(130))),
    "many short rows": ((1, 300, 1, 1), (same(53, 6),)),
    "many short rows, a kernel each": ((90, 1, 1, 1), (same(37, 5),)),
    "many short rows, a kernel for some": ((70, 3, 1, 1), (Axis(40, 3, 45, 3),)),
    "few outputs of many short rows": ((1, 1, 400, 1), (Axis(58, 58, 5, 2),)),
    "few outputs of many short rows each": ((90, 1, 1, 1), (Axis(70, 67, 3, 1),)),
    "few outputs of many short rows each, some summed, strided":
        ((20, 1, 8, 1), (Axis(58, 25, 9, 3, stride=2),)),
    "few outputs of short rows across channels": ((67, 1, 1, 1), (Axis(20, 20, 7, 3),)),
    "many short rows of each group": ((3, 70, 1, 1), (Axis(40, 3, 45, 3),)),
    "many rows less than a vector": ((1, 301, 1, 1), (same(5, 3),)),
    "many short rows, wide taps": ((1, 65, 1, 1), (same(20, 16, dilation=3),)),
    "a kernel for each of the last, strided":
        ((1, 2, 1, 1), (Axis(300, 40, 140, 15, stride=2), lanes(66))),
    "a kernel for each of the last, strided and dilated":
        ((1, 2, 1, 1), (Axis(300, 40, 130, 15, stride=2, dilation=2), lanes(66))),
    "images, a kernel for each lane":
        ((2, 1, 1, 1), (same(20, 5), same(30, 7), lanes(33))),
    "far apart": ((1, 2, 1, 1), (same(300, 70), Axis(66, 1, 66, 0))),
    "far apart, long rows": ((1, 1, 1, 1), (Axis(100, 31, 90, 0), Axis(4096, 1, 4096, 0))),
    "far apart, with channels": ((1, 2, 3, 2), (same(150, 33), Axis(130, 1, 130, 0))),
    "far apart, dilated": ((1, 2, 1, 1), (same(5003, 40, dilation=110),)),
    "far apart, dilated images": ((1, 1, 1, 1), (same(9, 3), same(5003, 40, dilation=110))),
    "few outputs": ((1, 1, 1, 1), (Axis(5000, 4990, 11, 0),)),
    "few outputs, rows summed": ((1, 1, 7, 1), (Axis(5000, 5000, 31, 15),)),
    "few outputs a row": ((40, 1, 1, 1), (Axis(500, 500, 31, 15),)),
    "few outputs, strided": ((1, 2, 1, 1), (Axis(500, 480, 5, 2, stride=5),)),
    "few outputs of images": ((2, 3, 4, 5), (Axis(50, 50, 3, 1), Axis(70, 70, 5, 2))),
    "few outputs of pairs of channels": ((2, 3, 4, 5), (Axis(580, 560, 31, 5),)),
    "few outputs along the first": ((1, 1, 1, 1), (Axis(500, 500, 9, 4), whole(64))),
    "few outputs of a large image": ((1, 1, 1, 1), (Axis(300, 300, 5, 2), Axis(400, 400, 7, 3))),
    **{f"few outputs of a large image, {down} by {across}":
        ((1, 1, 1, 1), (Axis(300, 300, down, 1), Axis(400, 400, across, 1)))
        for down, across in ((2, 1), (2, 3), (3, 2), (3, 3))},
    "few outputs of two large images, dilated": (
        (1, 2, 1, 1),
        (Axis(399, 200, 4, 2, dilation=2), Axis(1201, 601, 9, 4, dilation=2)),
    ),
    "few outputs of long columns": ((1, 1, 1, 1), (Axis(3000, 2990, 40, 12), whole(70))),
    "few outputs for each of the last": ((1, 1, 3, 1), (Axis(500, 500, 9, 4), lanes(600))),
    "few outputs of many rows of some vectors": ((300, 1, 1, 1), (Axis(99, 99, 12, 5),)),
    "few outputs of many rows": ((300, 1, 1, 1), (Axis(39, 31, 9, 0),)),
    "few outputs of images, rows summed": ((1, 2, 1, 1), (Axis(50, 50, 3, 1), whole(70))),
    **{f"a bank of {o}": ((1, 2, 3, o), (same(150, 5),)) for o in (2, 3, 5, 8, 9, 17)},
    "banks of groups": ((3, 2, 2, 4), (same(100, 9),)),
    "banks of short rows": ((1, 5, 3, 7), (same(6, 3),)),
    "banks of one tap": ((1, 2, 40, 6), (Axis(300, 1, 300, 0),)),
    "banks of one tap, signals packed": ((1, 2, 40, 18), (Axis(301, 1, 301, 0),)),
    "banks of one tap, signals packed, groups": ((2, 1, 17, 21), (Axis(53, 1, 53, 0),)),
    "banks of one tap, signals packed in turns": ((1, 1, 700, 19), (Axis(1030, 1, 1030, 0),)),
    "banks of one tap, signals packed, images":
        ((1, 3, 33, 17), (Axis(7, 1, 7, 0), Axis(50, 1, 50, 0))),
    "banks of single taps, packed, cut off": ((1, 3, 20, 16), (Axis(90, 1, 61, -13),)),
    "banks of kernels shared": ((1, 1, 120, 150), (Axis(25, 9, 17, 0),)),
    "banks of kernels shared, across": ((1, 1, 200, 170), (Axis(9, 3, 9, 1), Axis(5, 3, 5, 1))),
    "banks of one tap, images": ((1, 2, 40, 6), (Axis(7, 1, 7, 0), Axis(50, 1, 50, 0))),
    "banks of single taps, cut off, of groups": ((3, 2, 20, 6), (Axis(300, 1, 150, -100),)),
    "banks of single taps, cut off, of many":
        ((1, 2, 20, 40), (Axis(7, 1, 7, 0), Axis(9, 1, 8, -1))),
    "banks of many channels": ((1, 1, 300, 5), (same(2000, 3),)),
    "banks, padding cut off": ((1, 2, 3, 4), (Axis(200, 7, 150, -20),)),
    "banks of images": ((1, 2, 3, 10), (same(20, 3), same(37, 5))),
    "banks of small images": ((1, 4, 5, 6), (same(7, 3), same(7, 3))),
    "banks of many, of short rows": ((1, 5, 20, 17), (same(6, 5),)),
    **{f"banks of {o} for small images": ((1, 2, 5, o), (same(7, 3), same(7, 3)))
       for o in (13, 16, 33, 50)},
    "banks of many, of groups": ((2, 1, 40, 33), (same(14, 3), same(9, 5))),
    "banks of many, of many channels": ((1, 1, 150, 18), (same(6, 5), same(5, 5))),
    "banks of many, of many small images": ((1, 70, 40, 50), (same(7, 3), same(7, 3))),
    "banks of many, of small images in parts": ((1, 1, 2, 140), (same(70, 3), same(18, 3))),
    "banks of many, strided and dilated":
        ((1, 3, 3, 20), (Axis(20, 3, 9, 1, stride=2, dilation=2), Axis(17, 3, 6, 2, stride=3))),
    "banks of many, of one output each": ((1, 1, 9, 24), (Axis(3, 3, 1, 0), Axis(4, 3, 2, 0))),
    "banks of many, of few outputs of strided images":
        ((1, 9, 5, 20), (Axis(8, 3, 3, 1, stride=3), Axis(9, 3, 3, 1, stride=3))),
    "banks of volumes": ((1, 1, 2, 3), (same(6, 3), same(7, 3), same(20, 3))),
    "banks, strided": ((1, 2, 3, 4), (Axis(200, 7, 67, 3, stride=3),)),
    "banks, dilated": ((1, 2, 3, 4), (same(200, 7, dilation=3),)),
    "banks of images, strided and dilated":
        ((1, 2, 2, 5), (Axis(30, 3, 14, 1, stride=2, dilation=2),
                        Axis(41, 4, 13, 2, stride=3, dilation=2))),
    "banks of rows, one tap, strided": ((1, 2, 3, 4), (Axis(201, 1, 67, 0, stride=3),)),
    "rows, strided": ((1, 3, 1, 1), (Axis(500, 9, 250, 4, stride=2),)),
    "rows, strided and dilated": ((2, 3, 2, 1), (Axis(500, 9, 160, 8, stride=3, dilation=2),)),
    "spaced": ((1, 2, 1, 1), (Axis(100, 5, 199, 2, base=2),)),
    "spaced, with outputs of zeros only": ((1, 2, 1, 1), (Axis(50, 2, 150, 1, base=3),)),
    "spaced, dilated and strided": ((2, 2, 1, 1), (Axis(60, 7, 90, 8, 2, 3, base=4),)),
    "banks of many short rows, strided": ((2, 40, 3, 4), (Axis(30, 3, 10, 1, stride=3),)),
    "one bank of many short rows, strided": ((1, 700, 1, 1), (Axis(40, 5, 9, 2, stride=4),)),
    "banks of many short rows across kernels": ((1, 90, 5, 33), (same(9, 5),)),
    "spaced banks of many short rows": ((1, 50, 2, 3), (Axis(9, 5, 18, 2, base=2),)),
    "spaced banks": ((1, 2, 3, 4), (Axis(67, 7, 200, 3, base=3),)),
    "spaced banks of images":
        ((1, 2, 2, 5), (Axis(15, 3, 30, 1, base=2), Axis(20, 5, 41, 2, base=2))),
    **{f"spaced banks of images of {n} by {k} taps, {base} apart, {o} kernels": (
        (g, b, c, o), (Axis(n, k, m, lo, base=base), Axis(n + 1, k, m + base - 1, lo, base=base)))
       for n, k, base, m, lo, (g, b, c, o) in (
           (4, 3, 3, 14, 0, (1, 9, 20, 3)), (4, 3, 3, 12, 1, (2, 3, 20, 3)),
           (7, 4, 2, 14, 2, (1, 9, 8, 20)), (7, 3, 2, 14, 1, (1, 4, 33, 3)),
           (20, 4, 2, 41, 1, (1, 2, 5, 3)), (20, 2, 5, 99, -3, (1, 2, 5, 1)),
           (5, 5, 2, 11, 3, (1, 9, 300, 17)), (19, 3, 2, 38, 1, (1, 2, 300, 7)))},
    "spaced banks of volumes": (
        (1, 2, 6, 3), (Axis(4, 2, 8, 0, base=2), Axis(5, 3, 10, 1, base=2),
                       Axis(6, 4, 17, 2, base=3))),
    "spaced banks of rows, dilated": ((2, 3, 5, 3), (Axis(30, 5, 61, 4, dilation=3, base=2),)),
    "spaced along the first": ((1, 2, 1, 1), (Axis(30, 4, 60, 1, base=2), Axis(40, 3, 40, 1))),
    "few outputs, spaced": ((1, 2, 1, 1), (Axis(200, 390, 11, 0, base=2),)),
    "few outputs of short rows, many terms": ((20, 1, 300, 1), (Axis(37, 36, 3, 1),)),
    "sums of short rows as by one tap, many terms": ((130, 1, 140, 1), (Axis(36, 36, 1, 0),)),
    "few outputs of banks": ((1, 3, 2, 5), (Axis(500, 490, 11, 0),)),
    "few outputs of banks of images": ((1, 3, 2, 5), (Axis(14, 14, 3, 1), Axis(14, 14, 3, 1))),
    "few outputs of banks of wide images":
        ((1, 3, 2, 9), (Axis(20, 20, 3, 1), Axis(330, 330, 5, 2))),
    "few outputs of images of channels": ((1, 20, 2, 1), (Axis(33, 33, 3, 1), Axis(33, 33, 5, 2))),
    "few outputs of many banks of small images":
        ((1, 5, 3, 40), (Axis(14, 14, 3, 1), Axis(14, 14, 3, 1))),
    "few outputs of many banks, long sums":
        ((1, 3, 40, 18), (Axis(7, 7, 3, 1), Axis(6, 6, 5, 2))),
    "few outputs of many banks of short rows": ((2, 3, 30, 33), (Axis(9, 9, 5, 2),)),
    "few outputs of many banks, strided and dilated":
        ((1, 2, 3, 20), (Axis(15, 7, 3, 1, dilation=2), Axis(16, 5, 4, 2, stride=1, dilation=3))),
    "few outputs of images of short rows, own kernels":
        ((6, 1, 9, 1), (Axis(14, 14, 3, 1), Axis(14, 14, 5, 2))),
    "few outputs of many groups": ((40, 2, 2, 3), (Axis(100, 100, 5, 2),)),
    "few outputs of banks, dilated": ((1, 2, 3, 4), (Axis(400, 134, 7, 3, dilation=3),)),
    "few outputs of banks, a row each": ((1, 5, 3, 20), (Axis(300, 300, 1, 0),)),
    "few outputs of banks, a short row each": ((1, 4, 3, 6), (Axis(9, 9, 1, 0),)),
    "few outputs of banks, nothing padded": ((2, 3, 2, 18), (Axis(200, 196, 5, 0),)),
    "few outputs of few banks, nothing padded": ((2, 1, 2, 5), (Axis(200, 196, 5, 0),)),
    "few outputs of banks in tiles": ((1, 70, 2, 9), (Axis(1100, 1100, 1, 0),)),
    "few outputs of many banks, by parts":
        ((1, 130, 2, 140), (Axis(7, 7, 3, 1), Axis(7, 7, 3, 1))),
    "few outputs of many kernels, by parts":
        ((1, 20, 1, 1100), (Axis(7, 7, 3, 1), Axis(6, 6, 3, 1))),
    "few outputs of banks of rows, by parts": ((1, 92, 2, 180), (Axis(60, 53, 8, 0),)),
    "few outputs of banks of images, nothing padded":
        ((1, 4, 3, 6), (Axis(20, 18, 3, 0), Axis(37, 35, 3, 0))),
    "few outputs, dilated": ((1, 2, 1, 1), (Axis(400, 134, 7, 3, dilation=3),)),
    "few outputs of each row": ((1, 1, 3, 1), (Axis(6, 1, 6, 0), Axis(500, 480, 21, 0))),
    # Vectors lie across channels.
    "own kernels of channels": ((20, 3, 1, 1), (same(7, 3), same(7, 5))),
    "own kernels of channels, more taps than rows": ((35, 2, 1, 1), (same(4, 7), same(3, 9))),
    "own kernels of channels, rows": ((40, 2, 1, 1), (same(37, 9),)),
    "own kernels of channels, cut off": ((16, 2, 1, 1), (Axis(9, 3, 5, -2), Axis(12, 4, 6, -3))),
    "own kernels of channels, beyond the kernel":
        ((17, 1, 1, 1), (Axis(6, 3, 14, 5), Axis(2, 4, 9, 6))),
    "own kernels of channels, rows dilated": ((33, 2, 1, 1), (same(50, 5, dilation=4),)),
    "own kernels of channels, gaps between rows":
        ((16, 1, 1, 1), (same(12, 3, dilation=2), same(8, 5))),
    "own kernels of channels, every second sample": ((24, 1, 1, 1),
        (Axis(7, 3, 13, 1, base=2), Axis(8, 5, 17, 2, base=2))),
    **{f"own kernels of channels, strided by {s}, {k} taps":
       ((g, b, 1, 1), (Axis(22, k, 22 // s, 1, stride=s), Axis(25, 5, 25 // s, lo, stride=s)))
       for g, b, s, k, lo in (
           (17, 3, 3, 3, 2), (9, 2, 4, 1, -3), (16, 1, 5, 6, 9), (9, 2, 2, 6, 4))},
    "own kernels of channels, strided, in parts": ((16, 1, 1, 1),
        (Axis(120, 5, 30, 2, stride=4), Axis(90, 3, 30, 0, stride=3))),
    "own kernels of channels, strided and dilated, rows":
        ((18, 2, 1, 1), (Axis(500, 9, 160, 8, stride=3, dilation=2),)),
    "own kernels of channels, every third row": ((18, 2, 1, 1),
        (Axis(20, 3, 7, 1, stride=3), same(7, 3))),
    **{f"own kernels of channels, spaced by {s}, {k} taps":
       ((g, b, 1, 1), (Axis(8, k, 8 * s, 1, base=s), Axis(9, 5, 9 * s - 2, lo, base=s)))
       for g, b, s, k, lo in ((17, 3, 3, 3, 2), (9, 2, 4, 1, -3), (16, 1, 5, 6, 4))},
    "own kernels of channels, spaced, in parts":
        ((16, 1, 1, 1), (Axis(40, 5, 118, 2, base=3), Axis(30, 3, 90, 1, base=3))),
    "own kernels of channels, spaced and dilated": ((18, 2, 1, 1),
        (Axis(11, 3, 30, 2, dilation=2, base=3), Axis(7, 5, 24, 4, dilation=3, base=3))),
    "own kernels of channels, rows spaced":
        ((18, 2, 1, 1), (Axis(60, 7, 200, 8, dilation=2, base=4),)),
    "own kernels of channels, few outputs of images":
        ((40, 1, 5, 1), (Axis(7, 7, 3, 1), Axis(8, 8, 5, 2))),
    "own kernels of channels, few outputs of images, dilated":
        ((37, 1, 4, 1), (Axis(28, 10, 3, 1, dilation=3), Axis(30, 10, 4, 2, dilation=3))),
    "own kernels of channels, few outputs of images, dilated by two":
        ((70, 1, 3, 1), (Axis(14, 7, 4, 0, dilation=2), Axis(15, 9, 4, 2, dilation=2))),
    # Winograd's filters serve these as `overlap`.
    "small blocks": ((1, 3, 20, 17), (same(9, 3), same(11, 3))),
    "small blocks of two and five taps": ((2, 2, 9, 70), (same(23, 2), Axis(31, 5, 35, 4))),
    "small blocks of groups of four taps": ((9, 1, 16, 16), (same(14, 4), same(40, 4))),
    "small blocks along rows": ((1, 2, 33, 40), (same(300, 3),)),
    "small blocks along rows, cut": ((2, 3, 16, 8), (Axis(400, 5, 150, -20),)),
    "small blocks of few tiles": ((1, 1, 130, 150), (same(7, 3), same(7, 3))),
    "small blocks of rows apart": ((1, 1, 8, 48), (Axis(3, 1, 3, 0), same(200, 3))),
    "small blocks of rows summed": ((2, 2, 8, 16), (whole(3), same(50, 3))),
    "small blocks for one output": ((1, 2, 17, 20), (same(30, 3), Axis(12, 4, 1, 1))),
    "small blocks of many frames, channel after channel, strided":
        ((1, 1, 411, 26), (Axis(114, 3, 57, 1, stride=2), Axis(115, 3, 58, 1, stride=2))),
    "small blocks of a large image": ((1, 1, 8, 16), (same(120, 3), same(150, 3))),
    "small blocks of parts": ((1, 3, 20, 17), (same(23, 7), same(19, 6))),
    "small blocks of parts along rows": ((2, 2, 70, 33), (same(200, 12),)),
    "small blocks of parts of few tiles": ((1, 1, 130, 150), (same(7, 7), same(7, 7))),
    "small blocks of strided images":
        ((2, 3, 17, 20), (Axis(30, 5, 15, 2, stride=2), Axis(41, 7, 14, 3, stride=3))),
    "small blocks of rows strided further than taps reach":
        ((1, 5, 30, 40), (Axis(150, 3, 38, 0, stride=4),)),
    "small blocks of spaced images":
        ((1, 3, 17, 20), (Axis(15, 7, 33, 4, base=2), Axis(14, 3, 30, 1, base=2))),
    "small blocks of rows spaced by three": ((2, 4, 16, 40), (Axis(50, 13, 140, 8, base=3),)),
    "small blocks, dilated":
        ((2, 3, 17, 20), (same(30, 3, dilation=2), Axis(25, 7, 19, 9, dilation=3))),
    "small blocks of long rows, dilated": ((1, 3, 33, 40), (same(400, 3, dilation=16),)),
    "small blocks of few tiles, dilated": ((1, 1, 130, 150), (same(9, 3, dilation=4), same(7, 2))),
    "few outputs in small blocks, strided":
        ((1, 20, 3, 17), (Axis(27, 25, 3, 2, stride=2), Axis(30, 24, 5, 3, stride=2))),
    "few outputs in small blocks of rows, strided":
        ((2, 33, 5, 40), (Axis(500, 460, 9, 4, stride=5),)),
    "few outputs in small blocks of parts":
        ((1, 20, 3, 17), (Axis(19, 19, 7, 3), Axis(24, 24, 11, 5))),
    "few outputs in small blocks, dilated":
        ((2, 20, 3, 17), (Axis(25, 10, 7, 0, dilation=2), Axis(30, 10, 5, 2, dilation=3))),
    "few outputs in small blocks of rows, dilated":
        ((1, 33, 5, 40), (Axis(500, 248, 9, 4, dilation=2),)),
    "few outputs in small blocks": ((1, 20, 3, 17), (Axis(9, 9, 3, 1), Axis(14, 14, 3, 1))),
    "few outputs in small blocks of many":
        ((1, 70, 40, 33), (Axis(25, 25, 4, 2), Axis(29, 30, 5, 3))),
    "few outputs in small blocks along rows": ((10, 9, 4, 40), (Axis(500, 501, 2, 1),)),
    "few outputs in small blocks of large kernels": ((1, 140, 2, 150), (Axis(30, 30, 3, 1),)),
    "few outputs in small blocks of four, a single one down":
        ((1, 48, 4, 16), (Axis(3, 1, 4, 0), Axis(12, 12, 2, 1))),
}  # fmt: skip


def reversed_along(name: str, array: str, *places: int) -> tuple[Any, ...]:
    """A problem with an array that lies the other way round along some axes."""
    sizes, axes = PROBLEMS[name]
    chosen = places or tuple(place for place, axis in enumerate(axes) if not axis.paired)
    return sizes, tuple(
        replace(axis, reversed=array) if place in chosen else axis
        for place, axis in enumerate(axes)
    )


PROBLEMS |= {
    f"{name}, {array} reversed": reversed_along(name, array)
    for name in PROBLEMS
    for array in ("kernel", "output")
    if not name.startswith("rows of") or name in ("rows of 300, 9 taps", "rows of 300, 31 taps")
}
PROBLEMS |= {
    "images, each array reversed": (
        (1, 2, 1, 1),
        (replace(same(50, 9), reversed="kernel"), replace(same(60, 9), reversed="output")),
    ),
    "small blocks, one of two reversed": reversed_along("small blocks", "kernel", 1),
    "few outputs in small blocks, one of two reversed":
        reversed_along("few outputs in small blocks", "output", 0),
    "few outputs, one array reversed": reversed_along("few outputs of images", "output", 0),
    "rows summed, not all reversed":
        reversed_along("few outputs of images, rows summed", "kernel", 1),
}  # fmt: skip


def operands(problem: Correlation) -> tuple[Any, Any]:
    rng = np.random.default_rng(0)

    def one(*shape: int) -> np.ndarray:
        if problem.dtype.name in INTEGERS:
            return rng.integers(0, 2**31, shape).astype(problem.dtype)
        values = rng.standard_normal(shape)
        if problem.dtype.name.startswith("complex"):
            values = values + 1j * rng.standard_normal(shape)
        return values.astype(problem.dtype)

    g, b, c, o = problem.g, problem.b, problem.c, problem.o
    return (one(g, b, c, *(a.n for a in problem.axes)), one(g, o, c, *(a.k for a in problem.axes)))


def widened(problem: Correlation, *arrays: Any) -> tuple[np.ndarray, ...]:
    name = problem.dtype.name
    wide = name if name in INTEGERS else "complex128" if name[0] == "c" else "float64"
    return tuple(np.asarray(array).astype(wide) for array in arrays)


def written_out(problem: Correlation, lhs: Any, rhs: Any) -> np.ndarray:
    """Tap by tap, with the signal in zeros; along the last axis that is slid all taps at once."""
    problem, lhs = with_zeros_between(problem, lhs)
    lhs, rhs = widened(problem, lhs, rhs)
    axes = problem.axes
    rhs = in_order(rhs, axes, "kernel")
    *slid, last = (number for number, axis in enumerate(axes) if not axis.paired)
    padded = with_zeros(lhs, axes)
    shape = (problem.g, problem.b, problem.o, *(axis.m for axis in axes))
    total = np.zeros(shape, lhs.dtype)
    kernel = np.expand_dims(np.moveaxis(rhs, 3 + last, -1), 3 + last)
    for taps in itertools.product(*(range(axes[number].k) for number in slid)):
        met, place = padded, kernel
        for number, k in zip((*slid, last), (*taps, 0), strict=True):
            axis = axes[number]
            start = max(axis.lo, 0) - axis.lo + k * axis.dilation
            met = met[(slice(None),) * (3 + number) + (slice(start, None),)]
            if number != last:
                place = place[(slice(None),) * (3 + number) + (slice(k, k + 1),)]
        strides = list(met.strides)
        for number in (*slid, last):
            strides[3 + number] *= axes[number].stride
        windows = np.lib.stride_tricks.as_strided(
            met,
            (*met.shape[:3], *(axis.m for axis in axes), axes[last].k),
            (*strides, met.strides[3 + last] * axes[last].dilation),
            writeable=False,
        )
        total += np.einsum("goc...k,gbc...k->gbo...", place, windows)
    return in_order(total, axes, "output")


def in_order(array: np.ndarray, axes: tuple[Axis, ...], name: str) -> np.ndarray:
    """The kernel or the output, turned where it is reversed."""
    return np.flip(array, tuple(3 + i for i, axis in enumerate(axes) if axis.reversed == name))


def with_zeros(lhs: np.ndarray, axes: tuple[Axis, ...]) -> np.ndarray:
    """The signal with all the zeros around it that any tap meets."""
    edges = [(0, 0) if a.paired else (max(a.lo, 0), max(a.hi, 0)) for a in axes]
    return np.pad(lhs, [(0, 0)] * 3 + edges)


def with_zeros_between(problem: Correlation, lhs: Any) -> tuple[Correlation, Any]:
    """The problem whose samples are neighbours, with zeros where they stood apart."""
    axes = []
    for number, axis in enumerate(problem.axes):
        axes.append(replace(axis, n=(axis.n - 1) * axis.base + 1, base=1))
        shape = list(lhs.shape)
        shape[3 + number] = axes[-1].n
        index = [slice(None)] * lhs.ndim
        index[3 + number] = slice(None, None, axis.base)
        spread = np.zeros(shape, lhs.dtype)
        spread[tuple(index)] = lhs
        lhs = spread
    return replace(problem, axes=tuple(axes)), lhs


def few_taps(problem: Correlation) -> bool:
    return all(axis.paired or axis.k <= 600 for axis in problem.axes)


def problem_of(name: str, dtype: str) -> Correlation:
    sizes, axes = PROBLEMS[name]
    return Correlation(*sizes, axes, jnp.dtype(dtype))


SERVED = [
    (name, dtype, engine)
    for name in PROBLEMS
    for dtype in (*EPS, *INTEGERS)
    for engine in sorted(COMPILED)
    if COMPILED[engine].refuses(problem_of(name, dtype), "cpu") is None
]


def test_what_is_served() -> None:
    assert {name for name, dtype, _ in SERVED if dtype == "float32"} == set(PROBLEMS)
    refused = {(name, engine) for name in PROBLEMS for engine in COMPILED} - {
        (name, engine) for name, dtype, engine in SERVED if dtype == "float64"
    }
    # Frames have no strides, no spaced samples or taps, no images of lanes, no sums of columns and
    # no columns in reverse order; and one tap slides along nothing. Small blocks have both.
    apart = (
        "strided", "spaced", "dilated", " 1 taps", "one tap", "each lane", "with channels",
        "rows summed, not all", "row each", "in tiles", "every second output",
        "every second sample", "wide taps",
    )  # fmt: skip
    reverse = {
        "along the first of two, output reversed", "far apart, output reversed",
        "far apart, long rows, output reversed", "few outputs along the first, kernel reversed",
        "few outputs of long columns, kernel reversed",
        "few outputs of images, rows summed, kernel reversed",
        "images of few taps, 2 by 1, 53 to 53, output reversed",
        "images of few taps, 3 by 1, 64 to 64, output reversed",
    }  # fmt: skip
    assert {name for name, _ in refused} == reverse | {
        name
        for name in PROBLEMS
        if any(words in name for words in apart)
        and tiles.rows_of(problem_of(name, "float64")) is None
    }
    assert {engine for _, engine in refused} == {"overlap"}


def test_small_blocks_serve_what_is_named_so() -> None:
    found = {name for name in PROBLEMS if tiles.rows_of(problem_of(name, "float32"))}
    named = {name for name in PROBLEMS if "small blocks" in name}
    # Taps in blocks are read forwards.
    assert {name for name in named if "few" not in name or "kernel reversed" not in name} <= found
    for name in found:
        rows = tiles.rows_of(problem_of(name, "float32"))
        assert rows is not None
        assert loops.are_few_outputs(rows) or "few outputs in small blocks" not in name


def test_products_of_many_spectra_are_those_of_matrices() -> None:
    names = [name for name in PROBLEMS if "many spectra" in name]
    assert names
    assert all(compiled.spectra_of(problem_of(name, "float32")).bank for name in names)
    # Of a large image they would take too much memory.
    slides = (same(1024, 31), same(1024, 31))
    large = Correlation(1, 1, 1, 64, slides, jnp.dtype("float32"))
    assert COMPILED["overlap"].refuses(large, "cpu") is None
    assert not compiled.spectra_of(large).bank


def test_long_signals_are_served_and_spectra_without_end_are_not() -> None:
    def refusal(size: int, k: int, rows: int, channels: int) -> str | None:
        axes = (Axis(size, k, size + k - 1, k - 1),)
        problem = Correlation(1, rows, channels, 1, axes, jnp.dtype("float32"))
        return COMPILED["overlap"].refuses(problem, "cpu")

    assert refusal(2**20, 2**20, 1, 1) is None
    assert refusal(2**16, 2**16, 4096, 1) is None
    assert "memory" in (refusal(2**20, 2**20, 4, 64) or "")


#: Roles, and whether the batch stands first, in which operands lie otherwise than as given.
LYING = (("x", False), ("h", False), ("y", True), ("x", True), ("h", True))


@pytest.mark.parametrize(
    ("name", "engine"), [(name, engine) for name, dtype, engine in SERVED if dtype == "float32"]
)
def test_operands_of_every_role_are_read_where_they_lie(name: str, engine: str) -> None:
    for where, found in errors_where_they_lie(problem_of(name, "float32"), engine).items():
        assert found < (2 if "small blocks" in name else 1) * 3e-6, where


@pytest.mark.parametrize(
    ("name", "engine"),
    [
        (name, engine)
        for name, dtype, engine in SERVED
        if dtype == "float32"
        and (
            any(word in name for word in ("bank", "volume", "far apart"))
            if engine == "shift"
            else tiles.rows_of(problem_of(name, "complex64"))
        )
    ],
)
def test_complex_numbers_in_parts(name: str, engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tap_counts, "_often", lambda *_: 0)
    problem = problem_of(name, "complex64")
    if engine == "shift":
        assert not tap_counts.served(problem).is_complex
    else:
        assert COMPILED["overlap"].block(problem) == tiles.POINTS
    for where, found in errors_where_they_lie(problem, engine).items():
        assert found < (2 if engine == "overlap" else 1) * 3e-6, where


def test_plans_count_the_copies_of_complex_numbers_in_parts() -> None:
    axis = Axis(400, 9, 392, 0)
    x, h, y = np.zeros((5, 16, 400)), np.zeros((24, 16, 9)), np.zeros((5, 24, 392))
    complex_, real = (
        COMPILED["shift"].scratch(Correlation(1, 5, 16, 24, (axis,), jnp.dtype(dtype)))
        for dtype in ("complex64", "float32")
    )
    # Kernels twice, for each has two rows of real numbers.
    assert complex_ == x.size + 2 * h.size + y.size
    assert real == 0


def errors_where_they_lie(problem: Correlation, engine: str) -> dict[tuple[str, bool], float]:
    """The relative errors where the operands lie as those of each role."""
    lhs, rhs = operands(problem)
    run_as = COMPILED[engine].run_as
    assert run_as is not None
    # Nothing lies otherwise where there is one signal or one group.
    alike = 1 in (problem.g, problem.b)
    layouts = {}
    for role, batch_first in LYING:
        if not (batch_first and alike):
            lying = replace(problem, role=role, batch_first=batch_first)
            # The labels G, B and C, G, O and C, and G, B and O, as they are called of this role.
            places = [["gbc", "goc", "gbo"][i].index for i in range(3)]
            layouts[role, batch_first] = (
                lying,
                [
                    [place(label) for label in labels]
                    for place, labels in zip(places, lying.labels, strict=True)
                ],
            )

    @jax.jit
    def run(lhs: jax.Array, rhs: jax.Array) -> list[jax.Array]:
        found = []
        for lying, orders in layouts.values():
            left, right = (
                jnp.transpose(array, (*order, *range(3, array.ndim)))
                for array, order in zip((lhs, rhs), orders, strict=False)
            )
            found.append(run_as(lying, left, right))
        return found

    expected = (written_out if few_taps(problem) else exchanged)(problem, lhs, rhs)
    errors = {}
    for (where, (_, orders)), found in zip(layouts.items(), run(lhs, rhs), strict=True):
        turned = np.asarray(found).transpose(*np.argsort(orders[2]), *range(3, found.ndim))
        errors[where] = float(np.max(np.abs(turned - expected)) / np.max(np.abs(expected)))
    return errors


@pytest.mark.parametrize(
    ("name", "dtype"), dict.fromkeys((name, dtype) for name, dtype, _ in SERVED)
)
def test_sums(name: str, dtype: str) -> None:
    problem = problem_of(name, dtype)
    engines = [engine for *which, engine in SERVED if which == [name, dtype]]
    lhs, rhs = operands(problem)

    @jax.jit
    def run(lhs: jax.Array, rhs: jax.Array) -> list[jax.Array]:
        precision = jax.lax.Precision.HIGHEST
        runs = [COMPILED[engine].run for engine in engines]
        return [run(problem.axes, lhs, rhs, precision, "cpu") for run in runs]

    expected = (written_out if few_taps(problem) else exchanged)(problem, lhs, rhs)
    for engine, found in zip(engines, map(np.asarray, run(lhs, rhs)), strict=True):
        if dtype in INTEGERS:
            np.testing.assert_array_equal(found, expected, engine)
            continue
        error = np.max(np.abs(found.astype(expected.dtype) - expected)) / np.max(np.abs(expected))
        # Combinations of samples are larger than these.
        assert error < (2 if "small blocks" in name else 1) * 3 * EPS[dtype], engine


def test_small_blocks_of_many_frames_for_all_kernels() -> None:
    # Neither frames nor sums are near: those are read once, point by point.
    axes = (Axis(114, 3, 57, 1, stride=2), Axis(115, 3, 58, 1, stride=2))
    problem = Correlation(1, 1, 208, 210, axes, jnp.dtype("float64"))
    lhs, rhs = operands(problem)
    found = COMPILED["overlap"].run(axes, lhs, rhs, jax.lax.Precision.HIGHEST, "cpu")
    padded = np.pad(lhs[0, 0], ((0, 0), (1, 1), (1, 1)))
    expected = sum(
        np.tensordot(rhs[0, :, :, i, j], padded[:, i : i + 113 : 2, j : j + 115 : 2], 1)
        for i, j in itertools.product(range(3), repeat=2)
    )
    error = np.max(np.abs(np.asarray(found)[0, 0] - expected)) / np.max(np.abs(expected))
    assert error < 6 * EPS["float64"]


def exchanged(problem: Correlation, lhs: Any, rhs: Any) -> np.ndarray:
    """Output by output, where taps are many and outputs few."""
    problem, lhs = with_zeros_between(problem, lhs)
    lhs, rhs = widened(problem, lhs, rhs)
    axes = problem.axes
    rhs = in_order(rhs, axes, "kernel")
    padded = with_zeros(lhs, axes)
    total = np.zeros((problem.g, problem.b, problem.o, *(axis.m for axis in axes)), lhs.dtype)
    for at in itertools.product(*(range(1 if axis.paired else axis.m) for axis in axes)):
        window: list[Any] = [slice(None)] * 3
        place: list[Any] = [slice(None)] * 3
        for axis, i in zip(axes, at, strict=True):
            if axis.paired:
                window.append(slice(None))
                place.append(slice(None))
                continue
            start = max(axis.lo, 0) - axis.lo + i * axis.stride
            window.append(slice(start, start + axis.span, axis.dilation))
            place.append(slice(i, i + 1))
        letters = "".join("u" if axis.paired else "xyz"[n] for n, axis in enumerate(axes))
        kept = "".join("u" if axis.paired else "" for axis in axes)
        part = np.einsum(f"goc{letters},gbc{letters}->gbo{kept}", rhs, padded[tuple(window)])
        total[tuple(place)] = part.reshape(total[tuple(place)].shape)
    return in_order(total, axes, "output")


def test_one_device_calls_kernels_and_a_mesh_does_not() -> None:
    x, h = jnp.ones((8, 4096), jnp.float32), jnp.ones(9, jnp.float32)
    program = jax.jit(filtrax.filter_rows)
    assert "filtrax_compiled" in program.lower(x, h).as_text()
    mesh = Mesh(np.array(jax.devices()), ("i",))
    divided = jax.device_put(x, NamedSharding(mesh, P("i")))
    assert "filtrax_compiled" not in program.lower(divided, h).as_text()
    mapped = jax.shard_map(filtrax.filter_rows, mesh=mesh, in_specs=(P("i"), P()), out_specs=P("i"))
    assert "filtrax_compiled" in jax.jit(mapped).lower(divided, h).as_text()
    expected = np.stack([np.convolve(row, h, "same") for row in np.asarray(x)])
    np.testing.assert_allclose(mapped(divided, h), expected, rtol=1e-6)


def test_an_export_holds_no_call() -> None:
    x, h = jnp.ones((8, 4096), jnp.float32), jnp.ones(9, jnp.float32)
    exported = jax.export.export(jax.jit(filtrax.filter_rows))(x, h)
    assert "filtrax_compiled" not in exported.mlir_module()


def test_without_kernels_all_works() -> None:
    script = (
        "import numpy as np, filtrax, filtrax._native as n; assert not n.available();"
        "print(np.asarray(filtrax.convolve([1., 0, 2, 3], [2., 1], mode='same')))"
    )
    env = {**os.environ, "FILTRAX_COMPILED": "0"}
    done = subprocess.run(
        [sys.executable, "-c", script], env=env, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["[2.", "1.", "4.", "8.]"]


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("engine", sorted(COMPILED))
def test_a_nan_spoils_its_own_outputs_only(engine: Any, bad: float) -> None:
    x = np.random.default_rng(0).standard_normal((3, 20_000)).astype(np.float32)
    h = np.ones(31, np.float32)
    clean = np.asarray(filtrax.filter_rows(x, h, method=engine))
    x[1, 10_000] = bad
    spoiled = np.asarray(filtrax.filter_rows(x, h, method=engine))
    reach = filtrax.plan(x.shape, h.shape, mode="same", method=engine).spread[0]
    wrong = np.nonzero(~np.isfinite(spoiled[1]))[0]
    assert 31 <= len(wrong) <= reach
    np.testing.assert_array_equal(spoiled[[0, 2]], clean[[0, 2]])


@pytest.mark.parametrize(
    ("m", "k", "step"),
    [
        *((m, k, {}) for m in (3, 7, 40) for k in (2, 3, 4, 5)),
        *((40, k, {}) for k in (7, 9, 16)),
        *((40, k, {"stride": stride}) for k, stride in ((5, 2), (13, 2), (7, 3), (3, 4))),
        *((40, k, {"base": base}) for k, base in ((5, 2), (14, 3))),
        *((40, k, {"dilation": dilation}) for k, dilation in ((3, 2), (7, 4))),
    ],
)
def test_a_nan_in_small_blocks_spoils_what_the_plan_says(
    m: int, k: int, step: dict[str, Any]
) -> None:
    # As many outputs as samples, with those left out or put between.
    def axis(n: int) -> Axis:
        outputs = -(-n // step.get("stride", 1)) * step.get("base", 1)
        return Axis(n, k, outputs, k // 2 * step.get("dilation", 1), **step)

    places = list(itertools.product(range(m), range(m + 3)))[:: m // 3]
    axes = (axis(m), axis(m + 3))
    problem = Correlation(1, len(places), 8, 8, axes, jnp.dtype("float32"))
    engine = COMPILED["overlap"]
    assert engine.block(problem) == tiles.POINTS
    assert engine.run_as is not None
    lhs, rhs = operands(problem)
    for signal, at in zip(lhs[0, :, 3], places, strict=True):
        signal[at] = np.nan
    found = np.isfinite(np.asarray(engine.run_as(problem, jnp.asarray(lhs), rhs)))
    # All kernels meet what one does.
    alone = replace(problem, c=1, o=1)
    met = np.isnan(written_out(alone, lhs[:, :, 3:4], np.ones((1, 1, 1, k, k))))
    assert not (found & met).any()
    bad = ~found[0, :, 0]
    reached = bad.any(2).sum(1).max(), bad.any(1).sum(1).max()
    assert reached == engine.spread(problem)


def test_layers_go_in_small_blocks_unless_windows_are_asked_for() -> None:
    axis = same(28, 3)
    layer = Correlation(1, 8, 64, 64, (axis, axis), jnp.dtype("float32"))
    plan = choose(layer, "auto", "cpu", compiled=True)
    assert (plan.engine, plan.block, plan.scale) == ("overlap", tiles.POINTS, "block")
    assert choose(layer, "auto", "cpu", "window", compiled=True).engine == "shift"
    assert choose(replace(layer, c=1, o=1), "auto", "cpu", compiled=True).engine == "shift"


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("name", [n for n in PROBLEMS if "banks" in n and "reversed" not in n])
def test_a_nan_in_a_bank_spoils_what_meets_it_only(name: str, bad: float) -> None:
    problem = problem_of(name, "float32")
    lhs, rhs = operands(problem)
    spoiled = np.array(lhs)
    spoiled.flat[11 :: spoiled.size // 7] = bad
    run_as = COMPILED["shift"].run_as
    assert run_as is not None
    found = np.asarray(run_as(problem, jnp.asarray(spoiled), rhs))
    with np.errstate(invalid="ignore"):  # Infinities of both signs meet.
        oracle = written_out if few_taps(problem) else exchanged
        expected = oracle(problem, jnp.asarray(spoiled), rhs)
    assert not np.isfinite(expected).all()
    np.testing.assert_array_equal(np.isfinite(found), np.isfinite(expected))
    np.testing.assert_array_equal(np.isnan(found), np.isnan(expected))


@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64", "bfloat16"])
@pytest.mark.parametrize(("n", "k"), [(5, 3), (40, 5), (200, 9), (200, 65), (3000, 9)])
def test_no_row_sees_another(n: int, k: int, dtype: str) -> None:
    """Sums near the ends of a row read its neighbours in memory, and must not count them."""
    expected = np.convolve(np.ones(n), np.ones(k))[k // 2 - (k + 1) % 2 :][:n]
    # Many rows go several at once.
    for count in (9, 90):
        x = np.ones((count, n), np.float32)
        x[0::9] = x[3::9] = x[8::9] = np.nan
        x[5::9] = np.inf
        signal, taps = jnp.asarray(x, dtype), jnp.ones(k, dtype)
        own = jnp.ones((count, k), dtype)
        rows = filtrax.filter_rows(signal, taps, method="shift")
        each = filtrax.filter_rows(signal, own, method="shift")
        image = filtrax.convolve(signal, taps[None], mode="same", axes=(0, 1), method="shift")
        for row in (row for row in range(count) if np.isfinite(x[row, 0])):
            for found in (rows, each, image):
                np.testing.assert_array_equal(np.asarray(found[row], np.complex64), expected)


@pytest.mark.parametrize("engine", sorted(COMPILED))
@pytest.mark.parametrize("lo", [1, -1])
@pytest.mark.parametrize(
    ("sizes", "axis"),
    [
        ((1, 70, 1, 1), same(20, 3)),
        ((70, 1, 1, 1), same(20, 3)),
        ((70, 1, 1, 1), Axis(20, 20, 3, 1)),
    ],
)
def test_outputs_beside_the_one_sample_are_zero(
    sizes: tuple[int, int, int, int], axis: Axis, lo: int, engine: str
) -> None:
    problem = Correlation(*sizes, (Axis(1, 1, 1, lo), axis), jnp.dtype("float32"))
    lhs, rhs = operands(problem)
    run = COMPILED[engine].run
    found = run(problem.axes, lhs, rhs, jax.lax.Precision.HIGHEST, "cpu")
    np.testing.assert_array_equal(found, np.zeros((*found.shape,)))


@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16"])
@pytest.mark.parametrize(("n", "k"), [(40, 5), (33, 9), (64, 3), (16, 16)])
def test_gradients_of_a_row_see_what_they_meet_only(n: int, k: int, dtype: str) -> None:
    x = np.ones((90, n), np.float32)
    x[::4] = np.nan
    x[1::4, -1] = np.nan
    signal, ones = jnp.asarray(x, dtype), jnp.ones((90, k), dtype)

    def value(h: jax.Array) -> jax.Array:
        return filtrax.filter_rows(signal, h, method="shift")

    y, back = jax.vjp(value, ones)
    found = np.asarray(back(jnp.ones_like(y))[0], np.float32)
    start = (k - 1) // 2
    met = [[i for i in range(n) if 0 <= i + start - tap < n] for tap in range(k)]
    last = np.array([n - 1 in [i + start - tap for i in met[tap]] for tap in range(k)])
    counts = np.array([len(each) for each in met])
    for row in range(90):
        expected = counts.astype(np.float32)
        if row % 4 == 0:
            expected[:] = np.nan
        elif row % 4 == 1:
            expected[last] = np.nan
        np.testing.assert_array_equal(found[row], expected)


@pytest.mark.parametrize("shape", [(40, 300_000), (3_000_000, 4), (90, 100, 1000)])
def test_gradients_of_images_do_not_lose_digits_as_these_grow(shape: tuple[int, ...]) -> None:
    """Of positive samples, whose sum grows until what is added to it is rounded away."""
    x, ct = np.random.default_rng(0).uniform(1, 2, (2, *shape)).astype(np.float32)
    h = jnp.ones((3,) * len(shape), jnp.float32)
    _, back = jax.vjp(lambda h: filtrax.convolve(x, h, mode="same", method="shift"), h)
    found = np.asarray(back(jnp.asarray(ct))[0], np.float64)[(1,) * len(shape)]
    expected = np.dot(x.ravel().astype(np.float64), ct.ravel().astype(np.float64))
    assert abs(found / expected - 1) < 2 * np.finfo(np.float32).eps


@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64"])
@pytest.mark.parametrize("own", [1, 9])
@pytest.mark.parametrize(
    "axes",
    [
        # The last sample of a row lies beyond the last tap, in the vector that this one begins.
        (Axis(77, 66, 5, 3), Axis(87, 77, 5, 9)),
        (Axis(137, 69, 5, 5, dilation=2), Axis(43, 17, 4, -1, dilation=2)),
        (Axis(40, 38, 3, 0, reversed="output"), Axis(18, 7, 5, -2, reversed="output")),
        (Axis(4, 9, 6, 5, stride=2), Axis(17, 20, 3, 1), Axis(15, 11, 4, 4)),
    ],
)
def test_gradients_of_an_image_see_what_they_meet_only(
    axes: tuple[Axis, ...], own: int, dtype: str
) -> None:
    problem = Correlation(own, 1, 2, 1, axes, jnp.dtype(dtype))
    lhs, rhs = operands(problem)
    run_as = COMPILED["shift"].run_as
    assert run_as is not None
    run = jax.jit(partial(run_as, problem))
    corner = tuple(size - 1 for size in lhs.shape)
    for place in (corner, (0,) * lhs.ndim, tuple(size // 2 for size in lhs.shape)):
        spoiled = np.array(lhs)
        spoiled[place] = np.nan
        found = np.isnan(run(jnp.asarray(spoiled), rhs))
        met = np.isnan(exchanged(problem, jnp.asarray(spoiled), jnp.ones_like(rhs)))
        np.testing.assert_array_equal(found, met)


@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64", "bfloat16"])
@pytest.mark.parametrize("own", [False, True])
@pytest.mark.parametrize(
    ("n", "m", "k"), [(3, 5, 3), (7, 7, 3), (20, 14, 5), (9, 40, 3), (30, 90, 7)]
)
def test_no_image_sees_another(n: int, m: int, k: int, own: bool, dtype: str) -> None:
    x = np.ones((9, n, m), np.float32)
    x[[0, 3, 8]] = np.nan
    x[5] = np.inf
    taps = jnp.ones((9 if own else 1, k, k), dtype)

    def image(x: jax.Array, h: jax.Array) -> jax.Array:
        return filtrax.convolve(x, h, mode="same", axes=(1, 2), method="shift")

    signal = jnp.asarray(x, dtype)
    out, pull = jax.vjp(image, signal, taps)
    by_kernel = pull(jnp.ones_like(signal))[1]
    expected = scipy.signal.convolve2d(np.ones((n, m)), np.ones((k, k)), "same")
    # Outputs that meet a sample with each tap.
    counts = [size - np.abs(np.arange(k) - k // 2) for size in (n, m)]
    for number in (1, 2, 4, 6, 7):
        np.testing.assert_array_equal(np.asarray(out[number], np.complex64), expected)
        if own and dtype != "bfloat16":
            np.testing.assert_array_equal(np.asarray(by_kernel[number]), np.outer(*counts))


@pytest.mark.parametrize("method", ["auto", "shift", "overlap", "fft"])
def test_a_bank_along_the_first_axis_by_signal(method: Any) -> None:
    """The gradient sums over kernels, beside an axis that lies behind the one slid along."""
    rng = np.random.default_rng(1)
    x, h, w = (rng.standard_normal(s) for s in ((1, 150, 13), (2, 33, 1), (2, 150, 13)))

    def loss(x: jax.Array) -> jax.Array:
        return jnp.sum(filtrax.convolve(x, h, mode="same", axes=(1,), method=method) * w)

    matrices = [
        np.stack([np.convolve(unit, taps[:, 0], "same") for unit in np.eye(150)]) for taps in h
    ]
    expected = sum(matrix @ each for matrix, each in zip(matrices, w, strict=True))
    np.testing.assert_allclose(jax.grad(loss)(jnp.asarray(x))[0], expected, rtol=0, atol=1e-11)
