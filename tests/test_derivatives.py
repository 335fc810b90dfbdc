"""Every derivative: against finite differences, as an adjoint, and against each other."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

import filtrax
import oracle
from filtrax._engines import ENGINES
from filtrax._spec import OPERATIONS

engines = pytest.mark.parametrize("engine", sorted(ENGINES))


def random(shape: tuple[int, ...], dtype: Any = "float64", seed: int = 0) -> np.ndarray:
    return oracle.samples(np.random.default_rng(seed), shape, jnp.dtype(dtype))


#: Choices under which the value is differentiated; each is one output of a common program.
CHOICES: tuple[dict[str, Any], ...] = (
    *({"mode": mode} for mode in oracle.MODES),
    *({"mode": "full", "boundary": boundary} for boundary in oracle.BOUNDARIES[1:]),
    *({"mode": "same", "stride": stride} for stride in (2, 3)),
    *({"mode": "causal", "dilation": dilation} for dilation in (2, 3)),
    {"mode": "full", "stride": 3, "dilation": 2, "boundary": "reflect"},
    {"mode": "valid", "stride": 2, "dilation": 2},
    {"mode": (-2, 5), "stride": 2, "boundary": "wrap"},
    {"mode": "same", "origin": 1, "boundary": "edge"},
)


def differences(function: Any, x: np.ndarray, step: float = 0.5) -> np.ndarray:
    """The Jacobian of a function that is linear in x: central differences are then exact."""
    columns = []
    for index in np.ndindex(*x.shape):
        moved = np.zeros_like(x)
        moved[index] = step
        columns.append((function(x + moved) - function(x - moved)) / (2 * step))
    return np.stack(columns, -1).reshape(*columns[0].shape, *x.shape).astype(float)


@engines
@pytest.mark.parametrize(("n", "k"), [(7, 3), (6, 4), (3, 5)])
def test_gradients_are_those_of_the_loop(engine: Any, n: int, k: int) -> None:
    x, h = random((n,)), random((k,), seed=1)
    # Operations take turns, and with an even kernel the other way round: each choice meets both.
    choices = [
        (OPERATIONS[(turn + k) % 2], each)
        for turn, each in enumerate(CHOICES)
        if oracle.outputs(n, k, "convolve", each["mode"], 0, 1, each.get("dilation", 1))[1] > 0
    ]
    shapes = [oracle.slide(x, h, operation, **each).shape for operation, each in choices]
    weights = [random(shape, seed=2 + i) for i, shape in enumerate(shapes)]

    def run(x: Any, h: Any) -> list[Any]:
        def weighed(x: Any, h: Any, weight: Any, choice: Any) -> jax.Array:
            operation, each = choice
            return jnp.vdot(weight, getattr(filtrax, operation)(x, h, method=engine, **each))

        pairs = zip(weights, choices, strict=True)
        return [jax.grad(weighed, (0, 1))(x, h, weight, choice) for weight, choice in pairs]

    for choice, weight, (by_x, by_h) in zip(choices, weights, jax.jit(run)(x, h), strict=True):
        operation, each = choice
        loop = partial(oracle.slide, operation=operation, **each)
        want_x = differences(lambda x, loop=loop: loop(x, h), x)
        # A constant outside is no part of x, and differences by x do not see it; those by h do.
        want_h = differences(lambda h, loop=loop: loop(x, h), h)
        np.testing.assert_allclose(by_x, weight @ want_x, rtol=1e-10, atol=1e-10,
                                   err_msg=f"x: {choice}")  # fmt: skip
        np.testing.assert_allclose(by_h, weight @ want_h, rtol=1e-10, atol=1e-10,
                                   err_msg=f"h: {choice}")  # fmt: skip


@engines
@pytest.mark.parametrize(
    ("x_shape", "h_shape", "options", "order"),
    [
        ((2, 7), (2, 4), {"mode": "full", "axes": 1, "stride": 2}, 2),
        ((1, 7), (3, 4), {"mode": "full", "axes": 1, "boundary": "symmetric"}, 1),
        ((2, 4, 5), (3, 2), {"mode": "valid", "stride": (2, 1)}, 1),
        ((4, 5), (2, 3), {"mode": "same", "dilation": (1, 2), "boundary": ("wrap", "reflect")}, 2),
        ((3, 4, 3), (2, 2, 2), {"mode": ["full", "same", "valid"]}, 1),
        ((2, 3), (5,), {"mode": "causal", "boundary": 1.5}, 1),
    ],
)
def test_each_order_in_both_directions(
    engine: Any,
    x_shape: tuple[int, ...],
    h_shape: tuple[int, ...],
    options: dict[str, Any],
    order: int,
) -> None:
    def value(x: jax.Array, h: jax.Array) -> jax.Array:
        # Squared, so that second derivatives by each operand alone do not vanish.
        return filtrax.convolve(x, h, method=engine, **options) ** 2

    arguments = jnp.asarray(random(x_shape)), jnp.asarray(random(h_shape, seed=1))
    check_grads(jax.jit(value), arguments, order=order, modes=("fwd", "rev"), rtol=1e-6, atol=1e-6)


@engines
def test_the_third_order(engine: Any) -> None:
    def value(x: jax.Array, h: jax.Array) -> jax.Array:
        return jnp.sum(jnp.sin(filtrax.convolve(x, h, "full", method=engine)))

    arguments = jnp.asarray(random((4,))), jnp.asarray(random((2,), seed=1))
    check_grads(jax.jit(value), arguments, order=3, modes=("rev",), rtol=1e-5, atol=1e-5)


@engines
@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("conjugate", [True, False])
def test_complex_adjoints_pass_the_dot_product_test(
    engine: Any, operation: str, conjugate: bool
) -> None:
    x, h = random((2, 7), "complex128"), random((3,), "complex128", 1)
    function = getattr(filtrax, operation)

    def dot(a: Any, b: Any) -> complex:
        return complex(np.vdot(np.asarray(a), np.asarray(b)))

    cells = [
        {"mode": mode, "boundary": boundary, "stride": stride, "conjugate": conjugate}
        for mode, boundary, stride in (
            ("full", "zero", 1), ("same", "wrap", 2), ((2, 0), "zero", 2), ("valid", "zero", 1),
        )
    ]  # fmt: skip
    moved, turned = random(x.shape, "complex128", 3), random(h.shape, "complex128", 4)
    forward = [oracle.slide(moved, h, operation, **cell).astype(complex) for cell in cells]
    by_kernel = [oracle.slide(x, turned, operation, **cell).astype(complex) for cell in cells]
    targets = [random(y.shape, "complex128", 5) for y in forward]

    def adjoints(x: Any, h: Any) -> list[Any]:
        pairs = []
        for cell, z in zip(cells, targets, strict=True):
            _, pull = jax.vjp(lambda x, h, cell=cell: function(x, h, method=engine, **cell), x, h)
            # JAX's vjp is the transpose; the adjoint is its conjugate on the conjugate.
            pairs.append([jnp.conj(part) for part in pull(jnp.conj(z))])
        return pairs

    for i, (by_x, by_h) in enumerate(jax.jit(adjoints)(x, h)):
        left, right = dot(targets[i], forward[i]), dot(by_x, moved)
        np.testing.assert_allclose(left, right, rtol=1e-10, err_msg=str(cells[i]))
        left, right = dot(targets[i], by_kernel[i]), dot(by_h, turned)
        # By a kernel that is conjugated the map is linear over the reals only.
        np.testing.assert_allclose(left.real, right.real, rtol=1e-10, err_msg=str(cells[i]))
        if not conjugate:
            np.testing.assert_allclose(left, right, rtol=1e-10, err_msg=str(cells[i]))


@pytest.mark.parametrize("operation", OPERATIONS)
def test_complex_gradients_meet_finite_differences(operation: str) -> None:
    def loss(x: jax.Array, h: jax.Array) -> jax.Array:
        return jnp.sum(jnp.abs(getattr(filtrax, operation)(x, h, "same", boundary="edge")) ** 2)

    arguments = jnp.asarray(random((6,), complex)), jnp.asarray(random((3,), complex, 1))
    check_grads(jax.jit(loss), arguments, order=1, modes=("fwd", "rev"), rtol=1e-6, atol=1e-6)


def test_gradients_of_one_real_operand_stay_real() -> None:
    def loss(x: jax.Array, h: jax.Array) -> jax.Array:
        return jnp.sum(jnp.abs(filtrax.convolve(x, h, "same")) ** 2)

    for kinds in (("complex128", "float64"), ("float64", "complex128")):
        arguments = [jnp.asarray(random((5,), kinds[0])), jnp.asarray(random((2,), kinds[1], 1))]
        with jax.numpy_dtype_promotion("standard"):
            gradients = jax.grad(loss, (0, 1))(*arguments)
            check_grads(jax.jit(loss), arguments, order=1, modes=("fwd", "rev"))
        assert [g.dtype.name for g in gradients] == list(kinds)


@engines
def test_the_gradient_by_a_traced_constant(engine: Any) -> None:
    x, h = jnp.asarray(random((5,))), jnp.asarray(random((3,), seed=1))

    def value(fill: jax.Array, x: jax.Array, h: jax.Array) -> jax.Array:
        return filtrax.convolve(x, h, "full", boundary=fill, method=engine) ** 2

    for fill in (0.0, 1.5):
        got = jax.jit(value)(jnp.asarray(fill), x, h)
        expected = oracle.slide(x, h, "convolve", "full", boundary=fill) ** 2
        np.testing.assert_allclose(got, expected.astype(float), rtol=1e-10, atol=1e-12)
    arguments = (jnp.asarray(1.5), x, h)
    check_grads(jax.jit(value), arguments, order=1, modes=("fwd", "rev"), rtol=1e-6, atol=1e-6)


@engines
def test_hessian_and_jacobians_agree(engine: Any) -> None:
    x, h = jnp.asarray(random((5,))), jnp.asarray(random((3,), seed=1))

    def run(x: jax.Array, h: jax.Array) -> jax.Array:
        return filtrax.convolve(x, h, "same", boundary="reflect", method=engine)

    def loss(x: jax.Array, h: jax.Array) -> jax.Array:
        return jnp.sum(run(x, h) ** 2) / 2

    forward = jax.jit(jax.jacfwd(run, (0, 1)))(x, h)
    backward = jax.jit(jax.jacrev(run, (0, 1)))(x, h)
    for one, other in zip(forward, backward, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-14)
    # For a loss quadratic in one operand, the hessian is J^T J of the loop's own Jacobian.
    (xx, _), (_, hh) = jax.jit(jax.hessian(loss, (0, 1)))(x, h)
    by_x = differences(lambda x: oracle.slide(x, h, "convolve", "same", boundary="reflect"),
                       np.asarray(x))  # fmt: skip
    by_h = differences(lambda h: oracle.slide(x, h, "convolve", "same", boundary="reflect"),
                       np.asarray(h))  # fmt: skip
    np.testing.assert_allclose(xx, by_x.T @ by_x, rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(hh, by_h.T @ by_h, rtol=1e-10, atol=1e-10)


@engines
def test_linearize_and_linear_transpose(engine: Any) -> None:
    x, h = jnp.asarray(random((6,))), jnp.asarray(random((3,), seed=1))
    moved = jnp.asarray(random((6,), seed=2))

    def run(x: jax.Array) -> jax.Array:
        return filtrax.correlate(x, h, "full", method=engine)

    y, tangent = jax.linearize(run, x)
    np.testing.assert_allclose(y, oracle.slide(x, h, "correlate").astype(float), rtol=1e-12)
    wanted = oracle.slide(moved, h, "correlate").astype(float)
    np.testing.assert_allclose(tangent(moved), wanted, rtol=1e-12, atol=1e-12)
    (pulled,) = jax.linear_transpose(run, x)(y)
    jacobian = differences(lambda x: oracle.slide(x, h, "correlate"), np.asarray(x))
    np.testing.assert_allclose(pulled, np.asarray(y) @ jacobian, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
def test_a_gradient_has_the_dtype_of_its_argument(dtype: Any) -> None:
    x, h = jnp.asarray(random((2, 8), dtype)), jnp.asarray(random((3,), dtype, 1))
    gradients = jax.grad(lambda x, h: filtrax.convolve(x, h, "same").sum(), (0, 1))(x, h)
    assert [g.dtype for g in gradients] == [jnp.dtype(dtype)] * 2
    # The cotangent is all ones, so the gradient by h is a sum of the samples that each tap met.
    wide = jnp.asarray(np.asarray(x, np.float64))
    expected = jax.grad(lambda h: filtrax.convolve(wide, h, "same").sum())(h.astype("float64"))
    eps = float(jnp.finfo(dtype).eps)
    np.testing.assert_allclose(
        np.asarray(gradients[1], np.float64), expected, rtol=eps, atol=16 * eps * 1e-3
    )


def test_a_gradient_keeps_the_dtype_when_the_other_operand_is_wider() -> None:
    x, h = jnp.ones((4,), "float32"), jnp.ones((2,), "float64")
    with jax.numpy_dtype_promotion("standard"):
        by_x, by_h = jax.grad(lambda x, h: filtrax.convolve(x, h).sum(), (0, 1))(x, h)
    assert (by_x.dtype, by_h.dtype) == (jnp.float32, jnp.float64)


def test_integers_have_no_gradient_and_say_so() -> None:
    with pytest.raises(TypeError, match=r"real- or complex-valued|inexact"):
        jax.grad(lambda x: filtrax.convolve(x, jnp.ones(2, int)).sum())(jnp.arange(4))
