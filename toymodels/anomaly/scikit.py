"""Detectors of scikit-learn (extra `detectors`), which sees samples in rows.

Axis letters: `samples` as columns here, as rows there; d hidden dimensions.

References:
    Breunig et al. 2000, *LOF: Identifying Density-Based Local Outliers*; Liu, Ting &
    Zhou 2008, *Isolation Forest*.
"""

from typing import Any

import numpy as np
from jaxtyping import Float

from toymodels.anomaly.base import Context, Detector, Observations, detector
from toymodels.config import SettingsError, check_count


class _ScikitDetector(Detector):
    """A detector whose state is a fitted object of scikit-learn."""

    sees = "activations"
    batched = False

    def _estimator(self, module: Any, samples: int) -> Any:
        raise NotImplementedError

    def check(self, reference: Observations, context: Context) -> None:
        """Scikit-learn must be installed."""
        _scikit(self.name)

    def _fit(self, reference: Observations, context: Context) -> Any:
        estimator = self._estimator(_scikit(self.name), reference.samples)
        return estimator.fit(_rows(reference))

    def _score(
        self, state: Any, observations: Observations
    ) -> Float[np.ndarray, " samples"]:
        # Theirs is higher for what is normal.
        return -state.score_samples(_rows(observations))


@detector
class LocalOutlierFactor(_ScikitDetector):
    """How much sparser the surroundings of h are than those of its neighbours.

    Args:
        k: neighbours, ≥ 1; fewer where the reference has not as many.
    """

    name = "local outlier factor"

    k: int = 20

    def __post_init__(self):
        check_count("k", self.k)

    def _estimator(self, module: Any, samples: int) -> Any:
        k = min(self.k, samples - 1)
        return module.neighbors.LocalOutlierFactor(n_neighbors=k, novelty=True)


@detector
class IsolationForest(_ScikitDetector):
    """How few random cuts along the hidden axes set h apart.

    Args:
        trees: number of trees, ≥ 1.
        seed: of the cuts.
    """

    name = "isolation forest"

    trees: int = 100
    seed: int = 0

    def __post_init__(self):
        check_count("trees", self.trees)
        check_count("seed", self.seed, minimum=0)

    def _estimator(self, module: Any, samples: int) -> Any:
        return module.ensemble.IsolationForest(
            n_estimators=self.trees, random_state=self.seed
        )


def _rows(observations: Observations) -> Float[np.ndarray, "samples d"]:
    return np.ascontiguousarray(np.asarray(observations.h).T)


def _scikit(name: str) -> Any:
    try:
        import sklearn.ensemble
        import sklearn.neighbors
    except ImportError:
        raise SettingsError(
            "detector",
            name,
            "scikit-learn to be installed",
            "pip install 'toymodels[detectors]'",
        ) from None
    return sklearn
