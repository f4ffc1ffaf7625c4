"""Phase diagrams: closed forms against sampling, quadrature and each other."""

import jax
import numpy as np
import pytest

from toymodels import geometry, theory

BIASES = ["none", "mean", "optimal"]
SAMPLES = 200_000


@pytest.mark.parametrize("bias", BIASES)
@pytest.mark.parametrize("templates", [theory.TWO_IN_ONE, theory.THREE_IN_TWO])
@pytest.mark.parametrize(("p", "r"), [(0.3, 0.5), (0.7, 1.6), (1.0, 1.0)])
def test_each_template_agrees_with_sampling_within_three_errors(bias, templates, p, r):
    rng = np.random.default_rng(0)
    n = len(templates[0].roles)
    x = rng.uniform(size=(n, SAMPLES)) * (rng.uniform(size=(n, SAMPLES)) < p)
    importance = np.array([1.0] * (n - 1) + [r])
    expected = theory.template_losses(p, r, templates=templates, bias=bias)
    for template, loss in zip(templates, expected, strict=True):
        W, b = template.weights, template.biases(p, bias=bias)
        error = x - np.maximum(W.T @ (W @ x) + b[:, None], 0.0)
        samples = importance @ error**2
        standard_error = samples.std(ddof=1) / np.sqrt(SAMPLES)
        assert abs(samples.mean() - loss) <= 3 * standard_error, template.name


@pytest.mark.parametrize("p", [0.2, 4 / 7, 1.0])
@pytest.mark.parametrize("bias", ["mean", "optimal"])
def test_antipodal_cost_agrees_with_quadrature(p, bias):
    nodes, weights = np.polynomial.legendre.leggauss(200)
    x, w = (nodes + 1) / 2, weights / 2
    b = float(theory.antipodal_bias(p)) if bias == "optimal" else 0.0
    alone = w @ (np.maximum(x + b, 0) - x) ** 2
    partner = w @ np.maximum(b - x, 0) ** 2
    error = np.maximum(x[:, None] - x[None, :] + b, 0) - x[:, None]
    cost = (1 - p) ** 2 * b**2 + p * (1 - p) * (alone + partner)
    cost += p**2 * (w @ error**2 @ w)
    # the kink costs the Gauss rule its speed, hence not to rounding
    assert theory.antipodal_cost(p, bias=bias) == pytest.approx(cost, abs=1e-5)


def test_the_best_antipodal_bias_is_positive_and_a_minimum():
    p = np.array([0.05, 0.3, 4 / 7, 0.9, 1.0])
    best = theory.antipodal_bias(p)
    assert np.all(best > 0)
    scan = np.linspace(0, 1, 2001)[:, None]
    cost = (1 - p) * scan**2 + p * scan**3 / 3
    cost += p**2 * (1 - scan) ** 3 * (1 + scan) / 6
    np.testing.assert_allclose(scan[cost.argmin(0), 0], best, atol=5e-4)
    found = theory.antipodal_cost(p, bias="optimal")
    np.testing.assert_allclose(found, cost.min(0), atol=1e-6)
    assert np.all(found < p**2 / 6)


def test_printed_boundaries_and_triple_point():
    r = np.array([0.1, 0.5, 1.0])
    mean, none = 4 * r / (2 + 5 * r), 2 * r / (1 + r)
    np.testing.assert_allclose(theory.boundary(r, bias="mean"), mean, rtol=1e-12)
    np.testing.assert_allclose(theory.boundary(r, bias="none"), none, rtol=1e-12)
    r = np.array([1.0, 2.0, 10.0])
    mean, none = 4 / (5 + 2 * r), 2 / (1 + r)
    np.testing.assert_allclose(theory.boundary(r, bias="mean"), mean, rtol=1e-12)
    np.testing.assert_allclose(theory.boundary(r, bias="none"), none, rtol=1e-12)
    assert theory.triple_point(bias="mean") == (1.0, pytest.approx(4 / 7))
    assert theory.triple_point(bias="none") == (1.0, pytest.approx(1.0))
    assert theory.triple_point(bias="optimal") == (1.0, pytest.approx(0.627, abs=5e-4))


@pytest.mark.parametrize("bias", BIASES)
@pytest.mark.parametrize("templates", [theory.TWO_IN_ONE, theory.THREE_IN_TWO])
def test_losses_are_equal_on_the_boundary_and_the_phase_changes_there_alone(
    bias, templates
):
    r = np.logspace(-1, 1, 11)
    edge = theory.boundary(r, templates=templates, bias=bias)
    losses = np.sort(
        theory.template_losses(edge, r, templates=templates, bias=bias), axis=0
    )
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-9)
    p = np.linspace(0.005, 0.995, 199)
    found = theory.phase(p[:, None], r[None, :], templates=templates, bias=bias)
    superposed = np.array(["paired" in t.roles for t in templates])[found]
    np.testing.assert_array_equal(superposed, p[:, None] < edge[None, :])


def test_three_in_two_has_four_regions():
    def name(p, r):
        index = theory.phase(p, r, templates=theory.THREE_IN_TWO, bias="optimal")
        return theory.THREE_IN_TWO[int(index)].name

    assert name(0.9, 0.5) == "third ignored"
    assert name(0.9, 2.0) == "first ignored"
    assert name(0.1, 0.5) == "third paired"
    assert name(0.1, 2.0) == "third kept, others paired"


def test_templates_lose_the_directions_that_the_paper_lists():
    expected = [[0, 0, 1], [1, 0, 0], [0, 1, 1], [1, 1, 0]]
    for template, lost in zip(theory.THREE_IN_TWO, expected, strict=True):
        np.testing.assert_array_equal(template.weights @ lost, [0, 0])
        unit = np.array(lost) / np.linalg.norm(lost)
        np.testing.assert_allclose(template.null_directions[0], unit)
    for templates in (theory.TWO_IN_ONE, theory.THREE_IN_TWO):
        for index, template in enumerate(templates):
            with jax.enable_x64(True):
                null = np.asarray(geometry.null_direction(-2 * template.weights))
            found, angle = theory.nearest_template(null, templates)
            assert found == index
            assert angle == pytest.approx(0, abs=1e-7)


def test_nearest_template_knows_mirrors_signs_and_what_is_neither():
    nulls = np.array([[0, -1, 0], [-1, 0, -1], [0.9, 1.1, 0]])
    nulls /= np.linalg.norm(nulls, axis=1, keepdims=True)
    found, angle = theory.nearest_template(nulls, theory.THREE_IN_TWO)
    np.testing.assert_array_equal(found, [1, 2, 3])
    np.testing.assert_allclose(angle, [0, 0, np.arctan(0.1)], atol=1e-7)
    confused = np.array([1.0, -1.0]) / np.sqrt(2)
    assert theory.nearest_template(confused, theory.TWO_IN_ONE)[1] == pytest.approx(
        np.pi / 4
    )
