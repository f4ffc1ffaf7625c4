"""TMS-20 to TMS-23: constructed weights, controls that fail, smoke scale."""

import importlib
import itertools

import numpy as np
import pytest

import toymodels as tm
from experiments.tms import (
    absolute_value,
    absolute_value_sparsity,
    asymmetric_motif,
    privileged_basis,
)
from experiments.tms._motif import find_motif, reads_and_writes
from experiments.tms._neurons import (
    features_of_neurons,
    neurons_of_features,
    purity,
    random_rotation,
)
from experiments.tms.absolute_value_sparsity import (
    importance_and_purity,
    polysemantic_share,
    shuffled_levels,
)
from toymodels.config import to_json
from toymodels.result import Result
from toymodels.stats import rank_correlation

# Ten features as the ten pairs of five neurons.
PAIRS = np.zeros((5, 10))
for feature, pair in enumerate(itertools.combinations(range(5), 2)):
    PAIRS[list(pair), feature] = 0.7
DEDICATED = np.concatenate([np.eye(5), np.zeros((5, 5))], axis=1)


def test_what_neurons_serve():
    W = np.array([[1.0, 0.29, 0.0], [0.5, -0.2, 0.1], [0.05, 0.0, 0.0]])
    assert features_of_neurons(W).tolist() == [1, 2, 0]
    assert neurons_of_features(W).tolist() == [2, 2, 1]
    np.testing.assert_allclose(purity(W), [1 / 1.29, 0.5 / 0.8, 1.0])
    assert (features_of_neurons(DEDICATED) == 1).all()
    assert (features_of_neurons(PAIRS) == 4).all()
    assert (neurons_of_features(PAIRS) == 2).all()
    assert neurons_of_features(DEDICATED).tolist() == [1] * 5 + [0] * 5


def test_rotations_are_orthogonal_and_mix_neurons():
    rotation = random_rotation(5, 0)
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(5), atol=1e-12)
    mono = [
        (features_of_neurons(random_rotation(5, seed) @ DEDICATED) == 1).sum()
        for seed in range(50)
    ]
    assert max(mono) < 5
    pairs = [
        (neurons_of_features(random_rotation(5, seed) @ PAIRS) == 2).sum()
        for seed in range(50)
    ]
    assert max(pairs) < 8


def privileged_result(dense, sparse, plain):
    settings = privileged_basis.PrivilegedBasis.preset("smoke")
    rotated = random_rotation(5, 1) @ np.stack([dense, sparse])
    return Result(
        arrays={
            "W": np.stack([np.stack([dense, sparse])] * 5),
            "W_plain": np.stack([np.stack([plain, plain])] * 5),
            "W_linear": np.stack([np.stack([plain, plain])] * 5),
            "W_rotated": np.stack([rotated] * 5),
        },
        meta={"settings": to_json(settings)},
    )


def test_ideal_neurons_support_the_claims_and_rotated_ones_do_not():
    mixed = random_rotation(5, 2) @ DEDICATED
    claims = privileged_basis.claims(privileged_result(DEDICATED, PAIRS, mixed))
    assert [claim.verdict for claim in claims] == ["supported"] * 2
    claims = privileged_basis.claims(privileged_result(mixed, mixed, mixed))
    assert [claim.verdict for claim in claims] == ["not supported"] * 2
    # A control that passes takes the verdict away.
    claims = privileged_basis.claims(privileged_result(DEDICATED, PAIRS, DEDICATED))
    assert claims[0].verdict == "inconclusive"


def test_a_diverged_group_leaves_the_neurons_undecided():
    mixed = random_rotation(5, 2) @ DEDICATED
    result = privileged_result(DEDICATED, PAIRS, mixed)
    W = result["W"].copy()
    W[1] = np.nan
    claims = privileged_basis.claims(Result({**result.arrays, "W": W}, result.meta))
    assert [claim.verdict for claim in claims] == ["inconclusive"] * 2
    W1, W2 = np.concatenate([np.eye(3), -np.eye(3)]), np.abs(np.eye(3, 6))
    W2[:, 3:] = np.eye(3)
    arrays = {"W1": np.stack([W1] * 5), "W2": np.stack([W2] * 5)}
    for name in ("_identity", "_linear", "_initial"):
        arrays |= {f"W1{name}": np.ones((5, 6, 3)), f"W2{name}": np.zeros((5, 3, 6))}
    settings = absolute_value.AbsoluteValue.preset("smoke")
    result = Result(arrays=arrays, meta={"settings": to_json(settings)})
    judged = absolute_value.claims(result)
    assert [claim.verdict for claim in judged] == ["supported"] * 2
    for name in ("W1", "W2"):
        spoilt = arrays[name].copy()
        spoilt[4] = np.nan
        judged = absolute_value.claims(Result({**arrays, name: spoilt}, result.meta))
        assert [claim.verdict for claim in judged] == ["inconclusive"] * 2


def test_sign_pairs():
    W1 = np.concatenate([np.eye(3), -np.eye(3)])
    W2 = np.abs(W1).T
    order = [3, 1, 5, 0, 2, 4]
    assert absolute_value.has_sign_pairs(W1[order], W2[:, order])
    assert absolute_value.largest_other(W1, W2) == 0
    both_positive = W1.copy()
    both_positive[3] = W1[0]
    assert not absolute_value.has_sign_pairs(both_positive, W2)
    shared = W1 + 0.2 * np.roll(W1, 1, axis=1)
    assert absolute_value.has_sign_pairs(shared, W2)
    assert absolute_value.largest_other(shared, W2) == pytest.approx(0.2)
    # A neuron that writes nothing has no sign to speak of, one that subtracts no |x|.
    W2[0, 3] = -1.0
    assert not absolute_value.has_sign_pairs(W1, W2)
    W2[0, 3] = 0.01
    assert not absolute_value.has_sign_pairs(W1, W2)
    assert absolute_value.largest_other(W1, W2) == 1


def test_scaling_neurons_does_not_change_the_function():
    rng = np.random.default_rng(0)
    W1, W2 = rng.normal(size=(2, 6, 3)), rng.normal(size=(2, 3, 6))
    one, two = absolute_value.scaled(W1, W2)
    np.testing.assert_allclose(np.abs(one).max(axis=-1), 1)
    x = rng.uniform(-1, 1, size=(3, 20))
    before = W2 @ np.maximum(W1 @ x, 0)
    np.testing.assert_allclose(two @ np.maximum(one @ x, 0), before)


def test_shares_and_purities():
    assert polysemantic_share(DEDICATED) == 0
    assert polysemantic_share(PAIRS) == 1
    W = np.diag([1.0, 0.9, 0.8, 0.7])
    W[2, 3] = W[3, 2] = 0.6  # the two least important features share their neurons
    importance = np.array([1.0, 0.9, 0.5, 0.4])
    assert importance_and_purity(W, importance) > 0.7
    assert importance_and_purity(W, importance[::-1]) < 0
    diverged = np.stack([DEDICATED, np.full((5, 10), np.nan)])
    np.testing.assert_array_equal(polysemantic_share(diverged), [0.0, np.nan])
    assert np.isnan(importance_and_purity(np.full((4, 4), np.nan), importance))


def test_shuffled_levels_keep_no_level_in_place_and_are_no_rise():
    shares = np.tile(np.linspace(0.1, 0.9, 5), (200, 1))
    found = shuffled_levels(shares, 0)
    np.testing.assert_array_equal(np.sort(found, axis=1), shares)
    assert not (found == shares).any()
    assert max(rank_correlation(a, b) for a, b in zip(found, shares, strict=True)) < 0.8
    np.testing.assert_array_equal(found, shuffled_levels(shares, 0))
    assert (found != shuffled_levels(shares, 1)).any()


def sparsity_result(shares):
    """Seeds in which so many of ten neurons serve two features, level by level."""
    settings = absolute_value_sparsity.AbsoluteValueSparsity.preset("smoke")
    one, two = np.eye(10, 20), np.eye(10, 20) + np.eye(10, 20, k=10)
    rows = np.arange(10)[:, None] < np.asarray(shares)[:, None, None]
    W = np.tile(np.where(rows, two, one), (5, 1, 1, 1))
    loss = np.full(W.shape[:2], 0.5)
    return Result(
        arrays={
            "p": np.asarray(settings.probability),
            "importance": settings.importance(),
            "W1": W,
            "W1_linear": np.ones_like(W),
            "W1_initial": np.roll(W, 1, axis=-1),
            "loss": loss,
            "loss_linear": 2 * loss,
        },
        meta={"settings": to_json(settings)},
    )


def test_a_rise_of_sharing_is_told_from_its_shuffle_and_from_no_rise():
    rising = sparsity_result([0, 2, 4, 6, 8])
    sharing, _, nonlinear = absolute_value_sparsity.claims(rising)
    assert (sharing.verdict, nonlinear.verdict) == ("supported", "supported")
    flat = absolute_value_sparsity.claims(sparsity_result([4, 4, 4, 4, 4]))[0]
    assert flat.verdict == "not supported"
    W1 = rising["W1"].copy()
    W1[2, 3] = np.nan
    spoilt = Result({**rising.arrays, "W1": W1}, rising.meta)
    assert absolute_value_sparsity.claims(spoilt)[0].verdict == "inconclusive"


def motif_weights(ratio=4.0, inhibit=-2.0):
    """Neuron 0 holds features 0 and 1; neuron 1 fires with 0 and writes into 1."""
    root = np.sqrt(ratio)
    W1 = np.array([[root, -1 / root, 0.0], [1.0, 0.0, 0.0]])
    W2 = np.array([[1 / root, 0.0], [root, inhibit], [0.0, 0.0]])
    return W1, W2


def test_the_motif_is_found_where_it_is():
    W1, W2 = motif_weights()
    motif = find_motif(W1, W2)
    assert (motif.neuron, motif.strong, motif.weak, motif.inhibitor) == (0, 0, 1, 1)
    assert motif.distance == pytest.approx(0, abs=1e-12)
    scale = np.array([3.0, 0.2])
    rescaled = find_motif(W1 * scale[:, None], W2 / scale)
    assert rescaled == motif or rescaled.distance == pytest.approx(0, abs=1e-12)
    reads, writes = reads_and_writes(W1 * scale[:, None], W2 / scale, motif)
    np.testing.assert_allclose(reads, [[2, -0.5], [1, 0]], atol=1e-12)
    np.testing.assert_allclose(writes, [[0.5, 2], [0, -2]], atol=1e-12)
    mirrored = find_motif(-W1, W2)
    assert mirrored is not None and mirrored.neuron == 0


@pytest.mark.parametrize(
    ("ratio", "inhibit"), [(1.0, -2.0), (9.0, -2.0), (4.0, 0.0), (4.0, 2.0)]
)
def test_what_is_no_motif(ratio, inhibit):
    assert find_motif(*motif_weights(ratio, inhibit)) is None


def motif_claim(sparse=0.0, dense=0.0, linear=0.0, initial=False, diverged=0):
    """Five groups of four fits, of which the first of a group has this rise."""
    arrays = {}
    for name in ("", "_linear"):
        arrays[f"rise{name}"] = np.zeros((5, 4, 2))
        arrays[f"low{name}"] = np.ones((5, 4, 2), bool)
    arrays["rise"][:, 0, 0], arrays["rise"][:, 0, 1] = sparse, dense
    arrays["rise_linear"][:, 0, 0] = linear
    arrays["initial"] = np.full((5, 4, 2), initial)
    arrays["low"][:diverged] = False
    settings = asymmetric_motif.AsymmetricMotif.preset("smoke")
    result = Result(arrays=arrays, meta={"settings": to_json(settings)})
    return asymmetric_motif.claims(result)[0]


def test_an_existence_claim_needs_one_fit_a_group_and_its_controls_none():
    found = motif_claim(sparse=0.1)
    assert (found.verdict, found.seeds) == ("supported", 5)
    assert motif_claim().verdict == "not supported"
    assert motif_claim(sparse=np.array([0.1, 0, 0, 0, 0])).verdict != "supported"
    assert motif_claim(sparse=0.1, dense=0.1).verdict == "inconclusive"
    assert motif_claim(sparse=0.1, linear=0.1).verdict == "inconclusive"
    assert motif_claim(sparse=0.1, initial=True).verdict == "inconclusive"
    assert motif_claim(sparse=0.1, diverged=1).verdict == "inconclusive"


@pytest.mark.parametrize(
    "name",
    [
        "privileged_basis",
        "absolute_value",
        "absolute_value_sparsity",
        "asymmetric_motif",
    ],
)
def test_smoke_scale(name):
    module = importlib.import_module(f"experiments.tms.{name}")
    (cls,) = [
        value
        for value in vars(module).values()
        if isinstance(value, type) and hasattr(value, "preset")
    ]
    result = module.compute(cls.preset("smoke"), tm.train)
    assert all(figure is not None for figure in module.plot(result).values())
    for claim in module.claims(result):
        assert claim.measured is not None and claim.controls
