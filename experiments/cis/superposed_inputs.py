"""CIS-2b: with inputs in superposition, gates misfire from about d₀√d inputs on.

Figure: how much superposition adds to the error of the constructed universal AND, whose
m inputs are held by 64 dimensions d₀ as random unit vectors, against m, for widths d
from 512 to 8,192 neurons; and the m at which that passes 1/4 against d (Vaintrob,
Mendel & Hänni 2024: misfires at Θ̃(d₀√d) inputs). Each neuron reads an input with p =
√(17/d), so that a gate always has about 17 neurons. 1/4 is the error that no linear
readoff of an AND goes below.

Claim, with the threshold of the catalogue, fixed before the runs: the slope of that m
over d, both in logs, is within 0.2 of 1/2. Control: p the same at every width (that of
the middle one), where the widths differ in how often a gate is read but not in when it
misfires. The linear activation is drawn: the mean of many neurons takes the noise away
that its ReLU would turn into a bias, but it is wrong at any m.

What is added is the mean change of readoffs, over gates with both, one and no input on,
against the same gates on the inputs as they are. On calibration seed 1 the error itself
served first, but it contains p, which falls from 0.18 to 0.05 over these widths. The
source's further statement, that a chosen subset of gates reaches Θ̃(d₀ d), is not
tested: it needs weights made for the subset. One sample of a claim is one seed. Run
time at laptop scale: about 15 s on two idle cores.

Axis letters: `seeds`, `widths` d, `points` m.
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Int
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
from toymodels.claims import Claim, Within, control, judge
from toymodels.config import check_choice, content_hash, from_json, settings, to_json
from toymodels.models import UniversalAnd
from toymodels.plotting import Curve, caption_line, curve_figure, over_seeds
from toymodels.result import Result
from toymodels.theory import probability_for_overlap

ID = "CIS-2b"
TITLE = "Universal AND on superposed inputs: when gates misfire"
SOURCE = "Vaintrob, Mendel & Hänni 2024, U-AND on inputs in superposition"


@settings
class SuperposedInputs:
    """Settings of CIS-2b."""

    embedding: int = 64  # d₀
    widths: tuple[int, ...] = (512, 1_024, 2_048, 4_096, 8_192)
    multiples: tuple[float, ...] = (1, 2, 3, 4, 6, 8, 12, 20)  # m over d₀
    overlap: float = 17.0  # neurons of a gate
    level: float = 0.25
    gates: int = 128  # of each case
    seeds: int = 5
    seed: int = 0
    scale: str = "laptop"

    @classmethod
    def preset(cls, scale: str) -> "SuperposedInputs":
        """The settings of a scale."""
        presets = {
            "smoke": {
                "embedding": 32, "widths": (128, 256), "multiples": (1, 4, 16),
                "gates": 32, "seeds": 2,
            },
            "laptop": {},
            "paper": {
                "widths": (512, 1_024, 2_048, 4_096, 8_192, 16_384, 32_768),
                "multiples": (1, 1.5, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48),
                "gates": 512, "seeds": 20,
            },
        }  # fmt: skip
        check_choice("scale", scale, presets)
        return cls(scale=scale, **presets[scale])

    def features(self) -> Int[np.ndarray, "widths points"]:
        """Every m, the same ones at every width."""
        m = np.round(np.array(self.multiples) * self.embedding).astype(int)
        return np.tile(m, (len(self.widths), 1))

    def models(self) -> dict[str, list[UniversalAnd]]:
        """By name: the construction and its controls at every width."""
        middle = self.widths[len(self.widths) // 2]
        own = [probability_for_overlap(d, self.overlap) for d in self.widths]
        fixed = [probability_for_overlap(middle, self.overlap)] * len(self.widths)

        def at(probabilities: list[float]) -> list[UniversalAnd]:
            return [
                and_model(d, n=2, embedding=self.embedding, probability=p)
                for d, p in zip(self.widths, probabilities, strict=True)
            ]

        return {
            "relu": at(own),
            "fixed": at(fixed),
            "linear": [model.linear_control() for model in at(own)],
        }


def compute(
    settings: SuperposedInputs, train: Callable[[tm.TrainSpec], tm.Run]
) -> Result:
    """Error curves of every width; nothing is trained."""
    del train
    features = settings.features()
    arrays = {"m": features}
    for name, models in settings.models().items():
        # The linear one is for the figure: the narrowest and the widest.
        rows = [0, -1] if name == "linear" else range(len(models))
        arrays[name] = scan(
            [models[k] for k in rows],
            features[list(rows)],
            gates=settings.gates,
            seeds=settings.seeds,
            seed=settings.seed,
        )
    return Result(arrays=arrays, meta={"settings": to_json(settings)})


def capacity(result: Result, name: str) -> np.ndarray:
    """The m of every seed and width at which the error passes the level."""
    settings = from_json(result.meta["settings"])
    return capacities(result[name][..., 1], result["m"], settings.level)


def plot(result: Result) -> dict[str, Figure | bytes]:
    """Errors over m, and the m of misfiring over the width."""
    settings = from_json(result.meta["settings"])
    caption = caption_line(
        seeds=settings.seeds,
        scale=settings.scale,
        fingerprint=content_hash(settings),
        others={
            "d₀": settings.embedding,
            "neurons of a gate": f"{settings.overlap:g}",
            "gates": f"3 × {settings.gates}",
            "active inputs": 2,
            "bands": "all seeds",
        },
    )
    m, widths = result["m"][0], np.array(settings.widths, float)
    curves = [
        over_seeds(f"d = {d:,}", m, result["relu"][:, k, :, 1])
        for k, d in enumerate(settings.widths)
    ]
    linear = np.median(result["linear"][:, -1, :, 1], axis=0)
    curves.append(
        Curve(f"linear, d = {settings.widths[-1]:,}", m, linear, dashed=True, color=5)
    )
    found = capacity(result, "relu")
    anchor = middle_of(found) / np.sqrt(widths[len(widths) // 2])
    return {
        "errors": curve_figure(
            curves,
            xlabel="inputs m in superposition",
            ylabel="added mean absolute error",
            xscale="log",
            references={"level": settings.level},
            title=TITLE,
            caption=caption,
        ),
        "capacity": curve_figure(
            [
                over_seeds("p = √(overlap/d)", widths, found),
                over_seeds("p the same", widths, capacity(result, "fixed")),
                Curve("∝ √d", widths, anchor * np.sqrt(widths), dashed=True),
            ],
            xlabel="neurons d",
            ylabel=f"inputs at added error {settings.level:g}",
            xscale="log",
            yscale="log",
            title=f"Inputs that the universal AND can take, d₀ = {settings.embedding}",
            caption=caption,
        ),
    }


def claims(result: Result) -> list[Claim]:
    """The position grows as √d."""
    settings = from_json(result.meta["settings"])
    near = Within(0.3, 0.7)
    return [
        judge(
            id="CIS-2b.scaling",
            experiment=ID,
            statement="gates misfire at a number of inputs that grows as √d",
            source=SOURCE,
            statistic="slope of log m at added error "
            f"{settings.level:g} over log d, {decades(settings.widths):.1f} decades",
            expected=0.5,
            samples=capacity_slopes(settings.widths, capacity(result, "relu")),
            test=near,
            controls=(
                control(
                    "p the same at every width",
                    capacity_slopes(settings.widths, capacity(result, "fixed")),
                    near,
                ),
            ),
            scale=settings.scale,
            note="linear activation: the worst case's error is "
            f"{np.median(result['linear'][..., 0].min(axis=-1)):.2g} or more",
        )
    ]
