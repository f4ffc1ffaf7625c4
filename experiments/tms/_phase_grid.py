"""The grid of a phase diagram: importance of the last feature against probability.

TMS-6 (2 features in 1 dimension) and TMS-8 (3 in 2) train the same grid with restarts.
The restarts come in independent groups: within a group one picks or averages as the
figure says, and each group is one sample of a claim.

Axis letters: `groups`, `restarts` in each, `rows` of p, `columns` of the relative
importance r, `cells` = rows × columns; n features, d hidden dimensions.
"""

from collections.abc import Callable
from typing import Self

import numpy as np
from jaxtyping import Bool, Float, Int, Shaped

import toymodels as tm
from experiments.tms._quadrature import expected_loss
from toymodels.config import check_choice, content_hash, settings
from toymodels.plotting import caption_line

MOST_HISTORIES = 1_000_000

X_LABEL = "relative importance $r$"
Y_LABEL = r"probability $p = 1 - S$"


@settings
class PhaseGrid:
    """Settings of the ensemble; TMS-6 and TMS-8 give the sizes.

    The paper names neither optimiser nor steps for these figures. With a learning rate
    of 3e-3 and batch 128, 5,000 steps end where 10,000 steps end: on seed 1 the class
    of the best of ten is the same in 99.8 % of the cells of 2 → 1, and in 99.5 % of
    3 → 2, and the median ratio of the losses is 1.0000. Only below p = 0.015 are some
    restarts still on their way. (The trainer's own status calls a third of the runs
    converged: the training loss of sparse features fluctuates by more than its 1 %.)
    """

    n: int
    d: int
    grid: int = 21  # cells a side; a guess, the paper's is not stated
    lowest_probability: float = 0.01
    highest_importance: float = 10.0  # and the lowest is one over it
    groups: int = 5  # independent samples of every claim
    restarts: int = 10  # of each cell and group
    steps: int = 5_000
    batch: int = 128
    learning_rate: float = 3e-3
    seed: int = 0
    scale: str = "laptop"

    @classmethod
    def preset(cls, scale: str) -> Self:
        """The settings of a scale."""
        presets = {
            "smoke": {"grid": 7, "groups": 3, "restarts": 4, "steps": 1_000},
            "laptop": {},
            "paper": {
                "grid": 31, "steps": 10_000, "batch": 1024, "learning_rate": 1e-3,
            },
        }  # fmt: skip
        check_choice("scale", scale, presets)
        return cls(scale=scale, **presets[scale])

    def probability(self) -> Float[np.ndarray, " rows"]:
        """Probability p of each row, from 1 down."""
        return np.geomspace(1.0, self.lowest_probability, self.grid)

    def relative_importance(self) -> Float[np.ndarray, " columns"]:
        """Importance r of the last feature in each column; the others have 1."""
        return np.geomspace(
            1 / self.highest_importance, self.highest_importance, self.grid
        )

    def cells(self) -> tuple[Float[np.ndarray, " cells"], Float[np.ndarray, " cells"]]:
        """The p and r of every cell, row by row."""
        p, r = np.meshgrid(
            self.probability(), self.relative_importance(), indexing="ij"
        )
        return p.ravel(), r.ravel()

    def importance(self) -> Float[np.ndarray, "cells n"]:
        """I_i of every cell."""
        r = self.cells()[1]
        return np.stack([np.ones_like(r)] * (self.n - 1) + [r], axis=-1)

    def model(self) -> tm.Autoencoder:
        """M1 of these sizes."""
        return tm.Autoencoder(n=self.n, d=self.d)

    def spec(self, *, linear: bool = False) -> tm.TrainSpec:
        """The ensemble of all restarts, or one linear control for each group.

        A linear autoencoder has no local minima, so it needs no restarts.
        """
        model = self.model()
        seeds = self.groups * (1 if linear else self.restarts)
        return tm.TrainSpec(
            model=model.linear_control() if linear else model,
            features=tm.IndependentFeatures(
                n=self.n, probability=self.cells()[0][:, None]
            ),
            importance=self.importance(),
            optimiser=tm.Optimiser(learning_rate=self.learning_rate),
            seeds=seeds,
            steps=self.steps,
            batch=self.batch,
            snapshots=(0,),
            # Of 10⁷ runs 20 windows would be larger than everything else.
            history=20 if seeds * self.grid**2 <= MOST_HISTORIES else 1,
            seed=self.seed,
        )

    def grouped(
        self, runs: Shaped[np.ndarray, "runs ..."]
    ) -> Shaped[np.ndarray, "groups restarts rows columns ..."]:
        """An array over the runs of a spec, with their place in groups and grid."""
        return runs.reshape(self.groups, -1, self.grid, self.grid, *runs.shape[1:])

    def losses(self, run: tm.Run) -> Float[np.ndarray, "groups restarts rows columns"]:
        """Expected loss of every run."""
        repeats = len(run.spec.seeds)
        loss = expected_loss(
            run.spec.model,
            run.params,
            np.tile(self.cells()[0], repeats),
            np.tile(self.importance(), (repeats, 1)),
        )
        return self.grouped(loss)

    def caption(self) -> str:
        """What a reader needs to make a figure again."""
        return caption_line(
            loss="sum",
            exponent=2.0,
            optimiser=f"AdamW {self.learning_rate:g}, decay 0.01",
            scale=self.scale,
            fingerprint=content_hash(self),
            others={
                "seeds": f"{self.groups} groups of {self.restarts} restarts",
                "batch": self.batch,
                "steps": f"{self.steps:,}",
                "init": "xavier_2d",
            },
        )


def train_cells(
    grid: PhaseGrid, train: Callable[[tm.TrainSpec], tm.Run]
) -> dict[str, np.ndarray]:
    """Weights and expected losses of all runs, restarts sorted by loss.

    Returns:
        "W" and "W_initial" (groups, restarts, rows, columns, d, n), "loss" and "status"
        (groups, restarts, rows, columns), lowest loss first; "W_linear" and so on
        likewise with one restart.
    """
    arrays = {"p": grid.probability(), "r": grid.relative_importance()}
    for linear, name in ((False, ""), (True, "_linear")):
        run = train(grid.spec(linear=linear))
        loss = grid.losses(run)
        # A diverged run sorts last: it is never the best and is dropped as the worst.
        order = np.argsort(np.where(np.isfinite(loss), loss, np.inf), axis=1)
        arrays[f"loss{name}"] = np.take_along_axis(loss, order, axis=1)
        status = grid.grouped(run.status)
        arrays[f"status{name}"] = np.take_along_axis(status, order, axis=1)
        for key, params in (("W", run.params), ("W_initial", _first(run))):
            W = grid.grouped(params["W"])
            arrays[f"{key}{name}"] = np.take_along_axis(
                W, order[..., None, None], axis=1
            )
    return arrays


def away_from_edges(
    classes: Int[np.ndarray, "rows columns"],
) -> Bool[np.ndarray, "rows columns"]:
    """Cells more than one cell from a boundary: all eight neighbours are of one class.

    A boundary runs between two cells, half a cell from each; one that touches a cell of
    another class, if only at a corner, lies within one cell of it.
    """
    rows, columns = classes.shape
    around = np.pad(classes, 1, mode="edge")
    neighbours = [
        around[i : i + rows, j : j + columns] for i in range(3) for j in range(3)
    ]
    return np.all([near == classes for near in neighbours], axis=0)


def agreement(
    classes: Int[np.ndarray, "*groups rows columns"],
    expected: Int[np.ndarray, "rows columns"],
    where: Bool[np.ndarray, "rows columns"],
    *,
    balanced: bool = False,
) -> Float[np.ndarray, "*groups"]:
    """Share of the cells `where` whose class is the expected one.

    Args:
        classes: measured.
        expected: by theory.
        where: the cells that count.
        balanced: the mean over the expected classes of their shares, so that a large
            region counts no more than a small one.
    """
    hit = (classes == expected)[..., where]
    if not balanced:
        return hit.mean(axis=-1)
    wanted = expected[where]
    shares = [hit[..., wanted == one].mean(axis=-1) for one in np.unique(wanted)]
    return np.mean(shares, axis=0)


def _first(run: tm.Run) -> dict[str, np.ndarray]:
    return {name: value[0] for name, value in run.snapshots.params.items()}
