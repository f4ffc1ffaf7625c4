"""TMS-25: a linear autoencoder finds principal components, and no more.

Figure: angle to the principal subspace and loss of a linear model while it trains on
correlated Gaussian data; and, beside it, what a ReLU model gains on sparse features.
The linear case is the baseline of Elhage et al. 2022, *Toy Models of Superposition*,
"Linear Model", and goes back to Baldi & Hornik 1989.

Claims, with thresholds fixed before the runs: x̂ = WᵀWx + b ends with the rows of W in
the span of the d leading eigenvectors (largest principal angle ≤ 0.01 rad) and with a
loss that is the sum of the discarded eigenvalues (± 1 %). Controls: initial weights;
the wrong subspace, of the d + 1 leading eigenvectors without the first; and a ReLU
model on sparse features (p = 0.05), which beats the same bound.

One sample is one seed, with its own covariance, weights and data. Run time at laptop
scale: 6 s on two cores.

Axis letters: `seeds`, `snaps` snapshots, n features, d hidden dimensions.
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure

import toymodels as tm
from toymodels.claims import AtMost, Claim, Within, control, judge
from toymodels.config import check_choice, content_hash, from_json, settings, to_json
from toymodels.geometry import principal_angles
from toymodels.plotting import (
    caption_line,
    curve_figure,
    over_seeds,
    small_multiples,
)
from toymodels.result import Result
from toymodels.theory import (
    independent_linear_loss,
    linear_autoencoder_loss,
    principal_subspace,
)

ID = "TMS-25"
TITLE = "A linear model is principal component analysis"
SOURCE = "Elhage et al. 2022, Linear Model; Baldi & Hornik 1989"

ANGLE, LOSS = AtMost(1e-2), Within(0.99, 1.01)


@settings
class LinearIsPCA:
    """Settings of TMS-25. The source gives no sizes."""

    n: int = 10
    d: int = 3
    decay: float = 0.7  # eigenvalues 0.7^i; a guess, any spectrum with a gap will do
    probability: float = 0.05  # of the sparse features of the ReLU control
    seeds: int = 5
    steps: int = 10_000
    sparse_steps: int = 3_000  # no angle to be found there, only a loss
    batch: int = 1_024
    learning_rate: float = 1e-2  # to zero: the noise of the last steps turns W
    snapshots: int = 30
    seed: int = 0
    scale: str = "laptop"

    @classmethod
    def preset(cls, scale: str) -> "LinearIsPCA":
        """The settings of a scale."""
        presets = {
            "smoke": {
                "n": 6, "d": 2, "seeds": 3, "steps": 1_500, "snapshots": 8,
                "sparse_steps": 1_000, "batch": 256,
            },
            "laptop": {},
            "paper": {"seeds": 20, "steps": 50_000, "sparse_steps": 50_000},
        }  # fmt: skip
        check_choice("scale", scale, presets)
        return cls(scale=scale, **presets[scale])

    def covariances(self) -> Float[np.ndarray, "seeds n n"]:
        """One for each seed: the same eigenvalues along random directions."""
        random = np.random.default_rng(self.seed)
        directions = np.linalg.qr(random.normal(size=(self.seeds, self.n, self.n)))[0]
        spectrum = self.decay ** np.arange(self.n)
        covariance = (directions * spectrum) @ np.swapaxes(directions, -1, -2)
        return (covariance + np.swapaxes(covariance, -1, -2)) / 2

    def spec(
        self, features: tm.FeatureDistribution, *, linear: bool, steps: int
    ) -> tm.TrainSpec:
        """A linear or ReLU model for each seed."""
        model = tm.Autoencoder(n=self.n, d=self.d)
        return tm.TrainSpec(
            model=model.linear_control() if linear else model,
            features=features,
            # No weight decay, which would shrink the projection.
            optimiser=tm.Optimiser(
                name="adam", learning_rate=self.learning_rate, schedule="cosine"
            ),
            members=1,
            seeds=self.seeds,
            steps=steps,
            batch=self.batch,
            snapshots=tm.log_spaced_steps(steps, self.snapshots, 10),
            seed=self.seed,
        )


def compute(settings: LinearIsPCA, train: Callable[[tm.TrainSpec], tm.Run]) -> Result:
    """Train on Gaussian data, and both models on sparse features."""
    covariances = settings.covariances()
    correlated = tm.GaussianFeatures(covariance=covariances)
    gaussian = train(settings.spec(correlated, linear=True, steps=settings.steps))
    sparse = tm.IndependentFeatures(n=settings.n, probability=settings.probability)
    relu = train(settings.spec(sparse, linear=False, steps=settings.sparse_steps))
    linear = train(settings.spec(sparse, linear=True, steps=settings.sparse_steps))
    leading = [principal_subspace(one, settings.d + 1) for one in covariances]
    W, b = gaussian.snapshots.params["W"], gaussian.snapshots.params["b"]
    variance = np.asarray(sparse.variance()).reshape(-1)
    bound = independent_linear_loss(variance, np.ones(settings.n), settings.d)
    best = [linear_autoencoder_loss(one, settings.d) for one in covariances]
    return Result(
        arrays={
            "step": gaussian.snapshots.step,
            "angle": largest_angle(W, np.stack(leading)[..., : settings.d]),
            "angle_wrong": largest_angle(W[-1], np.stack(leading)[..., 1:]),
            "loss": linear_loss(W, b, covariances) / np.array(best),
            "history_step": relu.history.step,
            "history_relu": relu.history.loss / bound,
            "history_linear": linear.history.loss / bound,
            "loss_relu": relu.final_loss(131_072) / bound,
            "loss_linear": linear.final_loss(131_072) / bound,
        },
        meta={"settings": to_json(settings)},
    )


def largest_angle(
    W: Float[np.ndarray, "*snaps seeds d n"], basis: Float[np.ndarray, "seeds n d"]
) -> Float[np.ndarray, "*snaps seeds"]:
    """Largest principal angle between the rows of W and the columns of the basis."""
    rows = np.swapaxes(W, -1, -2).astype(np.float32)
    target = np.broadcast_to(basis.astype(np.float32), rows.shape)
    return np.asarray(principal_angles(rows, target))[..., 0]


def linear_loss(
    W: Float[np.ndarray, "*snaps seeds d n"],
    b: Float[np.ndarray, "*snaps seeds n"],
    covariance: Float[np.ndarray, "seeds n n"],
) -> Float[np.ndarray, "*snaps seeds"]:
    """E‖x − WᵀWx − b‖² for data of mean 0, exactly: tr(RΣRᵀ) + ‖b‖², R = 1 − WᵀW."""
    W = np.asarray(W, np.float64)
    residual = np.eye(W.shape[-1]) - np.swapaxes(W, -1, -2) @ W
    spread = np.einsum("...ij,...jk,...ik->...", residual, covariance, residual)
    return spread + np.sum(np.asarray(b, np.float64) ** 2, axis=-1)


def plot(result: Result) -> dict[str, Figure]:
    """Angle and loss over training, and the sparse features beside them."""
    settings = from_json(result.meta["settings"])
    after = result["step"] > 0
    step, sparse_step = result["step"][after], result["history_step"]
    caption = caption_line(
        seeds=settings.seeds,
        loss="sum",
        exponent=2.0,
        optimiser=f"Adam {settings.learning_rate:g} to 0",
        scale=settings.scale,
        fingerprint=content_hash(settings),
        others={
            "n": settings.n,
            "d": settings.d,
            "batch": settings.batch,
            "steps": f"{settings.steps:,}",
            "init": "xavier_2d",
        },
    )
    spread = "median over seeds, band from lowest to highest"
    return {
        "angle": curve_figure(
            [over_seeds("", step, result["angle"][after].T)],
            xlabel="step",
            ylabel="largest principal angle, rad",
            xscale="log",
            yscale="log",
            references={"0.01 rad": ANGLE.high},
            title=TITLE,
            caption=f"{caption} · Gaussian data, a covariance for each seed · {spread}",
        ),
        "loss": small_multiples(
            {
                "correlated Gaussian data": [
                    over_seeds("linear model", step, result["loss"][after].T)
                ],
                f"independent sparse features, p = {settings.probability:g}": [
                    over_seeds("linear model", sparse_step, result["history_linear"].T),
                    over_seeds("ReLU model", sparse_step, result["history_relu"].T),
                ],
            },
            xlabel="step",
            ylabel="loss / bound",
            xscale="log",
            references={"bound": 1.0},
            title="The linear model reaches its bound; superposition passes below it",
            caption=(
                f"{caption} · bound: the variance that the best projection discards · "
                f"{spread}"
            ),
        ),
    }


def claims(result: Result) -> list[Claim]:
    """The subspace and the loss of the linear model."""
    settings = from_json(result.meta["settings"])
    common = {"experiment": ID, "source": SOURCE, "scale": settings.scale}
    gain = 1 - np.median(result["loss_relu"])
    return [
        judge(
            id="TMS-25.subspace",
            statement="a linear model finds the principal subspace",
            statistic=f"largest angle to the {settings.d} leading eigenvectors, rad",
            expected=0.0,
            samples=result["angle"][-1],
            test=ANGLE,
            controls=(
                control("initial weights", result["angle"][0], ANGLE),
                control("wrong subspace", result["angle_wrong"], ANGLE),
            ),
            **common,
        ),
        judge(
            id="TMS-25.loss",
            statement="its loss is the sum of the discarded eigenvalues",
            statistic="loss / discarded eigenvalues",
            expected=1.0,
            samples=result["loss"][-1],
            test=LOSS,
            controls=(
                control("initial weights", result["loss"][0], LOSS),
                control(
                    f"ReLU model on sparse features, p = {settings.probability:g}",
                    result["loss_relu"],
                    LOSS,
                ),
            ),
            note=(
                f"on sparse features the ReLU model's loss is {gain:.0%} below the "
                f"bound, the linear one's {np.median(result['loss_linear']):.3f} of it"
            ),
            **common,
        ),
    ]
