"""ISO-3: which nonlinearity privileges features, and from which threshold on?

Figure: exponent p of feature pairs and of random planes in frozen denoisers against
θ, the scale of the nonlinearity in units of one feature's push on a neuron: tanh³(z/θ),
JumpReLU (z where z > θ), and ReLU(z − θ), with z = E x. All of them are M2 with
c_in = 1/θ, so θ is swept without another program. ReLU(z) is θ = 0, and the linear
control stands beside. After da Silva & Heimersheim 2026 (2606.24964), whose toy has the
first two. The catalogue asks for a report of p against θ; thresholds τ are the default
(half the plateau height) and half the peak.

Judged, as the catalogue states and before any run: the linear control is 2 within 0.15,
at both thresholds (the one farther from 2 counts), for the control that tanh³ at θ = 2,
near its chosen c_in of 0.5, is not at either. ISO-1 has all thresholds.

One sample of a claim is one seed, median over its pairs. Run time at laptop scale: 20 s
on two idle cores.

Axis letters: `seeds`, `thetas`, `kinds` of planes, `thresholds`, `pairs`.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure

import toymodels as tm
from experiments.iso._frozen import DEFAULT, OLDER, SOURCE, FrozenModels
from toymodels.claims import Claim, Within, control, judge
from toymodels.config import from_json, settings, to_json
from toymodels.plotting import Curve, over_seeds, plain_log_ticks, small_multiples
from toymodels.probes.exponents import FEATURE, RANDOM
from toymodels.result import Result

ID = "ISO-3"
TITLE = "Exponents of feature pairs by activation and threshold"
LEVELS = (DEFAULT, OLDER)
LINEAR_WITHIN = Within(1.85, 2.15)
CONTROL_THETA = 2.0
# With c_in = 1/θ, each of these has its threshold at z = θ.
SWEPT = {
    "tanh³(z/θ)": {"activation": "tanh3"},
    "JumpReLU, z > θ": {"activation": "jumprelu", "threshold": 1.0},
    "ReLU(z − θ)": {"activation": "relu", "shift": -1.0},
}
FIXED = {"ReLU, θ = 0": {"activation": "relu"}, "linear": {"activation": "identity"}}


@settings
class Activations(FrozenModels):
    """Settings of ISO-3: those of the denoisers, and θ."""

    pairs: int = 32
    angles: int = 15
    coarse: int = 48
    halvings: int = 4
    thetas: tuple[float, ...] = (0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0)


def compute(settings: Activations, train: Callable[[tm.TrainSpec], tm.Run]) -> Result:
    """Exponents: swept (activations, thetas, seeds, kinds, thresholds), and fixed."""
    del train  # nothing is trained
    params = jax.vmap(settings.model().init)(settings.keys(0))
    planes = settings.planes(settings.model(), params)

    def found(theta: float, **changes) -> dict[str, np.ndarray]:
        scaled = params | {"c_in": jnp.full(settings.seeds, 1 / theta)}
        model = settings.model(**changes)
        _, radii = settings.contours(model, scaled, planes, LEVELS)
        summary = settings.exponents(radii)
        return {"exponent": summary.exponent, "unreached": summary.unreached}

    swept = [
        [found(theta, **one) for theta in settings.thetas] for one in SWEPT.values()
    ]
    fixed = [found(1.0, **one) for one in FIXED.values()]
    arrays = {}
    for name in ("exponent", "unreached"):
        arrays[name] = np.array([[cell[name] for cell in row] for row in swept])
        arrays[f"fixed_{name}"] = np.array([cell[name] for cell in fixed])
    return Result(arrays=arrays, meta={"settings": to_json(settings)})


def plot(result: Result) -> dict[str, Figure | bytes]:
    """Exponents against θ, a panel for each activation; the same for what is missed."""
    settings = from_json(result.meta["settings"])
    thetas = np.asarray(settings.thetas)
    figures = {}
    for name, label in (
        ("exponent", "exponent p"),
        ("unreached", "share without"),
    ):
        curves = {}
        for place, level in enumerate(LEVELS):
            for row, activation in enumerate(SWEPT):
                values = result[name][row, :, :, :, place]
                curves[f"{activation}: {level.value:g} {level.kind}"] = [
                    over_seeds("features", thetas, values[:, :, FEATURE].T, color=0),
                    over_seeds(
                        "random planes", thetas, values[:, :, RANDOM].T, color=1
                    ),
                    *(
                        Curve(
                            f"features, {fixed}",
                            thetas,
                            np.full(
                                len(thetas),
                                np.nanmedian(
                                    result[f"fixed_{name}"][k, :, FEATURE, place]
                                ),
                            ),
                            dashed=True,
                            color=2 + k,
                        )
                        for k, fixed in enumerate(FIXED)
                    ),
                ]
        figure = small_multiples(
            curves,
            xlabel="θ, in pushes of one feature",
            ylabel=label,
            xscale="log",
            yscale="log" if name == "exponent" else "linear",
            references={"p = 2": 2.0} if name == "exponent" else {},
            columns=3,
            title=TITLE + ("" if name == "exponent" else ": without a boundary"),
            caption=settings.caption(
                c_in="1/θ", fits="p up to 60", band="lowest to highest seed"
            ),
        )
        for axes in figure.axes:
            plain_log_ticks(axes.xaxis)
            if name == "exponent":
                plain_log_ticks(axes.yaxis)
        figures["activations" if name == "exponent" else "unreached"] = figure
    return figures


def farther_from_two(
    exponent: Float[np.ndarray, "seeds thresholds"],
) -> Float[np.ndarray, " seeds"]:
    """Of each seed, the exponent that is farther from 2; NaN where none is known."""
    distance = np.where(np.isfinite(exponent), np.abs(exponent - 2.0), -1.0)
    return np.take_along_axis(exponent, distance.argmax(axis=1)[:, None], axis=1)[:, 0]


def claims(result: Result) -> list[Claim]:
    """The linear control is 2; all else is reported in its note."""
    settings = from_json(result.meta["settings"])
    linear = result["fixed_exponent"][list(FIXED).index("linear"), :, FEATURE]
    near = int(np.argmin(np.abs(np.asarray(settings.thetas) - CONTROL_THETA)))
    curved = result["exponent"][0, near, :, FEATURE]
    note = "; ".join(
        f"{name}: "
        + ", ".join(
            f"{np.nanmedian(p):.2f} at θ = {theta:g}"
            for theta, p in zip(
                settings.thetas,
                result["exponent"][row, :, :, FEATURE, LEVELS.index(OLDER)],
                strict=True,
            )
            if np.isfinite(p).any()
        )
        for row, name in enumerate(SWEPT)
    )
    return [
        judge(
            id="ISO-3.linear",
            experiment=ID,
            statement="without a nonlinearity feature pairs have elliptic contours",
            source=SOURCE,
            statistic="exponent p, median over pairs, at the threshold where it is "
            "farther from 2",
            expected=2.0,
            samples=farther_from_two(linear),
            test=LINEAR_WITHIN,
            controls=(
                control(
                    f"tanh³ at θ = {settings.thetas[near]:g}",
                    farther_from_two(curved),
                    LINEAR_WITHIN,
                ),
            ),
            scale=settings.scale,
            note=f"p of features at τ = {OLDER}: {note}",
        )
    ]
