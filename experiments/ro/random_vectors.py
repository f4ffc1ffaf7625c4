"""RO-3: do small random vectors miss every readoff?

Figures: the largest readoff of a random δ of length ε against ε√(2 ln n/d), in layers
of n = 8d random unit directions; and the change of the outputs by a random δ and by one
along a feature, over ε, in a hand-set layer f = ReLU(Wᵀh − θ), in the same without a
threshold, and in trained M1 around h = 0, where no feature is active, and around real
activations.

Claims, with the thresholds of the catalogue. Random W: at every d ≥ 32 the mean of the
largest readoff is within 25 % of ε√(2 ln n/d) (control: δ along a feature); at ε = 2θ a
random δ changes the outputs by less than 10 % of what one along a feature does
(control: the layer without threshold). Trained M1, around real activations: the same
10 %, with ε twice the median distance from a base to the threshold of an inactive
feature, compared with δ along inactive features (control: linear model). The last has
no source, and was not expected to hold: outputs of features that are active follow any
change, because a ReLU corrects errors on one side alone.

A sample of a claim is one random W or one trained seed. Run time at laptop scale: 4 s
on two idle cores, after the training of the ensemble (7 s).

Axis letters: `seeds`, `dims` values of d, `lengths` values of ε, n features.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from matplotlib.figure import Figure

import toymodels as tm
from experiments.readoff_models import ReadoffModels, over_models
from toymodels.claims import AtMost, Claim, control, judge
from toymodels.config import from_json, settings, to_json
from toymodels.plotting import (
    Curve,
    curve_figure,
    over_seeds,
    plain_log_ticks,
    small_multiples,
)
from toymodels.probes import (
    Subject,
    expected_largest_readoff,
    largest_readoff,
    random_directions,
    real_bases,
)
from toymodels.result import Result

ID = "RO-3"
TITLE = "Small random vectors miss every readoff"
SOURCE = "catalogue RO-3, after Vaintrob, Mendel & Hänni 2024"
WITHIN, MISSED = 0.25, 0.1
JUDGED = 2.0  # ε in units of the threshold
# Hand-set layers: with the threshold, and without.


@settings
class RandomVectors(ReadoffModels):
    """Settings of RO-3: those of the ensemble and of the random layers."""

    dims: tuple[int, ...] = (8, 16, 32, 64, 128, 256)
    from_dim: int = 32  # the formula is judged from here on
    layer: int = 64  # d of the hand-set layer
    crowding: int = 8  # n/d of random layers
    draws: int = 12  # random W
    vectors: int = 500  # random δ
    lengths: tuple[float, ...] = (0.5, 1.0, 1.5, 2.0, 3.0, 5.0)  # ε over the threshold
    bases: int = 32  # real activations


def compute(settings: RandomVectors, train: Callable[[tm.TrainSpec], tm.Run]) -> Result:
    """Largest readoffs of random layers, and changes of outputs."""
    root = jax.random.key(settings.seed)
    keys = jax.random.split(root, (2, settings.draws))
    lengths = jnp.asarray(settings.lengths, jnp.float32)
    largest = [
        jax.lax.map(lambda key, d=d: _largest(settings, d, key), keys[0])
        for d in settings.dims
    ]
    arrays = {
        "largest": np.stack(largest, axis=1),
        "hand_set": np.asarray(
            jax.jit(
                lambda keys: jax.lax.map(
                    lambda key: _hand_set(settings, lengths, key), keys
                )
            )(keys[1])
        ),
    }
    specs = {"relu": settings.spec(), "control": settings.linear_spec()}
    runs = {name: train(spec) for name, spec in specs.items()}
    # The control has no threshold: it gets the lengths of the model beside it.
    threshold = over_models(
        lambda subject, key: _threshold(settings, subject, key),
        runs["relu"],
        seed=settings.seed,
    )
    for name, run in runs.items():
        arrays[name] = over_models(
            lambda subject, key: _trained(
                settings, subject, lengths * float(np.median(threshold)), key
            ),
            run,
            seed=settings.seed,
        )
    arrays["distance"] = threshold
    return Result(arrays=arrays, meta={"settings": to_json(settings)})


def _largest(settings: RandomVectors, d: int, key: Array) -> Float[Array, ""]:
    """Mean over random unit δ of the largest readoff, in one random layer."""
    first, second = jax.random.split(key)
    W = random_directions(first, d, settings.crowding * d)
    return largest_readoff(W, random_directions(second, d, settings.vectors)).mean()


def _hand_set(
    settings: RandomVectors, lengths: Float[Array, " lengths"], key: Array
) -> Float[Array, "layers kinds lengths"]:
    """Change of ReLU(Wᵀh − θ) and of Wᵀh at h = 0, by random and aligned δ.

    With θ = 1: all lengths are in units of it.
    """
    first, second = jax.random.split(key)
    d = settings.layer
    W = random_directions(first, d, settings.crowding * d)
    random = random_directions(second, d, settings.vectors)
    kinds = (random, W[:, : settings.vectors])

    def change(answer: Callable[[Array], Array]) -> Float[Array, "kinds lengths"]:
        return jnp.stack(
            [
                jax.lax.map(
                    lambda length, v=v: jnp.linalg.norm(
                        answer(length * (W.T @ v)), axis=0
                    ).mean(),
                    lengths,
                )
                for v in kinds
            ]
        )

    return jnp.stack([change(lambda r: jax.nn.relu(r - 1.0)), change(lambda r: r)])


def _threshold(
    settings: RandomVectors, subject: Subject, key: Array
) -> Float[Array, ""]:
    """Median distance from real bases to the thresholds of inactive features."""
    x, _ = real_bases(subject, settings.features(), key, bases=settings.bases)
    W, b = subject.params["W"], subject.params["b"]
    margin = -(b[:, None] + W.T @ subject.activation(x))
    distance = margin / jnp.linalg.norm(W, axis=0)[:, None]
    return jnp.nanmedian(jnp.where(x == 0, distance, jnp.nan))


def _trained(
    settings: RandomVectors,
    subject: Subject,
    lengths: Float[Array, " lengths"],
    key: Array,
) -> Float[Array, "places kinds lengths"]:
    """Mean change of the outputs at h = 0 and at real bases, by both kinds of δ."""
    draw, turn = jax.random.split(key)
    x, _ = real_bases(subject, settings.features(), draw, bases=settings.bases)
    features = subject.features()
    random = random_directions(turn, settings.d, settings.n)

    def of_base(base: Float[Array, " n"]) -> Float[Array, "kinds lengths"]:
        sample = jnp.repeat(base[:, None], settings.n, axis=1)
        h = subject.activation(sample)
        clean = subject.forward(h, sample)["output"]
        inactive = base == 0

        def change(v: Array, length: Array) -> Array:
            moved = subject.forward(h + length * v, sample)["output"]
            return jnp.linalg.norm(moved - clean, axis=0)

        return jnp.stack(
            [
                jax.lax.map(lambda one: change(random, one).mean(), lengths),
                jax.lax.map(
                    lambda one: jnp.mean(change(features, one), where=inactive), lengths
                ),
            ]
        )

    real = jax.lax.map(of_base, x.T).mean(axis=0)
    return jnp.stack([of_base(jnp.zeros(settings.n)), real])


def plot(result: Result) -> dict[str, Figure | bytes]:
    """Largest readoffs over d, and output changes over the length."""
    settings = from_json(result.meta["settings"])
    d = np.asarray(settings.dims)
    expected = np.array(
        [expected_largest_readoff(settings.crowding * k, k) for k in settings.dims]
    )
    band = "median over seeds, band from lowest to highest"
    layers = {
        "random W": settings.draws,
        "n/d of random W": settings.crowding,
        "δ": f"{settings.vectors} of each",
    }
    readoff = curve_figure(
        [
            over_seeds("random δ", d, result["largest"]),
            Curve("$\\sqrt{2 \\ln n / d}$", d, expected, dashed=True, color=6),
            Curve("δ along a feature", d, np.ones(len(d)), dashed=True, color=1),
        ],
        xlabel="hidden dimensions $d$, with $n$ = "
        + f"{settings.crowding}$d$ features",
        ylabel="largest readoff over ε",
        xscale="log",
        title=f"{TITLE}: the largest readoff",
        caption=settings.caption(**layers) + f" · {band}",
    )
    plain_log_ticks(readoff.axes[0].xaxis)
    x = np.asarray(settings.lengths)
    sources = {
        f"random W, threshold θ (d = {settings.layer})": result["hand_set"][:, 0],
        "random W, no threshold": result["hand_set"][:, 1],
        "M1 at h = 0": result["relu"][:, 0],
        "M1 at real activations": result["relu"][:, 1],
        "linear M1 at real activations": result["control"][:, 1],
    }
    output = small_multiples(
        {
            name: [
                over_seeds("random δ", x, found[:, 0] / found[:, 1, -1:]),
                over_seeds("δ along a feature", x, found[:, 1] / found[:, 1, -1:]),
            ]
            for name, found in sources.items()
        },
        xlabel="ε over the threshold",
        ylabel="change of outputs",
        title=f"{TITLE}: what they change",
        caption=settings.caption(**layers, bases=settings.bases)
        + f" · change of outputs over the largest by an aligned δ · {band}",
    )
    return {"readoff": readoff, "output": output}


def claims(result: Result) -> list[Claim]:
    """The largest readoff is as expected, and outputs hardly move."""
    settings = from_json(result.meta["settings"])
    judged = [k for k, d in enumerate(settings.dims) if d >= settings.from_dim]
    judged = judged or [len(settings.dims) - 1]
    expected = np.array(
        [
            expected_largest_readoff(
                settings.crowding * settings.dims[k], settings.dims[k]
            )
            for k in judged
        ]
    )
    off = np.abs(result["largest"][:, judged] / expected - 1).max(axis=1)
    aligned = float(np.abs(1 / expected - 1).min())
    place = int(np.argmin(np.abs(np.asarray(settings.lengths) - JUDGED)))
    hand_set, relu = result["hand_set"][..., place], result["relu"][..., place]
    linear = result["control"][..., place]
    within, missed = AtMost(WITHIN), AtMost(MISSED)
    common = {"experiment": ID, "source": SOURCE, "scale": settings.scale}
    return [
        judge(
            id="RO-3.readoff",
            statement="the largest readoff of a random vector is ε√(2 ln n/d)",
            statistic=f"largest |ratio − 1| over d ≥ {settings.dims[judged[0]]}",
            expected="within 25 %",
            samples=off,
            test=within,
            controls=(control("δ along a feature", aligned, within),),
            **common,
        ),
        judge(
            id="RO-3.output",
            statement="random vectors hardly move outputs with a threshold",
            statistic="change by random δ over change by aligned δ, ε = 2θ, random W",
            expected="< 0.1",
            samples=hand_set[:, 0, 0] / hand_set[:, 0, 1],
            test=missed,
            controls=(
                control("no threshold", hand_set[:, 1, 0] / hand_set[:, 1, 1], missed),
            ),
            **common,
        ),
        judge(
            id="RO-3.trained",
            statement="random vectors hardly move the outputs of a trained model",
            statistic="change by random δ over change by δ along inactive features, "
            "ε twice the distance to their threshold, real activations",
            expected="< 0.1",
            samples=relu[:, 1, 0] / relu[:, 1, 1],
            test=missed,
            controls=(
                control("linear model", linear[:, 1, 0] / linear[:, 1, 1], missed),
            ),
            note=f"at h = 0, where nothing is active: "
            f"{np.median(relu[:, 0, 0] / relu[:, 0, 1]):.3f}",
            **common,
        ),
    ]
