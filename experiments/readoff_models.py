"""Trained models that RO and SPH read: M1 with three features a dimension.

n = 96 features of probability 0.02 in d = 32 dimensions, where all are represented and
every bias is near −0.18: a readoff below 0.18 is read as zero. Their linear control has
the same draws.

Bases and the unit of lengths d̄ are those of `real_bases`: real activations of samples
with an active feature, and the mean distance between two of them.

Axis letters: n features, d dimensions, `seeds`, `bases`.
"""

import dataclasses
from collections.abc import Callable
from typing import Any, Self

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

import toymodels as tm
from toymodels.config import check_choice, content_hash, settings
from toymodels.plotting import caption_line
from toymodels.probes import Subject


@settings
class ReadoffModels:
    """Settings of the ensemble; each experiment adds its own."""

    n: int = 96
    d: int = 32
    probability: float = 0.02  # 1.9 active features a sample
    learning_rate: float = 3e-3  # of AdamW; as good as 1e-3 at twice the steps (seed 1)
    seeds: int = 6
    steps: int = 4_000
    batch: int = 256
    seed: int = 0  # root of training and samples; the verdict's is 0
    scale: str = "laptop"

    @classmethod
    def preset(cls, scale: str) -> Self:
        """The settings of a scale."""
        presets = {
            "smoke": {"n": 24, "d": 10, "probability": 0.05, "seeds": 3, "steps": 800,
                      "batch": 64},
            "laptop": {},
            "paper": {"n": 256, "d": 64, "probability": 0.01, "seeds": 12,
                      "steps": 20_000, "batch": 1024},
        }  # fmt: skip
        check_choice("scale", scale, presets)
        return cls(scale=scale, **presets[scale])

    def features(self) -> tm.IndependentFeatures:
        """The distribution of samples."""
        return tm.IndependentFeatures(n=self.n, probability=self.probability)

    def spec(self) -> tm.TrainSpec:
        """The ensemble."""
        return tm.TrainSpec(
            model=tm.Autoencoder(n=self.n, d=self.d),
            features=self.features(),
            objective=tm.Objective(kind="sum"),
            optimiser=tm.preset("tms").optimiser,
            learning_rate=self.learning_rate,
            seeds=self.seeds,
            steps=self.steps,
            batch=self.batch,
            seed=self.seed,
        )

    def linear_spec(self) -> tm.TrainSpec:
        """The linear control, in the same stream."""
        spec = self.spec()
        return dataclasses.replace(spec, model=spec.model.linear_control())

    def caption(self, **others: Any) -> str:
        """What a reader needs to make a figure again."""
        shown = {
            "n": self.n,
            "d": self.d,
            "p": self.probability,
            "batch": self.batch,
            "steps": f"{self.steps:,}",
        }
        return caption_line(
            seeds=self.seeds,
            loss="sum",
            exponent=2.0,
            optimiser="tms",
            scale=self.scale,
            fingerprint=content_hash(self),
            others=shown | others,
        )


def over_models(
    function: Callable[[Subject, Array], Any],
    run: tm.Run,
    *,
    seed: int,
    layer: str = "hidden",
) -> Any:
    """function(subject, key) of every model as NumPy arrays (runs, …), compiled once.

    A model at a time: its arrays then stay in the cache.
    """
    keys = jax.random.split(jax.random.key(seed), run.runs)

    def of_model(one: tuple) -> Any:
        params, key = one
        return function(Subject(run.spec.model, params, layer), key)

    found = jax.jit(lambda models: jax.lax.map(of_model, models))(
        (jax.tree.map(jnp.asarray, run.params), keys)
    )
    return jax.tree.map(np.asarray, found)
