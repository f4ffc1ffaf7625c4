"""The reader's own experiment: what a design must have, and its verdict."""

import dataclasses

import numpy as np
import pytest

import toymodels as tm
from toymodels.claims import AtLeast, AtMost, Within
from toymodels.lessons.design import (
    ANYTHING,
    FAULTS,
    FEW,
    NO_CLAIM,
    NO_NUMBER,
    SAME,
    SEVERAL,
    Design,
    DesignExercise,
    best_of_restarts,
    carry_out,
    differences,
    told,
)


def spec(p=0.02, **changes):
    common = {"optimiser": tm.Optimiser(learning_rate=1e-2), "steps": 300, "batch": 64}
    return tm.TrainSpec(
        model=tm.Autoencoder(n=4, d=2),
        features=tm.IndependentFeatures(n=4, probability=p),
        **(common | changes),
    )


def kept(W):
    return int((np.linalg.norm(W, axis=0) > 0.7).sum())


SOUND = Design(
    statement="sparse features: more than two are kept",
    treatment=spec(0.02),
    control=spec(1.0),
    statistic=kept,
    test=AtLeast(3),
    samples=5,
)


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({}, ""),
        ({"statement": " "}, NO_CLAIM),
        ({"control": SOUND.treatment}, SAME),
        ({"control": spec(1.0, steps=200)}, SEVERAL),
        ({"samples": 4}, FEW),
        ({"test": Within(-np.inf, np.inf)}, ANYTHING),
        ({"statistic": lambda W: np.linalg.norm(W, axis=0)}, NO_NUMBER),
        ({"statistic": lambda W: None}, NO_NUMBER),
    ],
)
def test_a_fault_is_named(changes, fault):
    assert dataclasses.replace(SOUND, **changes).fault() == fault
    assert not fault or fault in FAULTS


def test_another_number_of_features_is_one_difference():
    larger = dataclasses.replace(
        spec(),
        model=tm.Autoencoder(n=5, d=2),
        features=tm.IndependentFeatures(n=5, probability=0.02),
    )
    assert differences(spec(), larger) == ("n",)
    assert differences(spec(), dataclasses.replace(larger, steps=9)) == ("n", "steps")
    # What has one value for each feature has another length with them, and no more.
    falling, longer = (
        dataclasses.replace(s, importance=0.5 ** np.arange(s.model.n))
        for s in (spec(), larger)
    )
    assert differences(falling, longer) == ("n",)
    assert differences(spec(), longer) == ("n", "importance")
    denser = dataclasses.replace(
        larger, features=tm.IndependentFeatures(n=5, probability=0.5)
    )
    assert differences(spec(), denser) == ("n", "features.probability")
    wider = dataclasses.replace(larger, model=tm.Autoencoder(n=5, d=3))
    assert differences(spec(), wider) == ("n", "model.d")


def test_every_setting_counts():
    assert differences(spec(), spec(0.5)) == ("features.probability",)
    untied = dataclasses.replace(spec(), model=tm.Autoencoder(n=4, d=3, tied=False))
    assert set(differences(spec(), untied)) == {"model.d", "model.tied"}
    slow = tm.Optimiser(learning_rate=1e-3, weight_decay=0.1)
    assert set(differences(spec(), spec(optimiser=slow))) == {
        "learning_rate",
        "weight_decay",
    }
    assert dataclasses.replace(SOUND, control=untied).fault() == SEVERAL
    # Another kind of setting is one, whatever it has in it.
    pair = tm.AnticorrelatedGroup(n=2, probability=0.2)
    pairs, other = (
        dataclasses.replace(spec(), features=tm.Concatenated(parts=(pair, second)))
        for second in (pair, tm.AnticorrelatedGroup(n=2, probability=0.3))
    )
    assert differences(spec(), pairs) == ("features",)
    assert differences(pairs, other) == ("features.parts.1.probability",)


def test_the_same_said_in_another_way_is_no_difference():
    assert differences(spec(), spec(importance=np.ones(4))) == ()
    assert differences(spec(), spec(weight_decay=1e-2)) == ()
    quartic = spec(objective=tm.Objective(exponent=4.0))
    assert differences(quartic, spec(exponent=4.0)) == ()
    # How many models are trained is the design's, not the reader's.
    assert differences(spec(), spec(seeds=7)) == ()


def test_a_design_is_judged_with_its_control():
    claim = carry_out(SOUND)
    assert claim.verdict == "supported"
    assert claim.seeds == 5
    assert claim.controls[0].measured == 2
    assert "fails, as it must" in told(claim)
    turned = dataclasses.replace(SOUND, test=AtMost(2))
    assert carry_out(turned).verdict == "not supported"
    # A test that the control passes as well decides nothing.
    lax = carry_out(dataclasses.replace(SOUND, test=AtLeast(1)))
    assert lax.verdict == "inconclusive"
    assert "does **not** fail" in told(lax)
    assert "did not fail as it must" in told(lax)
    unsure = dataclasses.replace(claim, verdict="inconclusive", note="")
    assert "crosses the border" in told(unsure)


def test_the_best_restart_is_that_of_the_lowest_loss():
    W = best_of_restarts(spec(), samples=2, restarts=3)
    run = tm.train(spec(seeds=6))
    windows = len(run.history.step) // 10
    loss = run.history.loss[-windows:].mean(axis=0).reshape(2, 3)
    expected = run.params["W"].reshape(2, 3, 2, 4)[[0, 1], loss.argmin(axis=1)]
    np.testing.assert_array_equal(W, expected)


def test_members_are_refused():
    with pytest.raises(tm.SettingsError, match="members"):
        best_of_restarts(spec(np.array([[0.1], [0.2]])), samples=1, restarts=1)


def test_an_exercise_says_what_came_instead_of_a_design():
    exercise = DesignExercise.of("mine", lambda: SOUND, {FEW: lambda: SOUND})
    assert exercise.check(None).passed is None
    assert exercise.check(lambda: None).passed is None
    assert "`int`" in exercise.check(lambda: 3).markdown
    assert "ZeroDivisionError" in exercise.check(lambda: 1 / 0).markdown
    few = exercise.check(lambda: dataclasses.replace(SOUND, samples=2))
    assert few.mistake == FEW
    assert FAULTS[FEW] in few.markdown
    assert exercise.check(lambda: SOUND).passed is True
