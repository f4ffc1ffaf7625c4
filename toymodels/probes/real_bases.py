"""Real activations that have something to say: of samples with an active feature.

In a sparse world most samples of a small model are empty. They all have the same
activation, so that they are neither a base to perturb nor a distance to measure by.

Axis letters: n features, `bases` samples, `d_layer` dimensions of the layer, `real`
activations.
"""

from typing import NamedTuple

from jaxtyping import Array, Bool, Float, PRNGKeyArray

from toymodels.config import check_count
from toymodels.features import FeatureDistribution
from toymodels.probes.bases import draw_bases, mean_distance
from toymodels.probes.subject import Subject

# `draw_bases` draws three times as many again: enough where a fifteenth is not empty.
SPARE = 5
# Fewer activations would make a poor mean distance.
FEWEST = 64


class LabelledBases(NamedTuple):
    """What `labelled_bases` draws."""

    x: Float[Array, "n bases"]
    """The samples, one a column."""
    active: Bool[Array, "n bases"]
    """Which features are switched on in them; with noise or signs, x does not say."""
    unit: Float[Array, ""]
    """d̄, the mean distance between two of `real`."""
    real: Float[Array, "d_layer real"]
    """Activations of such samples; for `check_spread`, which cannot be compiled."""


def real_bases(
    subject: Subject,
    features: FeatureDistribution,
    key: PRNGKeyArray,
    *,
    bases: int,
) -> tuple[Float[Array, "n bases"], Float[Array, ""]]:
    """Samples with an active feature, and d̄ of their activations; consumes the key.

    d̄ is the mean distance between two activations of such samples, over 64 or more of
    them. Pure, and mapped over an ensemble with `jax.lax.map`.

    Args:
        subject: layer of one model.
        features: distribution of the model's samples.
        key: of the draws.
        bases: how many; should there be too few, the last ones are empty.
    """
    drawn = labelled_bases(subject, features, key, bases=bases)
    return drawn.x, drawn.unit


def labelled_bases(
    subject: Subject,
    features: FeatureDistribution,
    key: PRNGKeyArray,
    *,
    bases: int,
) -> LabelledBases:
    """The same draws as `real_bases`, with their labels and activations."""
    count = max(check_count("bases", bases), FEWEST)
    drawn = draw_bases(subject, features, key, bases=SPARE * count, real=2)
    # Empty samples, if there are any, come last.
    real = drawn.h[:, :count]
    return LabelledBases(
        x=drawn.x[:, :bases],
        active=drawn.active[:, :bases],
        unit=mean_distance(real),
        real=real,
    )
