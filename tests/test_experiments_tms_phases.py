"""TMS-6, 7, 8, 24 and 25: their statistics on known input, and all of them small."""

import dataclasses
import importlib

import numpy as np
import pytest

import toymodels as tm
from experiments.tms import (
    linear_is_pca,
    loss_surfaces,
    phase_diagram,
    phase_diagram_three,
    phase_theory,
)
from experiments.tms._phase_grid import agreement, away_from_edges
from experiments.tms._quadrature import expected_loss, support_grid
from toymodels.claims import NOT_SUPPORTED, SUPPORTED
from toymodels.config import to_json
from toymodels.plotting import png_bytes
from toymodels.result import Result
from toymodels.theory import (
    THREE_IN_TWO,
    TWO_IN_ONE,
    exact_loss,
    linear_autoencoder_loss,
    phase,
    principal_subspace,
    template_losses,
)

# --- the loss by quadrature ----------------------------------------------------------


def test_every_support_has_weight_one():
    x, active, weight = support_grid(3, 5)
    for k, supports in enumerate((1, 3, 3, 1)):
        assert weight[active == k].sum() == pytest.approx(supports)
    assert np.array_equal((x > 0).sum(axis=0), active)
    assert np.sum(weight * x[0] ** 2) == pytest.approx(4 / 3)


@pytest.mark.parametrize("templates", [TWO_IN_ONE, THREE_IN_TWO])
def test_quadrature_agrees_with_the_closed_forms(templates):
    n = len(templates[0].roles)
    p, r = np.array([0.02, 0.3, 1.0]), 2.5
    wanted = template_losses(p, r, templates=templates, bias="mean")
    importance = np.tile([1.0] * (n - 1) + [r], (3, 1))
    for template, losses in zip(templates, wanted, strict=True):
        params = {
            "W": np.tile(template.weights, (3, 1, 1)),
            "b": np.stack([template.biases(float(q), bias="mean") for q in p]),
        }
        found = expected_loss(
            tm.Autoencoder(n=n, d=n - 1), params, p, importance, nodes=32
        )
        # 1e-3: the kink of the antipodal pair runs along the diagonal of the grid.
        assert np.allclose(found, losses, rtol=1e-3)


def test_quadrature_agrees_with_the_exact_surface():
    w = np.random.default_rng(0).normal(size=(20, 2))
    model = tm.Autoencoder(n=2, d=1, bias=False)
    found = expected_loss(
        model, {"W": w[:, None]}, np.full(20, 0.4), np.tile([1.0, 0.8], (20, 1))
    )
    exact = exact_loss(w[:, 0], w[:, 1], probability=0.4, importance=(1.0, 0.8))
    assert np.allclose(found, exact, rtol=2e-3)


# --- grid and agreement ---------------------------------------------------------------

CLASSES = np.array([[0, 0, 0, 1, 1]] * 4 + [[2, 2, 2, 2, 2]] * 2)


def test_cells_near_a_boundary_do_not_count():
    wanted = np.zeros((6, 5), bool)
    wanted[:3, :2] = wanted[:3, 4] = wanted[5] = True
    assert np.array_equal(away_from_edges(CLASSES), wanted)


def test_agreement_counts_cells_or_regions():
    everywhere = np.ones_like(CLASSES, bool)
    wrong = np.where(CLASSES == 1, 0, CLASSES)
    assert agreement(wrong, CLASSES, everywhere) == pytest.approx(22 / 30)
    balanced = agreement(wrong, CLASSES, everywhere, balanced=True)
    assert balanced == pytest.approx(2 / 3)
    assert agreement(CLASSES[None], CLASSES, everywhere) == [1.0]


# --- TMS-6 ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("weights", "wanted"),
    [
        ((1.0, -1.0), phase_diagram.ANTIPODAL),
        ((-0.9, 0.8), phase_diagram.ANTIPODAL),
        ((1.0, 0.1), phase_diagram.SECOND_IGNORED),
        ((0.1, -1.0), phase_diagram.FIRST_IGNORED),
        ((0.75, 0.75), phase_diagram.OTHER),
        ((0.1, 0.1), phase_diagram.OTHER),
    ],
)
def test_the_class_of_two_weights(weights, wanted):
    W = np.array([weights])[None, None, None, None]
    assert phase_diagram.classes_of(phase_diagram.grams(W)) == wanted


def phase_result(W_of_class, templates, settings):
    """What training would give if every cell ended in a known model."""
    p, r = settings.probability(), settings.relative_importance()
    theory = phase(p[:, None], r, templates=templates, bias="mean")
    shape = (settings.groups, settings.restarts, settings.grid, settings.grid)
    linear = np.array(
        [
            templates[int(k > 1)].weights
            for k in np.broadcast_to(r, theory.shape).ravel()
        ]
    )
    linear = linear.reshape(1, 1, settings.grid, settings.grid, settings.d, settings.n)
    W = np.broadcast_to(W_of_class[theory], (*shape, settings.d, settings.n))
    noise = np.random.default_rng(0).normal(size=W.shape)
    return Result(
        arrays={
            "p": p,
            "r": r,
            "W": W,
            "W_initial": noise,
            "loss": np.ones(shape),
            "W_linear": np.repeat(linear, settings.groups, axis=0),
            "loss_linear": np.ones((settings.groups, 1, *shape[2:])),
        },
        meta={"settings": to_json(settings)},
    )


def weights_of(templates):
    return np.stack([template.weights for template in templates])


def verdicts(module, result):
    return {claim.id: claim.verdict for claim in module.claims(result)}


TWO = phase_diagram.PhaseDiagram(groups=5, restarts=3)
THREE = phase_diagram_three.PhaseDiagramThree(groups=5, restarts=2)


def test_closed_form_weights_pass_and_every_control_fails():
    result = phase_result(weights_of(TWO_IN_ONE), TWO_IN_ONE, TWO)
    for claim in phase_diagram.claims(result):
        assert claim.verdict == SUPPORTED and claim.measured == 1
        assert all(control.failed_as_it_must for control in claim.controls)


def test_weights_of_one_sign_do_not_pass():
    W = weights_of(TWO_IN_ONE)
    W[phase_diagram.ANTIPODAL] = [[1.0, 0.3]]
    result = phase_result(W, TWO_IN_ONE, TWO)
    assert set(verdicts(phase_diagram, result).values()) == {NOT_SUPPORTED}


def test_best_and_average_differ_where_most_restarts_are_stuck():
    result = phase_result(weights_of(TWO_IN_ONE), TWO_IN_ONE, TWO)
    stuck = weights_of(TWO_IN_ONE)
    stuck[phase_diagram.ANTIPODAL] = [[1.0, 0.1]]
    other = phase_result(stuck, TWO_IN_ONE, TWO)["W"]
    # Of one good restart and three stuck ones, two of the latter enter the average.
    W = np.concatenate([result["W"][:, :1], other], axis=1)
    arrays = {**result.arrays, "W": W, "loss": np.ones(W.shape[:4])}
    found = verdicts(phase_diagram, Result(arrays, result.meta))
    assert found == {"TMS-6.best": SUPPORTED, "TMS-6.average": NOT_SUPPORTED}


# --- TMS-7 ----------------------------------------------------------------------------


def test_pooled_deviation_is_in_standard_errors():
    exact = np.full((3, 4), 2.0)
    sampled = np.stack([np.full((5, 3, 4), 2.1), np.full((5, 3, 4), 0.2)], axis=-1)
    # Each of the four levels of a seed is half an error off: √4/2 for all of them.
    found = phase_theory.pooled_deviation(sampled, exact)
    np.testing.assert_allclose(found, np.ones((5, 3)))


def test_sampled_losses_are_judged_over_seeds_and_closed_forms_without():
    settings = dataclasses.replace(phase_theory.PhaseTheory.preset("smoke"), seed=1)
    result = phase_theory.compute(settings, tm.train)
    losses, boundary = phase_theory.claims(result)
    assert (losses.verdict, losses.seeds) == (SUPPORTED, 5)
    assert (boundary.verdict, boundary.seeds) == (SUPPORTED, 0)
    # One seed that is far off is enough to take the support away.
    sampled = result["sampled"].copy()
    sampled[2, 0, :, 0] *= 1.5
    spoilt = Result({**result.arrays, "sampled": sampled}, result.meta)
    assert phase_theory.claims(spoilt)[0].verdict != SUPPORTED


# --- TMS-8 ----------------------------------------------------------------------------


def test_the_four_solutions_are_told_apart():
    place, angle = phase_diagram_three.solutions_of(weights_of(THREE_IN_TWO))
    assert np.array_equal(place, [0, 1, 2, 3]) and np.all(angle < 1e-3)


def test_templates_pass_and_initial_weights_fail():
    result = phase_result(weights_of(THREE_IN_TWO), THREE_IN_TWO, THREE)
    for claim in phase_diagram_three.claims(result):
        failed = {c.name: c.failed_as_it_must for c in claim.controls}
        assert failed["initial weights"]
        if claim.id != "TMS-8.four":
            assert claim.verdict == SUPPORTED and failed["linear model"]


def test_a_tilted_direction_is_none_of_the_four():
    W = weights_of(THREE_IN_TWO)
    W[1] = [[0.37, 0.93, 0.0], [0.0, 0.0, 1.0]]
    result = phase_result(W, THREE_IN_TWO, THREE)
    found = {claim.id: claim for claim in phase_diagram_three.claims(result)}
    assert found["TMS-8.each"].verdict == NOT_SUPPORTED
    assert "0.38 rad away" in found["TMS-8.each"].note


# --- TMS-24 ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("antipodal", "wanted"),
    [((1, 1, 0, 0), 0.55), ((0, 0, 0, 0), 0.0), ((1, 1, 1, 1), 0.9)],
)
def test_where_antipodal_models_end(antipodal, wanted):
    p = np.array([0.3, 0.5, 0.6, 0.9])
    found = loss_surfaces.switch_point(p, np.array(antipodal, bool))
    assert found == pytest.approx(wanted)


# --- TMS-25 ---------------------------------------------------------------------------


def test_the_principal_subspace_has_angle_zero_and_the_bound_as_loss():
    settings = linear_is_pca.LinearIsPCA.preset("smoke")
    covariances = settings.covariances()
    bases = np.stack([principal_subspace(one, settings.d) for one in covariances])
    W = np.swapaxes(bases, -1, -2)
    bound = [linear_autoencoder_loss(one, settings.d) for one in covariances]
    zero = np.zeros((settings.seeds, settings.n))
    assert np.allclose(linear_is_pca.linear_loss(W, zero, covariances), bound)
    assert np.all(linear_is_pca.largest_angle(W, bases) < 1e-3)
    turned = np.roll(W, 1, axis=-1)
    assert np.all(linear_is_pca.linear_loss(turned, zero, covariances) > bound)
    assert np.all(linear_is_pca.largest_angle(turned, bases) > 0.1)


# --- all of them ----------------------------------------------------------------------

NAMES = {
    "phase_diagram": 2,
    "phase_theory": 2,
    "phase_diagram_three": 3,
    "loss_surfaces": 5,
    "linear_is_pca": 2,
}


@pytest.mark.parametrize("name", NAMES)
def test_smoke_scale(name):
    module = importlib.import_module(f"experiments.tms.{name}")
    cls = next(
        value
        for value in vars(module).values()
        if isinstance(value, type)
        and value.__module__ == module.__name__
        and hasattr(value, "preset")
    )
    settings = dataclasses.replace(cls.preset("smoke"), seed=3)
    result = module.compute(settings, tm.train)
    for figure in module.plot(result).values():
        assert len(png_bytes(figure)) > 10_000
    claims = module.claims(result)
    assert len(claims) == NAMES[name]
    assert len({claim.id for claim in claims}) == len(claims)
    for claim in claims:
        assert claim.experiment == module.ID and claim.scale == "smoke"
        assert claim.controls and all(c.failed_as_it_must for c in claim.controls)
