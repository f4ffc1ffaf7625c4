"""TMS-7: the phase diagram of two features in one dimension, in closed form.

Figure: the theoretical half of the phase diagrams of Elhage et al. 2022, *Toy Models of
Superposition*, "Superposition as a Phase Change". Three solutions are compared: ignore
the second feature, at a loss of r(p/3 − p²/4); ignore the first, p/3 − p²/4; keep both
as an antipodal pair, (1 + r)p²/6. Ignored features are put out at their mean. The pair
wins below p = 4r/(2 + 5r) for r ≤ 1, and p = 4/(5 + 2r) for r ≥ 1.

Claims, with thresholds fixed beforehand: the loss of each solution, measured on samples
with the package's own model and objective, lies within three standard errors of the
formula (levels pooled; one sample of the claim is one seed of the sampling); the p at
which the model's own loss, integrated numerically, is the same for two solutions lies
within 1e-3 of the formula for every r. No training. Controls: a pair with equal signs,
the formulas for a model without bias.

Run time at laptop scale: 3 s on two cores.

Axis letters: `templates` the three solutions, `levels` of p, `seeds`, r the relative
importance of the second feature.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure

import toymodels as tm
from experiments.tms._phase_grid import X_LABEL, Y_LABEL
from experiments.tms._quadrature import expected_loss
from toymodels.claims import AtMost, Claim, control, judge
from toymodels.config import check_choice, content_hash, from_json, settings, to_json
from toymodels.plotting import (
    Curve,
    caption_line,
    curve_figure,
    phase_diagram,
    plain_log_ticks,
)
from toymodels.result import Result
from toymodels.theory import (
    TWO_IN_ONE,
    Template,
    boundary,
    phase,
    template_losses,
    triple_point,
)

ID = "TMS-7"
TITLE = "Where an antipodal pair beats ignoring a feature, in closed form"
SOURCE = "Elhage et al. 2022, Superposition as a Phase Change"

MODEL = tm.Autoencoder(n=2, d=1)
NAMES = [template.name for template in TWO_IN_ONE]
BLACK = 6  # place in the colour cycle
SAME_SIGN = np.array([[1.0, 1.0]])  # the pair with the wrong sign, as a control


@settings
class PhaseTheory:
    """Settings of TMS-7."""

    levels: int = 9  # p, log-spaced
    lowest_probability: float = 0.05  # below, both are active in too few samples
    relative_importance: float = 0.5  # r of the sampled losses; the loss is linear in r
    boundary_points: int = 21  # r from 0.1 to 10, as in the trained diagram
    seeds: int = 5
    samples: int = 65_536  # for each seed, level and solution
    nodes: int = 48  # Gauss nodes; 48 find the boundary to 1e-4 despite the kink
    seed: int = 0
    scale: str = "laptop"

    @classmethod
    def preset(cls, scale: str) -> "PhaseTheory":
        """The settings of a scale."""
        presets = {
            "smoke": {"samples": 4_096, "boundary_points": 5},
            "laptop": {},
            "paper": {"seeds": 20, "samples": 262_144, "boundary_points": 101},
        }
        check_choice("scale", scale, presets)
        return cls(scale=scale, **presets[scale])

    def probability(self) -> np.ndarray:
        """Probability p of each level, (levels,)."""
        return np.geomspace(1.0, self.lowest_probability, self.levels)

    def boundary_importance(self) -> np.ndarray:
        """Importances r at which to look for the boundary, (boundary_points,)."""
        return np.geomspace(0.1, 10.0, self.boundary_points)


def compute(settings: PhaseTheory, train: Callable[[tm.TrainSpec], tm.Run]) -> Result:
    """Sample the loss of each solution, and find the boundary by bisection."""
    p, r = settings.probability(), settings.relative_importance
    at = settings.boundary_importance()
    pair = TWO_IN_ONE[2]
    return Result(
        arrays={
            "p": p,
            "r": at,
            "exact": template_losses(p, r, templates=TWO_IN_ONE, bias="mean"),
            "exact_no_bias": template_losses(p, r, templates=TWO_IN_ONE, bias="none"),
            "sampled": _sample_all(
                settings, [(t.weights, _biases(t, p)) for t in TWO_IN_ONE]
            ),
            "sampled_same_sign": _sample_all(settings, [(SAME_SIGN, _biases(pair, p))]),
            "measured_boundary": _equal_loss(at, settings.nodes),
        },
        meta={"settings": to_json(settings)},
    )


def plot(result: Result) -> dict[str, Figure]:
    """The phases under three conventions for the bias, and the losses behind them."""
    settings = from_json(result.meta["settings"])
    common = {
        "loss": "sum",
        "exponent": 2.0,
        "scale": settings.scale,
        "fingerprint": content_hash(settings),
    }
    r, p = np.geomspace(0.1, 10, 161), np.geomspace(1, 0.01, 161)
    conventions = {
        "none": "no bias",
        "mean": "ignored features at their mean",
        "optimal": "every bias optimal",
    }
    phases = phase_diagram(
        r,
        p,
        {
            name: phase(p[:, None], r, templates=TWO_IN_ONE, bias=bias)
            for bias, name in conventions.items()
        },
        class_names=NAMES,
        boundaries={"$p = 4r/(2+5r)$, $4/(5+2r)$": (r, boundary(r, bias="mean"))},
        xlabel=X_LABEL,
        ylabel=Y_LABEL,
        title=TITLE,
        caption=caption_line(
            **common, others={"triple points": _triple_points(), "training": "none"}
        ),
    )
    p, r = result["p"], settings.relative_importance
    sampled = [
        Curve(f"{name}, sampled", 1 / p, mean / p)
        for name, mean in zip(
            NAMES, result["sampled"][..., 0].mean(axis=0), strict=True
        )
    ]
    formulas = [
        Curve(name, 1 / p, loss / p, dashed=True, color=BLACK)
        for name, loss in zip(("closed forms", "", ""), result["exact"], strict=True)
    ]
    losses = curve_figure(
        sampled + formulas,
        xlabel=r"$1/p = 1/(1-S)$",
        ylabel="loss / p",
        xscale="log",
        xlines={"boundary": 1 / float(boundary(r, bias="mean"))},
        title=f"Each solution costs what its formula says, here for r = {r:g}",
        caption=caption_line(
            seeds=settings.seeds,
            **common,
            others={
                "samples": f"{settings.samples:,} a seed, level and solution",
                "standard errors": "smaller than the marks",
            },
        ),
    )
    plain_log_ticks(losses.axes[0].xaxis)
    return {"phases": phases, "losses": losses}


def claims(result: Result) -> list[Claim]:
    """Each loss within three standard errors; the boundary within 1e-3."""
    settings = from_json(result.meta["settings"])
    common = {"experiment": ID, "source": SOURCE, "scale": settings.scale}
    errors, near = AtMost(3.0), AtMost(1e-3)
    sampled, exact = result["sampled"], result["exact"]
    at = result["r"]

    def off(formula: np.ndarray) -> float:
        return float(np.max(np.abs(result["measured_boundary"] - formula)))

    return [
        judge(
            id="TMS-7.losses",
            statement="the three solutions cost what their closed forms say",
            statistic="largest of three deviations, levels pooled, in standard errors",
            expected=0.0,
            samples=np.abs(pooled_deviation(sampled, exact)).max(axis=1),
            test=errors,
            controls=(
                # The two solutions that ignore a feature; the nearer one must be off.
                control(
                    "formula of ignoring without a bias",
                    np.abs(pooled_deviation(sampled, result["exact_no_bias"]))[
                        :, :2
                    ].min(axis=1),
                    errors,
                ),
                control(
                    "pair with equal signs",
                    np.abs(pooled_deviation(result["sampled_same_sign"], exact[2:]))[
                        :, 0
                    ],
                    errors,
                ),
            ),
            **common,
        ),
        judge(
            id="TMS-7.boundary",
            statement="the pair wins below p = 4r/(2 + 5r), or 4/(5 + 2r) for r ≥ 1",
            statistic=f"largest deviation in p over {len(at)} values of r",
            expected=0.0,
            samples=[off(boundary(at, bias="mean"))],
            test=near,
            exact=True,
            controls=(
                control(
                    "boundary without a bias", [off(boundary(at, bias="none"))], near
                ),
                control("r and 1/r exchanged", [off(_exchanged(at))], near),
            ),
            note=f"triple points at r = 1: {_triple_points()}",
            **common,
        ),
    ]


def pooled_deviation(
    sampled: Float[np.ndarray, "seeds templates levels 2"],
    exact: Float[np.ndarray, "templates levels"],
) -> Float[np.ndarray, "seeds templates"]:
    """Deviation of each solution from its formula in each seed, in standard errors.

    Levels are independent, so the sum of their deviations, each in its own standard
    error, is divided by the root of their number.

    Args:
        sampled: mean and standard error of the loss.
        exact: the formula.
    """
    deviation = (sampled[..., 0] - exact) / sampled[..., 1]
    return deviation.sum(axis=2) / np.sqrt(sampled.shape[2])


def _sample_all(settings: PhaseTheory, solutions: list) -> np.ndarray:
    """Mean loss and its standard error: (seeds, solutions, levels, 2)."""
    importance = jnp.array([1.0, settings.relative_importance])
    objective = tm.Objective()
    features = tm.IndependentFeatures(
        n=2, probability=settings.probability()[:, None]
    ).per_member(settings.levels)

    @jax.jit
    def losses(key, W, b):
        def level(one, key, b):
            x = one.sample(key, settings.samples)
            return objective.per_sample(x, MODEL.apply({"W": W, "b": b}, x), importance)

        return jax.vmap(level)(features, jax.random.split(key, settings.levels), b)

    out = np.empty((settings.seeds, len(solutions), settings.levels, 2))
    for seed in range(settings.seeds):
        root = jax.random.fold_in(jax.random.key(settings.seed), seed)
        for place, (W, b) in enumerate(solutions):
            key = jax.random.fold_in(root, place)
            values = np.asarray(
                losses(key, W.astype(np.float32), b.astype(np.float32)), np.float64
            )
            out[seed, place, :, 0] = values.mean(axis=-1)
            out[seed, place, :, 1] = values.std(axis=-1) / np.sqrt(settings.samples)
    return out


def _biases(template: Template, p: np.ndarray) -> Float[np.ndarray, "levels 2"]:
    return np.stack([template.biases(float(q), bias="mean") for q in p])


def _equal_loss(r: np.ndarray, nodes: int) -> Float[np.ndarray, " points"]:
    """The p of equal loss of the pair and the better way to ignore, by bisection."""
    importance = np.stack([np.ones_like(r), r], axis=-1)

    def loss(template: Template, p: np.ndarray) -> np.ndarray:
        params = {
            "W": np.broadcast_to(template.weights, (len(r), 1, 2)),
            "b": _biases(template, p),
        }
        return expected_loss(MODEL, params, p, importance, nodes=nodes)

    low, high = np.full_like(r, 0.01), np.ones_like(r)
    for _ in range(20):
        middle = (low + high) / 2
        second, first, pair = (loss(template, middle) for template in TWO_IN_ONE)
        wins = pair < np.minimum(first, second)
        low, high = np.where(wins, middle, low), np.where(wins, high, middle)
    return (low + high) / 2


def _exchanged(r: np.ndarray) -> np.ndarray:
    """The formula with r for 1/r where r > 1, and the other way round."""
    return np.where(r <= 1, 4 / (5 + 2 * r), 4 * r / (2 + 5 * r))


def _triple_points() -> str:
    return ", ".join(
        f"p = {triple_point(bias=bias)[1]:.3f} ({bias})"
        for bias in ("none", "mean", "optimal")
    )
