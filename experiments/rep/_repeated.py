"""One point in many copies among points that occur once: what REP-1 to REP-6 share.

The models are those of Henighan et al. 2023 (`experiments.finite_models`), the
question is that of Jermyn's comment on that paper: how many copies R does a single data
point need to get a place among the features? A point counts as *memorised* if it is
among the first 0.1 % of all points by data-point dimensionality D_X, over unique rows;
of T ≤ 1,000 points it must be the very first. Points are independent draws, so the
repeated ones are always the first of a data set.

Laptop size, chosen on seed 1: n (1 − S) = 10 and T/n = 3 as in the source. A model with
n = 200 and T = 600 takes 0.3 s; a pilot with n = 500, T = 1,500 and 25,000 steps took
14 s for each and showed the same for R ≥ 5. 2,500 steps with a peak learning rate of
5e-3 stand for the source's 50,000 with 1e-3. At n = 250, 12,000 steps with 2e-3 did not
make fewer copies enough; in one of three data sets more than five were needed. With
n = 100 the data sets differ more, and n = 250 costs half as much again as 200.

Axis letters: `sets` data sets, `copies` values of R, n features, d hidden dimensions,
T points.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

import toymodels as tm
from experiments.diverged import unless_diverged
from experiments.finite_models import FiniteModels, feature_count
from toymodels.config import check_count, settings

# Share of the points that count as memorised, of the source.
TOP = 0.001

SOURCE = "Jermyn's comment on Henighan et al. 2023"


@settings
class RepeatedPoints(FiniteModels):
    """Base of the settings; an experiment adds what it sweeps.

    Args:
        n: features.
        sparsity: S; ten features of a point are active on average, as in the source.
        points: T; three times n, as in the source.
        sets: data sets, one sample of a claim each.
        steps: updates.
        learning_rate: at its peak.
        linear_steps: of the linear control.
    """

    n: int = 200
    sparsity: float = 0.95
    points: int = 600
    sets: int = 5
    steps: int = 2_500
    learning_rate: float = 5e-3
    linear_steps: int = 1_000

    def __post_init__(self):
        super().__post_init__()
        for name in ("points", "sets", "linear_steps"):
            check_count(name, getattr(self, name))

    @property
    def per_feature(self) -> float:
        """T/n."""
        return self.points / self.n

    def model(self, d: int) -> tm.Autoencoder:
        """M1 with d hidden dimensions."""
        return tm.Autoencoder(n=self.n, d=d, init_name="xavier_2d")

    def first_in_copies(self, points: int, copies: Sequence[int]) -> tm.FiniteDataset:
        """Every data set of T points with its first one in R copies, for each R."""
        return tm.stack_datasets(
            [
                data.repeated(R)
                for data in (self.dataset(points, k) for k in range(self.sets))
                for R in copies
            ]
        )

    def linear_spec(self, data: tm.FiniteDataset) -> tm.TrainSpec:
        """The linear control; it has no local optima, so one start is enough."""
        return self.spec(
            data,
            model=self.model(self.d).linear_control(),
            seeds=1,
            steps=self.linear_steps,
        )

    def note(self, **others: Any) -> str:
        """What a reader needs to make a figure again."""
        return self.caption(
            T=f"{self.points:,}",
            **{
                "data sets": self.sets,
                "restarts": f"best of {self.restarts} by training loss",
                **others,
            },
        )


def points_above(
    D: Float[np.ndarray, "*runs T"],
    points: slice | list[int],
    ordinary: slice | list[int],
) -> Int[np.ndarray, "*runs points"]:
    """How many ordinary points have a larger D_X than each of the points asked about.

    Args:
        D: D_X of all points.
        points: which are asked about.
        ordinary: which they are compared with.
    """
    D = np.asarray(D)
    return (D[..., None, ordinary] > D[..., points, None]).sum(axis=-1)


def is_memorised(
    above: Int[np.ndarray, "*shape"], points: int
) -> Bool[np.ndarray, "*shape"]:
    """Whether a point that `above` others exceed is among the first 0.1 % of all."""
    return above < max(TOP * points, 1.0)


def counts_of(W: Float[np.ndarray, "models d n"]) -> Float[np.ndarray, " models"]:
    """Features with D_i > 0.2 of each model, one at a time: (n, n) products are big."""
    counts = np.array([feature_count(one) for one in W], float)
    return unless_diverged(counts, W)


def point_loss(
    W: Float[np.ndarray, "d n"], b: Float[np.ndarray, " n"], x: Float[np.ndarray, " n"]
) -> float:
    """Σ(x − x̂)² of one point; 1 for the prediction zero."""
    return float(((x - np.maximum(W.T @ (W @ x) + b, 0.0)) ** 2).sum())


def longest_features(
    W: Float[np.ndarray, "2 n"], most: int
) -> Float[np.ndarray, "2 most"]:
    """The longest columns, to be drawn; thousands would hide one another."""
    return W[:, np.argsort(np.linalg.norm(W, axis=0))[-most:]]
