"""TMS-6: two features in one dimension: three phases with sharp edges.

Figure: the empirical phase diagram of Elhage et al. 2022, *Toy Models of
Superposition*, "Superposition as a Phase Change": which of the two features a ReLU
model keeps, over the importance r of the second feature and the feature probability p,
with the closed form of TMS-7 laid over. The paper trains ten models for each cell,
drops the worst and averages the others.

Claims, with thresholds fixed before the runs: in at least 90 % of the cells that are
more than one cell from a boundary of the closed form, the class is that of the closed
form. It is read twice: from the model of lowest loss, and, as the source has it, from
the average of WᵀW over all restarts but the worst. A feature is represented if its
squared length, averaged where there is an average, is at least 0.5.

The second reading depends on chance. In half of all starts the two weights have the
same sign. Between r = 0.3 and 3.2 these end in a local minimum, with the lesser weight
still of that sign and a negative bias on the other feature. To first order in the
lesser weight ε the gain is r·pε²/3 and the price 0.104·pε², hence the 0.3. The average
passes while at most five of ten restarts are there.

One sample is a group of ten restarts. Controls: the linear model; the closed form's
labels shuffled. (79 % of the cells that count are antipodal, so shuffled labels agree
in 65 % of them; weighting the three regions equally removes that advantage.)

Run time at laptop scale: 30 s on two idle cores.

Axis letters: `groups`, `restarts`, `rows` of p, `columns` of r.
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float, Int
from matplotlib.figure import Figure

import toymodels as tm
from experiments.tms._phase_grid import (
    X_LABEL,
    Y_LABEL,
    PhaseGrid,
    agreement,
    away_from_edges,
    train_cells,
)
from toymodels.claims import AtLeast, Claim, control, judge
from toymodels.config import from_json, settings, to_json
from toymodels.plotting import Curve, over_seeds, phase_diagram, small_multiples
from toymodels.result import Result
from toymodels.theory import (
    TWO_IN_ONE,
    boundary,
    keep_top_loss,
    phase,
    template_losses,
)

ID = "TMS-6"
TITLE = "Two features in one dimension: ignored, dedicated, or in superposition"
SOURCE = "Elhage et al. 2022, Superposition as a Phase Change"

# Places in TWO_IN_ONE, and one for what is none of the three.
SECOND_IGNORED, FIRST_IGNORED, ANTIPODAL, OTHER = range(4)
REPRESENTED = 0.5  # least squared length
AGREE = AtLeast(0.9)


@settings
class PhaseDiagram(PhaseGrid):
    """Settings of TMS-6, all of them those of the grid."""

    n: int = 2
    d: int = 1


def compute(settings: PhaseDiagram, train: Callable[[tm.TrainSpec], tm.Run]) -> Result:
    """Train every cell with restarts, and the linear control."""
    return Result(
        arrays=train_cells(settings, train), meta={"settings": to_json(settings)}
    )


def classes_of(gram: Float[np.ndarray, "*grid 2 2"]) -> Int[np.ndarray, "*grid"]:
    """The class of each WᵀW, or of an average of them."""
    first = gram[..., 0, 0] >= REPRESENTED
    second = gram[..., 1, 1] >= REPRESENTED
    opposite = gram[..., 0, 1] < 0
    return np.select(
        [first & second & opposite, first & ~second, second & ~first],
        [ANTIPODAL, SECOND_IGNORED, FIRST_IGNORED],
        OTHER,
    )


def grams(
    W: Float[np.ndarray, "groups restarts rows columns 1 2"],
) -> Float[np.ndarray, "groups restarts rows columns 2 2"]:
    """WᵀW of every model."""
    return np.swapaxes(W, -1, -2) @ W


def plot(result: Result) -> dict[str, Figure]:
    """The maps, and the losses along three columns of them."""
    settings = from_json(result.meta["settings"])
    return {"phases": _phases(result, settings), "losses": _losses(result, settings)}


def claims(result: Result) -> list[Claim]:
    """Agreement with the closed form, of the best model and of the average."""
    settings = from_json(result.meta["settings"])
    gram, linear = grams(result["W"]), grams(result["W_linear"])
    theory = _theory(result)
    inside = away_from_edges(theory)
    best, single = classes_of(gram[:, 0]), classes_of(gram)
    control_classes = classes_of(linear[:, 0])
    shuffled = [_shuffled(theory, inside, group) for group in range(settings.groups)]

    def of_shuffled(classes: np.ndarray, *, balanced: bool) -> list[float]:
        return [
            float(agreement(one, labels, inside, balanced=balanced))
            for one, labels in zip(classes, shuffled, strict=True)
        ]

    def claim(name: str, classes: np.ndarray, **texts: str) -> Claim:
        return judge(
            id=f"{ID}.{name}",
            experiment=ID,
            source=SOURCE,
            statistic=f"share of {inside.sum()} cells off the boundaries that agree",
            expected="three regions with sharp edges",
            samples=agreement(classes, theory, inside),
            test=AGREE,
            scale=settings.scale,
            controls=(
                control(
                    "linear model", agreement(control_classes, theory, inside), AGREE
                ),
                control(
                    "cells in which the linear model is antipodal",
                    (control_classes == ANTIPODAL).sum(axis=(1, 2)),
                    AtLeast(1.0),
                ),
                control("shuffled labels", of_shuffled(classes, balanced=False), AGREE),
                control(
                    "shuffled labels, regions weighted equally",
                    of_shuffled(classes, balanced=True),
                    AtLeast(0.6),
                ),
            ),
            **texts,
        )

    antipodal = inside & (theory == ANTIPODAL)
    same_sign = (gram[..., 0, 1] > 0)[..., antipodal].mean()
    alone = agreement(single, theory, inside).mean(axis=0)
    return [
        claim(
            "best",
            best,
            statement="the best model keeps the features that the closed form says",
        ),
        claim(
            "average",
            classes_of(gram[:, :-1].mean(axis=1)),
            statement="the average of all restarts but the worst keeps the same ones",
            note=(
                f"in the antipodal region {same_sign:.0%} of all restarts end with "
                "weights of one sign, in a local minimum; from lowest to highest loss "
                f"the restarts agree in {_list(alone)} of the cells"
            ),
        ),
    ]


def _theory(result: Result) -> np.ndarray:
    return phase(result["p"][:, None], result["r"], templates=TWO_IN_ONE, bias="mean")


def _shuffled(theory: np.ndarray, inside: np.ndarray, seed: int) -> np.ndarray:
    """The labels of the cells that count, in another order."""
    labels = theory.copy()
    labels[inside] = np.random.default_rng(seed).permutation(theory[inside])
    return labels


def _list(shares: np.ndarray) -> str:
    return ", ".join(f"{share:.0%}" for share in shares)


def _phases(result: Result, settings: PhaseDiagram) -> Figure:
    gram = grams(result["W"])[0]
    shares = np.stack(
        [(classes_of(gram[:-1]) == place).mean(axis=0) for place in range(4)], axis=-1
    )
    fine = np.geomspace(result["r"][0], result["r"][-1], 400)
    restarts = settings.restarts
    return phase_diagram(
        result["r"],
        result["p"],
        {
            "closed form": _theory(result),
            f"trained: lowest loss of {restarts}": classes_of(gram[0]),
            f"trained: {restarts} without the worst, shares mixed": shares,
            "trained: linear model": classes_of(grams(result["W_linear"])[0, 0]),
        },
        class_names=[*(template.name for template in TWO_IN_ONE), "other"],
        boundaries={
            "closed form, biases at the mean": (
                fine,
                boundary(fine, templates=TWO_IN_ONE, bias="mean"),
            ),
            "the same, optimal biases": (
                fine,
                boundary(fine, templates=TWO_IN_ONE, bias="optimal"),
            ),
        },
        xlabel=X_LABEL,
        ylabel=Y_LABEL,
        columns=2,
        title=TITLE,
        caption=f"{settings.caption()} · group 1 is shown",
    )


def _losses(result: Result, settings: PhaseDiagram) -> Figure:
    """Loss over the sparsity where the second feature matters less, as much, more."""
    p, r = result["p"], result["r"]
    panels = {}
    for wanted in (0.25, 1.0, 4.0):
        column = int(np.argmin(np.abs(np.log(r / wanted))))
        importance = np.array([1.0, r[column]])
        reference = np.array([keep_top_loss(q, importance, 1) for q in p])
        formulas = template_losses(p, r[column], templates=TWO_IN_ONE, bias="optimal")
        antipodal = formulas[ANTIPODAL]
        # Where it costs much more than ignoring a feature it only squeezes the rest.
        shown = np.where(antipodal < 1.3 * reference, antipodal / reference, np.nan)
        loss = result["loss"][..., column] / reference
        linear = result["loss_linear"][:, 0, :, column]
        panels[f"$I_2/I_1$ = {r[column]:.2g}"] = [
            over_seeds("lowest loss", 1 / p, loss[:, 0]),
            over_seeds("median restart", 1 / p, np.median(loss, axis=1)),
            over_seeds("linear model", 1 / p, linear / reference),
            Curve("antipodal, closed form", 1 / p, shown, dashed=True),
        ]
    return small_multiples(
        panels,
        xlabel=r"$1/p = 1/(1-S)$",
        ylabel="loss / reference",
        xscale="log",
        references={"keep one": 1.0},
        title="What superposition gains, and what a poor start loses",
        caption=(
            f"{settings.caption()} · reference: the more important feature kept, the "
            "other at its mean · median over groups, band from lowest to highest"
        ),
    )
