"""Residual denoisers (M3): ensembles that the perturbation experiments read.

n boolean features are embedded along random unit directions of d dimensions, in
superposition, and a residual stack of `blocks` ReLU blocks is trained to say which of
them are on while Gaussian noise is added to the stream before and after every block.
Noise levels are members of one ensemble: equal initial weights, equal samples. Three
heads are read: logistic (cross-entropy of each feature), softmax (over features, with
the active ones as target) and linear (squared error).

The design is this project's own, after the pilot of SCIENCE 4.1 at half its size.
Sizes, learning rates and steps were chosen on root seed 1: a model of which 24 train in
half a minute and that then tells its features apart at noise 0.1.

Figures that share runs build the same `TrainSpec`, which a store trains once.

Axis letters: `seeds`, `members` noise levels, `families` of directions, `bases`,
`radii`; n features, d dimensions of the stream.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any, Self

import jax
import jax.numpy as jnp
import numpy as np

import toymodels as tm
from toymodels.config import check_choice, content_hash, settings
from toymodels.models import ResidualDenoiser
from toymodels.plotting import caption_line
from toymodels.probes import DIRECTIONS, Perturbation, Perturbed, Responses, perturb

SOURCE = "Heimersheim & Mendel 2024"
MEASURES = {"logistic": "bernoulli", "softmax": "softmax", "linear": "power"}


@settings
class Denoisers:
    """Settings of the ensembles and of their perturbation; experiments add their own.

    `steps` is for nonlinear models; a linear one is trained for `linear_steps`, after
    which its loss no longer falls.
    """

    n: int = 64
    d: int = 32
    neurons: int = 96
    blocks: int = 4
    active: float = 1.92  # mean number of features that are on
    noises: tuple[float, ...] = (0.0, 0.05, 0.1, 0.2)
    noise: float = 0.1  # the level that is judged
    seeds: int = 6
    steps: int = 2000
    linear_steps: int = 800
    batch: int = 256
    learning_rate: float = 3e-3
    squared_rate: float = 1e-2  # for the linear head, which learns more slowly
    bases: int = 200
    radii: int = 51
    real: int = 400  # activations that mean distances and covariances come from
    seed: int = 0  # root of weights and samples; the verdict's is 0
    scale: str = "laptop"

    @classmethod
    def preset(cls, scale: str) -> Self:
        """The settings of a scale."""
        presets = {
            "smoke": {
                "n": 12, "d": 6, "neurons": 12, "blocks": 2, "active": 1.2,
                "noises": (0.0, 0.1, 0.2), "seeds": 3, "steps": 200,
                "linear_steps": 100, "batch": 64, "bases": 16, "radii": 11, "real": 60,
            },
            "laptop": {},
            "paper": {
                "n": 128, "d": 48, "neurons": 192, "active": 3.0, "seeds": 12,
                "steps": 12_000, "linear_steps": 4000, "batch": 512, "bases": 500,
                "radii": 101, "real": 1000,
            },
        }  # fmt: skip
        check_choice("scale", scale, presets)
        return cls(scale=scale, **presets[scale])

    def model(self, **changes: Any) -> ResidualDenoiser:
        """The model, with other settings than the usual ones."""
        sizes = {name: getattr(self, name) for name in ("n", "d", "neurons", "blocks")}
        return ResidualDenoiser(**(sizes | changes))

    def spec(
        self,
        *,
        noises: Sequence[float] | None = None,
        steps: int | None = None,
        **changes: Any,
    ) -> tm.TrainSpec:
        """An ensemble of seeds × noise levels.

        Args:
            noises: levels; those of the settings when None.
            steps: updates; those of the settings when None.
            changes: of the model.
        """
        model = self.model(**changes)
        linear = model.activation == "identity"
        squared = model.head == "linear"
        usual = self.linear_steps if linear else self.steps
        return tm.TrainSpec(
            model=model,
            features=tm.IndependentFeatures(
                n=model.n, probability=self.active / model.n, values="boolean"
            ),
            objective=tm.Objective(kind="sum", measure=MEASURES[model.head]),
            optimiser=tm.Optimiser(
                name="adam",
                weight_decay=0.0,
                schedule="cosine",
                learning_rate=self.squared_rate if squared else self.learning_rate,
            ),
            noise=np.array(self.noises if noises is None else noises),
            seeds=self.seeds,
            steps=usual if steps is None else steps,
            batch=self.batch,
            seed=self.seed,
        )

    def judged(self, **changes: Any) -> tm.TrainSpec:
        """The ensemble at the judged noise level alone."""
        return self.spec(noises=(self.noise,), **changes)

    @property
    def place(self) -> int:
        """Place of the judged noise level among all."""
        return self.noises.index(self.noise)

    @property
    def last(self) -> str:
        """Name of the last layer."""
        return f"h{self.blocks}"

    def perturbed(
        self,
        run: tm.Run,
        families: Sequence[str],
        *,
        layer: str = "h0",
        start: str = "real",
        reach: float = 1.0,
        most: int | None = None,
    ) -> Perturbed:
        """Responses of every model to families of directions, one for each base.

        Runs of one seed share samples and random directions, whatever the model.
        """
        how = Perturbation(
            families=tuple(DIRECTIONS[name] for name in families),
            start=start,
            bases=self.bases,
            most=most,
            real=self.real,
            radii=self.radii,
            reach=reach,
        )
        keys = jax.random.split(jax.random.key(self.seed), self.seeds)
        keys = jnp.repeat(keys, run.spec.members)
        features = run.spec.features.per_member(run.spec.runs)
        return perturb(how, run.spec.model, run.params, layer, features, keys)

    def lengths(self) -> np.ndarray:
        """The radii of `perturbed`, in mean distances between real activations."""
        return np.linspace(0.0, 1.0, self.radii)

    def caption(self, **others: Any) -> str:
        """What a reader needs to make a figure again."""
        shown = {
            "n": self.n,
            "d": self.d,
            "neurons": self.neurons,
            "blocks": self.blocks,
            "active": self.active,
            "batch": f"{self.batch:,}",
            "steps": f"{self.steps:,}",
            "bases": self.bases,
        }
        shown = {name: value for name, value in (shown | others).items() if value}
        return caption_line(
            seeds=self.seeds,
            loss="cross-entropy or squared error, sum",
            optimiser="Adam, cosine",
            scale=self.scale,
            fingerprint=content_hash(self),
            others=shown,
        )


def response(found: Responses, name: str) -> np.ndarray:
    """A response by its name, or the distance at the layer of this name."""
    if name in ("kl", "flipped", "crossed"):
        return np.asarray(getattr(found, name))
    return np.asarray(found.distance[name])


def only(run: tm.Run, member: int) -> tm.Run:
    """The models of one noise level, as a run of their own."""
    spec = run.spec
    chosen = run.select(np.arange(len(spec.seeds)) * spec.members + member)
    noise = None if spec.noise is None else spec.noise.reshape(-1)[[member]]
    alone = dataclasses.replace(spec, noise=noise, members=1)
    return dataclasses.replace(chosen, spec=alone)
