"""Independent blocks of features side by side, for instance several correlated groups.

Axis letters: `n` features of all blocks, `batch` samples, `members` of one ensemble.
"""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float64, PRNGKeyArray

from toymodels.config import SettingsError
from toymodels.features.base import (
    FeatureDistribution,
    LabelledSamples,
    child,
    feature_distribution,
)


@feature_distribution
class Concatenated(FeatureDistribution):
    """The features of all parts in order; different parts are independent.

    Args:
        parts: one or more distributions, kept as a tuple. A sample is labelled as
            backdoor if it is a repeated point in any part.
    """

    parts: Sequence[FeatureDistribution] = child()

    def __post_init__(self) -> None:
        """Lists become tuples; no parts at all is an error."""
        if isinstance(self.parts, list):
            object.__setattr__(self, "parts", tuple(self.parts))
        if self.parts == ():
            raise SettingsError("parts", self.parts, "at least one distribution")
        super().__post_init__()

    @property
    def n(self) -> int:
        """Sum over the parts."""
        return sum(part.n for part in self.parts)

    def sample_labelled(self, key: PRNGKeyArray, batch: int) -> LabelledSamples:
        """One key a part, in order."""
        keys = jax.random.split(key, len(self.parts))
        drawn = [
            part.sample_labelled(one, batch)
            for part, one in zip(self.parts, keys, strict=True)
        ]
        return LabelledSamples(
            x=jnp.concatenate([d.x for d in drawn]),
            active=jnp.concatenate([d.active for d in drawn]),
            backdoor=jnp.stack([d.backdoor for d in drawn]).any(axis=0),
        )

    def mean(self) -> Float64[np.ndarray, "*members n"]:
        """Those of the parts, in order."""
        return _join([part.mean() for part in self.parts])

    def variance(self) -> Float64[np.ndarray, "*members n"]:
        """Those of the parts, in order."""
        return _join([part.variance() for part in self.parts])

    def activity(self) -> Float64[np.ndarray, "*members n"]:
        """Those of the parts, in order."""
        return _join([part.activity() for part in self.parts])


def _join(rows: list[np.ndarray]) -> np.ndarray:
    """Concatenate along the last axis; parts without members repeat for each."""
    lead = np.broadcast_shapes(*(row.shape[:-1] for row in rows))
    return np.concatenate(
        [np.broadcast_to(row, (*lead, row.shape[-1])) for row in rows], axis=-1
    )
