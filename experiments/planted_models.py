"""Models with a backdoor: one ensemble that MAD-1, 3 to 7, 9, 11, 12 and REP-7 read.

A fixed point of eight active features is shown again and again in a fresh stream, at
five rates from 0 to 3 % (after Jermyn's comment on Henighan et al. 2023,
*Superposition, Memorization, and Double Descent*; the stream is a design of this
project). The rates are members of one ensemble, so the model that never saw the point
is the twin of those that did: same initial weights, same draws. Each seed has a point
of its own, because intervals over models that share a point would say nothing about
other points.

Figures that share runs build the same `TrainSpec`, which a store trains once.

Axis letters: `runs` = seeds × members, `rates` the members, n features, d hidden
dimensions.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
from jaxtyping import Float

import toymodels as tm
from toymodels.anomaly import (
    SCENARIOS,
    Combinations,
    Detector,
    Evaluation,
    Reference,
    Scenario,
    World,
    evaluate,
    planted_worlds,
)
from toymodels.config import check_choice, content_hash, settings
from toymodels.features.repeated_point import random_point
from toymodels.plotting import caption_line

SOURCE = "Henighan et al. 2023, comments of Olah, Greenblatt and Jermyn"


@settings
class PlantedModels:
    """Settings of the ensemble; each experiment adds its own."""

    n: int = 40
    d: int = 12
    probability: float = 0.06
    size: int = 8  # active features of the point; an ordinary sample has 2.4
    rates: tuple[float, ...] = (0.0, 0.001, 0.003, 0.01, 0.03)
    rate: float = 0.01  # the one that is judged
    seeds: int = 12
    steps: int = 10_000
    batch: int = 512
    combine: tuple[int, int] = (2, 6)  # fewest and most features in C
    samples: int = 500  # of each scenario, for each model
    reference: int = 2000  # trusted samples
    seed: int = 0  # root of points, training and samples; the verdict's is 0
    scale: str = "laptop"

    @classmethod
    def preset(cls, scale: str) -> Self:
        """The settings of a scale."""
        presets = {
            "smoke": {
                "n": 14, "d": 7, "size": 4, "rates": (0.0, 0.003, 0.01), "seeds": 3,
                "steps": 1_500, "batch": 128, "combine": (2, 3), "samples": 60,
                "reference": 200,
            },
            "laptop": {},
            "paper": {"seeds": 30, "steps": 50_000, "samples": 5_000},
        }  # fmt: skip
        check_choice("scale", scale, presets)
        return cls(scale=scale, **presets[scale])

    def points(self) -> Float[np.ndarray, "seeds n"]:
        """The point of every seed."""
        roots = [np.random.SeedSequence([self.seed, k]) for k in range(self.seeds)]
        return np.stack(
            [
                random_point(
                    self.n, size=self.size, seed=int(root.generate_state(1)[0] >> 1)
                )
                for root in roots
            ]
        )

    def spec(self) -> tm.TrainSpec:
        """The ensemble."""
        members = len(self.rates)
        tms = tm.preset("tms")
        return tm.TrainSpec(
            model=tm.Autoencoder(n=self.n, d=self.d),
            features=tm.RepeatedPoint(
                base=tm.IndependentFeatures(n=self.n, probability=self.probability),
                point=np.repeat(self.points(), members, axis=0),
                rate=np.tile(np.array(self.rates), self.seeds),
            ),
            objective=tm.Objective(kind="sum"),
            optimiser=tms.optimiser,
            seeds=self.seeds,
            members=members,
            steps=self.steps,
            batch=self.batch,
            seed=self.seed,
        )

    def linear_spec(self, *, steps: int) -> tm.TrainSpec:
        """The linear control, in the same stream."""
        spec = self.spec()
        return dataclasses.replace(spec, model=spec.model.linear_control(), steps=steps)

    def worlds(self, run: tm.Run, *rates: float) -> World:
        """The worlds of the models at some rates: all seeds of the first one first."""
        places = [self.rates.index(rate) for rate in rates]
        chosen = (
            np.arange(self.seeds) * len(self.rates) + np.array(places)[:, None]
        ).ravel()
        params = {name: value[chosen] for name, value in run.params.items()}
        return planted_worlds(run.spec, params, chosen)

    def scenarios(self, *names: str) -> dict[str, Scenario]:
        """Scenarios by name, C with this ensemble's numbers of features."""
        fewest, most = self.combine
        own = {"C": Combinations(fewest=fewest, most=most)}
        return {name: own.get(name, SCENARIOS[name]) for name in names}

    def evaluated(
        self,
        worlds: World,
        detectors: Sequence[Detector],
        scenarios: Mapping[str, Scenario] | Sequence[str] = ("B", "B'", "C", "F", "N"),
        *,
        reference: str | Reference = "trusted",
        **changes: Any,
    ) -> Evaluation:
        """Detectors in the scenarios, with this ensemble's numbers of samples.

        Untrusted samples hold the point at the judged rate, for the twin as well: what
        differs between the two is what the model has learned.
        """
        named = (
            scenarios if isinstance(scenarios, Mapping) else self.scenarios(*scenarios)
        )
        if isinstance(reference, str):
            reference = Reference(
                kind=reference, samples=self.reference, share=self.rate
            )
        common = {
            "reference": reference,
            "samples": self.samples,
            "seed": self.seed,
        }
        return evaluate(worlds, detectors, scenarios=named, **(common | changes))

    def with_twins(
        self,
        run: tm.Run,
        detectors: Sequence[Detector],
        *arguments: Any,
        **changes: Any,
    ) -> tuple[Evaluation, Evaluation]:
        """Of the models at the judged rate, and of their twins that never saw it."""
        worlds = self.worlds(run, self.rate, 0.0)
        found = self.evaluated(worlds, detectors, *arguments, **changes)
        halves = np.arange(2 * self.seeds).reshape(2, self.seeds)
        return found.select(halves[0]), found.select(halves[1])

    def caption(self, **others: Any) -> str:
        """What a reader needs to make a figure again."""
        shown = {
            "n": self.n,
            "d": self.d,
            "p": self.probability,
            "active in the point": self.size,
            "rate": self.rate,
            "batch": f"{self.batch:,}",
            "steps": f"{self.steps:,}",
            "samples": f"{self.samples:,} a scenario",
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
