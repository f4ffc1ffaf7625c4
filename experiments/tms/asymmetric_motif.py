"""TMS-23: one neuron holds two features unequally, and another one inhibits.

Figure: the neuron pairs of the asymmetric superposition motif in a model that computes
|x|, after Elhage et al. 2022, *Toy Models of Superposition*, "The Asymmetric
Superposition Motif". A neuron reads feature a with a weight of 2 and feature b with
−1/2, and writes them with 1/2 and 2: each product has magnitude 1, but a strong a also
writes 4 into b. Another neuron, active with a as well, writes a negative weight into b
and cancels that.

Claim of existence, with thresholds fixed before the runs: in at least one of the fits
with a loss within 10 % of the lowest of its group, some neuron has a ratio
of encoder weights and a ratio of decoder weights both within 30 % of 4, with products
of magnitude 1 ± 0.3 on both features, and removing the weight that inhibits raises the
loss. Control: dense features (p = 1), and initial weights.

The source gives no sizes: n, neurons, importance and p are guesses. Run time at laptop
scale: about 25 s on two cores.

Axis letters: `groups`, `restarts`, `neurons`, n features.
"""

import dataclasses
from collections.abc import Callable

import numpy as np
from matplotlib.figure import Figure

import toymodels as tm
from experiments.tms._motif import find_motif, reads_and_writes
from toymodels.claims import AtLeast, Claim, control, judge
from toymodels.config import check_choice, content_hash, from_json, settings, to_json
from toymodels.plotting import caption_line, pair_panels
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
    steps: int = 10_000
    batch: int = 128
    seed: int = 0
    scale: str = "laptop"

    @classmethod
    def preset(cls, scale: str) -> "AsymmetricMotif":
        """The settings of a scale."""
        presets = {
            "smoke": {"groups": 3, "restarts": 4, "steps": 200},
            "laptop": {},
            "paper": {"groups": 10, "restarts": 256, "batch": 1024},
        }
        check_choice("scale", scale, presets)
        return cls(scale=scale, **presets[scale])

    def spec(self) -> tm.TrainSpec:
        """The ensemble over restarts, sparse and dense."""
        return tm.TrainSpec(
            model=tm.ComputationModel(n=self.n, neurons=self.neurons),
            features=tm.IndependentFeatures(
                n=self.n,
                probability=np.asarray(self.probability)[:, None],
                values="signed",
            ),
            objective=tm.Objective(target="abs"),
            importance=self.decay ** np.arange(self.n),
            optimiser=tm.preset("tms").optimiser,
            seeds=self.groups * self.restarts,
            steps=self.steps,
            batch=self.batch,
            snapshots=(0,),
            seed=self.seed,
        )


def compute(
    settings: AsymmetricMotif, train: Callable[[tm.TrainSpec], tm.Run]
) -> Result:
    """Train, look for the motif in all low-loss fits, and cut what inhibits."""
    run = train(settings.spec())
    shape = (settings.groups, settings.restarts, len(settings.probability))
    loss = run.final_loss()
    by_group = loss.reshape(shape)
    low = by_group <= LOW_LOSS * np.nanmin(by_group, axis=1, keepdims=True)
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
    start = run.snapshots.params
    initial = [
        find_motif(a, b) is not None
        for a, b in zip(start["W1"][0], start["W2"][0], strict=True)
    ]
    arrays = {
        "loss": by_group,
        "low": low,
        "rise": rise.reshape(shape),
        "initial": np.reshape(initial, shape),
    }
    sparse = [r for r in motifs if r % shape[2] == 0 and rise[r] > 0]
    shown = sorted(sparse, key=lambda r: motifs[r].distance)[:3]
    pairs = [reads_and_writes(W1[r], W2[r], motifs[r]) for r in shown]
    arrays["reads"] = np.array([reads for reads, _ in pairs]).reshape(-1, 2, 2)
    arrays["writes"] = np.array([writes for _, writes in pairs]).reshape(-1, 2, 2)
    arrays["shown_rise"] = rise[shown]
    return Result(arrays=arrays, meta={"settings": to_json(settings)})


def plot(result: Result) -> dict[str, Figure | bytes]:
    """The clearest motifs: what each pair of neurons reads and writes."""
    settings = from_json(result.meta["settings"])
    found = (result["rise"][:, :, 0] > 0).sum()
    low = result["low"][:, :, 0].sum()
    caption = caption_line(
        loss="sum",
        exponent=2.0,
        optimiser="tms",
        scale=settings.scale,
        fingerprint=content_hash(settings),
        others={
            "p": settings.probability[0],
            "seeds": f"{settings.groups} groups of {settings.restarts} restarts",
            "batch": settings.batch,
            "steps": f"{settings.steps:,}",
            "init": "xavier_2d",
        },
    )
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
    found = ((result["rise"] > 0) & result["low"]).sum(axis=(0, 1))
    return [
        judge(
            id="TMS-23.motif",
            experiment=ID,
            statement="in some low-loss fit a neuron reads two features as 2 : −1/2 "
            "and writes them as 1/2 : 2, and another inhibits",
            source=SOURCE,
            statistic="low-loss fits with such a pair, in which removing the "
            "inhibiting weight raises the loss",
            expected="≥ 1",
            samples=int(found[0]),
            test=AtLeast(1),
            exact=True,  # a claim of existence: one number, without an interval
            controls=(
                control("dense features", int(found[1]), AtLeast(1)),
                control(
                    "initial weights", int(result["initial"][..., 0].sum()), AtLeast(1)
                ),
            ),
            scale=settings.scale,
        )
    ]
