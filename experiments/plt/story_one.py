"""PLT-4: does the conversion into outputs hide the push (Story 1)?

Figure: gap(ℓ) = log r10(covariance-matched) − log r10(towards another activation) when
layer h_ℓ is pushed, for ℓ = 0 to L, in the L2 of the outputs and in KL. Positive: the
model answers sooner towards another activation than to a random push. If the layers
correct errors, the gap is made on the way and is gone at the last layer, after which
there is only the readout; if the readout, or a normalisation before it, makes the gap,
it is as large at the last layer as at the first (Story 1).

Models: a logistic head without and with a final normalisation, and a linear head with
squared error; a linear control (M7) of each.

Claims, in the L2 response, after SCIENCE 4.1, which rejects Story 1 where gap(first) ≥
2·gap(last) and the interval of gap(last) includes 0. A model without any gap would pass
that, so gap(first) − 2·|gap(last)| must be at least 0.05 here, fixed before the runs:
`PLT-4.story_1` of the normalised model, and `PLT-4.last`, its gap(last) lies in ±0.05
(control: its own gap(first)). `PLT-4.squared` and `PLT-4.logistic` are the first rule
for the models without normalisation. Control of each: M7.

Without a normalisation the outputs are linear in h_L, and gap(last) in L2 is 0 exactly:
there is no conversion that could make a gap, and these two only say whether the layers
make one. Story 1 is decided by the normalised model. In KL a gap may persist at the
last layer, because a logistic readout is itself a threshold (SCIENCE 4.1): reported.

One sample of a claim is one seed. Run time at laptop scale: 35 s on two idle cores.

Axis letters: `seeds`, `layers`, `bases`, `radii`.
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure

import toymodels as tm
from experiments.denoisers import SOURCE, Denoisers, only, response
from experiments.plt._measures import COMMON, plateau
from toymodels.claims import AtLeast, Claim, Within, control, judge
from toymodels.config import from_json, settings, to_json
from toymodels.plotting import over_seeds, small_multiples
from toymodels.result import Result
from toymodels.stats import finite_median

ID = "PLT-4"
TITLE = "Story 1: does the conversion into outputs hide a push?"
MODELS = {
    "squared": ("squared error", {"head": "linear"}),
    "logistic": ("logistic", {}),
    "normalised": ("logistic, normalised", {"normalise": True}),
    "linear squared": (
        "squared error, linear control",
        {"head": "linear", "activation": "identity"},
    ),
    "linear": ("logistic, linear control", {"activation": "identity"}),
    "linear normalised": (
        "normalised, linear control",
        {"activation": "identity", "normalise": True},
    ),
}
GAP = 0.05


@settings
class StoryOne(Denoisers):
    """Settings of PLT-4."""

    layers: tuple[int, ...] = (0, 1, 2, 3)  # that are pushed besides the last

    def pushed(self) -> tuple[int, ...]:
        """The layers that the stack has; the last one is always pushed."""
        return (*(k for k in self.layers if k < self.blocks), self.blocks)


def compute(settings: StoryOne, train: Callable[[tm.TrainSpec], tm.Run]) -> Result:
    """The gap of every model and layer, in L2 and in KL."""
    arrays = {}
    for name, (_, changes) in MODELS.items():
        # The ensembles over all noise levels are those of PLT-1.
        shared = "normalise" not in changes
        run = (
            only(train(settings.spec(**changes)), settings.place)
            if shared
            else train(settings.judged(**changes))
        )
        found = [
            settings.perturbed(run, COMMON, layer=f"h{layer}").responses
            for layer in settings.pushed()
        ]
        for answer in ("output", "kl"):
            arrays[f"{answer}/{name}"] = np.stack(
                [gap(settings.lengths(), response(one, answer)) for one in found],
                axis=1,
            )
    return Result(arrays=arrays, meta={"settings": to_json(settings)})


def gap(
    radii: Float[np.ndarray, " radii"],
    curves: Float[np.ndarray, "runs families bases directions radii"],
) -> Float[np.ndarray, " runs"]:
    """Median over bases of log r10 of the first family over the last."""
    found = np.log(plateau(radii, curves))
    return finite_median(found[:, 0] - found[:, -1])


def plot(result: Result) -> dict[str, Figure | bytes]:
    """The gap over the layer that is pushed."""
    settings = from_json(result.meta["settings"])
    layers = np.array(settings.pushed())
    panels = {
        label: [
            over_seeds(of, layers, result[f"{answer}/{name}"])
            for name, (of, _) in MODELS.items()
            if np.isfinite(result[f"{answer}/{name}"]).any()
        ]
        for answer, label in (("output", "L2 of the outputs"), ("kl", "KL"))
    }
    # One colour a model in both panels: KL lacks the first one.
    panels["KL"] = [
        over_seeds(of, layers, result[f"kl/{name}"], color=place)
        for place, (name, (of, _)) in enumerate(MODELS.items())
        if np.isfinite(result[f"kl/{name}"]).any()
    ]
    first = np.median(result["output/squared"][:, 0])
    return {
        "story_one": small_multiples(
            panels,
            xlabel="layer that is pushed",
            ylabel="gap",
            references={"no gap": 0.0},
            columns=2,
            title="How much sooner the outputs answer towards another activation: L2 "
            f"gap {first:.2f} at the first layer with squared error",
            caption=settings.caption(
                gap="log r10(covariance-matched) − log r10(towards another)",
                noise=settings.noise,
                band="all seeds",
            ),
        )
    }


def claims(result: Result) -> list[Claim]:
    """A gap that the layers make, in L2."""
    settings = from_json(result.meta["settings"])
    common = {"experiment": ID, "source": SOURCE, "scale": settings.scale}
    made, none = AtLeast(GAP), Within(-GAP, GAP)

    def excess(name: str) -> np.ndarray:
        found = result[f"output/{name}"]
        return found[:, 0] - 2 * np.abs(found[:, -1])

    def both(name: str, answer: str) -> str:
        found = np.median(result[f"{answer}/{name}"], axis=0)
        return f"{found[0]:.2f} to {found[-1]:.2f}"

    judged = [
        judge(
            id=f"PLT-4.{claim}",
            statement="the layers, not the readout, make the outputs answer sooner "
            f"towards another activation ({MODELS[name][0]})",
            statistic="gap at the first layer less twice that at the last, in L2",
            expected="> 0",
            samples=excess(name),
            test=made,
            controls=(control("linear model", excess(linear), made),),
            note=f"L2 gap {both(name, 'output')}"
            + ("" if name == "squared" else f", KL gap {both(name, 'kl')}")
            + ("" if name == "normalised" else "; the last is 0 by construction"),
            **common,
        )
        for claim, name, linear in (
            ("story_1", "normalised", "linear normalised"),
            ("squared", "squared", "linear squared"),
            ("logistic", "logistic", "linear"),
        )
    ]
    last = result["output/normalised"]
    judged.append(
        judge(
            id="PLT-4.last",
            statement="after the last layer no gap is left, through normalisation and "
            "readout",
            statistic="gap at the last layer of the normalised model, in L2",
            expected=0.0,
            samples=last[:, -1],
            test=none,
            controls=(control("gap at the first layer", last[:, 0], none),),
            **common,
        )
    )
    return judged
