"""SPH-2, SPH-3, SPH-4: spikes at features in many dimensions, their sign and radius.

Figures: how well local maxima of the response on a sphere of radius ρ, found by ascent
from 500 random starts around real activations, agree with features, in trained M1 (n =
96, d = 32) and in a residual denoiser (M3: n = 64, d = 32, noise 0.1 in training,
pushed before its four blocks), beside a random dictionary and linear models; responses
at exactly ±Ŵ_i of active and of inactive features; and, over the radius, the median
maximum over a random direction's response and the number of maxima at features of each
kind. ρ is in d̄, the mean distance between real activations. The response is the
distance of the outputs; of the denoiser that of logits, and √KL.

Claims, with the thresholds of the catalogue, for each of these at ρ = 0.3 d̄. SPH-2: at
least 80 % of the maxima have |cos| ≥ 0.95 with a feature (controls: a random dictionary
of equal size; the linear model), and the median maximum is at least twice a random
direction's response (control: linear model). SPH-3 has no threshold in the catalogue;
fixed here: at inactive features the response at −Ŵ_i is at most half of that at +Ŵ_i
(control: linear model). SPH-4: up to the knee, where an inactive feature begins to
answer, the ratio of SPH-2 rises by 10 % or more over its value at the smallest radius
(control: linear model, where it is constant; "non-decreasing" alone would let that
pass), and maxima at inactive features exist beyond the knee alone: there are at most a
tenth as many up to it (control: maxima of any kind). The last is asked of M1 alone: in
the denoiser no maximum lay at a feature in calibration, on seed 1.

Ends of ascents closer than 37 degrees (cos 0.8) are one maximum; a flat top, such as
where an output has been pushed to 0, is reached at its rim and counts as found there.

A sample of a claim is one seed. Run time at laptop scale: 35 s on two idle cores, after
the training of the ensembles (7 s) and of the denoisers, which PLT reads too.

Axis letters: `runs`, `radii`, `bases`, `maxima`.
"""

from collections.abc import Callable
from typing import Any, Self

import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure

import toymodels as tm
from experiments.denoisers import Denoisers, only
from experiments.readoff_models import ReadoffModels
from experiments.sph._figures import Shown, sphere_summary
from experiments.sph._worlds import ALONG, Around, by_radius, look_around
from toymodels.claims import AtLeast, AtMost, Claim, control, judge
from toymodels.config import check_choice, from_json, settings, to_json
from toymodels.probes import (
    ALIGNED,
    SPIKE_CLASSES,
    match_features,
    random_embedding,
)
from toymodels.result import Result

IDS = ("SPH-2", "SPH-3", "SPH-4")
SOURCE = "catalogue SPH-1 to SPH-4, after Vaintrob, Mendel & Hänni 2024"
TITLE = "Spikes of the response around real activations"
SHARE, RATIO, ONE_SIDED, RISE, EARLY = 0.8, 2.0, 0.5, 1.1, 0.1
NAMES = {
    "relu": "M1",
    "linear": "M1, linear (M7)",
    "stack": "denoiser (M3), logits",
    "stack_kl": "denoiser (M3), √KL",
    "control": "linear denoiser, logits",
    "control_kl": "linear denoiser, √KL",
}
PAIRS = {"relu": "linear", "stack": "control", "stack_kl": "control_kl"}
ORDER = tuple(name for pair in PAIRS.items() for name in pair)
COSINES = np.linspace(0.3, 1.0, 71)


@settings
class ManyDimensions(ReadoffModels):
    """Settings of SPH-2 to SPH-4: those of the ensemble and of the ascents."""

    radii: tuple[float, ...] = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0)  # in d̄
    stack_radii: tuple[float, ...] = (0.03, 0.1, 0.3, 1.0)  # of the denoiser
    radius: float = 0.3  # the one that is judged
    bases: int = 8
    linear_bases: int = 2  # a linear model answers alike around every base
    stack_bases: int = 3
    starts: int = 500
    climb: int = 100  # steps of an ascent
    stack_climb: int = 60

    @classmethod
    def preset(cls, scale: str) -> Self:
        """The settings of a scale."""
        base = ReadoffModels.preset(scale)
        shared = {name: getattr(base, name) for name in vars(base)}
        presets = {
            "smoke": {"radii": (0.02, 0.1, 0.3, 1.0), "stack_radii": (0.1, 0.3),
                      "starts": 40, "climb": 40, "stack_climb": 20, "bases": 2,
                      "stack_bases": 1},
            "laptop": {},
            "paper": {"bases": 32, "stack_bases": 16, "starts": 2_000, "climb": 400,
                      "stack_climb": 400,
                      "stack_radii": (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0)},
        }  # fmt: skip
        check_choice("scale", scale, presets)
        return cls(**(shared | presets[scale]))

    def denoisers(self) -> Denoisers:
        """Settings of the residual denoisers, those that PLT reads."""
        base = Denoisers.preset(self.scale)
        return Denoisers(**(vars(base) | {"seed": self.seed}))

    def radii_of(self, name: str) -> tuple[float, ...]:
        """Radii at which a model is looked at."""
        return self.radii if name in ("relu", "linear") else self.stack_radii

    def place(self, name: str) -> int:
        """Place of the judged radius among them."""
        return self.radii_of(name).index(self.radius)


def compute(
    settings: ManyDimensions, train: Callable[[tm.TrainSpec], tm.Run]
) -> Result:
    """Shares, ratios, classes, signs and knees of every model and radius."""
    stacks = settings.denoisers()
    stack = only(train(stacks.spec()), stacks.place)
    control = only(train(stacks.spec(activation="identity")), stacks.place)
    runs = {
        "relu": train(settings.spec()),
        "linear": train(settings.linear_spec()),
        "stack": stack,
        "stack_kl": stack,
        "control": control,
        "control_kl": control,
    }
    bases = {"relu": settings.bases, "stack": settings.stack_bases}
    arrays: dict[str, np.ndarray] = {}
    for name, run in runs.items():
        shallow = name in ("relu", "linear")
        found = look_around(
            run,
            settings.radii_of(name),
            layer="hidden" if shallow else "h0",
            bases=bases.get(name.removesuffix("_kl"), settings.linear_bases),
            starts=settings.starts,
            steps=settings.climb if shallow else settings.stack_climb,
            seed=settings.seed,
            measure="kl" if name.endswith("_kl") else "l2",
        )
        measured = _summary(found, settings.place(name), settings.seed)
        arrays |= {f"{name} {key}": value for key, value in measured.items()}
    return Result(arrays=arrays, meta={"settings": to_json(settings)})


def _summary(found: Around, place: int, seed: int) -> dict[str, np.ndarray]:
    """Numbers of one ensemble; `place` is that of the judged radius."""
    rng = np.random.default_rng([seed, 1])
    _, d, n = found.features.shape
    dictionary = random_embedding(rng, n, d).T
    judged = [row[place] for row in found.maxima]
    cosines = {
        "features": [np.abs(one.cosine) for one in judged],
        "dictionary": [
            np.abs(match_features(one.direction, dictionary).cosine) for one in judged
        ],
    }
    arrays = {
        f"above {name}": np.array(
            [[(row >= c).sum() / max(len(row), 1) for c in COSINES] for row in rows]
        )
        for name, rows in cosines.items()
    }
    return arrays | {
        "share": by_radius(found, lambda r, k, one: one.share_aligned()),
        "ratio": by_radius(found, lambda r, k, one: one.ratio(found.random[r][:, k])),
        "classes": np.array(
            [
                [one.classes(found.active[r]) for one in row]
                for r, row in enumerate(found.maxima)
            ]
        ),
        "count": by_radius(
            found, lambda r, k, one: len(one.base) / found.active.shape[2]
        ),
        "dictionary": np.array(
            [(row >= ALIGNED).sum() / max(len(row), 1) for row in cosines["dictionary"]]
        ),
        "along": found.along,
        "knee": found.knee,
    }


def plot(result: Result) -> dict[str, Figure | bytes]:
    """Agreement with features; signs; and what the radius does."""
    settings = from_json(result.meta["settings"])
    stacks = settings.denoisers()
    caption = (
        settings.caption(
            bases=f"{settings.bases}, denoiser {settings.stack_bases}",
            starts=settings.starts,
        )
        + f" · denoiser: n = {stacks.n}, d = {stacks.d}, noise {stacks.noise:g}"
        + " · median over seeds, band from lowest to highest"
    )
    models = [
        Shown(
            NAMES[name],
            np.asarray(settings.radii_of(name)),
            {
                key.removeprefix(f"{name} "): value
                for key, value in result.arrays.items()
                if key.startswith(f"{name} ")
            },
        )
        for name in ORDER
    ]
    return sphere_summary(
        models, COSINES, title=TITLE, caption=caption, radius=settings.radius
    )


def one_sided(result: Result, name: str, radius: int) -> Float[np.ndarray, " runs"]:
    """Response at −Ŵ_i over that at +Ŵ_i, at inactive features."""
    along = result[f"{name} along"][..., radius]
    plus, minus = (along[:, ALONG.index(f"{sign} inactive")] for sign in "+−")
    return minus / np.where(plus > 0, plus, np.nan)


def rise_to_knee(
    ratio: Float[np.ndarray, "runs radii"],
    radii: tuple[float, ...],
    knee: Float[np.ndarray, " runs"],
) -> Float[np.ndarray, " runs"]:
    """Ratio at the largest radius up to the knee, over that at the smallest radius.

    NaN where no other radius is below the knee: then nothing was tested.
    """
    last = np.array([(np.asarray(radii) <= end).sum() - 1 for end in knee])
    rise = ratio[np.arange(len(ratio)), np.maximum(last, 0)] / ratio[:, 0]
    return np.where(last > 0, rise, np.nan)


def early_share(
    count: Float[np.ndarray, "runs radii"],
    radii: tuple[float, ...],
    knee: Float[np.ndarray, " runs"],
) -> Float[np.ndarray, " runs"]:
    """Most maxima at any radius up to the knee, over the most at any radius.

    NaN for a model that has none at all.
    """
    up_to = np.asarray(radii)[None] <= knee[:, None]
    early = np.where(up_to, count, 0.0).max(axis=1)
    most = count.max(axis=1)
    return early / np.where(most > 0, most, np.nan)


def claims(result: Result) -> list[Claim]:
    """Spikes at features, one-sided, beyond a threshold: for M1 and the denoiser."""
    settings = from_json(result.meta["settings"])
    often, twice, half = AtLeast(SHARE), AtLeast(RATIO), AtMost(ONE_SIDED)
    rising, late = AtLeast(RISE), AtMost(EARLY)
    judged = []
    for name, other in PAIRS.items():
        k, radii = settings.place(name), settings.radii_of(name)
        words = NAMES[name]
        common: dict[str, Any] = {"source": SOURCE, "scale": settings.scale}
        knee = result[f"{name} knee"]
        share, ratio = result[f"{name} share"], result[f"{name} ratio"]
        linear_ratio = result[f"{other} ratio"]
        judged += [
            judge(
                id=f"SPH-2.{name}.share",
                experiment=IDS[0],
                statement=f"maxima around real activations of {words} lie at features",
                statistic="share of maxima with |cos| ≥ 0.95",
                expected="≥ 0.8",
                samples=share[:, k],
                test=often,
                controls=(
                    control("random dictionary", result[f"{name} dictionary"], often),
                    control("linear model", result[f"{other} share"][:, k], often),
                ),
                note=f"largest over radii: {np.median(share, axis=0).max():.2f}",
                **common,
            ),
            judge(
                id=f"SPH-2.{name}.ratio",
                experiment=IDS[0],
                statement=f"maxima around real activations of {words} are spikes",
                statistic="median maximum over a random direction's response",
                expected="≥ 2",
                samples=ratio[:, k],
                test=twice,
                controls=(control("linear model", linear_ratio[:, k], twice),),
                **common,
            ),
            judge(
                id=f"SPH-3.{name}",
                experiment=IDS[1],
                statement=f"inactive features of {words} answer to one sign alone",
                statistic="response at −Ŵ over response at +Ŵ, inactive features",
                expected="no value; at most ½ fixed here",
                samples=one_sided(result, name, k),
                test=half,
                controls=(control("linear model", one_sided(result, other, k), half),),
                **common,
            ),
            judge(
                id=f"SPH-4.{name}.rise",
                experiment=IDS[2],
                statement=f"spikes of {words} rise up to the knee",
                statistic="ratio at the last radius up to the knee over that at "
                f"{radii[0]:g} d̄",
                expected="non-decreasing; ≥ 1.1 fixed here",
                samples=rise_to_knee(ratio, radii, knee),
                test=rising,
                controls=(
                    control(
                        "linear model",
                        rise_to_knee(
                            linear_ratio, radii, np.resize(knee, len(linear_ratio))
                        ),
                        rising,
                    ),
                ),
                note=f"knee at {np.median(knee):.2f} d̄; ratios "
                + ", ".join(f"{v:.2f}" for v in np.median(ratio, axis=0)),
                **common,
            ),
        ]
    knee = result["relu knee"]
    judged.append(
        judge(
            id="SPH-4.relu.late",
            experiment=IDS[2],
            statement="inactive features of M1 have maxima of their own "
            "beyond the knee alone",
            statistic="most maxima up to the knee over most at any radius",
            expected="spikes need a radius beyond the threshold",
            samples=early_share(
                result["relu classes"][..., SPIKE_CLASSES.index("+ inactive")],
                settings.radii,
                knee,
            ),
            test=late,
            controls=(
                control(
                    "maxima of any kind",
                    early_share(result["relu count"], settings.radii, knee),
                    late,
                ),
            ),
            source=SOURCE,
            scale=settings.scale,
        )
    )
    return judged
