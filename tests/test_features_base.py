"""What holds for every distribution: interface, members, JSON, pytree, shared draws."""

import dataclasses
import inspect
import re
import textwrap

import jax
import numpy as np
import pytest

import toymodels.features as tf
from toymodels.config import (
    SettingsError,
    check_range,
    content_hash,
    from_json,
    to_json,
)

INDEPENDENT = tf.IndependentFeatures(n=3, probability=[0.2, 0.5, 1.0])
PROBABILITY = np.array([[0.1], [0.4], [0.7]])
POINTS = tf.FiniteDataset.from_dense([[1, 0, 0.5], [0, 0, 2]], order="random")
KEY = jax.random.key(3)

# One of each class, single and with three members.
SINGLE = {
    "independent": INDEPENDENT,
    "gaussian": tf.GaussianFeatures(covariance=np.eye(3) + 1),
    "exactly_k": tf.ExactlyK(n=5, k=2, values="signed"),
    "correlated": tf.CorrelatedGroup(n=3, probability=0.3),
    "anticorrelated": tf.AnticorrelatedGroup(n=3, probability=0.3),
    "concatenated": tf.Concatenated(parts=(INDEPENDENT, tf.ExactlyK(n=4, k=1))),
    "copula": tf.CopulaFeatures(n=3, probability=0.3, correlation=0.5),
    "noisy": tf.NoisyFeatures(base=INDEPENDENT, scale=0.1),
    "unit_norm": tf.UnitNorm(base=INDEPENDENT),
    "finite": POINTS,
    "repeated": tf.RepeatedPoint(base=INDEPENDENT, point=[1, 0, 0.5], rate=0.2),
}
SEVERAL = {
    "gaussian": tf.GaussianFeatures(covariance=PROBABILITY[..., None] * np.eye(2)),
    "independent": tf.IndependentFeatures(n=3, probability=PROBABILITY),
    "correlated": tf.CorrelatedGroup(n=2, probability=[0.1, 0.4, 0.7]),
    "anticorrelated": tf.AnticorrelatedGroup(n=2, probability=PROBABILITY),
    "concatenated": tf.Concatenated(
        parts=(tf.IndependentFeatures(n=3, probability=PROBABILITY), INDEPENDENT)
    ),
    "copula": tf.CopulaFeatures(
        n=3, probability=PROBABILITY, correlation=PROBABILITY[..., None]
    ),
    "noisy": tf.NoisyFeatures(base=INDEPENDENT, scale=PROBABILITY),
    "unit_norm": tf.UnitNorm(base=tf.IndependentFeatures(n=3, probability=PROBABILITY)),
    "finite": POINTS.repeated([1, 2, 3], point=2),
    "repeated": tf.RepeatedPoint(
        base=INDEPENDENT, point=[1, 0, 0.5], rate=PROBABILITY[:, 0]
    ),
}
# Compiled whole: operation by operation these tests would take several times as long.
draw = jax.jit(lambda f, key: (f.sample(key, 32), f.sample_labelled(key, 32)))

EACH_SINGLE = pytest.mark.parametrize("name", SINGLE)
EACH_SEVERAL = pytest.mark.parametrize("name", SEVERAL)


def test_every_class_is_covered():
    listed = {type(d) for d in SINGLE.values()}
    concrete = {
        c
        for c in (getattr(tf, name) for name in tf.__all__)
        if isinstance(c, type)
        and issubclass(c, tf.FeatureDistribution)
        and not inspect.isabstract(c)
    }
    assert concrete == listed
    assert {type(d) for d in SEVERAL.values()} == listed - {tf.ExactlyK}


@EACH_SINGLE
def test_samples_have_shapes_and_labels(name):
    features = SINGLE[name]
    x, drawn = draw(features, KEY)
    assert drawn.x.shape == drawn.active.shape == (features.n, 32)
    assert drawn.x.dtype == np.float32
    assert drawn.backdoor.shape == (32,)
    np.testing.assert_array_equal(x, drawn.x)
    if name == "noisy":
        assert np.all(drawn.x != 0)
    else:
        np.testing.assert_array_equal(drawn.x != 0, drawn.active)
    if name != "repeated":
        assert not drawn.backdoor.any()


@pytest.mark.parametrize("which", [SINGLE, SEVERAL])
def test_json_round_trip(which):
    for features in which.values():
        again = from_json(to_json(features))
        assert again == features
        assert hash(again) == hash(features)
        assert content_hash(again) == content_hash(features)


def test_equality_is_by_content():
    assert INDEPENDENT == tf.IndependentFeatures(n=3, probability=(0.2, 0.5, 1))
    assert INDEPENDENT != tf.IndependentFeatures(n=3, probability=0.2)
    one = tf.IndependentFeatures(n=3, probability=0.2)
    assert one == tf.IndependentFeatures(n=3, probability=[0.2, 0.2, 0.2])


@EACH_SEVERAL
def test_members_equal_a_loop(name):
    features = SEVERAL[name]
    assert features.members == 3
    # The trainer's use: one compiled program, one key for all members.
    together = jax.jit(
        lambda f: jax.vmap(lambda one: one.sample_labelled(KEY, 32))(f.per_member(3))
    )(features)
    for member in range(3):
        one = jax.tree.map(lambda leaf, m=member: leaf[m], features.per_member(3))
        assert one.members is None
        _, alone = draw(one, KEY)
        np.testing.assert_allclose(together.x[member], alone.x, atol=1e-5)
        np.testing.assert_array_equal(together.active[member], alone.active)
        np.testing.assert_array_equal(together.backdoor[member], alone.backdoor)
        for moment in ("mean", "variance", "activity"):
            np.testing.assert_allclose(
                getattr(features.per_member(3), moment)()[member],
                getattr(one, moment)(),
                atol=1e-12,
            )


@EACH_SINGLE
def test_per_member_repeats_a_single_distribution(name):
    features = SINGLE[name]
    repeated = features.per_member(4)
    assert features.members is None
    assert repeated.members == (None if name == "exactly_k" else 4)
    # A distribution without leaves has nothing to map over, hence `axis_size`.
    keys = jax.random.split(KEY, 4)
    x = jax.jit(jax.vmap(lambda f, key: f.sample(key, 32), axis_size=4))(repeated, keys)
    alone = np.stack([draw(features, key)[0] for key in keys])
    np.testing.assert_allclose(x, alone, atol=1e-5)


@EACH_SEVERAL
def test_members_with_one_key_share_their_random_numbers(name):
    program = jax.make_jaxpr(jax.vmap(lambda one: one.sample(KEY, 11)))
    text = str(program(SEVERAL[name].per_member(3)))
    # Ours are drawn as one row of counters, those of `jax.random` as (n, batch): no
    # axis of length 3 in front of either.
    rows = re.findall(r"\w+:u32\[([\d,]*)\] = threefry2x32", text)
    arrays = re.findall(r"\w+:u32\[([\d,]*)\] = random_bits", text)
    assert rows or arrays
    assert all("," not in shape for shape in rows), rows
    assert all(shape.count(",") <= 1 for shape in arrays), arrays


def test_members_that_disagree_are_refused():
    base = tf.IndependentFeatures(n=3, probability=PROBABILITY)
    with pytest.raises(SettingsError, match="scale.*2 members|scale: got"):
        tf.NoisyFeatures(base=base, scale=[[0.1], [0.2]])
    with pytest.raises(SettingsError, match="members: got 4, expected 3"):
        base.per_member(4)


def test_trees_are_rebuilt_without_validation():
    ones = jax.tree.map(lambda leaf: 0, SEVERAL["repeated"])
    assert ones.rate == 0
    assert jax.tree.leaves(INDEPENDENT)[0].dtype == np.float32
    grown = jax.jit(lambda f: jax.tree.map(lambda leaf: 2 * leaf, f))(INDEPENDENT)
    np.testing.assert_allclose(grown.probability, [0.4, 1.0, 2.0])


def test_construction_works_under_jit():
    def draw_independent(p):
        features = tf.IndependentFeatures(n=3, probability=p)
        return tf.NoisyFeatures(base=features, scale=0.0).sample(KEY, 8)

    np.testing.assert_allclose(
        jax.jit(draw_independent)(0.5), draw_independent(0.5), atol=1e-6
    )

    def draw_copula(correlation):
        features = tf.CopulaFeatures(n=3, probability=0.5, correlation=correlation)
        return features.sample(KEY, 8)

    np.testing.assert_allclose(
        jax.jit(draw_copula)(0.5 + 0.5 * np.eye(3)),
        draw_copula(0.5 + 0.5 * np.eye(3)),
        atol=1e-6,
    )


def test_the_example_in_the_docstring_works():
    text = inspect.getdoc(tf.FeatureDistribution)
    code = re.search(r"^    @feature.*?(?=^\S)", text, re.DOTALL | re.MULTILINE)[0]
    world = {**vars(tf), "check_range": check_range, "dataclasses": dataclasses}
    exec(textwrap.dedent(code), world)
    scaled = world["ScaledFeatures"](base=INDEPENDENT, scale=[1.0, 2.0, 0.0])
    np.testing.assert_allclose(scaled.mean(), [0.1, 0.5, 0.0], atol=1e-7)
    np.testing.assert_array_equal(
        scaled.sample(KEY, 8)[1], 2 * INDEPENDENT.sample(KEY, 8)[1]
    )
    assert from_json(to_json(scaled)) == scaled
    assert scaled.per_member(2).members == 2


def _independent(**changes):
    return tf.IndependentFeatures(**{"n": 3, "probability": 0.1, **changes})


def _repeated(**changes):
    values = {"base": INDEPENDENT, "point": [1, 0, 0], "rate": 0.1}
    return tf.RepeatedPoint(**{**values, **changes})


def _copula(correlation):
    return tf.CopulaFeatures(n=3, probability=0.1, correlation=correlation)


def _unchecked(cls, **values):
    """Construction as users have it, without the type checks of the test world."""
    built = object.__new__(cls)
    for name, value in values.items():
        object.__setattr__(built, name, value)
    built.__post_init__()


BAD = [
    ("n", lambda: _independent(n=0)),
    ("n", lambda: _unchecked(tf.IndependentFeatures, n=2.5, probability=0.1)),
    ("probability", lambda: _independent(probability=0)),
    ("probability", lambda: _independent(probability=-0.1)),
    ("probability[1]", lambda: _independent(probability=[0.1, 1.5, 0.2])),
    ("probability[0, 0]", lambda: _independent(probability=[[0.0], [0.1]])),
    ("probability", lambda: _independent(probability=float("nan"))),
    ("probability", lambda: _independent(probability=float("inf"))),
    ("probability", lambda: _independent(probability="often")),
    ("probability", lambda: _independent(probability=[])),
    ("probability", lambda: _independent(probability=[0.1, 0.2])),
    ("probability", lambda: _independent(probability=[[0.1], [0.2, 0.3]])),
    ("probability", lambda: _independent(probability=np.full((2, 2, 3), 0.1))),
    ("values", lambda: _independent(values="bolean")),
    ("batch", lambda: INDEPENDENT.sample(KEY, 0)),
    ("k", lambda: tf.ExactlyK(n=3, k=4)),
    ("k", lambda: tf.ExactlyK(n=3, k=0)),
    ("values", lambda: tf.ExactlyK(n=3, k=1, values="two")),
    ("probability", lambda: tf.CorrelatedGroup(n=3, probability=2)),
    ("probability", lambda: tf.AnticorrelatedGroup(n=3, probability=0.0)),
    (
        "probability",
        lambda: tf.AnticorrelatedGroup(n=3, probability=np.full((2, 3), 0.1)),
    ),
    ("parts", lambda: tf.Concatenated(parts=())),
    ("parts", lambda: _unchecked(tf.Concatenated, parts=(INDEPENDENT, 3))),
    (
        "parts",
        lambda: tf.Concatenated(
            parts=[
                _independent(probability=np.full((2, 1), 0.1)),
                _independent(probability=np.full((3, 1), 0.1)),
            ]
        ),
    ),
    ("correlation", lambda: _copula(2.0)),
    ("correlation", lambda: _copula(float("nan"))),
    ("correlation", lambda: _copula(-0.9)),  # three cannot all be opposites
    ("correlation", lambda: _copula(np.eye(2))),
    ("correlation", lambda: _copula(0.5 * np.eye(3))),
    ("correlation", lambda: _copula([[1, 0.5, 0], [0, 1, 0], [0, 0, 1]])),
    ("correlation", lambda: _copula([0.1, 0.2, 0.3])),
    ("scale", lambda: tf.NoisyFeatures(base=INDEPENDENT, scale=-1)),
    ("scale", lambda: tf.NoisyFeatures(base=INDEPENDENT, scale=[0.1, 0.2])),
    ("base", lambda: _unchecked(tf.NoisyFeatures, base=0.5, scale=0.1)),
    ("base", lambda: _unchecked(tf.UnitNorm, base=tf.ExactlyK(n=3, k=1))),
    ("rate", lambda: _repeated(rate=1)),
    ("rate", lambda: _repeated(rate=1.5)),
    ("rate", lambda: _repeated(rate=-0.1)),
    ("rate", lambda: _repeated(rate=float("nan"))),
    ("point", lambda: _repeated(point=[1, 0])),
    ("point", lambda: _repeated(point=[1, 0, 0, 0])),
    ("point", lambda: _repeated(point=1.0)),
    ("point", lambda: _repeated(point=[1.0])),
    ("point", lambda: _repeated(point=[1, 0, float("inf")])),
    ("point", lambda: _repeated(point=["a", "b", "c"])),
]


@pytest.mark.parametrize("case", range(len(BAD)))
def test_bad_input_is_one_clear_line(case):
    field, build = BAD[case]
    with pytest.raises(SettingsError) as error:
        build()
    text = str(error.value)
    assert text.startswith(f"{field}: got ") and "expected" in text
    assert "\n" not in text and len(text) < 250
