"""AUROC, average precision and ROC curves against scikit-learn and brute force."""

import numpy as np
import pytest
import sklearn.metrics

from toymodels.anomaly.roc import auroc, average_precision, roc_curve, tpr_at_fpr


def drawn(seed, levels):
    """Scores of 40 positives and 70 negatives, of few `levels` or of many."""
    rng = np.random.default_rng(seed)
    positive, negative = rng.normal(0.7, 1, (3, 40)), rng.normal(0, 1, (3, 70))
    return (np.round(part * levels) / levels for part in (positive, negative))


def between(fpr, tpr, level):
    """On the curve: at a point of it the upper end, else on the line between two."""
    if (fpr == level).any():
        return tpr[fpr == level].max()
    left, right = np.flatnonzero(fpr < level)[-1], np.flatnonzero(fpr > level)[0]
    share = (level - fpr[left]) / (fpr[right] - fpr[left])
    return tpr[left] + share * (tpr[right] - tpr[left])


@pytest.mark.parametrize("levels", [1, 3, 1000])
@pytest.mark.parametrize("seed", range(3))
def test_the_numbers_are_those_of_scikit_learn(seed, levels):
    positive, negative = drawn(seed, levels)
    label = np.r_[np.ones(40), np.zeros(70)]
    for row in range(3):
        scores = np.r_[positive[row], negative[row]]
        assert auroc(positive, negative)[row] == pytest.approx(
            sklearn.metrics.roc_auc_score(label, scores)
        )
        assert average_precision(positive, negative)[row] == pytest.approx(
            sklearn.metrics.average_precision_score(label, scores)
        )
        fpr, tpr, _ = sklearn.metrics.roc_curve(label, scores, drop_intermediate=False)
        grid = np.linspace(0, 1, 41)
        expected = [between(fpr, tpr, level) for level in grid]
        np.testing.assert_allclose(
            roc_curve(positive, negative, grid)[row], expected, atol=1e-12
        )


def test_equal_scores_count_one_half():
    positive, negative = drawn(0, 1)
    above = positive[:, :, None] - negative[:, None, :]
    brute = ((above > 0) + 0.5 * (above == 0)).mean(axis=(1, 2))
    np.testing.assert_allclose(auroc(positive, negative), brute)
    assert auroc(np.ones(5), np.ones(9)) == 0.5


def test_a_score_that_ranks_the_wrong_way_is_not_flipped():
    low, high = np.zeros((1, 4)), np.ones((1, 4))
    assert auroc(low, high) == 0
    assert auroc(high, low) == 1
    assert average_precision(high, low) == 1
    assert average_precision(low, high) == 0.5
    assert tpr_at_fpr(low, high) == 0


def test_by_hand():
    # Flagged first: +, −, + and − together, −: (0, 1/2), (1/3, 1/2), (2/3, 1), (1, 1).
    positive, negative = np.array([4.0, 2.0]), np.array([3.0, 2.0, 1.0])
    fpr = np.array([0.0, 1 / 3, 0.5, 2 / 3, 1.0])
    np.testing.assert_allclose(
        roc_curve(positive, negative, fpr), [0.5, 0.5, 0.75, 1, 1]
    )
    assert average_precision(positive, negative) == pytest.approx(0.5 + 0.5 * 2 / 4)
    assert auroc(positive, negative) == pytest.approx(4.5 / 6)


def test_a_score_that_is_nan_gives_nan_for_its_row_alone():
    positive, negative = drawn(0, 10)
    positive[1, 3] = np.nan
    for measure in (auroc, average_precision, tpr_at_fpr):
        assert list(np.isnan(measure(positive, negative))) == [False, True, False]
