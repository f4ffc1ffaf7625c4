"""CIS-6: how many superposed features a constructed layer of width d can AND.

Figure: the number of features at which the constructed universal AND is wrong by 1/2 in
the worst of three cases (both inputs of a gate on, one, none), against its width d,
where the features are held in superposition by as many dimensions as there are neurons.
Hänni, Mendel, Vaintrob & Chan 2024 (2408.05451) emulate circuits of about d^1.5
features; Adler & Shavit 2024 (2409.15318) come near d², with another invariant at the
interface; Borobia et al. 2026 (2605.01192) argue that 1.5 is where Welch's floor meets
that correction layer's tolerance, and no universal bound. So no constant is expected
here: the slope is reported with its interval, for this construction and this error.

Two slopes are told. At fixed error, part of the slope is that p = √(overlap/d), an
error without any superposition, falls with the width: over such widths that is no
exponent of the asymptotic law. At a fixed error added by superposition (1/4 in the
mean, as in CIS-2b) that part is absent, and to leading order it is d₀/p ~ d^1.5 (on
calibration seed 1 the two slopes were 1.63 and 1.72: neither width is large enough for
its law).

Claim, fixed before the runs: capacity grows faster than width, the slope of its
logarithm at fixed error being at least 1.25, half-way between 1 and 1.5; from widths
that span more than a decade. Controls: p the same at every width, with which only the
dimensions grow (slope 1); the linear readout, which nowhere falls below the level and
whose capacity then counts as one feature at every width.

One sample of a claim is one seed. Run time at laptop scale: about 20 s on two idle
cores.

Axis letters: `seeds`, `widths` d, `points` m.
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float, Int
from matplotlib.figure import Figure

import toymodels as tm
from experiments.cis._capacity import (
    and_model,
    capacities,
    capacity_slopes,
    middle_of,
    scan,
)
from experiments.cis._gates import decades
from toymodels.claims import AtLeast, Claim, control, judge
from toymodels.config import check_choice, content_hash, from_json, settings, to_json
from toymodels.models import UniversalAnd
from toymodels.plotting import Curve, caption_line, curve_figure, over_seeds
from toymodels.result import Result
from toymodels.stats import bootstrap_interval
from toymodels.theory import probability_for_overlap

ID = "CIS-6"
TITLE = "Features that a layer of width d can AND"
SOURCE = "Hänni et al. 2024, 2408.05451; Adler & Shavit 2024, 2409.15318"


@settings
class AndCapacity:
    """Settings of CIS-6."""

    widths: tuple[int, ...] = (96, 192, 384, 768, 1_152)
    multiples: tuple[float, ...] = (0.25, 0.5, 1, 2, 4, 8, 14)  # m over d
    overlap: float = 6.0  # neurons of a gate
    level: float = 0.5  # of the error in the worst case
    added: float = 0.25  # of what superposition adds in the mean
    gates: int = 64  # of each case
    seeds: int = 5
    seed: int = 0
    scale: str = "laptop"

    @classmethod
    def preset(cls, scale: str) -> "AndCapacity":
        """The settings of a scale."""
        presets = {
            "smoke": {
                "widths": (64, 128), "multiples": (0.5, 2, 8), "gates": 32, "seeds": 2,
            },
            "laptop": {},
            "paper": {
                "widths": (96, 192, 384, 768, 1_536, 3_072, 6_144),
                "multiples": (0.25, 0.5, 1, 2, 4, 8, 14, 20),
                "gates": 512, "seeds": 20,
            },
        }  # fmt: skip
        check_choice("scale", scale, presets)
        return cls(scale=scale, **presets[scale])

    def features(self) -> Int[np.ndarray, "widths points"]:
        """Every m, in the same proportions to the width."""
        return np.round(np.outer(self.widths, self.multiples)).astype(int)

    def models(self) -> dict[str, list[UniversalAnd]]:
        """By name: the construction and its controls at every width."""
        # That of the narrowest: no gate then has fewer neurons than it has there.
        fixed = probability_for_overlap(self.widths[0], self.overlap)
        own = [
            and_model(
                d,
                n=2,
                embedding=d,
                probability=probability_for_overlap(d, self.overlap),
            )
            for d in self.widths
        ]
        return {
            "relu": own,
            "fixed": [
                and_model(d, n=2, embedding=d, probability=fixed) for d in self.widths
            ],
            "linear": [model.linear_control() for model in own],
        }


def compute(settings: AndCapacity, train: Callable[[tm.TrainSpec], tm.Run]) -> Result:
    """Error curves of every width; nothing is trained."""
    del train
    features = settings.features()
    arrays = {"m": features}
    for name, models in settings.models().items():
        # The linear readout is wrong from the smallest m on.
        points = 2 if name == "linear" else None
        arrays[name] = scan(
            models,
            features[:, :points],
            gates=settings.gates,
            seeds=settings.seeds,
            seed=settings.seed,
        )
    return Result(arrays=arrays, meta={"settings": to_json(settings)})


def capacity(
    result: Result, name: str, kind: int = 0
) -> Float[np.ndarray, "seeds widths"]:
    """The largest m at the level of error; NaN where the scan does not hold it.

    A linear readout is above the level at every m: its capacity is then that one
    feature that needs no superposition.

    Args:
        result: of `compute`.
        name: "relu", "fixed" or "linear".
        kind: 0 for the error, 1 for what superposition adds.
    """
    settings = from_json(result.meta["settings"])
    level = (settings.level, settings.added)[kind]
    errors = result[name][..., kind]
    found = capacities(errors, result["m"][:, : errors.shape[-1]], level)
    if name != "linear":
        return found
    return np.where(errors[..., 0] > level, 1.0, found)


def plot(result: Result) -> dict[str, Figure | bytes]:
    """Capacity over width, with slopes to compare."""
    settings = from_json(result.meta["settings"])
    widths = np.array(settings.widths, float)
    found = capacity(result, "relu")
    slopes = capacity_slopes(settings.widths, found)
    centre = widths[len(widths) // 2]

    def line(power: float) -> Curve:
        y = middle_of(found) * (widths / centre) ** power
        return Curve(f"∝ d^{power:g}", widths, y, dashed=True)

    told = "no slope"
    if np.isfinite(slopes).all():
        low, high = bootstrap_interval(slopes)
        told = f"slope {np.median(slopes):.2f} [{low:.2f}, {high:.2f}]"
    return {
        "capacity": curve_figure(
            [
                over_seeds("ReLU, p = √(overlap/d)", widths, found),
                over_seeds("p the same", widths, capacity(result, "fixed")),
                over_seeds("linear readout", widths, capacity(result, "linear")),
                over_seeds(
                    f"ReLU, at added error {settings.added:g}",
                    widths,
                    capacity(result, "relu", 1),
                ),
                line(1.0),
                line(1.5),
            ],
            xlabel="neurons d, and dimensions that hold the features",
            ylabel=f"features at error {settings.level:g}",
            xscale="log",
            yscale="log",
            title=f"{TITLE}: {told}",
            caption=caption_line(
                seeds=settings.seeds,
                scale=settings.scale,
                fingerprint=content_hash(settings),
                others={
                    "neurons of a gate": f"{settings.overlap:g}",
                    "gates": f"3 × {settings.gates}",
                    "active features": 2,
                    "span": f"{decades(settings.widths):.2f} decades",
                    "bands": "all seeds",
                },
            ),
        )
    }


def claims(result: Result) -> list[Claim]:
    """Capacity grows faster than width."""
    settings = from_json(result.meta["settings"])
    faster, widths = AtLeast(1.25), settings.widths
    return [
        judge(
            id="CIS-6.faster_than_width",
            experiment=ID,
            statement="the number of features grows faster than the width",
            source=SOURCE,
            statistic=f"slope of log features at error {settings.level:g} over log d, "
            f"{decades(widths):.2f} decades",
            expected="above 1; about 1.5 in one construction, no constant",
            samples=capacity_slopes(widths, capacity(result, "relu")),
            test=faster,
            controls=(
                control(
                    "p the same at every width",
                    capacity_slopes(widths, capacity(result, "fixed")),
                    faster,
                ),
                control(
                    "linear readout",
                    capacity_slopes(widths, capacity(result, "linear")),
                    faster,
                    detail="one feature where it is never below the level",
                ),
            ),
            scale=settings.scale,
            note=f"at added error {settings.added:g}, slope "
            f"{np.median(capacity_slopes(widths, capacity(result, 'relu', 1))):.3g}",
        )
    ]
