"""Stacked panels: WᵀW and ‖W_i‖ of one model at many feature probabilities.

What TMS-2, TMS-3, TMS-4, TMS-4b and TMS-5 share: the ensemble over probabilities with
its linear control, the figures, and the claims with their thresholds.

Axis letters: `seeds`, `levels` of p (members of the ensemble), n features, d hidden
dimensions.
"""

from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure

import toymodels as tm
from experiments.diverged import unless_diverged
from toymodels.claims import AtLeast, AtMost, Claim, control, judge
from toymodels.config import content_hash, from_json, to_json
from toymodels.geometry import antipodal_pairs, gram, measure
from toymodels.plotting import caption_line, gram_panels, over_seeds, small_multiples
from toymodels.result import Result
from toymodels.theory import keep_top_loss

SOURCE = "Elhage et al. 2022, “Demonstrating Superposition”"

# Mean interference of the features that a linear model keeps. It is 0 at the optimum;
# where neighbours in importance are close, training ends a little before that. The
# largest value of the calibration (seed 1) was 0.03; superposition has 1 and more.
FREE_OF_INTERFERENCE = 0.05

KEPT = r"kept: $\|W_i\|^2 \geq 1/2$"


class PanelSettings:
    """What settings of stacked panels have; their fields are in the experiments."""

    n: int
    d: int
    seeds: int
    linear_seeds: int
    steps: int
    batch: int
    evaluation: int
    seed: int
    scale: str

    def probability(self) -> Float[np.ndarray, " levels"]:
        """Probability p of each level, falling."""
        raise NotImplementedError

    def importance(self) -> Float[np.ndarray, " n"]:
        """Importance I_i, falling."""
        raise NotImplementedError

    def title(self) -> str:
        """Sizes and importance, above the panels."""
        raise NotImplementedError

    def linear_levels(self) -> Sequence[int]:
        """The levels at which the linear control is trained; all, unless said."""
        return range(len(self.probability()))

    def model(self) -> tm.Autoencoder:
        """M1."""
        return tm.Autoencoder(n=self.n, d=self.d)

    def spec(self) -> tm.TrainSpec:
        """The ensemble; its one snapshot is the untrained control."""
        return self._spec(self.model(), self.probability(), self.seeds)

    def linear_spec(self) -> tm.TrainSpec:
        """The linear control (M7)."""
        levels = self.probability()[list(self.linear_levels())]
        return self._spec(self.model().linear_control(), levels, self.linear_seeds)

    def _spec(self, model: tm.Autoencoder, p: np.ndarray, seeds: int) -> tm.TrainSpec:
        return tm.TrainSpec(
            model=model,
            features=tm.IndependentFeatures(n=self.n, probability=p[:, None]),
            importance=self.importance(),
            optimiser=tm.preset("tms").optimiser,
            seeds=seeds,
            steps=self.steps,
            batch=self.batch,
            snapshots=(0,),
            seed=self.seed,
        )

    def caption(self) -> str:
        """What a reader needs to make the figure again."""
        return caption_line(
            seeds=self.seeds,
            loss="sum",
            exponent=2.0,
            optimiser="tms",
            scale=self.scale,
            fingerprint=content_hash(self),
            others={
                "batch": self.batch,
                "steps": f"{self.steps:,}",
                "init": "xavier_2d",
            },
        )


class ListedLevels(PanelSettings):
    """Settings with a list of probabilities and the importance decay^i."""

    decay: float
    densities: tuple[float, ...]

    def probability(self) -> Float[np.ndarray, " levels"]:
        """Probability p of each level, falling."""
        return np.array(self.densities)

    def importance(self) -> Float[np.ndarray, " n"]:
        """Importance I_i, falling."""
        return self.decay ** np.arange(self.n)

    def title(self) -> str:
        """Sizes and importance, above the panels."""
        return f"{self.n} features in {self.d} dimensions, importance ${self.decay}^i$"


def compute_panels(
    settings: PanelSettings, train: Callable[[tm.TrainSpec], tm.Run]
) -> Result:
    """Both ensembles as arrays (seeds, levels, …)."""
    run, linear = train(settings.spec()), train(settings.linear_spec())
    p, importance = settings.probability(), settings.importance()
    return Result(
        arrays={
            "p": p,
            "importance": importance,
            "W": run.by_seed(run.params["W"]),
            "b": run.by_seed(run.params["b"]),
            "W_initial": run.by_seed(run.snapshots.params["W"][0]),
            "loss": run.by_seed(run.final_loss(settings.evaluation)),
            "reference": np.array(
                [keep_top_loss(q, importance, settings.d) for q in p]
            ),
            "linear_levels": np.array(settings.linear_levels()),
            "W_linear": linear.by_seed(linear.params["W"]),
            "b_linear": linear.by_seed(linear.params["b"]),
            "loss_linear": linear.by_seed(linear.final_loss(settings.evaluation)),
        },
        meta={"settings": to_json(settings)},
    )


def plot_panels(
    result: Result, *, shown: Sequence[int] | None = None
) -> dict[str, Figure | bytes]:
    """The stacked panels of the first seed, and loss and count of all seeds.

    Args:
        result: of `compute_panels`.
        shown: levels in panels of their own; all when None.
    """
    settings = from_json(result.meta["settings"])
    shown = list(range(len(result["p"])) if shown is None else shown)
    # The linear model at its sparsest level: there the ReLU model differs most.
    W = np.concatenate([result["W"][0, shown], result["W_linear"][0, -1:]])
    b = np.concatenate([result["b"][0, shown], result["b_linear"][0, -1:]])
    geometry = measure(W)
    pairs = np.asarray(antipodal_pairs(W)).sum(axis=(1, 2))
    probabilities = [*result["p"][shown], result["p"][result["linear_levels"][-1]]]
    titles = [
        f"p = {p:.2g}: {count} kept" + _pairs(pair)
        for p, count, pair in zip(
            probabilities, np.asarray(geometry.represented).sum(1), pairs, strict=True
        )
    ]
    titles[-1] = f"linear, {titles[-1]}"
    panels = gram_panels(
        np.asarray(gram(W)),
        titles=titles,
        title=settings.title(),
        caption=f"{settings.caption()} · first seed; {KEPT}; pair: cosine ≤ −0.98",
        bias=b,
        norms=np.asarray(geometry.norms),
        interference=np.asarray(geometry.interference),
    )
    return {"panels": panels, "levels": _levels(result, settings)}


def _pairs(count: int) -> str:
    return {0: "", 1: ", 1 pair"}.get(count, f", {count} pairs")


def _levels(result: Result, settings: PanelSettings) -> Figure:
    x, reference = 1 / result["p"], result["reference"]
    some = result["linear_levels"]
    relu, linear = "ReLU model", "linear model"
    return small_multiples(
        {
            f"loss, relative to keeping the top {settings.d} alone": [
                over_seeds(relu, x, result["loss"] / reference),
                over_seeds(linear, x[some], result["loss_linear"] / reference[some]),
            ],
            f"features kept, of {settings.n}": [
                over_seeds(relu, x, kept(result["W"])),
                over_seeds(linear, x[some], kept(result["W_linear"])),
            ],
        },
        xlabel=r"$1/p = 1/(1-S)$, from dense to sparse",
        ylabel="",
        xscale="log",
        sharey=False,
        title=f"{settings.n} features in {settings.d} dimensions: loss and count",
        caption=f"{settings.caption()} · median over seeds, band from lowest to "
        f"highest; {KEPT}",
    )


def panel_claims(result: Result, experiment: str) -> list[Claim]:
    """What holds of each such ensemble: dense, growing, sparse; the linear model."""
    settings = from_json(result.meta["settings"])
    d, W, W_linear = settings.d, result["W"], result["W_linear"]
    counts = kept(W)
    # "Sparse" is p ≤ 0.01, or the sparsest level where the levels end before that.
    sparse = result["p"] <= max(0.01, result["p"].min())
    some = sparse[result["linear_levels"]]
    common = {"experiment": experiment, "source": SOURCE, "scale": settings.scale}
    exact, slack, more = AtMost(0), AtMost(1), AtLeast(1)
    free = AtMost(FREE_OF_INTERFERENCE)
    return [
        judge(
            id=f"{experiment}.dense",
            statement=f"at p = 1 exactly the {d} most important features are kept",
            statistic="features kept or left out wrongly",
            expected=0,
            samples=misplaced(W[:, 0]),
            test=exact,
            # Not the linear model, which does the same where features are dense.
            controls=(
                control("sparsest level", misplaced(W[:, -1]), exact),
                control("initial weights", misplaced(result["W_initial"][:, 0]), exact),
            ),
            **common,
        ),
        judge(
            id=f"{experiment}.growing",
            statement="the number of kept features does not fall with sparsity",
            statistic="largest fall of the count below that of a denser level",
            expected=0,
            samples=largest_fall(counts),
            test=slack,
            controls=(
                control("levels in reverse", largest_fall(counts[:, ::-1]), slack),
            ),
            **common,
        ),
        judge(
            id=f"{experiment}.sparse",
            statement=f"sparse features: more than d = {d} are kept",
            statistic=f"least count over p ≤ {result['p'][sparse].max():.2g}, minus d",
            expected="> 0",
            samples=counts[:, sparse].min(axis=1) - d,
            test=more,
            controls=(
                control("linear model", kept(W_linear)[:, some].min(axis=1) - d, more),
            ),
            **common,
        ),
        judge(
            id=f"{experiment}.linear_count",
            statement=f"the linear model keeps {d} features at every p",
            statistic=f"largest difference of its count from {d}, over levels",
            expected=0,
            samples=np.abs(kept(W_linear) - d).max(axis=1),
            test=exact,
            controls=(control("ReLU model", np.abs(counts - d).max(axis=1), exact),),
            **common,
        ),
        judge(
            id=f"{experiment}.linear_interference",
            statement="the features that the linear model keeps do not interfere",
            statistic="mean interference of kept features, at the worst level",
            expected=0.0,
            samples=mean_interference(W_linear).max(axis=1),
            test=free,
            controls=(control("ReLU model", mean_interference(W).max(axis=1), free),),
            **common,
        ),
    ]


def kept(W: Float[np.ndarray, "*models d n"]) -> Float[np.ndarray, "*models"]:
    """Number of represented features (‖W_i‖² ≥ 1/2), NaN if diverged."""
    return unless_diverged(np.asarray(measure(W).represented).sum(axis=-1), W)


def misplaced(W: Float[np.ndarray, "seeds d n"]) -> Float[np.ndarray, " seeds"]:
    """How many features are kept without being among the first d, or the reverse."""
    represented = np.asarray(measure(W).represented)
    top = np.arange(W.shape[-1]) < W.shape[-2]
    return unless_diverged((represented != top).sum(axis=-1), W)


def largest_fall(
    counts: Float[np.ndarray, "seeds levels"],
) -> Float[np.ndarray, " seeds"]:
    """The most that a count lies below that of an earlier level; NaN if one is NaN."""
    return (np.maximum.accumulate(counts, axis=1) - counts).max(axis=1)


def mean_interference(
    W: Float[np.ndarray, "*models d n"],
) -> Float[np.ndarray, "*models"]:
    """Σ_{j≠i}(Ŵ_i·W_j)², averaged over represented features i; 0 if there are none."""
    geometry = measure(W)
    represented = np.asarray(geometry.represented)
    total = np.where(represented, np.asarray(geometry.interference), 0.0).sum(axis=-1)
    return unless_diverged(total / np.maximum(represented.sum(axis=-1), 1), W)
