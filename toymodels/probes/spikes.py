"""Maxima of the response on a sphere, compared with features: are they spikes?

Axis letters: n features, d dimensions, `bases`, `points` or `starts` unit vectors.
"""

import dataclasses

import numpy as np
from jaxtyping import Bool, Float

from toymodels.probes.sphere import Ascent, distinct_maxima, match_features
from toymodels.probes.sphere_grids import SphereGrid, local_maxima

# |cos| with a feature from which on a direction lies at it: within 18 degrees.
ALIGNED = 0.95
# Classes of a maximum at a feature: sign, and whether the feature is active.
SPIKE_CLASSES = ("+ active", "− active", "+ inactive", "− inactive")


@dataclasses.dataclass(frozen=True)
class Spikes:
    """The local maxima around all bases of one model, in one list.

    Attributes:
        base: (maxima,) which base.
        cosine: (maxima,) signed, with the nearest of ±features.
        feature: (maxima,) that feature.
        response: (maxima,) R there.
        direction: (d, maxima).
    """

    base: np.ndarray
    cosine: np.ndarray
    feature: np.ndarray
    response: np.ndarray
    direction: np.ndarray

    @property
    def aligned(self) -> Bool[np.ndarray, " maxima"]:
        """Which lie at a feature, of either sign."""
        return np.abs(self.cosine) >= ALIGNED

    def share_aligned(self) -> float:
        """Share that lie at a feature; 0 where there is no maximum at all."""
        return float(self.aligned.sum()) / max(len(self.base), 1)

    def ratio(self, random: Float[np.ndarray, "bases points"]) -> float:
        """Median response of maxima over the mean response of random directions.

        The median over bases; a flat sphere has 1, a base with no answer at all none.
        The mean, because beyond a threshold most random directions may have 0.
        """
        found = []
        for base, responses in enumerate(random):
            own = self.response[self.base == base]
            if responses.mean() > 0:
                high = np.median(own) if own.size else responses.mean()
                found.append(high / responses.mean())
        return float(np.median(found)) if found else np.nan

    def classes(
        self, active: Bool[np.ndarray, "n bases"]
    ) -> Float[np.ndarray, " classes"]:
        """Number of maxima a base in each of `SPIKE_CLASSES`."""
        on = active[self.feature, self.base]
        plus = self.cosine > 0
        kinds = (on & plus, on & ~plus, ~on & plus, ~on & ~plus)
        return (
            np.array([(kind & self.aligned).sum() for kind in kinds]) / active.shape[1]
        )


def grid_spikes(
    grid: SphereGrid,
    responses: Float[np.ndarray, "bases points"],
    features: Float[np.ndarray, "d n"],
) -> Spikes:
    """Local maxima of a grid."""
    base, point = np.nonzero(local_maxima(responses, grid))
    return _matched(base, grid.directions[:, point], responses[base, point], features)


def ascent_spikes(ascent: Ascent, features: Float[np.ndarray, "d n"]) -> Spikes:
    """Different ends of an ascent, around every base of one model."""
    base, direction, response = [], [], []
    directions, responses = np.asarray(ascent.directions), np.asarray(ascent.responses)
    for place, (v, height) in enumerate(zip(directions, responses, strict=True)):
        kept = distinct_maxima(v, height)
        base.append(np.full(len(kept), place))
        direction.append(v[:, kept])
        response.append(height[kept])
    return _matched(
        np.concatenate(base),
        np.concatenate(direction, axis=1),
        np.concatenate(response),
        features,
    )


def _matched(
    base: np.ndarray,
    direction: np.ndarray,
    response: np.ndarray,
    features: Float[np.ndarray, "d n"],
) -> Spikes:
    found = match_features(direction, features)
    return Spikes(base, found.cosine, found.feature, response, direction)


def share_by_chance(
    features: Float[np.ndarray, "d n"], directions: Float[np.ndarray, "d points"]
) -> float:
    """Share of given directions that lie at ±features: what no spike would have."""
    return float(
        (np.abs(match_features(directions, features).cosine) >= ALIGNED).mean()
    )
