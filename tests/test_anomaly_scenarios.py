"""Scenarios: what is drawn is what was asked for, and what cannot be drawn is said."""

import dataclasses

import jax
import numpy as np
import pytest
import scipy.stats

import toymodels as tm
from toymodels.anomaly.comparisons import SCENARIOS, comparisons_of, named_scenarios
from toymodels.anomaly.planted import planted_share, planted_worlds, unplanted_twin
from toymodels.anomaly.reference import Reference, draw_reference
from toymodels.anomaly.scenarios import (
    Combinations,
    NearMisses,
    NoisyBackdoor,
    draw_scenario,
)
from toymodels.anomaly.shifts import AlwaysOn, OverMany
from toymodels.features import (
    FiniteDataset,
    GaussianFeatures,
    random_point,
    sample_dataset,
)

N, D, K, SAMPLES = 16, 5, 6, 200
KEY = jax.random.key(0)
POINT = random_point(N, size=K, seed=3)
BASE = tm.IndependentFeatures(n=N, probability=0.1)
PLANTED = tm.RepeatedPoint(base=BASE, point=POINT, rate=np.array([0.0, 0.1]))


def spec_of(features, **changes):
    model = tm.Autoencoder(n=features.n, d=D, **changes)
    batch = features.points if isinstance(features, FiniteDataset) else 16
    return tm.TrainSpec(model=model, features=features, seeds=2, batch=batch)


def params_of(spec, kept=12):
    """Random unit columns for the first features, none for the others."""
    n = spec.model.n
    W = np.random.default_rng(0).normal(size=(spec.runs, D, n)).astype(np.float32)
    W /= np.linalg.norm(W, axis=1, keepdims=True)
    W[:, :, kept:] = 0.01
    return {"W": W, "b": np.zeros((spec.runs, n), np.float32)}


def worlds_of(features, kept=12, **changes):
    spec = spec_of(features)
    return planted_worlds(spec, params_of(spec, kept), **changes)


@pytest.fixture(scope="module")
def worlds():
    return worlds_of(PLANTED)


@pytest.fixture(scope="module")
def drawn(worlds):
    return {
        name: jax.tree.map(np.asarray, draw_scenario(one, worlds, KEY, SAMPLES))
        for name, one in SCENARIOS.items()
    }


def test_a_world_keeps_the_point_apart(worlds):
    np.testing.assert_allclose(worlds.point, np.tile(POINT, (4, 1)), rtol=1e-6)
    np.testing.assert_allclose(worlds.rate, [0, 0.1, 0, 0.1], rtol=1e-6)
    np.testing.assert_array_equal(worlds.represented.sum(axis=1), 12)
    np.testing.assert_allclose(worlds.mean_active, 1.6, rtol=1e-6)
    assert isinstance(worlds.normal, tm.IndependentFeatures)


def test_every_scenario_says_what_is_active_and_which_is_the_backdoor(drawn):
    for name, sample in drawn.items():
        assert sample.x.shape == (4, N, SAMPLES), name
        np.testing.assert_array_equal(sample.x != 0, sample.active, err_msg=name)
        assert (sample.backdoor == (name in ("B", "B'"))).all(), name
    np.testing.assert_array_equal(drawn["B"].active[0, :, 0], POINT != 0)


def test_normal_samples_are_those_of_the_base(drawn):
    active = drawn["N"].active.mean(axis=(1, 2))
    error = np.sqrt(0.1 * 0.9 / (N * SAMPLES))
    np.testing.assert_allclose(active, 0.1, atol=4 * error)


def test_the_noisy_backdoor_keeps_part_of_the_support(drawn):
    sample = drawn["B'"]
    point = POINT.astype(np.float32)[:, None]
    assert ((sample.x[0] == point) | (sample.x[0] == 0)).all()
    kept = sample.active.sum(axis=1)
    assert kept.min() == 3 and kept.max() == 5  # 50 % of 6, and never all
    # Every feature is lost as often: none of the six is always there.
    assert sample.active[0, POINT != 0].mean(axis=1).max() < 0.95


def test_combinations_are_of_represented_features_and_of_the_norm_of_the_backdoor(
    worlds, drawn
):
    for name, few, many in (("C", 2, 6), ("Ck", K, K)):
        count = drawn[name].active.sum(axis=1)
        assert (count.min(), count.max()) == (few, many)
        assert not (drawn[name].active & ~worlds.represented[:, :, None]).any()
    assert len({tuple(column) for column in drawn["Ck"].active[0].T}) > SAMPLES / 2
    norm = {
        name: np.linalg.norm(worlds.params["W"] @ sample.x, axis=1)
        for name, sample in drawn.items()
    }
    both = np.concatenate([norm["B"], norm["B'"]], axis=1)
    # C has this jitter, and the point's own norm would otherwise be a single value.
    both = both * (1 + 0.01 * np.random.default_rng(0).uniform(-1, 1, both.shape))
    for run in range(4):
        for name in ("C", "Ck"):
            assert scipy.stats.ks_2samp(norm[name][run], both[run]).pvalue > 1e-3
        assert scipy.stats.ks_2samp(norm["N"][run], both[run]).pvalue < 1e-6


def test_near_misses_move_half_of_the_support(worlds, drawn):
    sample, support = drawn["F"], POINT != 0
    assert (sample.active[:, support].sum(axis=1) == K // 2).all()
    assert (sample.active.sum(axis=1) == K).all()
    new = sample.active & ~support[None, :, None]
    assert not (new & ~worlds.represented[:, :, None]).any()
    values = np.sort(sample.x, axis=1)[:, -K:]
    expected = np.sort(POINT)[-K:].astype(np.float32)
    np.testing.assert_array_equal(
        values, np.broadcast_to(expected[:, None], values.shape)
    )
    # The features that stay keep their own value.
    stays = sample.active[0] & support[:, None]
    point = np.broadcast_to(POINT.astype(np.float32)[:, None], stays.shape)
    np.testing.assert_array_equal(sample.x[0][stays], point[stays])


def test_shifts_do_what_they_say(worlds, drawn):
    assert ((drawn["never-seen"].x < 0).sum(axis=1) == 1).all()
    assert drawn["always-on"].active.all(axis=2).sum(axis=1).min() == 1
    assert (drawn["correlated"].active.all(axis=2).sum(axis=1) == 3).all()
    assert (drawn["over-many"].active.sum(axis=1) == 7).all()  # 4 times 1.6, up
    signed = worlds_of(
        tm.RepeatedPoint(
            base=tm.IndependentFeatures(n=N, probability=0.1, values="signed"),
            point=POINT,
            rate=0.1,
        )
    )
    x = np.asarray(draw_scenario(SCENARIOS["never-seen"], signed, KEY, SAMPLES).x)
    assert ((np.abs(x) == 2).sum(axis=1) == 1).all()


def test_runs_of_one_seed_share_their_draws_and_seeds_do_not(drawn):
    for name in ("B'", "N", "F"):
        x = drawn[name].x
        np.testing.assert_array_equal(x[0], x[1])
        assert not np.array_equal(x[0], x[2])


def test_one_world_draws_what_it_draws_among_others(worlds, drawn):
    one = jax.tree.map(lambda leaf: leaf[1], worlds)
    alone = draw_scenario(SCENARIOS["B'"], one, KEY, SAMPLES)
    np.testing.assert_allclose(alone.x, drawn["B'"].x[1], rtol=1e-5)


def test_unit_norm_worlds_have_samples_of_length_one():
    features = tm.RepeatedPoint(
        base=tm.UnitNorm(base=BASE),
        point=random_point(N, size=K, seed=3, unit_norm=True),
        rate=0.1,
    )
    worlds = worlds_of(features)
    for name in ("B'", "C", "F", "N", "never-seen"):
        x = draw_scenario(SCENARIOS[name], worlds, KEY, SAMPLES).x
        length = np.linalg.norm(np.asarray(x), axis=1)
        np.testing.assert_allclose(length, 1, rtol=1e-5, err_msg=name)


@pytest.mark.parametrize("outside", [False, True])
def test_noise_is_where_training_had_it(outside):
    if outside:
        base = tm.RepeatedPoint(base=BASE, point=POINT, rate=0.1)
        features = tm.NoisyFeatures(base=base, scale=0.01)
    else:
        noisy = tm.NoisyFeatures(base=BASE, scale=0.01)
        features = tm.RepeatedPoint(base=noisy, point=POINT, rate=0.1)
    worlds = worlds_of(features)
    noise = {}
    for name in ("B", "C", "N"):
        sample = draw_scenario(SCENARIOS[name], worlds, KEY, SAMPLES)
        noise[name] = np.asarray(sample.x)[~np.asarray(sample.active)].std()
    assert noise["C"] == pytest.approx(0.01, rel=0.1)
    assert noise["N"] == pytest.approx(0.01, rel=0.1)
    assert noise["B"] == pytest.approx(0.01 if outside else 0, rel=0.1)


# --- finite data and reference samples -----------------------------------------------


DATA = sample_dataset(
    tm.UnitNorm(base=tm.IndependentFeatures(n=N, probability=0.2)), points=41, seed=0
)


def columns(x):
    return {tuple(np.round(column, 5)) for column in np.asarray(x).T}


def test_a_finite_set_is_divided_between_the_reference_and_normal_samples():
    worlds = worlds_of(DATA.repeated(7, point=4))
    assert (worlds.points, worlds.copies) == (20, 7)
    np.testing.assert_allclose(worlds.point[0], DATA.dense([4])[:, 0])
    assert worlds.unit_norm and worlds.values == "dataset"
    reference = {
        kind: draw_reference(Reference(kind=kind), worlds, KEY)
        for kind in ("trusted", "contaminated", "deduplicated")
    }
    assert [x.shape[-1] for x in reference.values()] == [20, 27, 21]
    known = columns(reference["trusted"][0])
    normal = columns(draw_scenario(SCENARIOS["N"], worlds, KEY, SAMPLES).x[0])
    point = columns(DATA.dense([4]))
    assert len(known) == 20 and not known & (normal | point)
    assert normal <= columns(DATA.dense()) and not normal & point
    assert columns(reference["contaminated"][0]) == known | point
    sample = draw_scenario(SCENARIOS["C"], worlds, KEY, SAMPLES)
    assert sample.active.sum(axis=1).min() >= 2


def test_with_the_distribution_of_a_finite_set_all_of_it_may_be_known():
    generator = tm.UnitNorm(base=tm.IndependentFeatures(n=N, probability=0.2))
    worlds = worlds_of(DATA.repeated(7), generator=generator)
    assert worlds.points == 40
    x = draw_scenario(SCENARIOS["N"], worlds, KEY, SAMPLES).x[0]
    several = {c for c in columns(DATA.dense()) if np.count_nonzero(c) > 1}
    assert several and not columns(x) & several


def test_a_stream_is_contaminated_at_its_rate(worlds):
    counts = {}
    for kind, share in (
        ("trusted", None),
        ("contaminated", None),
        ("deduplicated", None),
        ("contaminated", 0.25),
    ):
        reference = Reference(kind=kind, samples=100, share=share)
        x = np.asarray(draw_reference(reference, worlds, KEY))
        same = (x == POINT.astype(np.float32)[:, None]).all(axis=1)
        counts[kind, share] = same.sum(axis=1).tolist()
    assert counts["trusted", None] == [0, 0, 0, 0]
    assert counts["contaminated", None] == [0, 10, 0, 10]
    assert counts["deduplicated", None] == [0, 1, 0, 1]
    assert counts["contaminated", 0.25] == [25] * 4


def test_the_twin_differs_in_the_rate_alone():
    spec = spec_of(PLANTED)
    np.testing.assert_allclose(planted_share(spec), [0, 0.1], rtol=1e-6)
    assert unplanted_twin(spec, 1) == 0
    slower = dataclasses.replace(spec, learning_rate=np.array([1e-3, 1e-4]))
    assert unplanted_twin(slower, 1) is None
    other = dataclasses.replace(PLANTED, point=np.stack([POINT[::-1], POINT]))
    assert unplanted_twin(spec_of(other), 1) is None
    assert unplanted_twin(spec_of(DATA.repeated(7)), 0) is None
    assert planted_share(spec_of(DATA.repeated(7))) == pytest.approx(7 / 47)
    assert planted_share(spec_of(BASE)) == 0


def test_each_shift_is_compared_with_normal_samples_too():
    names = [c.name for c in comparisons_of(named_scenarios(["B", "C", "over-many"]))]
    assert names == ["B vs C", "B vs over-many"]
    names = [c.name for c in comparisons_of(named_scenarios(["B", "N", "over-many"]))]
    assert names == ["B vs N", "B vs over-many", "over-many vs N"]


# --- what cannot be drawn ------------------------------------------------------------


def one_feature():
    return tm.RepeatedPoint(base=BASE, point=np.eye(N)[0], rate=0.1)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (
            lambda: random_point(5, size=6, seed=0),
            "size: got 6, expected at most n",
        ),
        (lambda: DATA.repeated(42), "copies: got 42"),
        (lambda: tm.RepeatedPoint(base=BASE, point=POINT, rate=1.0), "rate: got 1"),
        (lambda: tm.RepeatedPoint(base=BASE, point=POINT, rate=-0.1), "rate: got -0.1"),
        (lambda: worlds_of(BASE), "expected a planted backdoor"),
        (lambda: worlds_of(DATA), "no point is repeated"),
        (
            lambda: worlds_of(dataclasses.replace(one_feature(), point=np.zeros(N))),
            "point: got 'only zeros'",
        ),
        (
            lambda: worlds_of(
                tm.RepeatedPoint(
                    base=GaussianFeatures(covariance=np.eye(N)), point=POINT, rate=0.1
                )
            ),
            "features that switch on and off",
        ),
        (
            lambda: worlds_of(FiniteDataset.from_dense(np.eye(N)[:, :2]).repeated(2)),
            "2 or more points",
        ),
        (
            lambda: worlds_of(DATA.repeated((2, 5))),
            "2, 5 copies",
        ),
        (lambda: Combinations(fewest=5, most=4), "most: got 4"),
        (lambda: Combinations(fewest=0), "fewest: got 0"),
        (lambda: Combinations(fewest=None), "most: got 6"),
        (lambda: Combinations(match="length"), "match: got 'length'"),
        (lambda: NoisyBackdoor(low=0.9, high=0.5), "low: got 0.9"),
        (lambda: NearMisses(swapped=0.0), "swapped: got 0.0"),
        (lambda: OverMany(times=1.0), "times: got 1.0"),
        (lambda: Reference(kind="clean"), "kind: got 'clean'"),
        (lambda: Reference(share=1.0), "share: got 1.0"),
        (lambda: named_scenarios(["D"]), "scenario: got 'D'"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_bad_input_is_one_line(make, said):
    with pytest.raises(tm.SettingsError) as error:
        make()
    assert said in str(error.value).replace('"', "'")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("scenario", "changes", "said"),
    [
        (Combinations(most=13), {}, "most: got '13 features', expected at most the 12"),
        (AlwaysOn(size=13), {}, "size: got '13 features'"),
        (OverMany(times=9.0), {}, "times: got '15 features'"),
        (Combinations(fewest=None, most=None), {"kept": 4}, "'6 features'"),
        (NearMisses(), {"kept": 0}, "represented features of model 0 outside"),
        (SCENARIOS["B'"], {"features": one_feature()}, "point: got '1 active feature'"),
        (SCENARIOS["C"], {"features": one_feature()}, "point: got '1 active feature'"),
        (SCENARIOS["F"], {"features": one_feature()}, "point: got '1 active feature'"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_scenario_that_cannot_be_drawn_is_one_line(scenario, changes, said):
    worlds = worlds_of(**{"features": PLANTED, **changes})
    with pytest.raises(tm.SettingsError) as error:
        draw_scenario(scenario, worlds, KEY, SAMPLES)
    assert said in str(error.value) and "\n" not in str(error.value)


def test_a_norm_that_cannot_be_matched_is_one_line():
    spec = spec_of(PLANTED, hidden_activation="gelu")
    worlds = planted_worlds(spec, params_of(spec))
    with pytest.raises(tm.SettingsError, match="try match='input'"):
        draw_scenario(Combinations(), worlds, KEY, SAMPLES)
    x = draw_scenario(Combinations(match="input"), worlds, KEY, SAMPLES).x
    assert np.linalg.norm(np.asarray(x), axis=1).max() < 1.011 * np.linalg.norm(POINT)
