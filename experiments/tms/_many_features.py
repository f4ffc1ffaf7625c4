"""Many equal features in few dimensions, from dense to sparse: one ensemble for all.

TMS-9, TMS-10 and TMS-19 read the same runs, so they build the same `TrainSpec`, which a
store trains once. Sizes, levels, loss and initial weights are those of the notebook
that goes with Elhage et al. 2022: n = 200, d = 20, all importances 1, p = 20^(−k/19)
for k = 0 … 19, loss averaged over features as well, Xavier scale taken from the 3-D
tensor of 20 models. The paper shows n = 400 and d = 30, over a range that it does not
state.

Axis letters: `levels` of p (members of the ensemble), `seeds`, n features.
"""

from typing import Self

import numpy as np

import toymodels as tm
from toymodels.config import check_choice, content_hash, settings
from toymodels.plotting import caption_line

X_LABEL = r"$1/(1-S) = 1/p$, from dense to sparse"
BAND = "median over seeds, band from lowest to highest"


@settings
class ManyFeatures:
    """Settings of the ensemble; each experiment adds its own."""

    n: int = 200
    d: int = 20
    levels: int = 20  # 1/p log-spaced from 1 to `sparsest`; linear spacing misses 1/2
    sparsest: float = 20.0  # largest 1/p, of the notebook
    seeds: int = 5
    steps: int = 10_000
    batch: int = 256  # the notebook has 1,024, at four times the cost
    linear_seeds: int = 3  # the linear model's D* is 1 in every seed
    linear_steps: int = 2_000  # it has converged by then at every level (seed 1)
    seed: int = 0
    scale: str = "laptop"

    @classmethod
    def preset(cls, scale: str) -> Self:
        """The settings of a scale."""
        presets = {
            "smoke": {
                "n": 40, "d": 4, "seeds": 3, "steps": 1_500, "batch": 64,
                "linear_steps": 1_500,
            },
            "laptop": {},
            "paper": {
                "n": 400, "d": 30, "seeds": 10, "batch": 1024, "linear_seeds": 10,
                "linear_steps": 10_000,
            },
        }  # fmt: skip
        check_choice("scale", scale, presets)
        return cls(scale=scale, **presets[scale])

    def probability(self) -> np.ndarray:
        """Probability p of each level, (levels,), from 1 down to 1/sparsest."""
        return self.sparsest ** -np.linspace(0.0, 1.0, self.levels)

    def model(self) -> tm.Autoencoder:
        """M1 with the notebook's initial scale; it trains one model for each level."""
        return tm.Autoencoder(
            n=self.n, d=self.d, init_name="xavier_3d", instances=self.levels
        )

    def features(self) -> tm.IndependentFeatures:
        """The distribution of every level."""
        return tm.IndependentFeatures(n=self.n, probability=self.probability()[:, None])

    def spec(self) -> tm.TrainSpec:
        """The ensemble; its one snapshot is the untrained control."""
        return tm.TrainSpec(
            model=self.model(),
            features=self.features(),
            objective=tm.Objective(kind="mean"),
            optimiser=tm.preset("tms").optimiser,
            seeds=self.seeds,
            steps=self.steps,
            batch=self.batch,
            snapshots=(0,),
            seed=self.seed,
        )

    def linear_spec(self) -> tm.TrainSpec:
        """The linear control at the same levels."""
        return tm.TrainSpec(
            model=self.model().linear_control(),
            features=self.features(),
            objective=tm.Objective(kind="mean"),
            optimiser=tm.preset("tms").optimiser,
            seeds=self.linear_seeds,
            steps=self.linear_steps,
            batch=self.batch,
            seed=self.seed,
        )

    def caption(self) -> str:
        """What a reader needs to make a figure again."""
        return caption_line(
            seeds=self.seeds,
            loss="mean",
            exponent=2.0,
            optimiser="tms",
            scale=self.scale,
            fingerprint=content_hash(self),
            others={
                "n": self.n,
                "d": self.d,
                "batch": self.batch,
                "steps": f"{self.steps:,}",
                "init": "xavier_3d",
            },
        )
