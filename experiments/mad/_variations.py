"""Settings next to those of `PlantedModels`, one thing changed at a time.

Rates are members of the shared ensemble already; other densities and other points are
members of a second one, of the same shapes, so that nothing else is compiled.

Axis letters: `runs` = seeds × members.
"""

import dataclasses

import numpy as np

import toymodels as tm
from experiments.planted_models import PlantedModels
from toymodels.anomaly import World, planted_worlds
from toymodels.config import settings


@settings
class Variations(PlantedModels):
    """Settings of both ensembles.

    Args:
        probabilities: other p, each with the points of the first ensemble.
        other_size: active features of other points, at the p of the first ensemble.
    """

    probabilities: tuple[float, float] = (0.03, 0.12)
    other_size: int = 4

    def judged_rates(self) -> tuple[float, ...]:
        """The rates from the judged one up and down, without 0 and the smallest."""
        return self.rates[-3:] if len(self.rates) > 3 else self.rates[-1:]

    def configurations(self) -> list[str]:
        """What differs, in the order of the worlds."""
        rates = [f"rate {rate:.1%}" for rate in self.judged_rates()]
        densities = [f"p = {p:g}" for p in self.probabilities]
        return [*rates, *densities, f"{self.other_size} active features"]

    def varied_spec(self) -> tm.TrainSpec:
        """The second ensemble."""
        members = len(self.probabilities) + 1
        smaller = dataclasses.replace(self, size=self.other_size)
        points = np.stack(
            [*[self.points()] * len(self.probabilities), smaller.points()], axis=1
        )
        p = np.array([*self.probabilities, self.probability])
        runs = self.seeds * members
        return dataclasses.replace(
            self.spec(),
            features=tm.RepeatedPoint(
                base=tm.IndependentFeatures(
                    n=self.n, probability=np.tile(p, self.seeds)[:, None]
                ),
                point=points.reshape(runs, self.n),
                rate=np.full(runs, self.rate),
            ),
            members=members,
        )

    def varied_worlds(self, run: tm.Run) -> World:
        """Their worlds: all seeds of the first setting first."""
        members = len(self.probabilities) + 1
        chosen = np.arange(self.seeds * members).reshape(-1, members).T.ravel()
        params = {name: value[chosen] for name, value in run.params.items()}
        return planted_worlds(run.spec, params, chosen)
