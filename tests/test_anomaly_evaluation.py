"""Evaluation where the answer is known, and what becomes of it."""

import dataclasses

import numpy as np
import pytest
from test_anomaly_scenarios import PLANTED, POINT, params_of, spec_of

import toymodels as tm
from toymodels.anomaly import make_detector
from toymodels.anomaly.comparisons import Comparison
from toymodels.anomaly.evaluation import (
    METRICS,
    Evaluation,
    difference,
    evaluate,
    over_seeds,
    seen_by,
)
from toymodels.anomaly.planted import planted_worlds
from toymodels.anomaly.reference import Reference

SAMPLES = 200
DETECTORS = tuple(
    make_detector(name) for name in ("norm", "random", "spectral signature")
)
SPEC = spec_of(PLANTED)


def far_params():
    """The point lies far away from everything else, in a direction of its own."""
    params = params_of(SPEC)
    params["W"] *= 0.1
    params["W"][:, 0] = 0
    params["W"][:, 0, POINT != 0] = 3.0
    return params


@pytest.fixture(scope="module")
def worlds():
    worlds = planted_worlds(SPEC, far_params())
    return dataclasses.replace(worlds, represented=np.ones((4, 16), bool))


@pytest.fixture(scope="module")
def found(worlds):
    reference = Reference(samples=SAMPLES, share=0.1)
    return evaluate(worlds, DETECTORS, reference=reference, samples=SAMPLES)


def test_a_far_point_is_found_by_its_norm_and_chance_finds_nothing(found):
    assert [c.name for c in found.comparisons] == [f"B∪B' vs {name}" for name in "CFN"]
    norm, random = found.auroc[0], found.auroc[1]
    assert (norm[2] > 0.97).all()  # against N
    # Against C the norms are matched: chance, up to its standard error of 0.04.
    np.testing.assert_allclose(norm[0], 0.5, atol=0.13)
    np.testing.assert_allclose(random, 0.5, atol=0.13)
    np.testing.assert_allclose(found.average_precision[1], 0.5, atol=0.15)
    assert (found.tpr[1] < 0.1).all()
    assert (found.seconds > 0).all()


def test_the_whole_point_alone_has_auroc_1(worlds):
    pair = Comparison(("B",), "N")
    alone = evaluate(
        worlds,
        DETECTORS[:1],
        scenarios=("B", "N"),
        comparisons=(pair,),
        reference=Reference(samples=SAMPLES),
        samples=SAMPLES,
    )
    for metric in METRICS:
        np.testing.assert_array_equal(getattr(alone, metric), np.ones((1, 1, 4)))


def test_positives_are_as_many_as_negatives(found):
    both = found.scores_of(0, ("B", "B'"))
    assert both.shape == (4, SAMPLES)
    np.testing.assert_array_equal(both[:, : SAMPLES // 2], found.scores[0, 0, :, :100])


def test_twins_share_everything_but_what_training_did(found):
    # Runs 0 and 1 have the same weights' seed here too: only the rate differs.
    planted, twin = found.select(np.array([1, 3])), found.select(np.array([0, 2]))
    np.testing.assert_array_equal(difference(planted, planted), 0)
    gained = difference(planted, twin)
    np.testing.assert_allclose(gained, planted.auroc - twin.auroc)
    np.testing.assert_array_equal(gained[1, 2], 0)  # chance, on the same samples
    with pytest.raises(tm.SettingsError, match="runs of the planted models"):
        difference(planted, found)
    with pytest.raises(tm.SettingsError, match="metric: got 'auc'"):
        difference(planted, twin, "auc")


def test_what_searches_untrusted_samples_says_so(found):
    assert found.sees == ("activations", "activations", "activations + untrusted")
    assert found.bounds == ("", "lower", "")
    assert seen_by(make_detector("oracle code")) == "true dictionary"


def test_a_diverged_model_is_nan_and_changes_no_other(worlds, found):
    W = np.array(worlds.params["W"])
    W[2, 0, 0] = np.nan
    broken = dataclasses.replace(worlds, params={**worlds.params, "W": W})
    reference = Reference(samples=SAMPLES, share=0.1)
    again = evaluate(broken, DETECTORS, reference=reference, samples=SAMPLES)
    assert np.isnan(again.auroc[..., 2]).all() and np.isnan(again.scores[:, :, 2]).all()
    assert again.finite.tolist() == [0, 1, 3]
    np.testing.assert_allclose(
        again.select(again.finite).auroc, found.select(again.finite).auroc, atol=1e-3
    )
    middle, low, high = over_seeds(again.auroc)
    np.testing.assert_allclose(middle, np.median(again.auroc[..., [0, 1, 3]], axis=-1))
    assert (low <= middle).all() and (middle <= high).all()
    assert np.isnan(over_seeds(np.full((1, 1, 3), np.nan))).all()


def test_an_evaluation_survives_the_store(found, tmp_path):
    store = tm.store.Store(tmp_path)
    key = store.key(SPEC, "evaluation")
    store.save(key, found.to_result(), {})
    loaded = Evaluation.from_result(store.load(key))
    for field in dataclasses.fields(found):
        first, second = getattr(found, field.name), getattr(loaded, field.name)
        assert type(first) is type(second), field.name
        assert np.all(first == second) if hasattr(first, "dtype") else first == second


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"detectors": ()}, "detectors: got ()"),
        ({"samples": 1}, "samples: got 1"),
        ({"seed": -1}, "seed: got -1"),
        ({"scenarios": ("B", "X")}, "scenario: got 'X'"),
        ({"scenarios": ("B", "B'")}, "a backdoor and something to compare"),
        ({"comparisons": (Comparison(("B",), "over-many"),)}, "got 'over-many'"),
        ({"scenarios": ("C", "over-many")}, "a backdoor and something to compare"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_bad_input_is_one_line(worlds, changes, said):
    given = {"detectors": DETECTORS, **changes}
    with pytest.raises(tm.SettingsError) as error:
        evaluate(worlds, **given)
    assert said in str(error.value) and "\n" not in str(error.value)


def test_models_that_all_diverged_are_one_line(worlds):
    params = {**worlds.params, "b": np.full((4, 16), np.nan)}
    broken = dataclasses.replace(worlds, params=params)
    with pytest.raises(tm.SettingsError, match="no model with finite weights"):
        evaluate(broken, DETECTORS)
