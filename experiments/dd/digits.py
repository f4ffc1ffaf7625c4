"""DD-19: in a classifier of handwritten digits a few points take a dimension each.

Figures: the maximal data dimensionality D*_X of every training point (its leverage in
the hidden layer) in a trained and in an untrained network; the digits with the largest
D*_X above typical ones. After Henighan et al. 2023, *Superposition, Memorization, and
Double Descent* ("MNIST"): there most points have nearly the same, and some outliers
about a hundred times as much.

The source has 512 hidden units and 60,000 images, so 0.0085 units for each image, which
is the mean of D*_X. Here are the 1,797 images of 8 × 8 pixels that come with
scikit-learn, and 16 units, for nearly the same mean (0.0089); with 512 units no point
could be more than 3.5 times above it.

Claims, with thresholds fixed before the runs: the D*_X of all points add up to the rank
of the hidden layer, to 1e-6 of it (an identity); the largest is at least 10 times the
median (the source's 100 belongs to a larger set); at least 80 % of the points are
within a factor of 3 of the median. Controls: for the identity, the dimensionality that
keeps to the point's own direction, D_X; for the outliers, an untrained network; for the
others, the share of each point in one random direction instead of its best one.

One sample is one seed. Run time at laptop scale: 9 s on two cores.

Axis letters: `seeds`, `neurons` of the hidden layer, `points`.
"""

import functools
from collections.abc import Callable
from typing import Any, Self

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, Int
from matplotlib.figure import Figure

import toymodels as tm
from toymodels.claims import AtLeast, AtMost, Claim, control, judge
from toymodels.config import (
    SettingsError,
    check_choice,
    check_count,
    content_hash,
    from_json,
    settings,
    to_json,
)
from toymodels.geometry import feature_dimensionality, leverage
from toymodels.plotting import (
    Curve,
    caption_line,
    curve_figure,
    panels,
    set_caption,
    set_title,
    style,
)
from toymodels.result import Result

ID = "DD-19"
TITLE = "Maximal data dimensionality of digits"
SOURCE = "Henighan et al. 2023, maximal data dimensionality on MNIST"

OUTLIER, TYPICAL, FACTOR = 10.0, 0.8, 3.0
CLASSES = 10

Weights = dict[str, Float[Array, "..."]]


@settings
class Digits:
    """Settings of DD-19: a classifier with one hidden layer of ReLU units.

    Args:
        neurons: hidden units; the source has 512 for 60,000 images.
        steps: full-batch updates of Adam with cosine decay.
        learning_rate: at its start.
        seeds: networks.
        seed: root of the random numbers.
        scale: "smoke", "laptop" or "paper".
    """

    neurons: int = 16
    steps: int = 3_000
    learning_rate: float = 1e-2
    seeds: int = 10
    seed: int = 0
    scale: str = "laptop"

    def __post_init__(self):
        for name in ("neurons", "steps", "seeds"):
            check_count(name, getattr(self, name))

    @classmethod
    def preset(cls, scale: str) -> Self:
        """The settings of a scale; no larger set comes with scikit-learn."""
        presets: dict[str, dict[str, Any]] = {
            "smoke": {"seeds": 3, "steps": 100},
            "laptop": {},
            "paper": {"seeds": 30, "steps": 20_000},
        }
        check_choice("scale", scale, presets)
        return cls(scale=scale, **presets[scale])


def compute(settings: Digits, train: Callable[[tm.TrainSpec], tm.Run]) -> Result:
    """D*_X and D_X of every image in every network, trained and not.

    Not through `train`, which trains autoencoders.
    """
    x, labels, images = digits()
    keys = jax.random.split(jax.random.key(settings.seed), settings.seeds)
    initial = jax.vmap(functools.partial(_initial, settings, len(x)))(keys)
    trained, loss = jax.vmap(functools.partial(_trained, settings, x, labels))(initial)
    arrays = {"images": images, "labels": labels, "loss": np.asarray(loss)}
    for name, weights in (("trained", trained), ("untrained", initial)):
        H = np.asarray(jax.vmap(lambda w: _hidden(w, x))(weights), float)
        arrays[f"{name}"] = np.asarray(leverage(H))
        arrays[f"{name}_own"] = np.asarray(feature_dimensionality(H))
        arrays[f"{name}_rank"] = np.linalg.matrix_rank(H)
        if name == "trained":
            arrays["random_direction"] = _random_share(H, settings.seed)
        right = jax.vmap(lambda w: jnp.argmax(_logits(w, x), axis=0) == labels)(weights)
        arrays[f"{name}_accuracy"] = np.asarray(right).mean(axis=-1)
    return Result(arrays=arrays, meta={"settings": to_json(settings)})


def _random_share(
    H: Float[np.ndarray, "seeds neurons points"], seed: int
) -> Float[np.ndarray, "seeds points"]:
    """(v·h_i)² / Σ_j (v·h_j)² for a random direction v of each network."""
    v = np.random.default_rng(seed).normal(size=H.shape[:2])
    square = np.einsum("sd,sdp->sp", v, H) ** 2
    return square / square.sum(axis=1, keepdims=True)


def digits() -> tuple[
    Float[np.ndarray, "pixels points"],
    Int[np.ndarray, " points"],
    Float[np.ndarray, "points 8 8"],
]:
    """Pixels from 0 to 1 as columns, labels, and the images.

    Raises:
        SettingsError: scikit-learn is not installed.
    """
    try:
        from sklearn.datasets import load_digits
    except ImportError:
        raise SettingsError(
            "scikit-learn",
            "not installed",
            "it, for its digits",
            "toymodels[detectors]",
        ) from None
    found: Any = load_digits()
    images = np.asarray(found.images, np.float32) / 16
    x = images.reshape(len(images), -1).T
    return x, np.asarray(found.target, np.int32), images


def _initial(settings: Digits, pixels: int, key: Array) -> Weights:
    first, second = jax.random.split(key)
    units = settings.neurons
    return {
        "W1": jax.random.normal(first, (units, pixels)) * (2 / pixels) ** 0.5,
        "b1": jnp.zeros((units, 1)),
        "W2": jax.random.normal(second, (CLASSES, units)) * (1 / units) ** 0.5,
        "b2": jnp.zeros((CLASSES, 1)),
    }


def _hidden(weights: Weights, x: Array) -> Array:
    return jax.nn.relu(weights["W1"] @ x + weights["b1"])


def _logits(weights: Weights, x: Array) -> Array:
    return weights["W2"] @ _hidden(weights, x) + weights["b2"]


@functools.partial(jax.jit, static_argnums=0)
def _trained(
    settings: Digits, x: Array, labels: Array, weights: Weights
) -> tuple[Weights, Array]:
    """Weights after training on all images, and the mean cross-entropy before it."""
    schedule = optax.cosine_decay_schedule(settings.learning_rate, settings.steps)
    rule = optax.adam(schedule)

    def loss_of(weights: Weights) -> Array:
        logits = _logits(weights, x).T
        return optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean()

    def step(carry: Any, _: None) -> tuple[Any, Array]:
        weights, state = carry
        loss, grads = jax.value_and_grad(loss_of)(weights)
        with jax.numpy_dtype_promotion("standard"):
            updates, state = rule.update(grads, state)
        return (optax.apply_updates(weights, updates), state), loss

    carry = (weights, rule.init(weights))
    (weights, _), losses = jax.lax.scan(step, carry, length=settings.steps)
    return weights, losses[-1]


def plot(result: Result) -> dict[str, Figure | bytes]:
    """D*_X in order of size, and the digits at both places of the order."""
    settings = from_json(result.meta["settings"])
    ratio = np.median(outlier_ratio(result["trained"]))
    rank = np.arange(1, result["trained"].shape[1] + 1)

    def ordered(name: str, label: str) -> Curve:
        values = -np.sort(-result[name], axis=1)
        low, middle, high = np.quantile(values, (0.0, 0.5, 1.0), axis=0)
        return Curve(label, rank, middle, low, high)

    accuracy = np.median(result["trained_accuracy"])
    caption = caption_line(
        seeds=settings.seeds,
        loss="cross-entropy",
        scale=settings.scale,
        fingerprint=content_hash(settings),
        others={
            "hidden units": settings.neurons,
            "images": len(rank),
            "steps": f"{settings.steps:,}",
            "training accuracy": f"{accuracy:.3f}",
        },
    )
    figure = curve_figure(
        [ordered("trained", "trained"), ordered("untrained", "untrained")],
        xlabel="training images in the order of their $D^*_X$",
        ylabel="maximal data dimensionality $D^*_X$",
        xscale="log",
        yscale="log",
        references={"mean": settings.neurons / len(rank)},
        title=f"{TITLE}: the largest is {ratio:.0f} times the median",
        caption=f"{caption} · band: all seeds",
    )
    return {"dimensionality": figure, "images": _images(result, caption)}


@style()
def _images(result: Result, caption: str) -> Figure:
    """Eight images with the largest D*_X of the first seed, and eight at the median."""
    values, shown = result["trained"][0], 8
    order = np.argsort(-values)
    middle = len(order) // 2 - shown // 2
    figure, axes = panels(2 * shown, columns=shown, panel_height=1.3)
    chosen = np.concatenate([order[:shown], order[middle : middle + shown]])
    for panel, image in zip(axes, chosen, strict=True):
        panel.imshow(result["images"][image], cmap="gray_r", interpolation="nearest")
        panel.set(xticks=[], yticks=[])
        panel.set_title(f"{result['labels'][image]}: {values[image]:.3f}", size=9)
    set_title(figure, "Label and $D^*_X$ of outliers (above) and of typical images")
    set_caption(figure, f"first seed · {caption}")
    return figure


def claims(result: Result) -> list[Claim]:
    """The identity, the outliers, and the others."""
    settings = from_json(result.meta["settings"])
    common = {"experiment": ID, "source": SOURCE, "scale": settings.scale}
    exact, far, near = AtMost(1e-6), AtLeast(OUTLIER), AtLeast(TYPICAL)
    rank = result["trained_rank"]
    return [
        judge(
            id="DD-19.identity",
            statement="the D*_X of all points add up to the rank of the hidden layer",
            statistic="|Σ D*_X / rank − 1|",
            expected=0.0,
            samples=np.abs(result["trained"].sum(axis=1) / rank - 1),
            test=exact,
            controls=(
                control(
                    "D_X, along each point's own direction",
                    np.abs(result["trained_own"].sum(axis=1) / rank - 1),
                    exact,
                ),
            ),
            **common,
        ),
        judge(
            id="DD-19.outliers",
            statement="some points have many times the D*_X of others",
            statistic="largest D*_X over the median",
            expected="about 100 (MNIST)",
            samples=outlier_ratio(result["trained"]),
            test=far,
            controls=(
                control("untrained network", outlier_ratio(result["untrained"]), far),
            ),
            **common,
        ),
        judge(
            id="DD-19.typical",
            statement="most points have nearly the same D*_X",
            statistic=f"share of points within a factor of {FACTOR:g} of the median",
            expected="most",
            samples=typical_share(result["trained"]),
            test=near,
            controls=(
                control(
                    "share of one random direction",
                    typical_share(result["random_direction"]),
                    near,
                ),
            ),
            **common,
        ),
    ]


def outlier_ratio(
    values: Float[np.ndarray, "seeds points"],
) -> Float[np.ndarray, " seeds"]:
    """The largest value over the median."""
    return values.max(axis=1) / np.median(values, axis=1)


def typical_share(
    values: Float[np.ndarray, "seeds points"],
) -> Float[np.ndarray, " seeds"]:
    """Share of the values within a factor of the median."""
    ratio = values / np.median(values, axis=1, keepdims=True)
    return ((ratio <= FACTOR) & (ratio >= 1 / FACTOR)).mean(axis=1)
