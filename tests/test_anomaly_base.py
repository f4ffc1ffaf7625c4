"""The contract of detectors: names, bad input, many models, the documentation."""

import contextlib
import copy
import dataclasses
import io
import re
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import toymodels as tm
from toymodels import anomaly
from toymodels.anomaly import DETECTORS, Context, Observations, make_detector
from toymodels.config import SettingsError, from_json, to_json

RUNS, N, D, SAMPLES = 2, 5, 3, 40
MODEL = tm.Autoencoder(n=N, d=D)
# What is slow to compile is asked for less.
SMALL = {"causal scrubbing": {"steps": 2, "donors": 4, "pairs": 8}}
OURS = [
    pytest.param(name, marks=pytest.mark.slow if name in SMALL else ())
    for name, cls in DETECTORS.items()
    if cls.__module__.startswith("toymodels")
]


@pytest.fixture(scope="module")
def ensemble():
    """Observations and context of several models."""
    keys = jax.random.split(jax.random.key(0), RUNS)
    params = jax.vmap(MODEL.init)(keys)
    rng = np.random.default_rng(0)
    x = rng.uniform(size=(N, SAMPLES)) * (rng.uniform(size=(N, SAMPLES)) < 0.5)
    x = jnp.asarray(x, jnp.float32)
    seen = jax.vmap(lambda params: anomaly.observe(MODEL, params, x))(params)
    labels = jnp.asarray(rng.uniform(size=(RUNS, SAMPLES)) < 0.5)
    context = Context(
        model=MODEL,
        params=params,
        dictionary=jnp.concatenate([params["W"], seen.h[:, :, :1]], axis=2),
        labelled=(seen, labels),
        untrusted=seen,
        key=keys,
    )
    return seen, context


@pytest.fixture(scope="module")
def single(ensemble):
    return jax.tree.map(lambda leaf: leaf[1], ensemble)


@pytest.mark.parametrize("name", OURS)
def test_every_detector_scores_an_ensemble_and_declares_itself(name, ensemble):
    seen, context = ensemble
    detector = make_detector(name, **SMALL.get(name, {}))
    fits = anomaly.fit_each(detector, seen, context)
    scores = np.asarray(anomaly.score_each(detector, fits, seen))
    assert scores.shape == (RUNS, SAMPLES) and np.isfinite(scores).all()
    assert detector.sees in anomaly.SEES and detector.bound in anomaly.BOUNDS
    assert from_json(to_json(detector)) == detector
    assert detector.label.startswith(name) and type(detector).__doc__


@pytest.mark.parametrize("name", ["mahalanobis", "nearest neighbours", "random"])
def test_many_models_at_once_equal_one_by_one(name, ensemble, single):
    detector = make_detector(name)
    fits = anomaly.fit_each(detector, *ensemble)
    together = anomaly.score_each(detector, fits, ensemble[0])[1]
    alone = detector.score(detector.fit(*single), single[0])
    np.testing.assert_allclose(together, alone, rtol=1e-4)


@pytest.mark.parametrize(
    ("name", "missing"),
    [
        ("spectral signature", "untrusted"),
        ("quantum entropy", "untrusted"),
        ("likelihood ratio", "untrusted"),
        ("supervised probe", "labelled"),
        ("oracle code", "dictionary"),
        ("attribution", "params"),
        ("causal scrubbing", "model"),
        ("random", "key"),
    ],
)
def test_what_the_context_lacks_is_named(name, missing, single):
    seen, context = single
    lacking = dataclasses.replace(context, **{missing: None})
    with pytest.raises(SettingsError, match=rf"context.{missing}: .*{name}"):
        make_detector(name).fit(seen, lacking)


def test_a_detector_that_is_not_there_says_why():
    with pytest.raises(SettingsError, match="sparse autoencoders"):
        make_detector("sae error")
    with pytest.raises(SettingsError, match="several layers"):
        make_detector("neighbour ranks")
    with pytest.raises(SettingsError, match="try mahalanobis"):
        make_detector("mahalanobs")
    with pytest.raises(SettingsError, match="try shrinkage"):
        make_detector("mahalanobis", shrink=0.1)


def spoiled(seen, part, value):
    array = np.array(getattr(seen, part))
    array[0, 3] = value
    return dataclasses.replace(seen, **{part: array})


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_numbers_that_are_not_finite_are_refused(value, single, ensemble):
    seen, context = single
    norm = make_detector("norm")
    fitted = norm.fit(seen)
    with pytest.raises(SettingsError, match=r"reference.h.*1 of 40.*first at 3"):
        norm.fit(spoiled(seen, "h", value))
    with pytest.raises(SettingsError, match=r"observations.output"):
        norm.score(fitted, spoiled(seen, "output", value))
    with pytest.raises(SettingsError, match=r"untrusted.x"):
        norm.fit(seen, Context(untrusted=spoiled(seen, "x", value)))
    bad = np.array(ensemble[0].h)
    bad[1, 0, 0] = value
    with pytest.raises(SettingsError, match=r"run 1, reference.h"):
        anomaly.fit_each(norm, dataclasses.replace(ensemble[0], h=bad))


def test_shapes_that_do_not_fit_are_refused(single, ensemble):
    seen, context = single
    norm = make_detector("norm")
    fitted = norm.fit(seen)
    with pytest.raises(SettingsError, match=r"observations.h: .*2 rows.*d = 3"):
        norm.score(fitted, dataclasses.replace(seen, h=seen.h[:2]))
    # Past the type check of the tests, which users do not have.
    short = copy.copy(seen)
    object.__setattr__(short, "x", seen.x[:, :7])
    with pytest.raises(SettingsError, match=r"observations.x: .*columns, as h"):
        norm.score(fitted, short)
    with pytest.raises(SettingsError, match="one model"):
        norm.fit(ensemble[0])
    with pytest.raises(SettingsError, match="for one model"):
        anomaly.fit_each(norm, seen)
    with pytest.raises(SettingsError, match="reference.samples"):
        norm.fit(seen.select(np.arange(1)))
    with pytest.raises(SettingsError, match="that of 'mahalanobis'"):
        make_detector("mahalanobis").score(fitted, seen)
    with pytest.raises(SettingsError, match=r"d = 3 and k ≥ n = 5"):
        norm.fit(seen, Context(dictionary=context.dictionary[:, :4]))
    with pytest.raises(SettingsError, match="5 columns.*more than n = 5"):
        make_detector("oracle code with backdoor").fit(
            seen, Context(dictionary=context.dictionary[:, :5])
        )
    with pytest.raises(SettingsError, match="n = 5, as the model"):
        anomaly.observe(MODEL, context.params, seen.x[:4])


def test_labels_must_be_both_and_one_a_sample(single):
    seen, _ = single
    probe = make_detector("supervised probe")
    with pytest.raises(SettingsError, match="both 0 and 1"):
        probe.fit(seen, Context(labelled=(seen, np.zeros(SAMPLES, bool))))
    with pytest.raises(SettingsError, match="one a sample"):
        probe.fit(seen, Context(labelled=(seen, np.zeros(3, bool))))


@pytest.mark.parametrize("samples", [3, SAMPLES])
def test_a_reference_of_deficient_rank_warns_and_still_works(samples, single):
    seen = single[0].select(np.arange(samples) + 1)
    flat = np.array(seen.h)
    flat[2] = flat[0] + flat[1]
    flat = dataclasses.replace(seen, h=flat)
    detector = make_detector("mahalanobis")
    with pytest.warns(anomaly.ReferenceWarning, match="fewer than the d = 3"):
        fitted = detector.fit(flat)
    scores = np.asarray(detector.score(fitted, flat))
    inverse = np.linalg.pinv(np.cov(flat.h.astype(float)), rcond=1e-5)
    centred = flat.h - flat.h.mean(1, keepdims=True)
    formula = np.einsum("dt,de,et->t", centred, inverse, centred)
    np.testing.assert_allclose(scores, formula, rtol=1e-3)


def test_a_missing_extra_is_named(monkeypatch, single):
    monkeypatch.setitem(sys.modules, "sklearn.neighbors", None)
    with pytest.raises(SettingsError, match=r"toymodels\[detectors\]"):
        make_detector("local outlier factor").fit(*single)


def test_random_scores_differ_between_sets_and_not_between_calls(single):
    seen, context = single
    detector = make_detector("random")
    fitted = detector.fit(seen, context)
    first = np.asarray(detector.score(fitted, seen.select(np.arange(20))))
    second = np.asarray(detector.score(fitted, seen.select(np.arange(20, 40))))
    assert not np.isin(first, second).any()
    again = detector.score(fitted, seen.select(np.arange(20)))
    np.testing.assert_array_equal(first, again)


def test_select_takes_indices_and_masks(single):
    seen = single[0]
    mask = np.arange(SAMPLES) % 3 == 0
    by_mask, by_index = seen.select(mask), seen.select(np.flatnonzero(mask))
    np.testing.assert_array_equal(by_mask.h, by_index.h)
    assert by_mask.samples == mask.sum() and isinstance(by_mask, Observations)


def test_a_name_or_a_view_that_is_wrong_is_refused():
    def made(**variables):
        return anomaly.detector(type("Wrong", (anomaly.Detector,), variables))

    with pytest.raises(SettingsError, match=r"Wrong.sees"):
        made(name="wrong", sees="everything")
    with pytest.raises(SettingsError, match=r"Wrong.name"):
        made(name="norm", sees="activations")
    assert "wrong" not in DETECTORS


def test_the_documentation_adds_a_detector(monkeypatch):
    monkeypatch.setattr(anomaly.base, "DETECTORS", DETECTORS.copy())
    text = Path(__file__).parents[1].joinpath("docs", "detectors.md").read_text("utf-8")
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert len(blocks[0].splitlines()) < 30
    printed, expected = io.StringIO(), re.search(r"print\(.*\)  # (.*)", text)
    with contextlib.redirect_stdout(printed):
        exec("\n".join(blocks), {"__name__": "documentation"})
    assert printed.getvalue().strip() == expected.group(1)
