"""The parts that scenarios are made of: random sets of features, and the last touch.

Axis letters: `runs` models, n features, `samples`.
"""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float, Int

from toymodels.anomaly.world import World
from toymodels.config import SettingsError
from toymodels.features import LabelledSamples


def finished(
    world: World,
    rng: np.random.Generator,
    x: Float[np.ndarray, "n samples"],
    active: Bool[np.ndarray, "n samples"],
    *,
    backdoor: bool = False,
) -> LabelledSamples:
    """The made-up samples x, scaled and with noise as the samples of training were.

    Args:
        world: of a single model.
        rng: of the noise.
        x: one sample a column.
        active: features that are on.
        backdoor: whether this is the point, whose noise may differ.

    Returns:
        x and active (n, samples), backdoor (samples,).
    """
    if world.unit_norm:
        length = np.linalg.norm(x, axis=0, keepdims=True)
        x = x / np.where(length > 0, length, 1.0)
    if world.noisy:
        scale = world.trigger_noise if backdoor else world.noise
        x = x + scale[:, None] * rng.normal(size=x.shape)
    label = np.full(x.shape[1], backdoor)
    return LabelledSamples(*map(jnp.asarray, (x.astype(np.float32), active, label)))


def some_of(
    share: Float[np.ndarray, "..."] | float,
    size: Int[np.ndarray, "..."] | np.integer,
) -> Int[np.ndarray, "..."]:
    """About a `share` of `size` features, but at least one, and not all of them."""
    return np.asarray(np.clip(np.round(share * size), 1, size - 1)).astype(int)


def random_rank(
    rng: np.random.Generator, among: Bool[np.ndarray, " n"], samples: int
) -> Int[np.ndarray, "n samples"]:
    """Place of each feature in a random order in which those `among` come first.

    Returns:
        0 … n − 1; features that are not `among` get n.
    """
    n = len(among)
    order = np.where(among[:, None], rng.random((n, samples)), 2.0)
    rank = np.argsort(np.argsort(order, axis=0), axis=0)
    return np.where(among[:, None], rank, n)


def chosen(
    rng: np.random.Generator,
    among: Bool[np.ndarray, " n"],
    count: Int[np.ndarray, " samples"],
) -> Bool[np.ndarray, "n samples"]:
    """`count` random features of those `among`, all of them if there are fewer."""
    return random_rank(rng, among, len(count)) < count[None, :]


def check_enough(
    field: str,
    wanted: Int[np.ndarray, "*runs"],
    world: World,
    *,
    beside: Bool[np.ndarray, "*runs n"] | None = None,
) -> None:
    """Raise `SettingsError` if a model represents fewer features than `wanted`.

    Args:
        field: the setting that asks for them.
        wanted: how many.
        world: of one or several models.
        beside: features that do not count.
    """
    represented = np.asarray(world.represented)
    if beside is not None:
        represented = represented & ~beside
    there = represented.sum(axis=-1)
    lacking = np.atleast_1d(there < wanted)
    if lacking.any():
        run = int(lacking.argmax())
        which = "" if world.runs is None else f" of model {run}"
        outside = "" if beside is None else " outside the backdoor"
        raise SettingsError(
            field,
            f"{np.atleast_1d(wanted)[run]} features",
            f"at most the {np.atleast_1d(there)[run]} represented features"
            f"{which}{outside}",
            f"a larger model, or {field}={max(int(there.min()), 0)}"
            if field == "most"
            else "a smaller backdoor or a larger model",
        )


def check_support(world: World, what: str) -> None:
    """Raise `SettingsError` unless every backdoor has 2 active features or more."""
    size = np.asarray(world.support).sum(axis=-1).min()
    if size < 2:
        raise SettingsError(
            "point",
            f"{size} active feature",
            f"2 or more, so that {what} can be drawn",
            "a backdoor of more features",
        )
