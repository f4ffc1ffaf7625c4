"""Models that are trained on a finite set of points, whole in every update.

What the figures of Henighan et al. 2023, *Superposition, Memorization, and Double
Descent*, and of Jermyn's comment on repeated data have in common: unit-length points of
n sparse features, the summed squared error, full-batch AdamW with warm-up and cosine
decay, weights of `xavier_2d`. An ensemble has a member for each data set (or number of
copies), and its seeds are restarts, of which the lowest training loss counts.

Axis letters: `runs` = restarts × members, n features, d hidden dimensions, T points.
"""

import dataclasses
from typing import Any

import numpy as np
from jaxtyping import Float, Int

import toymodels as tm
from toymodels.config import check_count, check_range, content_hash, settings
from toymodels.geometry import feature_dimensionality, has_dimensionality
from toymodels.plotting import caption_line


@settings
class FiniteModels:
    """Base of the settings; an experiment adds what it sweeps.

    Args:
        n: features, each active with probability 1 − `sparsity`.
        sparsity: S of every feature. Sources: n = 10,000 at 0.999; n (1 − S) is kept.
        d: hidden dimensions.
        steps: updates, with 1/20 of them as warm-up (source: 2,500 of 50,000).
        learning_rate: at its peak.
        weight_decay: of AdamW.
        restarts: of which the lowest training loss counts.
        seed: root of the data sets and of the training; the verdict's is 0.
        scale: "smoke", "laptop" or "paper".
    """

    n: int = 500
    sparsity: float = 0.98
    d: int = 2
    steps: int = 10_000
    learning_rate: float = 1e-3
    weight_decay: float = 1e-2
    restarts: int = 1
    seed: int = 0
    scale: str = "laptop"

    def __post_init__(self):
        for name in ("n", "d", "steps", "restarts"):
            check_count(name, getattr(self, name))
        check_range("sparsity", self.sparsity, low=0.0, high=1.0)

    def fresh(self) -> tm.UnitNorm:
        """The distribution of the points."""
        probability = 1 - self.sparsity
        return tm.UnitNorm(
            base=tm.IndependentFeatures(n=self.n, probability=probability)
        )

    def dataset(self, points: int, seed: int) -> tm.FiniteDataset:
        """T points; the same ones for the same root, `points` and `seed`."""
        root = np.random.SeedSequence([self.seed, points, seed])
        return tm.sample_dataset(
            self.fresh(), points=points, seed=int(root.generate_state(1)[0] >> 1)
        )

    def datasets(self, points: int, seeds: int) -> tm.FiniteDataset:
        """Data sets of T points each, as the members of an ensemble."""
        return tm.stack_datasets([self.dataset(points, seed) for seed in range(seeds)])

    def spec(self, data: tm.FiniteDataset, **changes: Any) -> tm.TrainSpec:
        """Full-batch training on `data`, whose members are those of the ensemble.

        Args:
            data: one data set, or several as members; or one with several `counts`.
            **changes: other fields of the spec.
        """
        common = {
            "model": tm.Autoencoder(n=self.n, d=self.d, init_name="xavier_2d"),
            "features": data,
            "objective": tm.Objective(kind="sum"),
            "optimiser": self.optimiser(),
            "seeds": self.restarts,
            "steps": self.steps,
            "batch": data.points,
            "seed": self.seed,
        }
        return tm.TrainSpec(**(common | changes))

    def optimiser(self) -> tm.Optimiser:
        """The preset "dd", its warm-up as large a share of the steps."""
        return tm.Optimiser(
            learning_rate=self.learning_rate,
            weight_decay=self.weight_decay,
            schedule="cosine",
            warmup=self.steps // 20,
        )

    def fresh_loss(self, run: tm.Run) -> Float[np.ndarray, " runs"]:
        """Loss of every run on 4,096 points that training never saw, the same ones."""
        spec = dataclasses.replace(run.spec, features=self.fresh(), batch=1024)
        return dataclasses.replace(run, spec=spec).final_loss(4096)

    def caption(self, **others: Any) -> str:
        """What a reader needs to make a figure again."""
        return caption_line(
            loss="sum",
            exponent=2.0,
            optimiser="dd",
            scale=self.scale,
            fingerprint=content_hash(self),
            others={
                "n": f"{self.n:,}",
                "S": self.sparsity,
                "steps": f"{self.steps:,}",
                "learning rate": f"{self.learning_rate:g}",
                "weight decay": f"{self.weight_decay:g}",
                "init": "xavier_2d",
                **others,
            },
        )


def hidden_points(
    W: Float[np.ndarray, "*runs d n"], data: tm.FiniteDataset
) -> Float[np.ndarray, "*runs d T"]:
    """Hidden vectors of all points of a single data set, each once."""
    index, value = np.asarray(data.index), np.asarray(data.value)
    return np.einsum("...dtw,tw->...dt", W[..., index], value)


def point_dimensionality(
    W: Float[np.ndarray, "*runs d n"], data: tm.FiniteDataset
) -> Float[np.ndarray, "*runs T"]:
    """D_X of every point, over unique rows.

    With ‖h‖⁴ / hᵀ(HHᵀ)h instead of `feature_dimensionality`, whose (T, T) products do
    not fit into memory at the sources' T.
    """
    H = hidden_points(W, data).astype(float)
    square = (H**2).sum(axis=-2)
    total = ((H @ H.swapaxes(-1, -2) @ H) * H).sum(axis=-2)
    return np.divide(square**2, total, out=np.zeros_like(square), where=total > 0)


def feature_count(W: Float[np.ndarray, "*runs d n"]) -> Int[np.ndarray, "*runs"]:
    """Features with D_i > 0.2, the convention of this project for d = 2."""
    return np.asarray(has_dimensionality(W)).sum(axis=-1)


def largest_share(run: tm.Run) -> Float[np.ndarray, " runs"]:
    """The largest D_i of each model."""
    return np.asarray(feature_dimensionality(run.params["W"])).max(axis=-1)
