"""TMS-19: superposition makes a model vulnerable to adversarial inputs.

Figure: vulnerability against 1/(1−S), next to features per dimension ‖W‖²_F/d, after
Elhage et al. 2022, *Toy Models of Superposition*, "Relationship to adversarial
robustness" (they report a rise of more than threefold that tracks features per
dimension). The attack has an L2 norm of 0.1 of the mean ‖x‖ and goes along (WᵀW)_i; the
feature i is the one that raises the mean loss most. Vulnerability is that rise over the
squared norm of the attack, which is 1 for a model that keeps d features and ignores the
rest; the dense model measures 1.00.

Claims, with thresholds fixed before the runs and kept after calibration on seed 1: over
the levels, the rank correlation with features per dimension is ≥ 0.8 (control: levels
shuffled); the largest vulnerability is ≥ 3 times that of the dense model (controls: the
linear model; random directions of the same norm). Random directions are no control of
the first claim: they do less harm, but theirs rises with features per dimension too.

Sizes are those of TMS-9, which the paper does not state for this figure. Adversarial
training, which the paper needs about 80 % of the input's norm for, is not repeated
here. One sample of a claim is one seed. Run time at laptop scale: 10 s on two idle
cores, after the runs of TMS-9.

Axis letters: `seeds`, `levels` of p, n features, `batch` samples.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from matplotlib.figure import Figure

import toymodels as tm
from experiments.tms._many_features import BAND, X_LABEL, ManyFeatures
from toymodels.claims import AtLeast, Claim, control, judge
from toymodels.config import from_json, settings, to_json
from toymodels.geometry import features_per_dimension
from toymodels.plotting import over_seeds, plain_log_ticks, small_multiples
from toymodels.probes import harm, strongest_harm, tied_attacks
from toymodels.result import Result
from toymodels.stats import spearman

ID = "TMS-19"
TITLE = "Adversarial vulnerability and features per dimension"
SOURCE = "Elhage et al. 2022, Relationship to adversarial robustness"


@settings
class AdversarialVulnerability(ManyFeatures):
    """Settings of TMS-19: those of the ensemble and of the attack."""

    attack: float = 0.1  # L2 norm over the mean ‖x‖, of the paper
    samples: int = 512  # clean inputs that an attack is averaged over


def compute(
    settings: AdversarialVulnerability, train: Callable[[tm.TrainSpec], tm.Run]
) -> Result:
    """Vulnerability of every model and control, and its features per dimension."""
    run, linear = train(settings.spec()), train(settings.linear_spec())
    arrays = {"p": settings.probability()}
    for name, of in (("relu", run), ("linear", linear)):
        worst, random = _vulnerability(of, settings)
        packed = of.by_seed(np.asarray(features_per_dimension(of.params["W"])))
        arrays |= {name: worst, f"{name}_random": random, f"{name}_packed": packed}
    return Result(arrays=arrays, meta={"settings": to_json(settings)})


def _vulnerability(
    run: tm.Run, settings: AdversarialVulnerability
) -> tuple[np.ndarray, np.ndarray]:
    """Under the strongest attack and under random ones, each (seeds, levels)."""
    model = run.spec.model

    def of_model(level: tuple) -> tuple[Float[Array, ""], Float[Array, ""]]:
        params, p, key = level
        draw, turn = jax.random.split(key)
        x = tm.IndependentFeatures(n=model.n, probability=p).sample(
            draw, settings.samples
        )
        size = settings.attack * jnp.linalg.norm(x, axis=0).mean()
        random = jax.random.normal(turn, x.shape)
        random = random / jnp.linalg.norm(random, axis=0, keepdims=True)

        def forward(seen: Float[Array, "n batch"]) -> Float[Array, "n batch"]:
            return model.apply(params, seen)

        worst = strongest_harm(forward, x, tied_attacks(params["W"]), size)
        return worst / size**2, harm(forward, x, size * random) / size**2

    # Every seed sees the same samples; every level has its own.
    keys = jax.random.split(jax.random.key(settings.seed), settings.levels)
    seeds = len(run.spec.seeds)
    p = jnp.tile(jnp.asarray(settings.probability(), jnp.float32), seeds)
    # A model at a time: its arrays then stay in the cache.
    worst, random = jax.jit(lambda levels: jax.lax.map(of_model, levels))(
        (jax.tree.map(jnp.asarray, run.params), p, jnp.tile(keys, seeds))
    )
    return run.by_seed(np.asarray(worst)), run.by_seed(np.asarray(random))


def plot(result: Result) -> dict[str, Figure | bytes]:
    """Vulnerability and features per dimension, over the sparsity."""
    settings = from_json(result.meta["settings"])
    x = 1 / result["p"]
    figure = small_multiples(
        {
            "ReLU model": [
                over_seeds("features per dimension", x, result["relu_packed"]),
                over_seeds("strongest attack", x, result["relu"]),
                over_seeds("random direction", x, result["relu_random"]),
            ],
            "linear model": [
                over_seeds("features per dimension", x, result["linear_packed"]),
                over_seeds("strongest attack", x, result["linear"]),
                over_seeds("random direction", x, result["linear_random"]),
            ],
        },
        xlabel=X_LABEL,
        ylabel="vulnerability",
        xscale="log",
        references={"no superposition": 1.0},
        columns=2,
        title=TITLE,
        caption=f"{settings.caption()} · vulnerability: rise of the loss over ε², ε = "
        f"{settings.attack:g} of mean ‖x‖ · {BAND}",
    )
    for axes in figure.axes:
        plain_log_ticks(axes.xaxis)
    return {"vulnerability": figure}


def claims(result: Result) -> list[Claim]:
    """It tracks features per dimension, and rises more than threefold."""
    settings = from_json(result.meta["settings"])
    relu, packed = result["relu"], result["relu_packed"]
    dense = relu[:, 0]
    shuffled = np.random.default_rng(settings.seed).permuted(relu, axis=1)
    common = {"experiment": ID, "source": SOURCE, "scale": settings.scale}
    tracks, rises = AtLeast(0.8), AtLeast(3.0)
    linear = result["linear"]
    return [
        judge(
            id="TMS-19.tracks",
            statement="vulnerability ranks the levels as features per dimension do",
            statistic=f"rank correlation over {relu.shape[1]} levels",
            expected="closely tracks",
            samples=_ranks_agree(relu, packed),
            test=tracks,
            controls=(
                control("levels shuffled", _ranks_agree(shuffled, packed), tracks),
            ),
            **common,
        ),
        judge(
            id="TMS-19.rises",
            statement="superposition makes the model more vulnerable",
            statistic="largest vulnerability over that of the dense model",
            expected="more than 3",
            samples=relu.max(axis=1) / dense,
            test=rises,
            controls=(
                control("linear model", linear.max(axis=1) / linear[:, 0], rises),
                control(
                    "random directions",
                    result["relu_random"].max(axis=1) / dense,
                    rises,
                    detail="over the dense model under the attack",
                ),
            ),
            **common,
        ),
    ]


def _ranks_agree(
    vulnerability: Float[np.ndarray, "seeds levels"],
    packed: Float[np.ndarray, "seeds levels"],
) -> np.ndarray:
    """Rank correlation over the levels of each seed, NaN if one has diverged."""
    return np.array(
        [
            spearman(v, p)[0] if np.isfinite([v, p]).all() else np.nan
            for v, p in zip(vulnerability, packed, strict=True)
        ]
    )
