"""CIS: decisive numbers on constructed inputs."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments.cis import _circuits as circuits
from experiments.cis import (
    bigrams,
    loss_exponent,
    noisy_labels,
    trained_and,
    universal_and,
)
from experiments.cis._gates import (
    decades,
    first_crossing,
    gates_with_samples,
    log_slope,
    readoff_errors,
)
from toymodels.claims import INCONCLUSIVE, NOT_SUPPORTED, SUPPORTED
from toymodels.config import to_json
from toymodels.models import UniversalAnd
from toymodels.result import Result

# --- gates and slopes ----------------------------------------------------------------


@pytest.mark.parametrize("on", [0, 1, 2])
def test_samples_have_what_the_gate_needs(on):
    rng = np.random.default_rng(0)
    gates, active = gates_with_samples(rng, 9, gates=300, active=4, on=on)
    assert gates.shape == (300, 2)
    assert active.shape == (300, 4)
    for gate, lit in zip(gates.tolist(), active.tolist(), strict=True):
        assert len(set(gate)) == 2
        assert len(set(lit)) == 4
        assert len(set(gate) & set(lit)) == on
    # Every input is drawn.
    assert set(gates.ravel().tolist()) == set(range(9))


def test_errors_of_gates_are_those_of_the_model_read_whole():
    model = UniversalAnd(n=8, neurons=12, probability=0.4)
    params = model.init(jax.random.key(0))
    rng = np.random.default_rng(0)
    gates, active = gates_with_samples(rng, 8, gates=10, active=3, on=1)
    found = readoff_errors(model, params, gates, active, 0.0, block=4)
    x = np.zeros((8, 10), np.float32)
    for column, lit in enumerate(active):
        x[lit, column] = 1
    z = model.encode(params, x)
    whole = np.asarray(model.readoff(params, z, gates)).diagonal()
    unread = ~np.asarray(model.readers(params, gates)).any(axis=1)
    np.testing.assert_array_equal(np.isnan(found), unread)
    np.testing.assert_allclose(found[~unread], whole[~unread], rtol=1e-5)


def test_slopes_and_crossings_of_known_curves():
    x = np.array([1.0, 10.0, 100.0])
    np.testing.assert_allclose(log_slope(x, np.stack([x**1.5, 3 * x])), [1.5, 1.0])
    assert np.isnan(log_slope(x, np.array([[1.0, np.nan, 2.0]]))).all()
    assert first_crossing(x, np.array([0.0, 0.2, 0.4]), 0.3) == pytest.approx(10**1.5)
    assert np.isnan(first_crossing(x, np.array([0.5, 0.6, 0.7]), 0.3))
    assert np.isnan(first_crossing(x, np.array([0.0, 0.1, 0.2]), 0.3))
    assert decades([10, 1_000]) == pytest.approx(2)


def test_the_ratio_farthest_from_one_is_taken_within_the_bound():
    settings = dataclasses.replace(
        universal_and.ConstructedAnd.preset("smoke"),
        probabilities=(0.1, 0.3),
        active=(3, 4),
    )
    expected = np.ones((2, 2))
    mean = np.array([[[1.1, 9.0], [9.0, 9.0]], [[0.8, 9.0], [9.0, 9.0]]])
    # Only (ℓ − 1)p = 0.2 lies inside.
    found = universal_and.farthest_ratio(mean, expected, settings)
    np.testing.assert_allclose(found, [1.1, 0.8])


# --- circuits ------------------------------------------------------------------------


def test_a_comparator_sorts_its_pair_and_is_exact_without_superposition():
    rng = np.random.default_rng(0)
    circuit = circuits.random_circuit(rng, n=12, d=12, depth=5, gates=4)
    circuit = dataclasses.replace(circuit, E=np.eye(12, dtype=np.float32))
    start = rng.random((12, 50)) < 0.3
    states = circuits.truths(circuit, start)
    assert (states.sum(axis=1) == start.sum(axis=0)).all()
    first, second = circuit.pairs[0].T
    np.testing.assert_array_equal(states[1][first], start[first] & start[second])
    np.testing.assert_array_equal(states[1][second], start[first] | start[second])
    for kind in circuits.CORRECTIONS:
        found = circuits.errors_by_depth(
            circuit, start, noise=0.0, correction=kind, rng=rng
        )
        np.testing.assert_allclose(found, 0, atol=1e-5)


def test_thresholds_remove_small_errors_and_nothing_else_does():
    rng = np.random.default_rng(1)
    circuit = circuits.random_circuit(rng, n=20, d=20, depth=3, gates=2)
    circuit = dataclasses.replace(circuit, E=np.eye(20, dtype=np.float32))
    start = rng.random((20, 40)) < 0.2
    found = {
        kind: circuits.errors_by_depth(
            circuit, start, noise=0.1, correction=kind, rng=np.random.default_rng(2)
        )
        for kind in circuits.CORRECTIONS
    }
    np.testing.assert_allclose(found["threshold"], 0, atol=1e-5)
    assert (found["identity"] > 0.05).all()
    np.testing.assert_allclose(found["linear"], found["identity"], rtol=1e-4)


def test_slope_over_depth_of_a_line():
    errors = np.array([[0.0, 2.0, 4.0], [1.0, 1.0, 1.0]])
    np.testing.assert_allclose(circuits.slope_over_depth(errors), [2.0, 0.0])


# --- bigrams -------------------------------------------------------------------------


def test_a_head_scores_its_list_exactly_without_superposition():
    pairs = np.array([[0, 1], [2, 3], [0, 3]])
    every = np.array([[i, j] for i in range(4) for j in range(4)])
    scores = bigrams.head_scores(np.eye(4) * 2, np.eye(4), pairs, every)
    listed = {(0, 1), (2, 3), (0, 3)}
    expected = [float(tuple(pair) in listed) for pair in every.tolist()]
    np.testing.assert_allclose(scores, expected, atol=1e-12)
    # A sum of selectors takes (2, 1) for a listed pair.
    summed = bigrams.selector_scores(pairs, every).tolist()
    assert summed[every.tolist().index([2, 1])] == 1


def test_pairs_off_the_list_are_not_on_it():
    rng = np.random.default_rng(0)
    pairs = bigrams.random_pairs(rng, 8, 30)
    assert len(np.unique(pairs, axis=0)) == 30
    off = bigrams.pairs_off(rng, pairs, 8, 60)
    assert len(off)
    assert not {tuple(p) for p in off.tolist()} & {tuple(p) for p in pairs.tolist()}


# --- trained -------------------------------------------------------------------------


def test_participation_of_known_weights():
    z = np.ones((4, 10))
    assert trained_and.participation(np.ones((3, 4)), z) == pytest.approx(1.0)
    assert trained_and.participation(np.eye(4), z) == pytest.approx(0.25)
    # Scaling a neuron and undoing it in its weight changes nothing.
    scale = np.array([1.0, 2.0, 5.0, 0.1])
    found = trained_and.participation(np.ones((3, 4)) / scale, z * scale[:, None])
    assert found == pytest.approx(1.0)
    assert trained_and.participation(np.zeros((3, 4)), z) == 0


def test_the_mixing_is_the_overlap_of_a_random_embedding():
    settings = noisy_labels.NoisyLabels(n=20, neurons=10, seeds=2)
    M = settings.mixing()
    np.testing.assert_allclose(M, M.transpose(0, 2, 1))
    np.testing.assert_allclose(np.diagonal(M, axis1=1, axis2=2), 0, atol=1e-12)
    assert not np.allclose(M[0], M[1])
    off = M[0][~np.eye(20, dtype=bool)]
    assert off.std() == pytest.approx(1 / np.sqrt(1_000), rel=0.15)
    runs = settings.mixings()
    assert len(runs) == 2 * len(settings.scales)
    np.testing.assert_allclose(runs[3], M[0] * settings.scales[3])


def test_neurons_in_the_top_directions_have_all_of_their_weight_there():
    rng = np.random.default_rng(0)
    M = rng.normal(size=(1, 6, 6))
    M = M + M.transpose(0, 2, 1)
    V = np.linalg.eigh(M[0])[1]
    W1 = np.stack([V[:, -3:].T, V[:, :3].T])[None]
    np.testing.assert_allclose(
        noisy_labels.top_share(W1, M, 3), [[1.0, 0.0]], atol=1e-12
    )


def hand_made(variation: dict[float, float]) -> Result:
    """A result of CIS-5 with given CVs and everything else plausible."""
    settings = dataclasses.replace(
        loss_exponent.LossExponent.preset("smoke"), seeds=6, exponents=(2.0, 3.0, 4.0)
    )
    rng = np.random.default_rng(0)
    arrays = {}
    for model in ("relu", "wide", "linear"):
        for what in ("variation", "total", "solved", "worst"):
            arrays[f"{model}/{what}"] = np.full((6, 3, 2), 0.2)
    values = np.array([variation[q] for q in (2.0, 3.0, 4.0)])
    noise = rng.normal(scale=1e-3, size=(6, 3, 2))
    arrays["relu/variation"] = values[None, :, None] + noise
    arrays["relu/total"] = 0.04 + noise
    return Result(arrays=arrays, meta={"settings": to_json(settings)})


@pytest.mark.parametrize(
    ("variation", "verdicts"),
    [
        ({2.0: 0.9, 3.0: 0.05, 4.0: 0.02}, [SUPPORTED] * 4),
        ({2.0: 0.9, 3.0: 0.05, 4.0: 0.3}, [SUPPORTED, NOT_SUPPORTED] * 2),
        ({2.0: 0.3, 3.0: 0.05, 4.0: 0.02}, [NOT_SUPPORTED, *[SUPPORTED] * 3]),
        # Without any difference the control of the second passes as well.
        ({2.0: 0.05, 3.0: 0.05, 4.0: 0.05},
         [NOT_SUPPORTED, INCONCLUSIVE, SUPPORTED, INCONCLUSIVE]),
    ],
)  # fmt: skip
def test_the_exponent_s_claims_follow_the_table(variation, verdicts):
    judged = loss_exponent.claims(hand_made(variation))
    assert [claim.verdict for claim in judged] == verdicts


def test_a_diverged_run_is_no_rise_of_the_gain():
    loss = np.array([[1.0, 0.9, 0.8], [1.0, 1.1, 0.8], [1.0, np.nan, 0.8]])
    np.testing.assert_array_equal(noisy_labels.rises(loss), [1.0, 0.0, np.nan])


def test_fewer_inputs_are_the_first_of_the_same_draw():
    # What the masks of the capacity scan rest on.
    model = UniversalAnd(n=10, neurons=6, probability=0.5, embedding=4)
    params = model.init(jax.random.key(0))
    kept = jnp.asarray(np.arange(10) < 5, jnp.float32)[None]
    masked = {name: value * kept for name, value in params.items()}
    small = {name: value[:, :5] for name, value in params.items()}
    x = np.zeros((10, 3), np.float32)
    x[[0, 2, 4], [0, 1, 2]] = 1
    fewer = dataclasses.replace(model, n=5)
    np.testing.assert_allclose(
        model.encode(masked, x), fewer.encode(small, x[:5]), atol=1e-6
    )
