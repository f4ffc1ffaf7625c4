"""RO-4: the floor under linear readouts of superposed features.

Figure: mean squared crosstalk of readouts over Welch's floor (F − d)/(d(F − 1)), for
tight frames, for random directions read by themselves or by least squares, over F/d.

Claims, with the thresholds of the catalogue: no readout of rank ≤ d gets below the
floor (control: one of full rank); unit-norm tight frames meet it to 1e-9. The catalogue
says that random directions are within 5 % of it at F ≥ 8d. Derived before the run:
their squared cosines have mean 1/d, which is (F − 1)/(F − d) times the floor: 1.14 at F
= 8d, and 5 % are reached from F ≈ 21d on. Both are judged: the catalogue's, which must
fail if the derivation is right, and the derived ratio, within 5 % at every F ≥ 2d
(control: tight frames, whose ratio is 1).

A sample of a claim is one root of all draws. Nothing is trained. Run time at laptop
scale: 2 s on two idle cores.

Axis letters: `seeds`, `crowding` values of F/d.
"""

from collections.abc import Callable
from typing import Self

import numpy as np
from matplotlib.figure import Figure

import toymodels as tm
from experiments.ro._frames import READOUTS, readout_crosstalk, tight_frame
from toymodels.claims import AtLeast, AtMost, Claim, control, judge
from toymodels.config import check_choice, content_hash, from_json, settings, to_json
from toymodels.geometry import welch_floor
from toymodels.plotting import (
    Curve,
    caption_line,
    curve_figure,
    over_seeds,
    plain_log_ticks,
)
from toymodels.result import Result

ID = "RO-4"
TITLE = "The floor under linear readouts"
SOURCE = "Borobia, Seguí-Mas & Tormo-Carbó 2026, arXiv 2605.01192"
AT = 8  # F/d of the catalogue's statement


@settings
class LinearFloor:
    """Settings of RO-4."""

    d: int = 32
    crowding: tuple[int, ...] = (2, 4, 8, 16, 32)  # F/d
    seeds: int = 8
    seed: int = 0  # root of all draws; the verdict's is 0
    scale: str = "laptop"

    @classmethod
    def preset(cls, scale: str) -> Self:
        """The settings of a scale."""
        presets = {
            "smoke": {"d": 8, "crowding": (2, 4, 8), "seeds": 3},
            "laptop": {},
            "paper": {"crowding": (2, 4, 8, 16, 32, 64), "seeds": 20},
        }  # fmt: skip
        check_choice("scale", scale, presets)
        return cls(scale=scale, **presets[scale])


def compute(settings: LinearFloor, train: Callable[[tm.TrainSpec], tm.Run]) -> Result:
    """Crosstalk over the floor, (seeds, crowding) by kind of readout."""
    del train
    d = settings.d
    floor = np.array([welch_floor(k * d, d) for k in settings.crowding])
    arrays = {
        kind: np.array(
            [
                [readout_crosstalk(rng, k * d, d, kind) for k in settings.crowding]
                for rng in _generators(settings)
            ]
        )
        / floor
        for kind in (*READOUTS, "full rank")
    }
    frames = [tight_frame(k * d, d) for k in settings.crowding]
    tight = [
        ((W @ W.T - np.eye(len(W))) ** 2).sum() / (len(W) * (len(W) - 1))
        for W in frames
    ]
    norms = [np.abs((W**2).sum(axis=1) - 1).max() for W in frames]
    arrays |= {"tight": np.array(tight) / floor, "unit": np.array(norms)}
    return Result(arrays=arrays, meta={"settings": to_json(settings)})


def _generators(settings: LinearFloor) -> list[np.random.Generator]:
    """One for each seed."""
    return [np.random.default_rng([settings.seed, k]) for k in range(settings.seeds)]


def plot(result: Result) -> dict[str, Figure | bytes]:
    """Crosstalk over the floor."""
    settings = from_json(result.meta["settings"])
    x, d = np.asarray(settings.crowding, float), settings.d
    fine = np.geomspace(x[0], x[-1], 60)
    floor = curve_figure(
        [
            over_seeds("random directions, read by themselves", x, result["tied"]),
            over_seeds("read by least squares", x, result["least squares"]),
            Curve("tight frames", x, result["tight"], color=2),
            Curve(
                "$(F-1)/(F-d)$",
                fine,
                (fine * d - 1) / (fine * d - d),
                dashed=True,
                color=6,
            ),
        ],  # fmt: skip
        xlabel="features per dimension $F/d$",
        ylabel="crosstalk over the floor",
        xscale="log",
        yscale="log",
        references={"+5 %": 1.05},
        ylim=(0.95, 3.0),
        title="Welch's floor under linear readouts (random readouts lie far above)",
        caption=caption_line(
            seeds=settings.seeds,
            scale=settings.scale,
            fingerprint=content_hash(settings),
            others={"d": d, "band": "from lowest to highest seed"},
        ),
    )
    axes = floor.axes[0]
    plain_log_ticks(axes.xaxis)
    plain_log_ticks(axes.yaxis)
    return {"floor": floor}


def claims(result: Result) -> list[Claim]:
    """The floor holds, and random directions are near it."""
    settings = from_json(result.meta["settings"])
    d, ratio = settings.d, result["tied"]
    F = np.asarray(settings.crowding) * d
    derived = (F - 1) / (F - d)
    lowest = np.min([result[kind].min(axis=1) for kind in READOUTS], axis=0)
    at = settings.crowding.index(AT)
    above, near, five = AtLeast(1.0), AtMost(1.05), AtMost(0.05)
    common = {"experiment": ID, "source": SOURCE, "scale": settings.scale}
    off = np.abs(ratio / derived - 1).max(axis=1)
    return [
        judge(
            id="RO-4.floor",
            statement="no linear readout of rank ≤ d gets below Welch's floor",
            statistic="smallest crosstalk over the floor, all readouts and F",
            expected="≥ 1",
            samples=lowest,
            test=above,
            controls=(control("full rank", result["full rank"].min(axis=1), above),),
            **common,
        ),
        judge(
            id="RO-4.tight",
            statement="unit-norm tight frames meet the floor",
            statistic="largest |ratio − 1|, and of the norms",
            expected="≤ 1e-9",
            samples=max(np.abs(result["tight"] - 1).max(), result["unit"].max()),
            test=AtMost(1e-9),
            exact=True,
            **common,
        ),
        judge(
            id="RO-4.random",
            statement="random directions are within 5 % of the floor at F = 8d",
            statistic="crosstalk over the floor",
            expected="≤ 1.05",
            samples=ratio[:, at],
            test=near,
            controls=(control("random readouts", result["random"][:, at], near),),
            note=f"derived: (F − 1)/(F − d) = {derived[at]:.3f}; 5 % need F ≈ 21d",
            **common,
        ),
        judge(
            id="RO-4.ratio",
            statement="random directions are (F − 1)/(F − d) times above the floor",
            statistic=f"largest |measured/derived − 1| over F/d = "
            f"{', '.join(map(str, settings.crowding))}",
            expected="0",
            samples=off,
            test=five,
            controls=(
                control(
                    "tight frames", np.abs(result["tight"] / derived - 1).max(), five
                ),
            ),
            **common,
        ),
    ]
