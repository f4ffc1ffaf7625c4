"""MAD-8 and MAD-10: memorised points stand out by leverage, unless copies hide them.

Figure: the maximal data dimensionality D*_X (the leverage) of training points, of fresh
points and of the repeated one, in models trained on a finite set. Greenblatt (comment
on Henighan et al. 2023) asks whether training points can be told from held-out ones.

MAD-8. Claims, with thresholds fixed before the runs: the repeated point's D*_X is above
the 99th percentile of held-out points; the other training points are distributed as
held-out ones are (Kolmogorov–Smirnov p > 0.05 in at least 80 % of the models).
Controls: the same point in the model that saw it once (R = 1); held-out points of
another sparsity, which the test must tell from training points. (On seed 0 the others
were told from held-out points as well, p = 2e-8. The likely reason: with T = 2n all of
them shape the two dimensions, not the repeated one alone, and 500 points against 5,000
let the test see small differences.)

MAD-10. Identities, to 1e-6 times the dimensions: D*_X is the largest dimensionality in
any direction; its sum is the rank; R copies have λ/(1 + Rλ); (T − 1) times that of the
centred points is Mahalanobis's squared distance. Each control puts the identity to the
wrong number of copies, or does not centre. Claim: for R ≥ 3T/n the repeated point has
the largest D*_X of all in at least 80 % of the data sets, once copies are removed.
Controls: many copies (R = 40) left in, which hides what is repeated (a few do not: each
of R copies keeps up to 1/R, and the others have d/T on average); R = 1.

D*_X takes unique rows. n = 250, S = 0.96, T = 500 points in two dimensions, R = 3T/n
and 40; ten data sets, one model each. The linear model is measured beside, at R = 3T/n,
and is no control: it keeps principal components, and R copies soon are one.

One sample of a claim is one data set with its model. Run time at laptop scale: 20 s on
two idle cores; the paper's size needs 1 GB.

Axis letters: `copies`, `sets`, d hidden dimensions, T points, `fresh` held-out points.
"""

import dataclasses
from collections.abc import Callable

import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure

import toymodels as tm
from experiments.finite_models import FiniteModels, hidden_points
from experiments.mad._detectors import median_of
from experiments.mad._held_out import (
    PERCENTILE,
    exceedance_curves,
    hits,
    joining,
    over_percentile,
    same_distribution,
    with_copies,
)
from experiments.mad._identities import identity_errors
from experiments.planted_models import SOURCE
from toymodels.claims import AtLeast, AtMost, Claim, IsTrue, control, judge
from toymodels.config import check_choice, from_json, settings, to_json
from toymodels.geometry import leverage
from toymodels.plotting import plain_log_ticks, small_multiples
from toymodels.result import Result

IDS = ("MAD-8", "MAD-10")
TITLE = "Leverage of training, held-out and repeated points"
EXACT, SIGNIFICANT, MOST = 1e-6, 0.05, 0.8


@settings
class TrainOrHeldOut(FiniteModels):
    """Settings of MAD-8 and MAD-10.

    Args:
        points: T of every data set.
        copies: R of the first point: the control, 3T/n, and many.
        sets: data sets.
        fresh_points: held-out points.
        linear_steps: of the linear models.
        other_sparsity: of the control's held-out points.
    """

    n: int = 250
    sparsity: float = 0.96
    points: int = 500
    copies: tuple[int, int, int] = (1, 6, 40)
    sets: int = 10
    fresh_points: int = 5_000
    linear_steps: int = 3_000
    other_sparsity: float = 0.92

    @classmethod
    def preset(cls, scale: str) -> "TrainOrHeldOut":
        """The settings of a scale."""
        presets = {
            "smoke": {
                "n": 60, "sparsity": 0.95, "steps": 2_000, "points": 120,
                "sets": 3, "linear_steps": 500, "fresh_points": 500,
                "other_sparsity": 0.9,
            },
            "laptop": {},
            "paper": {
                "n": 10_000, "sparsity": 0.999, "steps": 50_000, "points": 30_000,
                "copies": (1, 9, 100), "other_sparsity": 0.998,
            },
        }  # fmt: skip
        check_choice("scale", scale, presets)
        return cls(scale=scale, **presets[scale])

    def held_out(self, sparsity: float) -> tm.FiniteDataset:
        """Points that no model was trained on."""
        features = tm.UnitNorm(
            base=tm.IndependentFeatures(n=self.n, probability=1 - sparsity)
        )
        root = np.random.SeedSequence([self.seed, self.points, self.sets])
        seed = int(root.generate_state(1)[0] >> 1)
        return tm.sample_dataset(features, points=self.fresh_points, seed=seed)


def compute(
    settings: TrainOrHeldOut, train: Callable[[tm.TrainSpec], tm.Run]
) -> Result:
    """D*_X of all points of every model, and the identities on one of them."""
    sets = [settings.dataset(settings.points, k) for k in range(settings.sets)]
    members = [one.repeated(r) for r in settings.copies for one in sets]
    run = train(settings.spec(tm.stack_datasets(members)))
    once = settings.spec(tm.stack_datasets(members[settings.sets : 2 * settings.sets]))
    linear = train(
        dataclasses.replace(
            once,
            model=once.model.linear_control(),
            optimiser=dataclasses.replace(
                once.optimiser, warmup=settings.linear_steps // 20
            ),
            steps=settings.linear_steps,
        )
    )
    W = run.params["W"].reshape(len(settings.copies), settings.sets, settings.d, -1)
    alike, other = (
        settings.held_out(s) for s in (settings.sparsity, settings.other_sparsity)
    )
    parts: dict[str, list] = {"train": [], "hidden": [], "fresh": [], "other": []}
    for place, R in enumerate(settings.copies):
        for k, one in enumerate(sets):
            H = hidden_points(W[place, k], one)
            parts["train"].append(np.asarray(leverage(H)))
            parts["hidden"].append(with_copies(H, R))
            for name, data in (("fresh", alike), ("other", other)):
                parts[name].append(joining(H, hidden_points(W[place, k], data)))
    shape = (len(settings.copies), settings.sets, -1)
    arrays = {name: np.stack(rows).reshape(shape) for name, rows in parts.items()}
    H = hidden_points(W[1, 0], sets[0])
    right = identity_errors(H)
    wrong = identity_errors(H, wrong=True)  # a control
    names = list(right)
    return Result(
        arrays={
            **arrays,
            "linear": np.stack(
                [
                    np.asarray(leverage(hidden_points(W, one)))
                    for W, one in zip(linear.params["W"], sets, strict=True)
                ]
            ),
            "right": np.array([right[name] for name in names]),
            "wrong": np.array([wrong[name] for name in names]),
        },
        meta={"settings": to_json(settings), "identities": names},
    )


def plot(result: Result) -> dict[str, Figure | bytes]:
    """Share of the points above each D*_X, by kind, for R = 1 and for R copies."""
    settings = from_json(result.meta["settings"])
    hit, hidden = (hits(result[name][-1]) for name in ("train", "hidden"))
    caption = settings.caption(
        d=settings.d,
        T=f"{settings.points:,}",
        seeds=f"{settings.sets} data sets",
        **{"D*_X": "over unique rows", "bands": "95 % over data sets"},
    )
    figure = small_multiples(
        {
            f"R = {R}": exceedance_curves(
                result["train"][place], result["fresh"][place]
            )
            for place, R in enumerate(settings.copies)
        },
        xlabel="$D^*_X$, in units of its mean d/T",
        ylabel="share of points above it",
        xscale="log",
        yscale="log",
        columns=3,
        title=f"{TITLE}: with R = {settings.copies[-1]} copies the point is first "
        f"in {np.nansum(hit):.0f} of {settings.sets} sets once copies are removed, "
        f"in {np.nansum(hidden):.0f} with them",
        caption=caption,
    )
    for axes in figure.axes:
        plain_log_ticks(axes.xaxis)
    return {"leverage": figure}


def claims(result: Result) -> list[Claim]:
    """Memorised points stand out, others do not; identities; copies hide."""
    settings = from_json(result.meta["settings"])
    eight = {"experiment": "MAD-8", "source": SOURCE, "scale": settings.scale}
    ten = eight | {"experiment": "MAD-10"}
    train, fresh, other = (result[name] for name in ("train", "fresh", "other"))
    outside, mostly, exact = AtLeast(1.0), IsTrue(MOST), AtMost(EXACT)
    R = settings.copies[1]
    p = same_distribution(train[1], fresh[1])
    judged = [
        judge(
            id="MAD-8.memorised",
            statement="a memorised point has more leverage than held-out points have",
            statistic=f"R = {R}: its D*_X over their {PERCENTILE:g}th percentile",
            expected="> 1",
            samples=over_percentile(train[1], fresh[1]),
            test=outside,
            controls=(control("R = 1", over_percentile(train[0], fresh[0]), outside),),
            **eight,
        ),
        judge(
            id="MAD-8.others",
            statement="the other training points cannot be told from held-out ones",
            statistic=f"Kolmogorov–Smirnov p > {SIGNIFICANT}",
            expected="in every model",
            samples=_truth(p),
            test=mostly,
            controls=(
                control(
                    f"held out at S = {settings.other_sparsity:g}",
                    _truth(same_distribution(train[1], other[1])),
                    mostly,
                ),
            ),
            note=f"median p {median_of(p):.2g}",
            **eight,
        ),
        judge(
            id="MAD-10.hit",
            statement="without its copies, the repeated point has the largest leverage",
            statistic="data sets in which it is first by D*_X, at R = "
            f"{', '.join(map(str, settings.copies[1:]))} "
            f"(3T/n = {3 * settings.points / settings.n:g})",
            expected="≥ 80 %",
            samples=np.min([hits(one) for one in train[1:]], axis=0),
            test=mostly,
            controls=(
                control(
                    f"R = {settings.copies[-1]}, copies left in",
                    hits(result["hidden"][-1]),
                    mostly,
                ),
                control("R = 1", hits(train[0]), mostly),
            ),
            note=f"copies left in at R = {R}: {_share(result['hidden'][1])}; linear "
            f"model: {_share(result['linear'])}",
            **ten,
        ),
    ]
    wordings = {
        "supremum": "leverage is the largest data dimensionality in any direction",
        "rank": "leverages sum to the rank",
        "copies": "R equal points have leverage λ/(1 + Rλ)",
        "mahalanobis": "Mahalanobis's squared distance is (T − 1) centred leverages",
    }
    for name, right, wrong in zip(
        result.meta["identities"], result["right"], result["wrong"], strict=True
    ):
        judged.append(
            judge(
                id=f"MAD-10.{name}",
                statement=wordings[name],
                statistic="largest error over d, on the points of one model",
                expected=0.0,
                samples=right,
                test=exact,
                controls=(control("put wrongly", wrong, exact),),
                exact=True,
                **ten,
            )
        )
    return judged


def _share(values: Float[np.ndarray, "sets T"]) -> str:
    """In how many of the data sets the first point has the largest value."""
    first = hits(values)
    return f"{first[np.isfinite(first)].sum():.0f} of {len(first)}"


def _truth(p: Float[np.ndarray, " sets"]) -> Float[np.ndarray, " sets"]:
    return np.where(np.isfinite(p), p > SIGNIFICANT, np.nan)
