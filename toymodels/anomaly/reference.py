"""The data that detectors are fitted on: trusted, contaminated, or de-duplicated.

Repetition hides a point from what is fitted on it: R equal rows have leverage below
1/R (MAD-10). So it matters whether the reference holds the backdoor, and how often;
every score states it.

Axis letters: `runs` models, n features, `samples`.
"""

import functools

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from toymodels.anomaly.scenarios import Backdoor
from toymodels.anomaly.world import World
from toymodels.config import check_choice, check_count, check_range, settings

KINDS = ("trusted", "contaminated", "deduplicated")


@settings
class Reference:
    """Which samples detectors are fitted on.

    Args:
        kind: "trusted": the point is excluded. "contaminated": it is there as often as
            in training, with its R copies or the share q of the samples.
            "deduplicated": the same, but a row that occurs often is kept once.
        samples: number drawn from a stream, ≥ 2; a finite set is taken whole.
        share: of the point in a contaminated stream, and in the untrusted samples that
            some detectors search, in [0, 1); None for the one of each model's training,
            which is 0 for a model that never saw the point.
    """

    kind: str = "trusted"
    samples: int = 2000
    share: float | None = None

    def __post_init__(self) -> None:
        check_choice("kind", self.kind, KINDS)
        check_count("samples", self.samples, minimum=2)
        if self.share is not None:
            check_range("share", self.share, low=0.0, high=0.999)


def draw_reference(
    reference: Reference, worlds: World, key: PRNGKeyArray
) -> Float[Array, "*runs n samples"]:
    """Reference samples of every model; the copies of the point come first.

    Args:
        reference: which.
        worlds: with a runs axis.
        key: random key; consumed. Runs of one stream share the draws.
    """
    one = functools.partial(_of_set if worlds.points else _of_stream, reference)
    return jax.vmap(lambda world: one(world, jax.random.fold_in(key, world.stream)))(
        worlds
    )


def _of_stream(reference: Reference, world: World, key: PRNGKeyArray) -> Array:
    """As many copies as are expected, rounded: their number is not left to chance."""
    point_key, rest_key = jax.random.split(key)
    x = world.reference.sample(rest_key, reference.samples)
    if reference.kind == "trusted":
        return x
    share = jnp.asarray(world.rate if reference.share is None else reference.share)
    copies = jnp.round(share * reference.samples)
    if reference.kind == "deduplicated":
        copies = jnp.minimum(copies, 1)
    first = jnp.arange(reference.samples) < copies.astype(jnp.int32)
    return jnp.where(first[None, :], _point(world, point_key, reference.samples), x)


def _of_set(reference: Reference, world: World, key: PRNGKeyArray) -> Array:
    """All ordinary points, each once."""
    x = world.reference.sample(key, world.points)
    kept = {"trusted": 0, "contaminated": world.copies, "deduplicated": 1}
    copies = kept[reference.kind]
    return jnp.concatenate([_point(world, key, copies), x], axis=1)


def _point(world: World, key: PRNGKeyArray, copies: int) -> Float[Array, "n copies"]:
    return Backdoor().draw(world, key, copies).x
