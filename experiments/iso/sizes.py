"""ISO-5: how do the exponents depend on the density of E and on the size?

Figure: exponent p of feature pairs, of random planes and of the linear control against
the density ρ of the frozen denoiser's matrix, and against its size at fixed n/H, after
da Silva & Heimersheim 2026 (2606.24964), who select the density by the loss. The one
with the lowest loss, at its chosen c_in and c_out, is marked.

The rule for c_in was fixed before (see `_frozen`): the largest signal-to-noise ratio in
the scan, anew for every density and size. The catalogue asks for a report; judged is
only that p(features) − p(random) ≥ 0.2, the tolerance that ISO-1 gives random planes,
at each of the densities and sizes, at half the peak along a feature axis (at the
default threshold many pairs have no boundary on an axis, see ISO-1). Control: the
median difference of the linear model.

One sample of a claim is one seed. Run time at laptop scale: 20 s on two idle cores.

Axis letters: `seeds`, `settings` of density or size, `kinds` of planes, `thresholds`.
"""

import dataclasses
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
from matplotlib.figure import Figure

import toymodels as tm
from experiments.iso._frozen import DEFAULT, OLDER, SOURCE, FrozenModels
from toymodels.claims import AtLeast, Claim, control, judge
from toymodels.config import from_json, settings, to_json
from toymodels.plotting import curve_figure, over_seeds, plain_log_ticks
from toymodels.probes.exponents import FEATURE, RANDOM
from toymodels.result import Result

ID = "ISO-5"
TITLE = "Exponents of feature pairs by density and size"
LEVELS = (DEFAULT, OLDER)
PRIVILEGED = AtLeast(0.2)


@settings
class Sizes(FrozenModels):
    """Settings of ISO-5: those of the denoisers, densities and sizes."""

    pairs: int = 24
    angles: int = 15
    coarse: int = 48
    halvings: int = 4
    batch: int = 2048
    points: int = 61
    densities: tuple[float, ...] = (0.025, 0.05, 0.075, 0.1, 0.125, 0.15)
    sizes: tuple[int, ...] = (128, 256, 512)  # n, with the same n/H

    PAPER: ClassVar[dict[str, Any]] = {
        "pairs": 80, "angles": 60, "seeds": 10, "sizes": (128, 256, 512, 1024, 2048),
    }  # fmt: skip
    SMOKE: ClassVar[dict[str, Any]] = FrozenModels.SMOKE | {
        "densities": (0.1, 0.2),
        "sizes": (32, 64),
    }

    def at(self, *, density: float | None = None, n: int | None = None) -> "Sizes":
        """The settings at another density or size."""
        n = n or self.n
        return dataclasses.replace(
            self,
            n=n,
            neurons=self.neurons * n // self.n,
            density=density or self.density,
        )

    def cells(self) -> dict[str, list["Sizes"]]:
        """What is swept, and the settings at each of its values."""
        return {
            "density": [self.at(density=density) for density in self.densities],
            "size": [self.at(n=n) for n in self.sizes],
        }


def compute(settings: Sizes, train: Callable[[tm.TrainSpec], tm.Run]) -> Result:
    """Exponents (values, seeds, kinds, thresholds) of both sweeps, and each c_in."""
    del train  # nothing is trained
    arrays: dict[str, list] = {}
    for sweep, cells in settings.cells().items():
        for cell in cells:
            # The density matters to the draw alone: with one name for all, one program.
            model, probed = cell.model(), cell.model(density=settings.density)
            params, scan = cell.params(model)
            planes = cell.planes(probed, params)
            found = {
                "c_in": np.asarray(params["c_in"]),
                "loss": scan.at_best(scan.loss),
                "snr": scan.at_best(scan.snr),
            }
            for name, one in (("", probed), ("linear_", probed.linear_control())):
                _, radii = cell.contours(one, params, planes, LEVELS)
                summary = cell.exponents(radii)
                found[f"{name}exponent"] = summary.exponent
                found[f"{name}unreached"] = summary.unreached
            for name, value in found.items():
                arrays.setdefault(f"{sweep}_{name}", []).append(value)
    return Result(
        arrays={name: np.array(value) for name, value in arrays.items()},
        meta={"settings": to_json(settings)},
    )


def plot(result: Result) -> dict[str, Figure | bytes]:
    """Exponents against density and against size, at half the peak."""
    settings = from_json(result.meta["settings"])
    place = LEVELS.index(OLDER)
    figures = {}
    for sweep, x, label in (
        ("density", settings.densities, "density ρ of E"),
        ("size", settings.sizes, f"n, with n/H = {settings.n / settings.neurons:g}"),
    ):
        p = result[f"{sweep}_exponent"][..., place]
        linear = result[f"{sweep}_linear_exponent"][..., place]
        values = np.asarray(x, float)
        loss = np.median(result[f"{sweep}_loss"], axis=1)
        best = float(values[loss.argmin()])
        c_in = np.median(result[f"{sweep}_c_in"], axis=1)
        figure = curve_figure(
            [
                over_seeds("features", values, p[:, :, FEATURE].T),
                over_seeds("random planes", values, p[:, :, RANDOM].T),
                over_seeds("features, linear model", values, linear[:, :, FEATURE].T),
            ],
            xlabel=label,
            ylabel="exponent p, median over pairs",
            xscale="log" if sweep == "size" else "linear",
            references={"p = 2": 2.0},
            xlines={"lowest loss": best} if sweep == "density" else None,
            title=f"{TITLE}: τ = {OLDER}",
            caption=settings.caption(
                **{("ρ" if sweep == "density" else "n"): "as shown"},
                **({"H": "as shown"} if sweep == "size" else {}),
                c_in=f"largest SNR, {', '.join(f'{c:.2f}' for c in c_in)}",
                band="lowest to highest seed",
            ),
        )
        if sweep == "size":
            plain_log_ticks(figure.axes[0].xaxis)
        figures[sweep] = figure
    return figures


def claims(result: Result) -> list[Claim]:
    """Features are privileged at every density, and at every size."""
    settings = from_json(result.meta["settings"])
    judged = []
    for sweep, x in (("density", settings.densities), ("size", settings.sizes)):
        p, linear = (
            result[f"{sweep}_{name}"][:, :, FEATURE]
            - result[f"{sweep}_{name}"][:, :, RANDOM]
            for name in ("exponent", "linear_exponent")
        )
        place, default = LEVELS.index(OLDER), LEVELS.index(DEFAULT)
        shares = result[f"{sweep}_unreached"][:, :, FEATURE]
        medians = [
            ", ".join(f"{v:.2g}" for v in np.median(shares[..., k], axis=1))
            for k in (place, default)
        ]
        judged.append(
            judge(
                id=f"ISO-5.{sweep}",
                experiment=ID,
                statement="feature pairs bulge more than random planes at every "
                f"{sweep}, at τ = {OLDER}",
                source=SOURCE,
                statistic=f"least p(features) − p(random) of {len(x)}",
                expected="no value exists",
                samples=p[..., place].min(axis=0),
                test=PRIVILEGED,
                controls=(
                    control(
                        "median of the linear model",
                        np.median(linear[..., place], axis=0),
                        PRIVILEGED,
                    ),
                ),
                scale=settings.scale,
                note=f"pairs without a boundary on an axis: {medians[0]}; at the "
                f"default threshold {medians[1]}",
            )
        )
    return judged
