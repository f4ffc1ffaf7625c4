"""Sweeps in parts: every run once, few sizes, and together the whole training."""

import dataclasses

import numpy as np
import pytest

import toymodels as tm
from toymodels.config import from_json, to_json
from toymodels.training import join, part, parts_of
from toymodels.training.parts import (
    LEAST_NUMBERS,
    LEAST_RUNS,
    MOST_NUMBERS,
    PART_WORK,
)


def spec_of(seeds=3, members=5, **changes):
    """Settings given in every way: for all, over members, over runs, in a child."""
    runs = members * seeds
    n = 3
    group = tm.CorrelatedGroup(n=1, probability=np.linspace(0.2, 0.9, members))
    rest = tm.IndependentFeatures(
        n=2, probability=np.linspace(0.1, 0.7, members)[:, None], values="signed"
    )
    values = {
        "model": tm.Autoencoder(n=n, d=2),
        "features": tm.Concatenated(parts=(group, rest)),
        "importance": 0.9 ** np.arange(n),
        "learning_rate": np.linspace(1e-3, 2e-2, runs),
        "weight_decay": np.linspace(0, 0.1, members),
        "seeds": tuple(range(7, 7 + seeds)),
        "members": members,
        "steps": 30,
        "batch": 16,
        "snapshots": (0, 10),
        "history": 4,
    }
    return tm.TrainSpec(**values | changes)


def same_run(one, other, **tolerance):
    """Equal to the bit, or within a tolerance where one is given."""
    close = np.testing.assert_allclose if tolerance else np.testing.assert_array_equal
    assert one.spec == other.spec
    for name, value in one.params.items():
        close(value, other.params[name], **tolerance)
        close(one.snapshots.params[name], other.snapshots.params[name], **tolerance)
    close(one.history.loss, other.history.loss, **tolerance)
    for a, b in (
        (one.history.step, other.history.step),
        (one.snapshots.step, other.snapshots.step),
        (one.status, other.status),
        (one.status_step, other.status_step),
        (one.indices, other.indices),
    ):
        np.testing.assert_array_equal(a, b)
        assert a.dtype == b.dtype


LAYOUTS = [
    (1, 1, 1),
    (1, 7, 3),
    (7, 1, 3),
    (3, 5, 1),
    (3, 5, 4),
    (3, 5, 5),
    (3, 5, 9),
    (3, 5, 10),
    (3, 5, 15),
    (2, 11, 4),
    (13, 2, 4),
]


@pytest.mark.parametrize(("seeds", "members", "most"), LAYOUTS)
def test_parts_cover_every_run_once_in_two_sizes_at_most(seeds, members, most):
    spec = spec_of(seeds, members)
    blocks = parts_of(spec, most)
    runs = [block.runs(members) for block in blocks]
    np.testing.assert_array_equal(np.sort(np.concatenate(runs)), np.arange(spec.runs))
    sizes = {len(r) for r in runs}
    assert max(sizes) <= most and len(sizes) <= 2
    assert max(sizes) - min(sizes) <= members
    assert parts_of(spec, most) == blocks
    # A part has all members of its seeds, or belongs to one seed.
    for block in blocks:
        whole = block.members == slice(0, members)
        assert whole or block.seeds.stop - block.seeds.start == 1


def test_parts_have_one_size_where_a_nearby_number_of_them_divides():
    grid = spec_of(seeds=2, members=1000)
    assert {len(b.runs(1000)) for b in parts_of(grid, 300)} == {250}
    assert {len(b.runs(1000)) for b in parts_of(grid, 170)} == {125}
    seeds = spec_of(seeds=50, members=4)
    assert {len(b.runs(4)) for b in parts_of(seeds, 32)} == {20}


@pytest.mark.parametrize(("seeds", "members", "most"), LAYOUTS)
def test_settings_of_the_parts_are_those_of_their_runs(seeds, members, most):
    spec = spec_of(seeds, members)
    activity = spec.over_runs(spec.features.activity(), 1)
    for block in parts_of(spec, most):
        one, runs = part(spec, block), block.runs(members)
        assert one.runs == len(runs)
        for rank, name in ((0, "learning_rate"), (0, "weight_decay")):
            np.testing.assert_array_equal(
                one.over_runs(getattr(one, name), rank),
                spec.over_runs(getattr(spec, name), rank)[runs],
            )
        np.testing.assert_array_equal(
            one.over_runs(one.features.activity(), 1), activity[runs]
        )
        assert one.seeds == tuple(
            spec.seeds[r // members] for r in runs[:: one.members]
        )
        assert from_json(to_json(one)) == one


@pytest.mark.parametrize(
    "importance",
    [2.0, [1.0, 0.5, 0.2], np.ones((1, 3)), np.arange(15).reshape(5, 3), "runs"],
    ids=["number", "features", "one member", "members", "runs"],
)
def test_importance_is_cut_however_it_is_given(importance):
    if isinstance(importance, str):
        importance = np.arange(45).reshape(15, 3)
    spec = spec_of(importance=importance)
    rank = min(spec.importance.ndim, 1)
    wanted = spec.over_runs(spec.importance, rank)
    for block in parts_of(spec, 2):
        one = part(spec, block)
        np.testing.assert_array_equal(
            one.over_runs(one.importance, rank), wanted[block.runs(5)]
        )


def test_features_over_all_runs_and_for_all_are_cut():
    p = np.linspace(0.1, 0.9, 15)[:, None]
    over_runs = spec_of(features=tm.IndependentFeatures(n=3, probability=p))
    for block in parts_of(over_runs, 2):
        found = part(over_runs, block).features.probability
        np.testing.assert_array_equal(
            found, over_runs.features.probability[block.runs(5)]
        )
    for_all = spec_of(features=tm.IndependentFeatures(n=3, probability=0.5))
    assert part(for_all, parts_of(for_all, 2)[1]).features == for_all.features


@pytest.mark.parametrize("most", [2, 5, 10])
def test_trained_parts_joined_are_the_whole_training(most):
    spec = spec_of()
    blocks = parts_of(spec, most)
    joined = join(spec, [(b, tm.train(part(spec, b))) for b in blocks[::-1]])
    # Adam divides by the root of tiny numbers, so rounding grows a little in 30 steps.
    same_run(joined, tm.train(spec), rtol=1e-4, atol=1e-5)


def test_parts_of_many_runs_have_the_same_bits_as_the_whole():
    spec = spec_of(seeds=4, members=40, batch=128)
    blocks = parts_of(spec, 40)
    assert len(blocks) == 4
    joined = join(spec, ((b, tm.train(part(spec, b))) for b in blocks))
    same_run(joined, tm.train(spec))


def test_another_seed_or_another_root_would_be_seen():
    spec = spec_of()
    blocks = parts_of(spec, 5)
    whole = tm.train(spec)
    for wrong in ({"seeds": (1, 2, 3)}, {"seed": 1}):
        other = dataclasses.replace(spec, **wrong)
        joined = join(spec, [(b, tm.train(part(other, b))) for b in blocks])
        assert np.abs(joined.params["W"] - whole.params["W"]).max() > 0.1


def test_a_part_has_a_content_of_its_own():
    spec = spec_of()
    assert len({part(spec, b) for b in parts_of(spec, 5)} | {spec}) == 4
    assert part(spec, parts_of(spec)[0]) == spec


def test_an_ensemble_that_stops_early_is_one_part():
    assert len(parts_of(spec_of(early_stop=True), 1)) == 1


@pytest.mark.parametrize("change", [slice(1, None), [0, 0, 1, 2]])
def test_missing_and_double_parts_are_refused(change):
    spec = spec_of(steps=2, snapshots=())
    done = [(b, tm.train(part(spec, b))) for b in parts_of(spec, 5)]
    chosen = done[change] if isinstance(change, slice) else [done[k] for k in change]
    with pytest.raises(tm.SettingsError, match="5 runs missing or twice"):
        join(spec, chosen)


def test_diverged_runs_are_said_once_of_the_whole():
    rates = np.array([1e-3, 1e30, 1e30])
    spec = spec_of(members=3, learning_rate=rates, weight_decay=0.0)
    with pytest.warns(tm.DivergedWarning):
        done = [(b, tm.train(part(spec, b))) for b in parts_of(spec, 3)]
    with pytest.warns(tm.DivergedWarning, match="^6 of 9 runs") as caught:
        join(spec, done)
    assert len(caught) == 1


@pytest.mark.parametrize(
    ("steps", "batch", "members", "divided"),
    [
        (10_000, 1024, 100, False),
        (10_000, 1024, 100_000, True),
        (100_000_000, 1024, LEAST_RUNS, False),
        (1, 1024, 100_000, True),
    ],
)
def test_the_rule_bounds_work_and_memory(steps, batch, members, divided):
    spec = spec_of(1, members, steps=steps, batch=batch, snapshots=())
    blocks = parts_of(spec)
    assert (len(blocks) > 1) == divided
    for runs in {len(b.runs(members)) for b in blocks}:
        numbers = runs * spec.model.n * batch
        small = numbers <= LEAST_NUMBERS or runs <= LEAST_RUNS
        assert small or numbers * steps <= PART_WORK
        assert numbers <= MOST_NUMBERS
