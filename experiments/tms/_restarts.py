"""Restarts: seeds in groups, of which the lowest loss counts.

Where a figure keeps the best of k restarts, the seeds of an ensemble are divided into
groups of k successive ones. The best of each group is one sample of a claim.

Axis letters: `groups`, `members` settings of the sweep.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from toymodels.config import content_hash
from toymodels.plotting import caption_line


def best_of_groups(
    loss: Float[np.ndarray, "seeds members"], restarts: int
) -> Int[np.ndarray, "groups members"]:
    """The run with the lowest final loss in each group of seeds, for each member.

    Args:
        loss: final losses, `run.by_seed(run.final_loss())`.
        restarts: seeds in each group; a divisor of the number of seeds.

    Returns:
        Indices into the ensemble's `runs` axis. A run that is not finite is chosen only
        in a group that has no other.
    """
    seeds, members = loss.shape
    finite = np.where(np.isfinite(loss), loss, np.inf)
    within = finite.reshape(seeds // restarts, restarts, members).argmin(axis=1)
    seed = np.arange(0, seeds, restarts)[:, None] + within
    return seed * members + np.arange(members)


def restart_caption(settings: Any, others: Mapping[str, Any] | None = None) -> str:
    """What a reader needs to make a figure of restarts again.

    Args:
        settings: of an experiment with `groups` of `restarts`, trained with the
            optimiser "tms", the summed error and the initial weights "xavier_2d".
        others: what else to say, at the end.
    """
    return caption_line(
        loss="sum",
        exponent=2.0,
        optimiser="tms",
        scale=settings.scale,
        fingerprint=content_hash(settings),
        others={
            "seeds": f"{settings.groups} groups, best of {settings.restarts} in each",
            "batch": settings.batch,
            "steps": f"{settings.steps:,}",
            "init": "xavier_2d",
            **(others or {}),
        },
    )
