"""MAD: decisive numbers on constructed inputs, and negative controls that fail."""

import dataclasses
from types import SimpleNamespace

import jax
import numpy as np
import pytest

import toymodels as tm
from experiments.mad import (
    dimensions,
    hidden_by_superposition,
    noisy_trigger,
    references,
    stability,
    that_not_which,
    train_or_held_out,
)
from experiments.mad._backtracking import detected_similarity, label_auroc
from experiments.mad._detectors import (
    auroc_of,
    median_of,
    plain,
    rank_over_rows,
    solved,
)
from experiments.mad._directions import (
    cosines,
    highest,
    logistic_directions,
    mean_difference,
)
from experiments.mad._figures import first_rows, grouped_order
from experiments.mad._held_out import (
    hits,
    joining,
    over_percentile,
    same_distribution,
    with_copies,
)
from experiments.mad._identities import identity_errors
from experiments.mad._variations import Variations
from experiments.planted_models import PlantedModels
from toymodels.anomaly import auroc, draw_scenario, unplanted_twin
from toymodels.anomaly.drawing import some_of
from toymodels.claims import INCONCLUSIVE, NOT_SUPPORTED, SUPPORTED
from toymodels.config import to_json
from toymodels.result import Result

SMOKE = PlantedModels.preset("smoke")


def untrained(spec: tm.TrainSpec) -> SimpleNamespace:
    """Stands in for a run: weights that represent every feature."""
    rng = np.random.default_rng(0)
    shapes = spec.parameter_shapes()
    params = {k: rng.normal(size=v).astype(np.float32) for k, v in shapes.items()}
    return SimpleNamespace(spec=spec, params=params)


# --- the ensemble --------------------------------------------------------------------


def test_every_seed_has_a_point_of_its_own_and_its_twin_differs_in_the_rate_alone():
    spec = SMOKE.spec()
    points = SMOKE.points()
    assert (np.count_nonzero(points, axis=1) == SMOKE.size).all()
    assert len(np.unique(points, axis=0)) == SMOKE.seeds
    assert unplanted_twin(spec, 1) == 0
    worlds = SMOKE.worlds(untrained(spec), SMOKE.rate, 0.0)
    np.testing.assert_allclose(worlds.point, np.tile(points, (2, 1)), rtol=1e-6)
    np.testing.assert_allclose(worlds.rate, [0.01] * 3 + [0.0] * 3, rtol=1e-6)
    np.testing.assert_array_equal(worlds.stream, [0, 1, 2] * 2)
    other = dataclasses.replace(SMOKE, seed=1)
    assert not np.array_equal(other.points(), points)


def test_the_other_settings_differ_from_the_first_in_one_thing():
    settings = Variations.preset("smoke")
    worlds = settings.varied_worlds(untrained(settings.varied_spec()))
    density = np.asarray(worlds.mean_active).reshape(3, -1) / settings.n
    np.testing.assert_allclose(density[:, 0], [0.03, 0.12, settings.probability], 1e-5)
    size = np.count_nonzero(worlds.point, axis=1).reshape(3, -1)
    assert size[:, 0].tolist() == [settings.size, settings.size, settings.other_size]
    np.testing.assert_allclose(worlds.rate, settings.rate, rtol=1e-6)
    np.testing.assert_allclose(worlds.point[:3], settings.points(), rtol=1e-6)
    assert len(settings.configurations()) == len(settings.judged_rates()) + 3


# --- tables and order ----------------------------------------------------------------


def test_detectors_are_ordered_by_what_they_see_and_bounds_come_first_and_last():
    sees = ["activations", "activations", "labels", "activations"]
    bounds = ["", "", "upper", "lower"]
    order = grouped_order(sees, bounds, np.array([0.2, 0.6, 0.1, 0.9]))
    assert order == [2, 1, 0, 3]
    assert first_rows(["a", "a", "b", "c", "c"]) == {"a": 0, "b": 2, "c": 3}


def test_numbers_are_found_by_name_and_what_diverged_does_not_count():
    arrays = {
        "detectors": np.array(["norm", "random"]),
        "comparisons": np.array(["C", "F"]),
        "auroc": np.arange(12.0).reshape(2, 2, 3),
    }
    result = Result(arrays=arrays)
    np.testing.assert_array_equal(auroc_of(result, "random", "C"), [6, 7, 8])
    assert median_of(np.array([1.0, np.nan, 3.0])) == 2.0
    assert np.isnan(median_of(np.array([np.nan])))
    assert plain("norm") == "length of h"
    assert plain("linear explanation (soft True)") == "linear, soft"
    assert plain("gram bounds (k 2)") == "bounds on products (k 2)"


# --- directions ----------------------------------------------------------------------


def test_labels_along_an_axis_give_that_axis_back_and_shuffled_ones_do_not():
    rng = np.random.default_rng(0)
    h = rng.normal(size=(2, 4, 3000)).astype(np.float32)
    fired = h[:, [0, 3]] > 1
    axes = np.eye(4)[None]
    found = (
        np.stack([mean_difference(h, fired[:, k]) for k in range(2)], axis=1),
        logistic_directions(h, fired),
    )
    for directions in found:
        similar = cosines(directions, axes)
        assert (similar[:, 0, 0] > 0.99).all() and (similar[:, 1, 3] > 0.99).all()
    dealt = rng.permuted(fired, axis=-1)
    length = np.linalg.norm(mean_difference(h, dealt[:, 0]), axis=-1)
    assert (length < 0.1 * np.linalg.norm(found[0][:, 0], axis=-1)).all()
    assert (cosines(np.zeros((1, 1, 4)), axes) == 0).all()


def test_the_highest_scores_are_flagged_as_many_as_wanted():
    scores = np.array([[0.1, 3.0, 2.0, 2.0], [4.0, 3.0, 2.0, 1.0]])
    flagged = highest(scores, 2)
    np.testing.assert_array_equal(flagged, [[0, 1, 1, 0], [1, 1, 0, 0]])


def test_labels_tell_what_fired_as_well_as_their_wrong_answers_permit():
    rng = np.random.default_rng(0)
    fired = rng.uniform(size=(1, 2, 4000)) < 0.2
    labels = fired ^ (rng.uniform(size=fired.shape) < 0.1)
    found = label_auroc(labels, fired)
    for k in range(2):
        on = fired[0, k]
        expected = auroc(labels[0, k][on] * 1.0, labels[0, k][~on] * 1.0)
        assert found[0, k] == pytest.approx(expected)
    np.testing.assert_allclose(found, 0.9, atol=0.02)
    assert np.isnan(label_auroc(labels, np.zeros_like(fired))).all()


def test_similarity_is_that_of_features_that_are_detected():
    auroc = np.array([[[0.99, 0.9, 0.98], [0.5, 0.6, np.nan]]])
    similar = np.array([[[0.8, 0.1, 1.0], [1.0, 1.0, 1.0]]])
    np.testing.assert_allclose(detected_similarity(auroc, similar), [0.9, np.nan])


def test_to_be_solved_without_the_direction_takes_both():
    margin = that_not_which.margin
    assert margin(0.97, 0.9, 0.3) == pytest.approx(0.02)
    assert margin(0.97, 0.9, 0.9) == pytest.approx(-0.4)
    assert margin(0.6, 0.9, 0.0) == pytest.approx(-0.35)
    assert margin(0.97, 0.5, 0.3) == pytest.approx(-0.3)  # few at 1 % false ones


# --- statistics over settings --------------------------------------------------------


def test_the_best_detector_is_chosen_anew_for_every_model_from_the_blind_ones():
    auroc = np.zeros((1, len(dimensions.BLIND) + 1, 2))
    auroc[0, 0, 0], auroc[0, 2, 1], auroc[0, -1] = 0.7, 0.8, 1.0
    np.testing.assert_allclose(dimensions.best_blind(auroc), [[0.7, 0.8]])


def drop_result(easy: float, hard: float) -> Result:
    settings = dimensions.Dimensions.preset("laptop")
    shape = (len(settings.dimensions), len(dimensions.BLIND) + 3, settings.seeds)
    auroc = np.random.default_rng(0).uniform(-0.01, 0.01, shape) + 0.5
    auroc[0, : len(dimensions.BLIND)] += easy - 0.5
    auroc[3, : len(dimensions.BLIND)] += hard - 0.5
    auroc[:, -2] += 0.49
    arrays = {
        "auroc": auroc, "twin": auroc, "tpr": auroc,
        "without_auroc": auroc[[0, 3], -1], "without_tpr": auroc[[0, 3], -1],
    }  # fmt: skip
    return Result(arrays=arrays, meta={"settings": to_json(settings)})


def test_a_loss_from_the_plane_is_supported_and_none_is_not():
    judged = dimensions.claims(drop_result(0.95, 0.7))
    assert [claim.verdict for claim in judged] == [SUPPORTED, SUPPORTED]
    judged = dimensions.claims(drop_result(0.7, 0.7))
    assert [claim.verdict for claim in judged] == [NOT_SUPPORTED, SUPPORTED]


def test_a_point_of_its_own_has_a_dimension_and_one_among_others_a_share():
    point = np.array([[2.0, 0.0], [2.0, 0.0]])
    ordinary = np.stack([np.array([[0.0, 0], [3, 1]]), np.array([[2.0, 2], [0, 5]])])
    found = hidden_by_superposition.dimensionality(point, ordinary)
    np.testing.assert_allclose(found, [1.0, 1 / 3])


def test_rank_correlations_are_taken_within_a_model():
    x = np.array([[1.0, 1.0], [2.0, 2.0], [3.0, 3.0]])
    y = np.array([[5.0, 3.0], [6.0, 2.0], [9.0, 1.0]])
    np.testing.assert_allclose(rank_over_rows(x, y), [1, -1])
    np.testing.assert_allclose(rank_over_rows(x[:, :1], y), [1, -1])
    assert np.isnan(rank_over_rows(x, np.where(y == 9, np.nan, y))[0])


def test_solved_takes_both_the_area_and_few_false_positives():
    assert solved(np.array(0.97), np.array(0.85)) == pytest.approx(0.02)
    assert solved(np.array(0.99), np.array(0.7)) == pytest.approx(-0.1)


def test_what_is_given_back_is_a_share_of_what_was_lost():
    whole, none = np.array([0.9, 0.9]), np.array([0.5, 0.9])
    found = references.given_back(whole, np.array([0.8, 0.9]), none)
    np.testing.assert_allclose(found, [0.75, np.nan])


def reference_result(again: float) -> Result:
    settings = references.References.preset("laptop")
    names = ("norm", "mahalanobis")
    spread = np.random.default_rng(0).uniform(-0.01, 0.01, (3, 2, settings.seeds))
    auroc = 0.5 + spread
    auroc[:, 1] += np.array([0.3, 0.29, 0.0])[:, None]  # trusted, once, contaminated
    arrays = {
        "detectors": np.array(names), "auroc": auroc, "twin": auroc,
        "quarter": 0.6 + spread[0, 1], "again": again + spread[1, 1],
    }  # fmt: skip
    return Result(arrays=arrays, meta={"settings": to_json(settings)})


def test_what_copies_hide_is_more_than_other_trusted_samples_do():
    judged = references.claims(reference_result(0.8))
    assert [claim.verdict for claim in judged] == [SUPPORTED, SUPPORTED]
    hidden = references.claims(reference_result(0.5))[0]
    assert hidden.verdict == INCONCLUSIVE  # other samples cost as much


def test_a_detector_that_is_best_everywhere_has_all_cells():
    auroc = np.full((3, 2, 2, 2), 0.5)
    auroc[0] = 0.8
    np.testing.assert_allclose(stability.share_won(auroc), [1, 1])
    auroc[1, 0, 0, 0] = 0.95
    np.testing.assert_allclose(stability.share_won(auroc), [0.75, 1])
    auroc[0, 0, 0, 1] = np.nan
    assert np.isnan(stability.share_won(auroc)[1])


def test_the_order_of_detectors_is_compared_over_pairs_of_settings():
    up = np.array([0.1, 0.2, 0.3])
    auroc = np.stack([up, up, up[::-1]], axis=1)[:, :, None]
    np.testing.assert_allclose(stability.mean_rank_correlation(auroc), [-1 / 3])


# --- the trigger ---------------------------------------------------------------------


@pytest.mark.parametrize("share", [0.5, 1.0])
def test_combinations_have_the_lengths_of_what_they_are_compared_with(share):
    worlds = SMOKE.worlds(untrained(SMOKE.spec()), SMOKE.rate)
    key = jax.random.key(0)
    like = noisy_trigger.OfLength(fewest=2, most=3, share=share)
    drawn = draw_scenario(like, worlds, key, 2000)
    part = draw_scenario(noisy_trigger.trigger(share), worlds, key, 2000)
    kept = np.asarray(part.active).sum(axis=1)
    assert (kept == (SMOKE.size if share == 1 else some_of(0.5, np.int64(4)))).all()
    for run in range(SMOKE.seeds):
        W = worlds.params["W"][run]
        lengths = [np.linalg.norm(W @ x, axis=0) for x in (drawn.x[run], part.x[run])]
        assert lengths[0].mean() == pytest.approx(lengths[1].mean(), rel=0.03)


# --- leverage ------------------------------------------------------------------------


@pytest.mark.parametrize("d", [2, 3])
def test_identities_are_exact_and_wrong_ones_are_not(d):
    H = np.random.default_rng(0).normal(size=(d, 40)) * np.arange(1, d + 1)[:, None]
    assert max(identity_errors(H).values()) < 1e-6
    assert min(identity_errors(H, wrong=True).values()) > 1e-4


def test_copies_hide_a_point_that_leverage_finds_without_them():
    rng = np.random.default_rng(0)
    H = rng.normal(size=(2, 50)).astype(np.float32)
    H[:, 0] = (9.0, 9.0)
    alone = with_copies(H, 1)
    copied = with_copies(H, 20)
    assert alone.argmax() == 0 and copied.argmax() != 0
    assert copied[0] < 1 / 20 and len(copied) == 50
    np.testing.assert_array_equal(
        hits(np.stack([alone, copied, np.full(50, np.nan)])),
        [1, 0, np.nan],
    )
    # A point that joins the others has the leverage that it has among them.
    joined = joining(H[:, 1:], H[:, :1])
    np.testing.assert_allclose(joined, alone[:1], rtol=1e-4)
    lost = joining(np.full((2, 5), np.nan), H)
    assert np.isnan(lost).all()


def test_the_same_distribution_passes_and_another_one_does_not():
    rng = np.random.default_rng(0)
    train, fresh = rng.normal(size=(2, 300)), rng.normal(size=(2, 900))
    fresh[1] += 1
    p = same_distribution(train, fresh)
    assert p[0] > 0.05 > p[1]
    train[:, 0] = (9, 0)
    over = over_percentile(train, np.abs(fresh))
    assert over[0] > 1 > over[1]


def memory_result(hit: bool) -> Result:
    settings = train_or_held_out.TrainOrHeldOut.preset("laptop")
    rng = np.random.default_rng(0)
    shape = (3, settings.sets)
    train = rng.uniform(size=(*shape, 200))
    fresh = rng.uniform(size=(*shape, 900))
    train[0, :, 0] = 0.1
    train[1:, :, 0] = 2.0 if hit else 0.1
    arrays = {
        "train": train, "hidden": rng.uniform(1, 2, (*shape, 200)), "fresh": fresh,
        "other": fresh + 0.5, "linear": train[0],
        "right": np.zeros(1), "wrong": np.ones(1),
    }  # fmt: skip
    arrays["hidden"][:, :, 0] = 0.0
    meta = {"settings": to_json(settings), "identities": ["rank"]}
    return Result(arrays=arrays, meta=meta)


def test_a_point_that_stands_out_is_supported_and_one_that_does_not_is_not():
    assert {c.verdict for c in train_or_held_out.claims(memory_result(True))} == {
        SUPPORTED
    }
    verdicts = {c.id: c.verdict for c in train_or_held_out.claims(memory_result(False))}
    assert verdicts["MAD-8.memorised"] == NOT_SUPPORTED
    assert verdicts["MAD-10.hit"] == NOT_SUPPORTED
    spoilt = memory_result(True)
    arrays = {**spoilt.arrays, "hidden": spoilt["train"]}
    judged = train_or_held_out.claims(Result(arrays, spoilt.meta))
    assert {c.id: c.verdict for c in judged}["MAD-10.hit"] == INCONCLUSIVE
