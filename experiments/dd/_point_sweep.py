"""Models of two hidden dimensions over the number of points T: DD-1 to 4, 7, 8, 20.

These figures read the same runs, so they build the same `TrainSpec`s, which a store
trains once. The list of T is a guess: the source does not state its own, and this one
is that of a replication up to the size that a laptop affords.

Axis letters: `levels` of T, `sets` data sets of each T, `restarts` of each, n features.
"""

import dataclasses
import itertools
from collections.abc import Callable
from typing import Any, Self

import numpy as np
from jaxtyping import Float

import toymodels as tm
from experiments.diverged import unless_diverged
from experiments.finite_models import (
    FiniteModels,
    feature_count,
    hidden_points,
    point_dimensionality,
)
from toymodels.config import check_choice, check_count, settings
from toymodels.geometry import feature_dimensionality

# T up to this many train together, filled up to the largest of them.
FEW = 30


@settings
class PointSweep(FiniteModels):
    """Settings of the sweep; each experiment has a class of its own.

    Args:
        points: T, rising.
        sets: data sets of each T; one sample of a claim each.
        restarts: of each data set with T ≤ 30.
        large_restarts: of each larger one.
        fresh_batch: samples in an update of the models that see fresh data.
    """

    points: tuple[int, ...] = (3, 4, 5, 6, 8, 10, 15, 30, 50, 100, 200, 500, 1000)
    sets: int = 5
    restarts: int = 3
    large_restarts: int = 1
    fresh_batch: int = 256

    def __post_init__(self):
        super().__post_init__()
        for name in ("sets", "large_restarts", "fresh_batch"):
            check_count(name, getattr(self, name))
        for points in self.points:
            check_count("points", points, minimum=2)

    @classmethod
    def preset(cls, scale: str) -> Self:
        """The settings of a scale."""
        presets: dict[str, dict[str, Any]] = {
            "smoke": {
                "n": 60, "sparsity": 0.9, "points": (5, 6, 8, 40), "sets": 3,
                "restarts": 2, "large_restarts": 1, "steps": 300, "fresh_batch": 64,
            },
            "laptop": {},
            # The source's; 100,000 points in rows of 28 pairs are 22 MB a data set.
            "paper": {
                "n": 10_000, "sparsity": 0.999, "steps": 50_000, "restarts": 5,
                "points": (
                    3, 4, 5, 6, 7, 8, 10, 15, 30, 50, 100, 200, 500, 1000, 2000, 5000,
                    10_000, 20_000, 50_000, 100_000,
                ),
                "fresh_batch": 1024,
            },
        }  # fmt: skip
        check_choice("scale", scale, presets)
        return cls(scale=scale, **presets[scale])

    def groups(self) -> list[tuple[int, ...]]:
        """T that train together: all small ones, and each of the others."""
        small = tuple(T for T in self.points if T <= FEW)
        large = [(T,) for T in self.points if T > FEW]
        return [small, *large] if small else large

    def group_spec(
        self, group: tuple[int, ...], *, linear: bool = False
    ) -> tm.TrainSpec:
        """One ensemble, its members T-major, then data sets; M7 if `linear`."""
        spec = self.spec(
            tm.stack_datasets(self.group_data(group)),
            seeds=self.restarts if group[-1] <= FEW else self.large_restarts,
        )
        if not linear:
            return spec
        return dataclasses.replace(spec, model=spec.model.linear_control())

    def group_data(self, group: tuple[int, ...]) -> list[tm.FiniteDataset]:
        """The data set of each member of a group."""
        pairs = itertools.product(group, range(self.sets))
        return [self.dataset(T, which) for T, which in pairs]

    def fresh_spec(self, *, linear: bool = False) -> tm.TrainSpec:
        """As many points as there are steps, none of them twice."""
        model = tm.Autoencoder(n=self.n, d=self.d, init_name="xavier_2d")
        return tm.TrainSpec(
            model=model.linear_control() if linear else model,
            features=self.fresh(),
            objective=tm.Objective(kind="sum"),
            optimiser=self.optimiser(),
            seeds=self.sets,
            steps=self.steps,
            batch=self.fresh_batch,
            snapshots=(0,),
            seed=self.seed,
        )

    def note(self, **others: Any) -> str:
        """Caption of a figure over T."""
        return self.caption(
            d=self.d,
            **{
                "data sets": f"{self.sets} of each T",
                "restarts": f"best of {self.restarts} by training loss up to T = "
                f"{FEW}, of {self.large_restarts} beyond",
            },
            **others,
        )


def sweep_arrays(
    settings: PointSweep,
    train: Callable[[tm.TrainSpec], tm.Run],
    *,
    linear: bool = False,
) -> dict[str, np.ndarray]:
    """Losses, lengths and dimensionalities of the best restarts over T.

    Returns:
        `points` (levels,); `train_loss`, `test_loss`, `largest` D_i, `features` with
        D_i > 0.2, `point_share` the median D_X, `W_norm` and `b_norm`, each (sets,
        levels); `shuffled_share` as `point_share`, with the features of W permuted; for
        the first data set `W`, (levels, d, n), and `hidden_T`, (d, T), of each T.
    """
    rows: dict[str, list[np.ndarray]] = {}
    arrays: dict[str, np.ndarray] = {}
    first = []
    order = np.random.default_rng(settings.seed).permutation(settings.n)
    for group in settings.groups():
        run = train(settings.group_spec(group, linear=linear))
        data = settings.group_data(group)
        best = run.best_indices()
        W, b = run.params["W"][best], run.params["b"][best]
        found = {
            "train_loss": run.final_loss()[best],
            "test_loss": settings.fresh_loss(run)[best],
            "largest": np.asarray(feature_dimensionality(W)).max(axis=-1),
            "features": unless_diverged(feature_count(W), W),
            "point_share": _median_share(W, data),
            "shuffled_share": _median_share(W[..., order], data),
            "W_norm": np.linalg.norm(W, axis=(-2, -1)),
            "b_norm": np.linalg.norm(b, axis=-1),
        }
        for name, values in found.items():
            rows.setdefault(name, []).append(values.reshape(-1, settings.sets))
        first.append(W[:: settings.sets])
        for level, points in enumerate(group):
            place = level * settings.sets
            arrays[f"hidden_{points}"] = hidden_points(W[place], data[place])
    arrays |= {name: np.concatenate(values).T for name, values in rows.items()}
    arrays["points"] = np.array(settings.points)
    arrays["W"] = np.concatenate(first)
    return arrays


def _median_share(
    W: Float[np.ndarray, "members d n"], data: list[tm.FiniteDataset]
) -> Float[np.ndarray, " members"]:
    """The median D_X of the points of each model's own data set."""
    shares = [
        np.median(point_dimensionality(one, own))
        for one, own in zip(W, data, strict=True)
    ]
    return np.array(shares)
