"""TMS-21: absolute values of dense features take two neurons each.

Figure: encoder and decoder weights of ŷ = ReLU(W₂ ReLU(W₁ x) + b) trained to output |x|
for n = 3 dense features with 6 neurons, after Elhage et al. 2022, *Toy Models of
Superposition*, "Computation in Superposition". Since |x| = ReLU(x) + ReLU(−x), each
feature takes one neuron of each sign and no neuron is shared.

Claims, with thresholds fixed before the runs, after scaling each neuron so that its
largest encoder weight has magnitude 1 (a ReLU lets the decoder take the inverse): each
feature has one positive and one negative neuron of its own, and every other weight of
the encoder is below 0.05. A neuron counts if it adds what it reads to the output
(decoder weight ≥ 0.5 where |x| needs 1). That was added on calibration seed 1: with the
target x, neurons of negative sign are empty or subtract, and yet they have a sign.
Controls: the target x instead of |x|, the linear model, and initial weights.

One sample of a claim is a group of restarts, of which the lowest loss counts. Run time
at laptop scale: about 5 s on two cores.

Axis letters: `groups` of restarts, `neurons`, n features.
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Bool, Float
from matplotlib.figure import Figure

import toymodels as tm
from experiments.diverged import unless_diverged
from experiments.tms._neurons import features_of_neurons
from experiments.tms._restarts import best_of_groups, restart_caption
from toymodels.claims import AtMost, Claim, Control, IsTrue, control, judge
from toymodels.config import check_choice, from_json, settings, to_json
from toymodels.plotting import neuron_stacks
from toymodels.result import Result

ID = "TMS-21"
TITLE = "Absolute value of dense features: two neurons a feature"
SOURCE = "Elhage et al. 2022, Computation in Superposition"


@settings
class AbsoluteValue:
    """Settings of TMS-21."""

    n: int = 3
    neurons: int = 6
    probability: float = 1.0  # a guess; the source shows the dense case
    groups: int = 5  # independent samples of every claim
    restarts: int = 8  # a guess
    linear_restarts: int = 8  # it has no local minima
    steps: int = 10_000
    batch: int = 1024
    seed: int = 0
    scale: str = "laptop"

    @classmethod
    def preset(cls, scale: str) -> "AbsoluteValue":
        """The settings of a scale."""
        presets = {
            "smoke": {
                "groups": 3, "restarts": 2, "linear_restarts": 1, "steps": 300,
                "batch": 128,
            },
            "laptop": {},
            "paper": {"groups": 10, "restarts": 32, "steps": 30_000},
        }  # fmt: skip
        check_choice("scale", scale, presets)
        return cls(scale=scale, **presets[scale])

    def specs(self) -> dict[str, tuple[tm.TrainSpec, int]]:
        """By the end of its arrays' names: each ensemble and its restarts."""
        model = tm.ComputationModel(n=self.n, neurons=self.neurons)
        linear = model.linear_control()
        return {
            "": (self._spec(model, "abs", self.restarts), self.restarts),
            "_identity": (
                self._spec(model, "identity", self.restarts),
                self.restarts,
            ),
            "_linear": (
                self._spec(linear, "abs", self.linear_restarts),
                self.linear_restarts,
            ),
        }

    def _spec(
        self, model: tm.ComputationModel, target: str, restarts: int
    ) -> tm.TrainSpec:
        return tm.TrainSpec(
            model=model,
            features=tm.IndependentFeatures(
                n=self.n, probability=self.probability, values="signed"
            ),
            objective=tm.Objective(target=target),
            optimiser=tm.preset("tms").optimiser,
            seeds=self.groups * restarts,
            steps=self.steps,
            batch=self.batch,
            snapshots=(0,),
            seed=self.seed,
        )


def compute(settings: AbsoluteValue, train: Callable[[tm.TrainSpec], tm.Run]) -> Result:
    """Train for |x| and, as controls, for x and without the ReLUs."""
    arrays = {}
    for name, (spec, restarts) in settings.specs().items():
        run = train(spec)
        loss = run.by_seed(run.final_loss())
        best = best_of_groups(loss, restarts)[:, 0]
        arrays[f"W1{name}"], arrays[f"W2{name}"] = scaled(
            run.params["W1"][best], run.params["W2"][best]
        )
        arrays[f"loss{name}"] = loss.ravel()[best]
        if name == "":
            initial = run.snapshots.params
            arrays["W1_initial"], arrays["W2_initial"] = scaled(
                initial["W1"][0][best], initial["W2"][0][best]
            )
            arrays["loss_all"] = loss
    return Result(arrays=arrays, meta={"settings": to_json(settings)})


def scaled(
    W1: Float[np.ndarray, "groups neurons n"], W2: Float[np.ndarray, "groups n neurons"]
) -> tuple[
    Float[np.ndarray, "groups neurons n"], Float[np.ndarray, "groups n neurons"]
]:
    """The same functions with the largest encoder weight of each neuron at ±1."""
    largest = np.abs(W1).max(axis=-1)
    largest = np.where(largest > 0, largest, 1.0).astype(W1.dtype)
    return W1 / largest[..., None], W2 * largest[:, None, :]


def has_sign_pairs(
    W1: Float[np.ndarray, "neurons n"], W2: Float[np.ndarray, "n neurons"]
) -> bool:
    """Whether every feature has one positive and one negative neuron that serve it."""
    best = np.abs(W1).argmax(axis=1)
    signs = np.sign(W1[np.arange(len(W1)), best])
    found = sorted(zip(best.tolist(), signs.tolist(), strict=True))
    n = W1.shape[1]
    own = found == [(i, s) for i in range(n) for s in (-1.0, 1.0)]
    return own and bool(serving(W1, W2).all())


def serving(
    W1: Float[np.ndarray, "neurons n"], W2: Float[np.ndarray, "n neurons"]
) -> Bool[np.ndarray, " neurons"]:
    """Which neurons add what they read, of either sign; |x| needs a decoder of +1."""
    best, neurons = np.abs(W1).argmax(axis=1), np.arange(len(W1))
    return np.abs(W1[neurons, best]) * W2[best, neurons] >= 0.5


def largest_other(
    W1: Float[np.ndarray, "neurons n"], W2: Float[np.ndarray, "n neurons"]
) -> float:
    """Largest encoder weight besides the ±1 of each neuron; 1 if one is idle."""
    if not serving(W1, W2).all():
        return 1.0
    return float(np.sort(np.abs(W1), axis=1)[:, :-1].max())


def plot(result: Result) -> dict[str, Figure | bytes]:
    """Encoder weights of each group's best fit."""
    settings = from_json(result.meta["settings"])
    W1 = result["W1"]
    # In the order of their features, the positive neuron first.
    order = [np.lexsort((-w.sum(axis=1), np.abs(w).argmax(axis=1))) for w in W1]
    W1 = np.stack([w[o] for w, o in zip(W1, order, strict=True)])
    return {
        "neurons": neuron_stacks(
            W1,
            features_of_neurons(W1),
            titles=[
                f"group {g + 1}\nloss {loss:.1e}"
                for g, loss in enumerate(result["loss"])
            ],
            title=f"{TITLE} (n = {settings.n}, {settings.neurons} neurons)",
            caption=restart_caption(
                settings,
                {
                    "p": settings.probability,
                    "each neuron scaled": "largest encoder weight ±1",
                },
            ),
            ylabel="encoder weights",
        )
    }


def claims(result: Result) -> list[Claim]:
    """One neuron of each sign a feature, and nothing else in the encoder."""
    settings = from_json(result.meta["settings"])
    common = {"experiment": ID, "source": SOURCE, "scale": settings.scale}

    def over_groups(measure: Callable[..., float], name: str = "") -> np.ndarray:
        W1, W2 = result[f"W1{name}"], result[f"W2{name}"]
        samples = np.array([measure(*fit) for fit in zip(W1, W2, strict=True)])
        return unless_diverged(samples, W1, W2)

    def controls(measure: Callable[..., float], test: IsTrue | AtMost) -> list[Control]:
        return [
            control("target x", over_groups(measure, "_identity"), test),
            control("linear model", over_groups(measure, "_linear"), test),
            control("initial weights", over_groups(measure, "_initial"), test),
        ]

    return [
        judge(
            id="TMS-21.sign_pairs",
            statement="each feature has a positive and a negative neuron of its own",
            statistic="share of groups whose best fit has exactly these six neurons",
            expected=1.0,
            samples=over_groups(has_sign_pairs),
            test=IsTrue(0.8),
            controls=controls(has_sign_pairs, IsTrue(0.8)),
            **common,
        ),
        judge(
            id="TMS-21.nothing_else",
            statement="no neuron is shared: all other encoder weights vanish",
            statistic="largest other encoder weight, in units of the neuron's own",
            expected=0.0,
            samples=over_groups(largest_other),
            test=AtMost(0.05),
            controls=controls(largest_other, AtMost(0.05)),
            **common,
        ),
    ]
