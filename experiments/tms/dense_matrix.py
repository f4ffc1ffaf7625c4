"""TMS-2: dense features: the top five are kept, the others become their mean.

Figure: WᵀW and b of n = 20 features in d = 5 dimensions, importance 0.7^i, at p = 1
(Elhage et al. 2022, *Toy Models of Superposition*, "Demonstrating Superposition", the
first of the basic results), beside the initial weights and the linear model.

Claims, with thresholds fixed before the runs: the block of WᵀW of the top five is the
identity ± 0.05; b is 0 ± 0.02 where a feature is kept and p/2 ± 0.02 where it is not.
Initial weights and the sparsest model of the same ensemble fail both. The linear model
is no control here: where nothing is sparse it learns the same, which is a claim too.

Run time at laptop scale: nothing beyond TMS-3, whose runs these are (20 s).

Axis letters: `seeds`, n features, d hidden dimensions.
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure

import toymodels as tm
from experiments.tms._panels import SOURCE, compute_panels
from experiments.tms._twenty_features import TwentyFeatures
from toymodels.claims import AtMost, Claim, control, judge
from toymodels.config import from_json, settings
from toymodels.geometry import gram, measure
from toymodels.plotting import gram_panels
from toymodels.result import Result

ID = "TMS-2"
TITLE = "Dense features: the top five are kept"

BLOCK, BIAS = AtMost(0.05), AtMost(0.02)


@settings
class DenseMatrix(TwentyFeatures):
    """Settings of TMS-2: the ensemble of TMS-3, of which it shows the level p = 1."""

    evaluation: int = 2**14  # samples for the final loss; plenty at p = 1


def compute(settings: DenseMatrix, train: Callable[[tm.TrainSpec], tm.Run]) -> Result:
    """The ReLU model and the linear control at every level."""
    return compute_panels(settings, train)


def plot(result: Result) -> dict[str, Figure | bytes]:
    """WᵀW and b before and after training, and of the linear model."""
    settings = from_json(result.meta["settings"])
    n, d, decay = settings.n, settings.d, settings.decay
    W = np.stack([result[name][0, 0] for name in ("W_initial", "W", "W_linear")])
    b = np.stack([np.zeros(n), result["b"][0, 0], result["b_linear"][0, 0]])
    geometry = measure(W)
    share = np.median(result["loss"][:, 0]) / result["reference"][0]
    return {
        "matrix": gram_panels(
            np.asarray(gram(W)),
            titles=["before training", "ReLU model", "linear model"],
            title=rf"{n} dense features ($p = 1$) in {d} dimensions, importance "
            rf"${decay}^i$",
            caption=f"{settings.caption()} · first seed · median loss {share:.3f} × "
            f"that of the top {d} exact and the others at their mean",
            bias=b,
            norms=np.asarray(geometry.norms),
            interference=np.asarray(geometry.interference),
            columns=3,
        )
    }


def claims(result: Result) -> list[Claim]:
    """The block of the top d, the bias, and the linear model."""
    settings = from_json(result.meta["settings"])
    d, p = settings.d, result["p"]
    W, b, initial = result["W"], result["b"], result["W_initial"][:, 0]
    common = {"experiment": ID, "source": SOURCE, "scale": settings.scale}
    untrained = control("initial weights", block_error(initial), BLOCK)
    zero = np.zeros_like(b[:, 0])
    return [
        judge(
            id="TMS-2.block",
            statement=f"WᵀW of the top {d} features is the identity",
            statistic="largest deviation in the block",
            expected=0.0,
            samples=block_error(W[:, 0]),
            test=BLOCK,
            controls=(
                untrained,
                control(f"p = {p[-1]:g}", block_error(W[:, -1]), BLOCK),
            ),
            **common,
        ),
        judge(
            id="TMS-2.bias",
            statement="b is 0 for kept features and the mean p/2 for the others",
            statistic="largest deviation of b",
            expected=0.0,
            samples=bias_error(b[:, 0], d, p[0]),
            test=BIAS,
            controls=(
                control("initial bias", bias_error(zero, d, p[0]), BIAS),
                control(f"p = {p[-1]:g}", bias_error(b[:, -1], d, p[-1]), BIAS),
            ),
            **common,
        ),
        judge(
            id="TMS-2.linear",
            statement="the linear model learns the same block",
            statistic="largest deviation in its block",
            expected=0.0,
            samples=block_error(result["W_linear"][:, 0]),
            test=BLOCK,
            controls=(untrained,),
            **common,
        ),
    ]


def block_error(W: Float[np.ndarray, "seeds d n"]) -> Float[np.ndarray, " seeds"]:
    """Largest |WᵀW − 1| within the block of the first d features."""
    d = W.shape[-2]
    return np.abs(np.asarray(gram(W[..., :d])) - np.eye(d)).max(axis=(-2, -1))


def bias_error(
    b: Float[np.ndarray, "seeds n"], d: int, probability: float
) -> Float[np.ndarray, " seeds"]:
    """Largest |b_i − target|, the target being 0 for i < d and p/2 for the others."""
    target = np.where(np.arange(b.shape[-1]) < d, 0.0, probability / 2)
    return np.abs(b - target).max(axis=-1)
