"""ISO-2: how fast does a feature's privilege go when its direction is missed?

Figure: exponent p against the angle α between the pushed direction and the feature:
u(α) = cos α e_j + sin α w, made orthogonal to v, with w random; v is another feature,
turned by the same angle towards another random direction. Beside it the sweep in which
v stays a feature; that with random directions in place of both features, drawn anew at
every angle (else neighbouring angles would share what chance gave them, and ranks would
see a trend in it); and the linear control. At the default threshold and half the peak.
After da Silva & Heimersheim 2026 (2606.24964); pilots at half the peak gave 3.1, 2.8,
2.5, 2.4, 2.1 and 2.0 at 0, 15, 30, 45, 60 and 90°.

Claims, fixed before the verdict's seed was looked at: over the angles, the rank
correlation of p with α is ≤ −0.9, and p(90°) ≤ 2.2, both from the catalogue; and the
fall p(0°) − p(90°) is ≥ 0.5, which a trend without size is not. Each at the default
threshold, half the plateau height, and again at half the peak. Controls: random base
axes, which must be flat; for the fall the linear control as well; for p(90°) the
features themselves, p(0°).

The catalogue leaves open whether v is turned. Seed 1 decided: with both turned p falls
from 3.2 to 1.9 at half the peak, as in the pilots; with u alone it stays near 2.8,
since one feature axis is left.

One sample of a claim is one seed, median over its pairs. Run time at laptop scale: 25 s
on two idle cores.

Axis letters: `seeds`, `angles` α, `pairs`, `kinds`, `thresholds`.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from matplotlib.figure import Figure

import toymodels as tm
from experiments.iso._frozen import DEFAULT, OLDER, SOURCE, FrozenModels, Planes
from toymodels.claims import AtLeast, AtMost, Claim, control, judge
from toymodels.config import from_json, settings, to_json
from toymodels.plotting import over_seeds, small_multiples
from toymodels.probes import misaligned, random_planes
from toymodels.probes.exponents import FEATURE, RANDOM
from toymodels.result import Result
from toymodels.stats import rank_correlation

ID = "ISO-2"
TITLE = "Exponents of feature pairs, from aligned to random"
LEVELS = (DEFAULT, OLDER)
FALLS = AtMost(-0.9)
DROPS = AtLeast(0.5)
ROUND = AtMost(2.2)
AXES = ("features", "features, v stays", "random axes")
FEATURES, STAYS, RANDOM_AXES = range(3)


@settings
class Misalignment(FrozenModels):
    """Settings of ISO-2: those of the denoisers and the sweep."""

    pairs: int = 80
    angles: int = 15
    coarse: int = 48
    halvings: int = 4
    degrees: tuple[float, ...] = (0.0, 15.0, 30.0, 45.0, 60.0, 75.0, 90.0)


def compute(settings: Misalignment, train: Callable[[tm.TrainSpec], tm.Run]) -> Result:
    """Exponents (seeds, axes, angles, thresholds) of the denoisers and the control."""
    del train  # nothing is trained
    model = settings.model()
    params, _ = settings.params(model)
    planes = settings.planes(model, params)
    turned = turn(settings, planes)
    found = {}
    count = len(settings.degrees)
    for name, one in (("", model), ("linear_", model.linear_control())):
        # The first two kinds are the planes that the thresholds come from.
        kinds = 2 + count * (1 if name else len(AXES))
        some = turned[0][:, :kinds], turned[1][:, :kinds]
        _, radii = settings.contours(one, params, some, LEVELS)
        summary = settings.exponents(radii)
        shape = (settings.seeds, kinds // count, count, len(LEVELS))
        for field in ("exponent", "unreached", "radius"):
            found[name + field] = getattr(summary, field)[:, 2:].reshape(shape)
    return Result(arrays=found, meta={"settings": to_json(settings)})


def turn(settings: Misalignment, planes: Planes) -> Planes:
    """The planes, then turned ones: those of each of `AXES` by every angle.

    Returns:
        u and v, each (seeds, 2 + 3 · angles, d, pairs).
    """
    u, v = planes
    count, (seeds, _, d, pairs) = len(settings.degrees), u.shape
    # Where planes are turned to, and the random axes of every angle.
    keys = jax.vmap(lambda key: jax.random.split(key, 1 + count))(settings.keys(3))
    draw = jax.vmap(jax.vmap(lambda key: jnp.stack(random_planes(key, d, pairs))))
    drawn = draw(keys)
    turned = [(u[:, kind], v[:, kind]) for kind in (FEATURE, RANDOM)]
    for axes in range(len(AXES)):
        for place, degrees in enumerate(settings.degrees):
            first, second = u[:, FEATURE], v[:, FEATURE]
            if axes == RANDOM_AXES:
                first, second = drawn[:, 1 + place, 0], drawn[:, 1 + place, 1]
            of_seeds = [
                turned_plane(
                    first[seed],
                    second[seed],
                    drawn[seed, 0],
                    degrees,
                    0.0 if axes == STAYS else degrees,
                )
                for seed in range(seeds)
            ]
            sides = zip(*of_seeds, strict=True)
            turned.append(tuple(jnp.stack(side) for side in sides))
    us, vs = (jnp.stack(side, axis=1) for side in zip(*turned, strict=True))
    return us, vs


def turned_plane(
    u: Float[Array, "d pairs"],
    v: Float[Array, "d pairs"],
    w: Float[Array, "sides d pairs"],
    of_u: float,
    of_v: float,
) -> tuple[Float[Array, "d pairs"], Float[Array, "d pairs"]]:
    """Planes with u and v turned by angles towards two random directions."""
    v, _ = misaligned(v, w[1], u, of_v)
    return misaligned(u, w[0], v, of_u)


def plot(result: Result) -> dict[str, Figure | bytes]:
    """Exponents against the angle, a panel for each threshold."""
    settings = from_json(result.meta["settings"])
    x = np.asarray(settings.degrees)
    return {
        "misalignment": small_multiples(
            {
                f"τ = {level}": [
                    *(
                        over_seeds(name, x, result["exponent"][:, axes, :, place])
                        for axes, name in enumerate(AXES)
                    ),
                    over_seeds(
                        "features, linear model",
                        x,
                        result["linear_exponent"][:, FEATURES, :, place],
                    ),
                ]
                for place, level in enumerate(LEVELS)
            },
            xlabel="angle between direction and feature, degrees",
            ylabel="exponent p",
            references={"p = 2": 2.0},
            columns=2,
            title=TITLE,
            caption=settings.caption(band="lowest to highest seed"),
        )
    }


def claims(result: Result) -> list[Claim]:
    """They fall with the angle, to those of an ellipse."""
    settings = from_json(result.meta["settings"])
    common = {"experiment": ID, "source": SOURCE, "scale": settings.scale}
    judged = []
    for place, (suffix, level) in enumerate(zip(("", "_peak"), LEVELS, strict=True)):
        p = result["exponent"][:, FEATURES, :, place]
        shares = result["unreached"][:, FEATURES, :, place]
        flat = {
            "random axes": result["exponent"][:, RANDOM_AXES, :, place],
            "linear control": result["linear_exponent"][:, FEATURES, :, place],
        }
        at_zero, at_last = np.median(shares[:, 0]), np.median(shares[:, -1])
        tests: tuple = (
            (
                "falls",
                "the exponent falls with misalignment",
                f"rank correlation of p with α, {p.shape[1]} angles",
                FALLS,
                lambda values: _correlations(values, settings.degrees),
                ("random axes",),
            ),
            (
                "drop",
                "and by more than chance",
                f"p({settings.degrees[0]:g}°) − p({settings.degrees[-1]:g}°)",
                DROPS,
                lambda values: values[:, 0] - values[:, -1],
                ("random axes", "linear control"),
            ),
            (
                "round",
                "where it is missed altogether, contours are ellipses",
                f"p({settings.degrees[-1]:g}°)",
                ROUND,
                lambda values: values[:, -1],
                (),
            ),
        )
        for name, statement, statistic, test, measure, controls in tests:
            against = [control(one, measure(flat[one]), test) for one in controls]
            judged.append(
                judge(
                    id=f"ISO-2.{name}{suffix}",
                    statement=f"{statement}, at τ = {level}",
                    statistic=statistic,
                    expected="pilots fall from 3.1 to 2.0",
                    samples=measure(p),
                    test=test,
                    controls=against or [control("features, 0°", p[:, 0], test)],
                    note=f"no boundary on an axis at 0° in {at_zero:.0%} of the pairs, "
                    f"at 90° in {at_last:.0%}",
                    **common,
                )
            )
    return judged


def _correlations(
    p: Float[np.ndarray, "seeds angles"], degrees: tuple[float, ...]
) -> np.ndarray:
    """Of every seed."""
    return np.array([rank_correlation(row, np.asarray(degrees)) for row in p])
