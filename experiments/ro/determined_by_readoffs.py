"""RO-1: do readoffs determine what a perturbation does?

Figure: held-out R² of the change of all outputs, over the largest length of δ in mean
distances d̄ between real activations, from: the changes of the n readoffs W_i·δ; those
of a random overbasis of equal size; ‖δ‖; and δ itself in a linear regression. Beside it
the linear model, where anything that spans the space explains everything. Each
predictor enters through a piecewise linear curve of its own (`additive_r2`): a linear
regression cannot tell one overbasis from another, as each is an invertible map of δ.

Claims, with the thresholds of the catalogue, at lengths up to d̄: R² from readoffs is at
least 0.9 (control: random overbasis) and at least 0.3 above R² from ‖δ‖ (control: the
readoffs of other samples). For M1 the first is close to a theorem, output_i =
ReLU(W_i·h + b_i); what is measured is that curves of single readoffs suffice at a base,
and that a random overbasis does not.

δ is isotropic, its length uniform from 0; one regression a base. A sample of a claim is
one seed, the median over bases. Run time at laptop scale: 6 s on two idle cores, after
the training of the ensemble (7 s).

Axis letters: `seeds`, `bases`, `kinds` of predictor, `reaches`, n readoffs.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from matplotlib.figure import Figure

import toymodels as tm
from experiments.readoff_models import ReadoffModels
from toymodels.claims import AtLeast, Claim, control, judge
from toymodels.config import from_json, settings, to_json
from toymodels.plotting import over_seeds, small_multiples
from toymodels.probes import (
    Subject,
    additive_r2,
    random_directions,
    readoffs,
    real_bases,
)
from toymodels.result import Result

ID = "RO-1"
TITLE = "What explains the change of the outputs"
SOURCE = "catalogue RO-1, after Vaintrob, Mendel & Hänni 2024"
KINDS = ("readoffs", "random overbasis", "length ‖δ‖", "δ, linear", "others' readoffs")
SHOWN = KINDS[:4]
EXPLAINED, GAIN = 0.9, 0.3


@settings
class DeterminedByReadoffs(ReadoffModels):
    """Settings of RO-1: those of the ensemble and of the regressions."""

    reaches: tuple[float, ...] = (0.3, 0.6, 1.0)  # in d̄; the last one is judged
    bases: int = 8
    perturbations: int = 3_000  # of each base; 70 % of them are fitted to
    linear_seeds: int = 2  # it explains everything in each of them


def compute(
    settings: DeterminedByReadoffs, train: Callable[[tm.TrainSpec], tm.Run]
) -> Result:
    """R² of every model, reach, base and kind."""
    run, linear = train(settings.spec()), train(settings.linear_spec())
    arrays = {
        "relu": _explained(settings, run, settings.seeds),
        "linear": _explained(settings, linear, settings.linear_seeds),
    }
    return Result(arrays=arrays, meta={"settings": to_json(settings)})


def _explained(
    settings: DeterminedByReadoffs, run: tm.Run, seeds: int
) -> Float[np.ndarray, "seeds reaches bases kinds"]:
    """Of the first models of a run, one regression after the other."""
    root = jax.random.key(settings.seed)
    found = []
    for seed in range(seeds):
        params = {name: jnp.asarray(value[seed]) for name, value in run.params.items()}
        subject = Subject(run.spec.model, params, "hidden")
        at, *keys = jax.random.split(
            jax.random.fold_in(root, seed), 1 + len(settings.reaches)
        )
        x, unit = real_bases(subject, settings.features(), at, bases=settings.bases)
        found.append(
            [
                _of_reach(subject, x, unit * reach, key, settings.perturbations)
                for reach, key in zip(settings.reaches, keys, strict=True)
            ]
        )
    return np.asarray(found)


@jax.jit(static_argnames="count")
def _of_reach(
    subject: Subject,
    x: Float[Array, "n bases"],
    reach: Float[Array, ""],
    key: Array,
    count: int,
) -> Float[Array, "bases kinds"]:
    """R² with lengths of δ up to `reach`."""
    turn, scale, other, deal = jax.random.split(key, 4)
    W = subject.params["W"]
    d, n = W.shape
    length = reach * jax.random.uniform(scale, (1, count))
    delta = length * random_directions(turn, d, count)
    own = readoffs(W, delta).T
    foreign = readoffs(random_directions(other, d, n), delta).T
    h = subject.activation(x)
    clean = subject.forward(h, x)["output"]
    moved = (h[:, :, None] + delta[:, None, :]).reshape(d, -1)
    output = subject.forward(moved, jnp.repeat(x, count, axis=1))["output"]
    change = output.reshape(n, -1, count) - clean[:, :, None]
    change = jnp.transpose(change, (2, 1, 0))
    return jnp.stack(
        [
            additive_r2(own, change),
            additive_r2(foreign, change),
            additive_r2(length.T, change),
            additive_r2(delta.T, change, knots=0),
            additive_r2(jax.random.permutation(deal, own, axis=0), change),
        ],
        axis=-1,
    )


def plot(result: Result) -> dict[str, Figure | bytes]:
    """R² over the reach, for the model and for the linear one."""
    settings = from_json(result.meta["settings"])
    x = np.asarray(settings.reaches)
    panels = {}
    for name, title in (("relu", "ReLU model (M1)"), ("linear", "linear model (M7)")):
        middle = np.median(result[name], axis=2)
        panels[title] = [
            over_seeds(kind, x, middle[:, :, KINDS.index(kind)]) for kind in SHOWN
        ]
    figure = small_multiples(
        panels,
        xlabel="largest length of δ, in d̄",
        ylabel="held-out $R^2$",
        references={"claimed": EXPLAINED},
        columns=2,
        title=TITLE,
        caption=settings.caption(
            bases=settings.bases, perturbations=f"{settings.perturbations:,} a base"
        )
        + " · median over seeds, band from lowest to highest",
    )
    return {"explained": figure}


def claims(result: Result) -> list[Claim]:
    """Readoffs explain the effect, and the length does not."""
    settings = from_json(result.meta["settings"])
    r2 = dict(zip(KINDS, np.median(result["relu"][:, -1], axis=1).T, strict=True))
    linear = dict(zip(KINDS, np.median(result["linear"][:, -1], axis=1).T, strict=True))
    own, foreign, length, plain, dealt = (r2[kind] for kind in KINDS)
    enough, above = AtLeast(EXPLAINED), AtLeast(GAIN)
    common = {"experiment": ID, "source": SOURCE, "scale": settings.scale}
    return [
        judge(
            id="RO-1.readoffs",
            statement="the changes of the readoffs explain the change of the outputs",
            statistic="held-out R², median over bases, lengths up to d̄",
            expected="≥ 0.9",
            samples=own,
            test=enough,
            controls=(control("random overbasis", foreign, enough),),
            note=f"δ itself, linearly: {np.median(plain):.2f}; in the linear model a "
            f"random overbasis has {np.median(linear[KINDS[1]]):.2f}",
            **common,
        ),
        judge(
            id="RO-1.length",
            statement="readoffs explain more than the length of the perturbation",
            statistic="R² from readoffs − R² from ‖δ‖",
            expected="≥ 0.3",
            samples=own - length,
            test=above,
            controls=(control("readoffs of other samples", dealt - length, above),),
            note=f"R² from ‖δ‖ {np.median(length):.2f}; a random overbasis is "
            f"{np.median(foreign - length):.2f} above it",
            **common,
        ),
    ]
