"""Detectors against scikit-learn, brute force and their own formulas."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.optimize
import scipy.stats
import sklearn.decomposition
import sklearn.ensemble
import sklearn.linear_model
import sklearn.metrics
import sklearn.neighbors

import toymodels as tm
from toymodels import anomaly, geometry
from toymodels.anomaly import DETECTORS, Context, Observations, make_detector

D, REFERENCE, SAMPLES = 3, 60, 20
# Scores that must not change with the basis of the hidden space.
ROTATION_FREE = [
    "norm",
    "mahalanobis",
    "leverage",
    "nearest neighbours",
    "spectral signature",
    "quantum entropy",
    "likelihood ratio",
    "linear explanation",
]


@pytest.fixture(autouse=True)
def float64():
    with jax.enable_x64(True):
        yield


def seen(h, x=None):
    x = np.zeros((2, h.shape[1])) if x is None else x
    return Observations(h=h, x=x, output=np.zeros_like(x))


def skewed(seed, samples, d=D):
    """Samples of correlated, skewed coordinates, far from the origin."""
    rng = np.random.default_rng(seed)
    mixing = np.random.default_rng(99).normal(size=(d, d)) + np.eye(d)
    return mixing @ rng.gamma(1.0, size=(d, samples)) + 3.0


def scores(name, reference, observed, *, context=None, **changes):
    detector = make_detector(name, **changes)
    fitted = detector.fit(seen(reference), context)
    return np.asarray(detector.score(fitted, seen(observed)))


H, NEW, UNTRUSTED = skewed(0, REFERENCE), skewed(1, SAMPLES), skewed(2, REFERENCE)
MEAN = H.mean(1, keepdims=True)


@pytest.mark.parametrize("name", ROTATION_FREE)
def test_a_rotation_of_the_hidden_space_changes_nothing(name):
    Q = np.linalg.qr(np.random.default_rng(3).normal(size=(D, D)))[0]
    contexts = [None, None]
    if "untrusted" in DETECTORS[name].needs:
        contexts = [Context(untrusted=seen(h)) for h in (UNTRUSTED, Q @ UNTRUSTED)]
    plain = scores(name, H, NEW, context=contexts[0])
    turned = scores(name, Q @ H, Q @ NEW, context=contexts[1])
    np.testing.assert_allclose(plain, turned, rtol=1e-6)


@pytest.mark.parametrize("name", ["gram bounds", "isolation forest"])
def test_a_rotation_changes_what_depends_on_the_basis(name):
    Q = np.linalg.qr(np.random.default_rng(3).normal(size=(D, D)))[0]
    assert not np.allclose(scores(name, H, NEW), scores(name, Q @ H, Q @ NEW))


def test_mahalanobis_is_its_formula_and_centred_leverage():
    inverse = np.linalg.inv(np.cov(H))
    formula = np.einsum("dt,de,et->t", NEW - MEAN, inverse, NEW - MEAN)
    np.testing.assert_allclose(scores("mahalanobis", H, NEW), formula, rtol=1e-9)
    of_itself = scores("mahalanobis", H, H)
    identity = np.asarray(geometry.mahalanobis_squared(H))
    np.testing.assert_allclose(of_itself, identity, atol=1e-6 * D)
    leverage = np.asarray(geometry.leverage(H - MEAN))
    np.testing.assert_allclose(of_itself, (REFERENCE - 1) * leverage, atol=1e-6 * D)


def test_shrinkage_and_the_relative_form():
    covariance = np.cov(H)
    shrunk = 0.7 * covariance + 0.3 * np.trace(covariance) / D * np.eye(D)
    formula = np.einsum("dt,de,et->t", NEW - MEAN, np.linalg.inv(shrunk), NEW - MEAN)
    found = scores("mahalanobis", H, NEW, shrinkage=0.3)
    np.testing.assert_allclose(found, formula, rtol=1e-9)
    alone = ((NEW - MEAN) ** 2 / np.diag(covariance)[:, None]).sum(0)
    relative = scores("mahalanobis", H, NEW, relative=True)
    np.testing.assert_allclose(relative, scores("mahalanobis", H, NEW) - alone)


@pytest.mark.parametrize("copies", [1, 7])
def test_leverage_of_a_repeated_point(copies):
    point = NEW[:, :1]
    against = (point.T @ np.linalg.inv(H @ H.T) @ point).item()
    whole = np.hstack([H, np.repeat(point, copies, 1)])
    # Held out, or one copy kept: repetition cannot hide it.
    held_out = scores("leverage", H, point)[0]
    assert held_out == pytest.approx(against / (1 + against), abs=1e-6 * D)
    kept = geometry.leverage_of_copies(against / (1 + against), 1)
    found = scores("leverage", whole, point)[0]
    assert found == pytest.approx(float(kept), abs=1e-6 * D)
    # With the copies, each has λ/(1 + Rλ), and so has one more of them against R.
    one_more = float(geometry.leverage_of_copies(against, copies + 1))
    hidden = scores("leverage", whole, point, deduplicate=False)[0]
    assert hidden == pytest.approx(one_more, abs=1e-6 * D)
    assert hidden < 1 / (copies + 1)


def test_copies_are_found_up_to_rounding():
    rng = np.random.default_rng(4)
    distinct = rng.normal(size=(4, 30))
    copied = np.hstack([distinct, distinct[:, :12], distinct[:, :5]])
    order = rng.permutation(copied.shape[1])
    rounded = (copied * (1 + 1e-7 * rng.normal(size=copied.shape)))[:, order]
    first = np.asarray(jax.jit(anomaly.first_of_copies)(rounded.astype(np.float32)))
    assert first.sum() == 30
    assert len(np.unique(np.round(rounded[:, first == 1], 5), axis=1).T) == 30


def test_neighbours_are_those_of_scikit_learn():
    theirs = sklearn.neighbors.NearestNeighbors(n_neighbors=5).fit(H.T)
    distance = theirs.kneighbors(NEW.T)[0][:, -1]
    np.testing.assert_allclose(scores("nearest neighbours", H, NEW), distance)
    # More samples than are compared at once.
    many = skewed(5, 300)
    distance = theirs.kneighbors(many.T)[0][:, -1]
    np.testing.assert_allclose(scores("nearest neighbours", H, many), distance)
    with pytest.raises(tm.SettingsError, match="at most the 60 reference samples"):
        scores("nearest neighbours", H, NEW, k=61)


def test_scikit_learn_has_its_signs_turned():
    theirs = (
        sklearn.neighbors.LocalOutlierFactor(n_neighbors=20, novelty=True),
        sklearn.ensemble.IsolationForest(random_state=0),
    )
    far = np.hstack([NEW, MEAN + 20])
    for name, estimator in zip(
        ("local outlier factor", "isolation forest"), theirs, strict=True
    ):
        found = scores(name, H, far)
        np.testing.assert_allclose(found, -estimator.fit(H.T).score_samples(far.T))
        assert found[-1] > np.quantile(found, 0.9)


def test_spectral_signature_is_the_first_principal_component():
    context = Context(untrusted=seen(UNTRUSTED))
    pca = sklearn.decomposition.PCA(1).fit(UNTRUSTED.T)
    found = scores("spectral signature", H, NEW, context=context)
    np.testing.assert_allclose(found, pca.transform(NEW.T)[:, 0] ** 2)


def test_quantum_entropy_is_its_formula_and_mahalanobis_without_alpha():
    context = Context(untrusted=seen(UNTRUSTED))
    values, vectors = np.linalg.eigh(np.cov(H))
    whiten = (vectors / np.sqrt(values)).T
    sigma = np.cov(whiten @ UNTRUSTED)
    weight = scipy.linalg.expm(4 * sigma / np.linalg.norm(sigma, 2))
    z = whiten @ (NEW - MEAN)
    formula = np.einsum("dt,de,et->t", z, weight / np.trace(weight), z)
    found = scores("quantum entropy", H, NEW, context=context)
    np.testing.assert_allclose(found, formula, rtol=1e-8)
    plain = scores("quantum entropy", H, NEW, context=context, alpha=0.0)
    np.testing.assert_allclose(plain * D, scores("mahalanobis", H, NEW), rtol=1e-8)


def test_likelihood_ratio_is_that_of_two_gaussians():
    context = Context(untrusted=seen(UNTRUSTED))
    densities = [
        scipy.stats.multivariate_normal(h.mean(1), np.cov(h)).logpdf(NEW.T)
        for h in (UNTRUSTED, H)
    ]
    found = scores("likelihood ratio", H, NEW, context=context, shrinkage=0.0)
    np.testing.assert_allclose(found, densities[0] - densities[1], rtol=1e-7)


def test_gram_bounds_are_those_of_a_loop():
    pairs = [(i, j) for i in range(D) for j in range(i, D)]
    expected = np.zeros(SAMPLES)
    for i, j in pairs:
        products = H[i] * H[j]
        middle = np.median(products)
        spread = np.median(np.abs(products - middle))
        beyond = np.abs(NEW[i] * NEW[j] - middle) / spread - 2.0
        expected += np.where(beyond > 0, beyond, 0.0)
    np.testing.assert_allclose(scores("gram bounds", H, NEW, width=2.0), expected)
    assert (expected > 0).any() and (expected == 0).any()


def test_reconstruction_error_and_models_without_one():
    x = np.array([[1.0, 0.0], [0.0, 2.0]])
    given = Observations(h=NEW[:, :2], x=x, output=np.zeros((2, 2)))
    detector = make_detector("reconstruction error")
    np.testing.assert_allclose(detector.score(detector.fit(given), given), [1, 4])
    other = Context(model=tm.ComputationModel(n=2, neurons=3))
    with pytest.raises(tm.SettingsError, match="an autoencoder"):
        detector.fit(given, other)


def test_attributions_of_a_linear_model_are_known():
    model = tm.Autoencoder(n=4, d=D, activation="identity", bias=False)
    W = np.random.default_rng(6).normal(size=(D, 4))
    context = Context(model=model, params={"W": W})
    attributions = [h * (W @ W.T @ h) for h in (H, NEW)]
    found = scores("attribution", H, NEW, context=context)
    expected = scores("mahalanobis", *attributions)
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def labelled(seed, samples=200):
    rng = np.random.default_rng(seed)
    labels = rng.uniform(size=samples) < 0.3
    h = skewed(seed, samples) + labels * np.array([[1.5], [0.0], [-1.0]])
    return h, labels


def test_the_probe_is_logistic_regression_and_fails_on_shuffled_labels():
    h, labels = labelled(7)
    fresh, truth = labelled(8)
    context = Context(labelled=(seen(h), labels))
    found = scores("supervised probe", H, fresh, context=context)
    scaled = [(a - h.mean(1, keepdims=True)) / h.std(1)[:, None] for a in (h, fresh)]
    theirs = sklearn.linear_model.LogisticRegression(tol=1e-10, max_iter=1000)
    expected = theirs.fit(scaled[0].T, labels).decision_function(scaled[1].T)
    np.testing.assert_allclose(found, expected, atol=1e-4)
    assert sklearn.metrics.roc_auc_score(truth, found) > 0.8

    chance = []
    for seed in range(8):
        shuffled = np.random.default_rng(seed).permutation(labels)
        context = Context(labelled=(seen(h), shuffled))
        found = scores("supervised probe", H, fresh, context=context)
        chance.append(sklearn.metrics.roc_auc_score(truth, found))
    # Labels carry nothing, but a direction at random may be right or wrong.
    assert abs(np.mean(chance) - 0.5) < 2.5 * np.std(chance) / np.sqrt(8) + 0.02


@pytest.mark.parametrize("k", [3, 12])
def test_without_penalty_the_code_is_that_of_nnls(k):
    rng = np.random.default_rng(k)
    dictionary, h = rng.normal(size=(5, k)), rng.normal(size=(5, 15))
    code = np.asarray(anomaly.sparse_code(dictionary, h, steps=2000))
    assert (code >= 0).all()
    for column in range(15):
        expected, residual = scipy.optimize.nnls(dictionary, h[:, column])
        missed = np.linalg.norm(h[:, column] - dictionary @ code[:, column])
        assert missed == pytest.approx(residual, abs=1e-6)
        if k < 5:  # else the code is not unique
            np.testing.assert_allclose(code[:, column], expected, atol=1e-6)


def test_with_a_penalty_the_code_meets_the_optimality_conditions():
    rng = np.random.default_rng(9)
    dictionary = rng.normal(size=(5, 12))
    h = dictionary @ (rng.uniform(size=(12, 15)) * (rng.uniform(size=(12, 15)) < 0.2))
    penalty = 0.05
    code = np.asarray(anomaly.sparse_code(dictionary, h, penalty=penalty, steps=3000))
    threshold = penalty * (dictionary**2).sum(0).mean()
    slope = dictionary.T @ (dictionary @ code - h) + threshold
    assert slope.min() > -1e-5 and np.abs(slope[code > 1e-6]).max() < 1e-5
    assert (code > 1e-6).mean() < 0.3


def test_the_oracle_knows_the_backdoor_from_a_combination():
    rng = np.random.default_rng(10)
    features, backdoor = rng.normal(size=(6, 12)), rng.normal(size=(6, 1))
    gates = rng.uniform(size=(12, 40)) < 0.15
    ordinary = features @ (rng.uniform(0.3, 1, size=(12, 40)) * gates)
    h = np.hstack([ordinary, backdoor * rng.uniform(0.8, 1.2, size=40)])
    truth = np.arange(80) >= 40
    x = np.zeros((12, 40))
    context = Context(dictionary=np.hstack([features, backdoor]))
    detector = make_detector("oracle code with backdoor")
    fitted = detector.fit(seen(ordinary, x), context)
    found = np.asarray(detector.score(fitted, seen(h, np.zeros((12, 80)))))
    assert sklearn.metrics.roc_auc_score(truth, found) > 0.99
    assert np.median(found[truth]) == pytest.approx(1.0, abs=0.1)

    detector = make_detector("oracle code")
    fitted = detector.fit(seen(ordinary, x), context)
    cost = np.asarray(detector.score(fitted, seen(h, np.zeros((12, 80)))))
    code = anomaly.sparse_code(features, h, penalty=0.02)
    expected = anomaly.code_cost(features, jnp.asarray(h), code, penalty=0.02)
    np.testing.assert_allclose(cost, expected, rtol=1e-6)
    assert sklearn.metrics.roc_auc_score(truth, cost) > 0.8

    # With a wrong direction for the backdoor the knowledge is worth nothing.
    wrong = Context(dictionary=np.hstack([features, rng.normal(size=(6, 1))]))
    detector = make_detector("oracle code with backdoor")
    found = detector.score(
        detector.fit(seen(ordinary, x), wrong), seen(h, np.zeros((12, 80)))
    )
    assert sklearn.metrics.roc_auc_score(truth, np.asarray(found)) < 0.8
