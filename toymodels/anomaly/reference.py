"""The data that detectors are fitted on: trusted, contaminated, or de-duplicated.

Repetition hides a point from what is fitted on it: R equal rows have leverage below
1/R (MAD-10). So it matters whether the reference holds the backdoor, and how often;
every score states it.

Axis letters: `runs` models, n features, `samples`.
"""

import numpy as np
from jaxtyping import Float, PRNGKeyArray

from toymodels.anomaly.scenarios import Backdoor, generator, models_of
from toymodels.anomaly.world import World, draw_normal
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
) -> Float[np.ndarray, "runs n samples"]:
    """Reference samples of every model; the copies of the point come first.

    Args:
        reference: which.
        worlds: with a runs axis.
        key: random key; consumed. Runs of one stream share the draws.
    """
    one = _of_stream if worlds.points is None else _of_set
    return np.stack(
        [one(reference, world, generator(key, world)) for world in models_of(worlds)]
    )


def _of_stream(
    reference: Reference, world: World, rng: np.random.Generator
) -> np.ndarray:
    """As many copies as are expected, rounded: their number is not left to chance."""
    x = np.array(draw_normal(world.reference, rng, reference.samples).x)
    share = world.rate if reference.share is None else reference.share
    copies = int(np.round(share * reference.samples))
    kept = {"trusted": 0, "contaminated": copies, "deduplicated": min(copies, 1)}
    copies = kept[reference.kind]
    x[:, :copies] = Backdoor().draw(world, rng, copies).x
    return x


def _of_set(reference: Reference, world: World, rng: np.random.Generator) -> np.ndarray:
    """All ordinary points, each once."""
    x = np.asarray(draw_normal(world.reference, rng, world.points).x)
    kept = {"trusted": 0, "contaminated": world.copies, "deduplicated": 1}
    copies = Backdoor().draw(world, rng, kept[reference.kind]).x
    return np.concatenate([copies, x], axis=1)
