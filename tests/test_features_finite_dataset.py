"""Finite datasets: sparse against dense, copies, how they are drawn, bad input."""

import jax
import numpy as np
import pytest

import toymodels.features as tf
from toymodels.config import SettingsError, from_json, to_json
from toymodels.features import FiniteDataset, sample_dataset, stack_datasets

KEY = jax.random.key(0)
X = np.array([[0.5, 0, 0, 1], [0, 0, 0, 2], [0.25, 0, -3, 3]], np.float32)


def independent(n=3, probability=0.3, values="uniform"):
    return tf.IndependentFeatures(n=n, probability=probability, values=values)


def unit(**settings):
    return tf.UnitNorm(base=independent(**settings))


def copies_of(dataset):
    """Every copy of every point as a column, in order, of a single dataset."""
    return np.repeat(dataset.dense(), dataset.counts, axis=1)


@pytest.mark.parametrize("order", ["full", "random"])
def test_moments_are_those_of_a_dense_array_of_all_copies(order):
    data = FiniteDataset.from_dense(X, counts=[1, 3, 0, 2], order=order)
    np.testing.assert_array_equal(data.dense(), X)
    np.testing.assert_array_equal(data.dense([2, 0]), X[:, [2, 0]])
    every = copies_of(data).astype(np.float64)
    assert every.shape == (3, 6)
    np.testing.assert_allclose(data.mean(), every.mean(axis=1), atol=1e-12)
    np.testing.assert_allclose(data.variance(), every.var(axis=1), atol=1e-12)
    np.testing.assert_allclose(data.activity(), (every != 0).mean(axis=1), atol=1e-12)


def test_a_full_batch_has_every_point_with_the_weight_of_its_copies():
    data = FiniteDataset.from_dense(X, counts=[1, 3, 0, 2])
    rows = data.draw(KEY, 4)
    np.testing.assert_array_equal(rows.dense(), X)
    np.testing.assert_allclose(rows.weight, np.array([1, 3, 0, 2]) / 6)
    # Samples have no weights, so there every copy is one.
    drawn = data.sample_labelled(KEY, 6)
    np.testing.assert_array_equal(drawn.x, copies_of(data))
    np.testing.assert_array_equal(drawn.active, copies_of(data) != 0)
    assert drawn.backdoor.tolist() == [False, True, True, True, True, True]
    # Another number of them is spread evenly over the copies.
    np.testing.assert_array_equal(data.sample(KEY, 3), X[:, [1, 1, 3]])


def test_random_samples_are_copies_drawn_with_replacement():
    data = FiniteDataset.from_dense(X, counts=[1, 3, 0, 2], order="random")
    batch = 20_000
    drawn = jax.jit(lambda d: d.sample_labelled(KEY, batch))(data)
    for point, count in enumerate([1, 3, 0, 2]):
        share = (np.asarray(drawn.x) == X[:, [point]]).all(axis=0).mean()
        p = count / 6
        assert abs(share - p) <= 5 * np.sqrt(p * (1 - p) / batch)
    rows = jax.jit(lambda d: d.draw(KEY, batch))(data)
    np.testing.assert_array_equal(rows.dense(), drawn.x)
    np.testing.assert_allclose(rows.weight, 1 / batch)


@pytest.mark.parametrize("most", [1, 3, 4, 9])
def test_blocks_of_rows_are_the_rows(most):
    data = sample_dataset(unit(n=6), points=7, seed=0)
    blocks = data.draw(KEY, 7).blocks(most)
    count, size = blocks.weight.shape
    assert size <= most and count == -(-7 // most)
    parts = [jax.tree.map(lambda leaf, i=i: leaf[i], blocks) for i in range(count)]
    x = np.concatenate([part.dense() for part in parts], axis=1)
    weight = np.concatenate([part.weight for part in parts])
    np.testing.assert_array_equal(x[:, :7], data.dense())
    np.testing.assert_array_equal(x[:, 7:], 0)
    np.testing.assert_allclose(weight, [1 / 7] * 7 + [0] * (count * size - 7))


P = [0.4, 0.05, 1.0, 0.2]


@pytest.mark.parametrize("norm", [False, True], ids=["raw", "unit"])
@pytest.mark.parametrize("values", ["uniform", "signed", "boolean"])
@pytest.mark.parametrize("p", [P, [0.02, 0.3, 0.1, 0.05]], ids=["dense", "sparse"])
def test_drawn_points_have_the_moments_of_their_distribution(p, values, norm):
    features = (unit if norm else independent)(n=4, probability=p, values=values)
    points = 40_000
    data = sample_dataset(features, points=points, seed=5)
    mean, variance = features.mean(), features.variance()
    error = np.abs(data.mean() - mean)
    assert np.all(error <= 5 * np.sqrt(variance / points) + 1e-6)
    square = (data.dense().astype(np.float64) - mean[:, None]) ** 2
    error = np.abs(square.mean(axis=1) - variance)
    assert np.all(error <= 5 * square.std(axis=1) / np.sqrt(points) + 1e-6)
    activity = features.activity()
    error = np.abs(data.activity() - activity)
    assert np.all(error <= 5 * np.sqrt(activity * (1 - activity) / points) + 1e-6)


def test_features_of_a_point_are_independent():
    p, points = 0.3, 40_000
    on = sample_dataset(independent(), points=points, seed=1).dense() != 0
    both = p * p
    for i, j in [(0, 1), (0, 2), (1, 2)]:
        error = abs((on[i] & on[j]).mean() - both)
        assert error < 5 * np.sqrt(both * (1 - both) / points)
    # From one point to the next as well.
    error = abs((on[2, :-1] & on[0, 1:]).mean() - both)
    assert error < 5 * np.sqrt(both * (1 - both) / points)


def test_active_features_of_points_that_are_not_empty():
    # Given at least one, all patterns of two features: an exact table.
    p, points = 0.25, 40_000
    on = sample_dataset(unit(n=2, probability=p), points=points, seed=2).dense() != 0
    some = 1 - (1 - p) ** 2
    for pattern, share in (
        ([1, 0], p * (1 - p) / some),
        ([0, 1], p * (1 - p) / some),
        ([1, 1], p * p / some),
    ):
        measured = (on == np.array(pattern)[:, None]).all(axis=0).mean()
        assert abs(measured - share) < 5 * np.sqrt(share * (1 - share) / points)


@pytest.mark.parametrize("p", [1e-30, 1e-3, 1.0])
def test_unit_norm_points_have_length_one_and_none_is_empty(p):
    data = sample_dataset(unit(n=50, probability=p), points=300, seed=3)
    length = np.sqrt((data.value.astype(np.float64) ** 2).sum(axis=1))
    np.testing.assert_allclose(length, 1, atol=1e-6)
    # Without it most points of a tiny p are empty, and kept.
    raw = sample_dataset(independent(n=50, probability=p), points=300, seed=3)
    assert (raw.value == 0).all() == (p == 1e-30)


def test_large_datasets_are_drawn_in_pieces_and_stay_sparse(monkeypatch):
    monkeypatch.setattr("toymodels.features.draw_dataset.PIECE", 1000)
    n, points = 10_000, 3000
    data = sample_dataset(unit(n=n, probability=0.001), points=points, seed=0)
    assert data.width < 40 and data.points == points
    active = (data.value != 0).sum()
    expected = points * n * 0.001  # plus 5e-5 of a point: none is empty
    assert abs(active - expected) < 5 * np.sqrt(expected) + 1
    assert len(np.unique(data.index[data.value != 0])) > 9000
    # The pieces are different ones.
    assert len(np.unique(data.value)) > 0.99 * active


def test_any_distribution_can_be_drawn_from(monkeypatch):
    monkeypatch.setattr("toymodels.features.draw_dataset.PIECE", 5 * 40)
    data = sample_dataset(tf.ExactlyK(n=5, k=2), points=100, seed=0, order="random")
    assert data.width == 2 and data.order == "random"
    assert (data.value > 0).all()
    assert len(np.unique(data.value)) == 200


def test_the_same_seed_gives_the_same_points_and_another_others():
    one, same, other = (sample_dataset(unit(), points=9, seed=s) for s in (1, 1, 2))
    assert one == same and one != other


def test_json_keeps_every_bit():
    data = sample_dataset(unit(n=20), points=30, seed=0).repeated([1, 5], point=3)
    again = from_json(to_json(data))
    assert again == data and hash(again) == hash(data)
    for name in ("index", "value", "counts"):
        assert getattr(again, name).dtype == getattr(data, name).dtype
        np.testing.assert_array_equal(getattr(again, name), getattr(data, name))


def test_copies_differ_between_members():
    data = sample_dataset(unit(), points=9, seed=0).repeated([1, 4, 9], point=[2, 5])
    assert data.members == 3
    assert data.counts[:, 2].tolist() == data.counts[:, 5].tolist() == [1, 4, 9]
    assert data.counts[:, [0, 8]].max() == 1
    one = data.member(1)
    assert one.members is None and one.points == 9
    np.testing.assert_allclose(data.mean()[1], one.mean(), atol=1e-12)
    rows = jax.vmap(lambda d: d.draw(KEY, 9))(data.per_member(3))
    np.testing.assert_allclose(rows.weight[1], one.counts / 15)


def test_datasets_of_different_sizes_make_one_ensemble():
    parts = [sample_dataset(unit(n=8), points=t, seed=t) for t in (3, 7)]
    both = stack_datasets(parts)
    assert both.members == 2 and both.points == 7
    for member, part in enumerate(parts):
        for moment in ("mean", "variance", "activity"):
            np.testing.assert_allclose(
                getattr(both, moment)()[member], getattr(part, moment)(), atol=1e-12
            )
    np.testing.assert_array_equal(both.member(0).sample(KEY, 3), parts[0].dense())


def _dataset(**changes):
    values = {"n": 3, "index": [[0, 2], [1, 0]], "value": [[1, 2], [3, 0]]}
    return FiniteDataset(**values | changes)


DATA = _dataset()
BAD = [
    ("index", lambda: _dataset(index=[[0, 3], [1, 0]])),
    ("index[0, 0]", lambda: _dataset(index=[[-1, 2], [1, 0]])),
    ("index", lambda: _dataset(index=[[0.0, 2.0], [1.0, 0.0]])),
    ("index", lambda: _dataset(index=[[0, 2], [1]])),
    ("index", lambda: _dataset(index=[0, 2])),
    ("index", lambda: _dataset(index=[[], []])),
    ("index[0]", lambda: _dataset(index=[[2, 2], [1, 0]])),
    ("value", lambda: _dataset(value=[[1, 2]])),
    ("value[1, 0]", lambda: _dataset(value=[[1, 2], [np.nan, 0]])),
    ("counts", lambda: _dataset(counts=[0, 0])),
    ("counts[1]", lambda: _dataset(counts=[1, -1])),
    ("counts", lambda: _dataset(counts=[1, 1, 1])),
    ("counts", lambda: _dataset(counts=[0.5, 1])),
    ("counts", lambda: _dataset(counts=[2**30, 2**30])),
    ("order", lambda: _dataset(order="fulll")),
    ("batch", lambda: DATA.draw(KEY, 3)),
    ("batch", lambda: DATA.check_batch(1024)),
    ("batch", lambda: DATA.sample(KEY, 0)),
    ("copies", lambda: DATA.repeated(3)),
    ("copies", lambda: DATA.repeated([1, 0])),
    ("point", lambda: DATA.repeated(2, point=2)),
    ("members", lambda: DATA.repeated([1, 2]).dense()),
    ("x", lambda: FiniteDataset.from_dense(np.zeros(3))),
    ("x", lambda: FiniteDataset.from_dense(np.zeros((3, 0)))),
    ("datasets", lambda: stack_datasets([])),
    ("datasets", lambda: stack_datasets([DATA, _dataset(n=4)])),
    ("datasets", lambda: stack_datasets([DATA, _dataset(order="random")])),
    ("datasets", lambda: stack_datasets([DATA.repeated([1, 2])])),
    ("points", lambda: sample_dataset(independent(), points=0, seed=0)),
    ("seed", lambda: sample_dataset(independent(), points=1, seed=-1)),
    (
        "features",
        lambda: sample_dataset(independent(probability=[[0.1]]), points=1, seed=0),
    ),
]


@pytest.mark.parametrize("case", range(len(BAD)))
def test_bad_input_is_one_clear_line(case):
    field, build = BAD[case]
    with pytest.raises(SettingsError) as error:
        build()
    text = str(error.value)
    assert text.startswith(f"{field}: got ") and "expected" in text
    assert "\n" not in text and len(text) < 250
