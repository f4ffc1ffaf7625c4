"""TMS-23: one neuron holds two features unequally, and another one inhibits.

Figure: the neuron pairs of the asymmetric superposition motif in a model that computes
|x|, after Elhage et al. 2022, *Toy Models of Superposition*, "The Asymmetric
Superposition Motif". A neuron reads feature a with a weight of 2 and feature b with
−1/2, and writes them with 1/2 and 2: each product has magnitude 1, but a strong a also
writes 4 into b. Another neuron, active with a as well, writes a negative weight into b
and cancels that.

Claim of existence: in most groups of restarts, at least one of the fits with a loss
within 10 % of the lowest of its group has the motif. That is, some neuron has a ratio
of encoder weights and a ratio of decoder weights both within 30 % of 4, with products
of magnitude 1 ± 0.3 on both features, and removing the weight that inhibits raises the
loss. These thresholds were fixed before the runs. Controls, measured the same way:
dense features (p = 1), the linear model, and the initial weights of the same fits.

One sample is a group: whether it has such a fit. (The number of fits would depend on
how many happen to have a low loss.) The share of groups, 0.6, was fixed later, after
calibration seed 1, which had 5 such fits in all.

The source gives no sizes: n, neurons, importance and p are guesses. Run time at laptop
scale: about 25 s on two cores.

Axis letters: `groups`, `restarts`, `neurons`, n features.
"""

import dataclasses
from collections.abc import Callable

import numpy as np
from jaxtyping import Bool, Float
from matplotlib.figure import Figure

import toymodels as tm
from experiments.diverged import unless_diverged
from experiments.tms._motif import Motif, find_motif, reads_and_writes
from experiments.tms._restarts import restart_caption
from toymodels.claims import Claim, IsTrue, control, judge
from toymodels.config import check_choice, from_json, settings, to_json
from toymodels.plotting import pair_panels
from toymodels.result import Result

ID = "TMS-23"
TITLE = "The asymmetric superposition motif"
SOURCE = "Elhage et al. 2022, The Asymmetric Superposition Motif"

LOW_LOSS = 1.1  # times the lowest of the group


@settings
class AsymmetricMotif:
    """Settings of TMS-23."""

    n: int = 10  # a guess
    neurons: int = 6  # a guess
    decay: float = 0.8  # importance 0.8^i, a guess
    probability: tuple[float, ...] = (0.1, 1.0)  # a guess, and the dense control
    groups: int = 5
    restarts: int = 64
    linear_restarts: int = 8  # it has no local minima
    steps: int = 10_000
    batch: int = 128
    seed: int = 0
    scale: str = "laptop"

    @classmethod
    def preset(cls, scale: str) -> "AsymmetricMotif":
        """The settings of a scale."""
        presets = {
            "smoke": {"groups": 3, "restarts": 4, "linear_restarts": 1, "steps": 200},
            "laptop": {},
            "paper": {"groups": 10, "restarts": 256, "batch": 1024},
        }
        check_choice("scale", scale, presets)
        return cls(scale=scale, **presets[scale])

    def model(self) -> tm.ComputationModel:
        """M4."""
        return tm.ComputationModel(n=self.n, neurons=self.neurons)

    def spec(self, model: tm.ComputationModel, restarts: int) -> tm.TrainSpec:
        """The ensemble over restarts, sparse and dense."""
        return tm.TrainSpec(
            model=model,
            features=tm.IndependentFeatures(
                n=self.n,
                probability=np.asarray(self.probability)[:, None],
                values="signed",
            ),
            objective=tm.Objective(target="abs"),
            importance=self.decay ** np.arange(self.n),
            optimiser=tm.preset("tms").optimiser,
            seeds=self.groups * restarts,
            steps=self.steps,
            batch=self.batch,
            snapshots=(0,),
            seed=self.seed,
        )


def compute(
    settings: AsymmetricMotif, train: Callable[[tm.TrainSpec], tm.Run]
) -> Result:
    """Train, look for the motif in all low-loss fits, and cut what inhibits."""
    model = settings.model()
    run = train(settings.spec(model, settings.restarts))
    linear = train(settings.spec(model.linear_control(), settings.linear_restarts))
    arrays, motifs, rise = search(run, settings.groups)
    arrays |= {f"{k}_linear": v for k, v in search(linear, settings.groups)[0].items()}
    shape, (W1, W2) = arrays["loss"].shape, (run.params["W1"], run.params["W2"])
    start = run.snapshots.params
    initial = [
        find_motif(a, b) is not None
        for a, b in zip(start["W1"][0], start["W2"][0], strict=True)
    ]
    arrays["initial"] = np.reshape(initial, shape)
    sparse = [r for r in motifs if r % shape[2] == 0 and rise[r] > 0]
    shown = sorted(sparse, key=lambda r: motifs[r].distance)[:3]
    pairs = [reads_and_writes(W1[r], W2[r], motifs[r]) for r in shown]
    arrays["reads"] = np.array([reads for reads, _ in pairs]).reshape(-1, 2, 2)
    arrays["writes"] = np.array([writes for _, writes in pairs]).reshape(-1, 2, 2)
    arrays["shown_rise"] = rise[shown]
    return Result(arrays=arrays, meta={"settings": to_json(settings)})


def search(
    run: tm.Run, groups: int
) -> tuple[dict[str, np.ndarray], dict[int, Motif], Float[np.ndarray, " runs"]]:
    """Look for the motif in the low-loss fits of each group.

    Returns:
        By group, restart and level, the loss, whether it is low and how much it rises
        without the inhibiting weight (0 where there is no motif); the motifs, by run;
        the rises.
    """
    loss = run.final_loss()
    levels = run.spec.members
    by_group = loss.reshape(groups, -1, levels)
    # A diverged fit is not low, and does not make another one low.
    finite = np.where(np.isfinite(by_group), by_group, np.inf)
    low = np.isfinite(by_group) & (
        by_group <= LOW_LOSS * finite.min(axis=1, keepdims=True)
    )
    W1, W2 = run.params["W1"], run.params["W2"]
    motifs = {
        r: motif
        for r in np.flatnonzero(low.ravel()).tolist()
        if (motif := find_motif(W1[r], W2[r])) is not None
    }
    cut = W2.copy()
    for r, motif in motifs.items():
        cut[r, motif.weak, motif.inhibitor] = 0
    without = dataclasses.replace(run, params=run.params | {"W2": cut}).final_loss()
    rise = np.zeros_like(loss)
    rise[list(motifs)] = (without / loss - 1)[list(motifs)]
    by_level = {"loss": by_group, "low": low, "rise": rise.reshape(by_group.shape)}
    return by_level, motifs, rise


def plot(result: Result) -> dict[str, Figure | bytes]:
    """The clearest motifs: what each pair of neurons reads and writes."""
    settings = from_json(result.meta["settings"])
    found = (result["rise"][:, :, 0] > 0).sum()
    low = result["low"][:, :, 0].sum()
    caption = restart_caption(settings, {"p": settings.probability[0]})
    return {
        "motifs": pair_panels(
            result["reads"],
            result["writes"],
            titles=[f"loss +{100 * r:.0f} % without it" for r in result["shown_rise"]],
            title=f"{TITLE}: found in {found} of {low} low-loss fits",
            caption=caption,
        )
    }


def claims(result: Result) -> list[Claim]:
    """The motif exists among the low-loss fits."""
    settings = from_json(result.meta["settings"])
    test = IsTrue(0.6)
    found = groups_with(result, (result["rise"] > 0) & result["low"])
    linear = (result["rise_linear"] > 0) & result["low_linear"]
    return [
        judge(
            id="TMS-23.motif",
            experiment=ID,
            statement="some low-loss fit has a neuron that reads two features as "
            "2 : −1/2 and writes them as 1/2 : 2, and another one that inhibits",
            source=SOURCE,
            statistic="share of groups with such a fit, in which removing the "
            "inhibiting weight raises the loss",
            expected="exists",
            samples=found[:, 0],
            test=test,
            controls=(
                control("dense features", found[:, 1], test),
                control(
                    "linear model",
                    groups_with(result, linear, "_linear")[:, 0],
                    test,
                ),
                control(
                    "initial weights",
                    groups_with(result, result["initial"] & result["low"])[:, 0],
                    test,
                ),
            ),
            scale=settings.scale,
            note="one sample a group, and the share of 0.6, were chosen after "
            "calibration seed 1, which had 5 such fits in all",
        )
    ]


def groups_with(
    result: Result,
    fits: Bool[np.ndarray, "groups restarts levels"],
    name: str = "",
) -> Float[np.ndarray, "groups levels"]:
    """Whether each group has such a fit; NaN where all of its runs diverged."""
    low = np.where(result[f"low{name}"].any(axis=1), 0.0, np.nan)
    return unless_diverged(fits.any(axis=1), low)
