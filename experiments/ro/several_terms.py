"""RO-6: how exact must readoffs be to be read k at a time?

A conjunction of k features is read as one sum: Σ r_i against k − ½, which must tell k
active features from k − 1. Figure: the largest error ε of a readoff (standard
deviation) at which a sum is misread in at most 5 % of the samples, over k, for errors
that are the same in all k readoffs, independent, those of a random embedding, those of
an embedding in which the k directions share a part, and where each readoff meets its
own threshold before they are combined.

The catalogue quotes: ε < 1/k is needed when errors correlate, ε < 1/k² when they do
not. As standard deviations, derived before the run, it is ε ∝ 1/k for correlated errors
and 1/√k for independent ones; as mean squared errors ε², 1/k² and 1/k. So 1/k² belongs
to correlated errors in the one reading and to none in the other. All exponents are
judged, over more than two decades of k: −1 ± 0.1 for equal errors and −2 ± 0.2 for
independent ones as quoted, −0.5 ± 0.1 as derived, for independent errors and those of a
random embedding (controls: the other kind of errors).

A sample of a claim is one root of all draws. Nothing is trained. Run time at laptop
scale: 3 s on two idle cores.

Axis letters: `seeds`, `terms` values of k, `kinds` of errors.
"""

from collections.abc import Callable
from typing import Self

import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure

import toymodels as tm
from toymodels.claims import Claim, Within, control, judge
from toymodels.config import check_choice, content_hash, from_json, settings, to_json
from toymodels.plotting import (
    Curve,
    caption_line,
    curve_figure,
    over_seeds,
    plain_log_ticks,
)
from toymodels.probes import (
    correlated_errors,
    embedding_errors,
    tolerated_error,
    tolerated_error_each,
)
from toymodels.result import Result

ID = "RO-6"
TITLE = "How exact k readoffs must be to be read as one sum"
SOURCE = "catalogue RO-6, after Vaintrob, Mendel & Hänni 2024"
KINDS = (
    "the same in all",
    "independent",
    "random embedding",
    "embedding, shared part",
    "each above ½ first",
)
SHARED = 0.5  # cosine between directions that share a part


@settings
class SeveralTerms:
    """Settings of RO-6."""

    terms: tuple[int, ...] = (2, 4, 8, 16, 32, 64, 128, 256)
    trials: int = 2_000  # of Gaussian errors
    embedded: int = 200  # samples of embeddings
    d: int = 256
    active: int = 16  # other active features
    seeds: int = 8
    seed: int = 0  # root of all draws; the verdict's is 0
    scale: str = "laptop"

    @classmethod
    def preset(cls, scale: str) -> Self:
        """The settings of a scale."""
        presets = {
            "smoke": {"terms": (2, 8, 32), "trials": 300, "embedded": 60, "d": 32,
                      "active": 4, "seeds": 3},
            "laptop": {},
            "paper": {"trials": 20_000, "embedded": 3_000, "d": 512, "seeds": 20},
        }  # fmt: skip
        check_choice("scale", scale, presets)
        return cls(scale=scale, **presets[scale])


def compute(settings: SeveralTerms, train: Callable[[tm.TrainSpec], tm.Run]) -> Result:
    """Tolerated error of every kind, seed and k."""
    del train
    rngs = [np.random.default_rng([settings.seed, k]) for k in range(settings.seeds)]
    found = np.array([[_tolerated(settings, rng, k) for k in settings.terms]
                      for rng in rngs])  # fmt: skip
    arrays = {"tolerated": np.moveaxis(found, 2, 0)}
    return Result(arrays=arrays, meta={"settings": to_json(settings)})


def _tolerated(
    settings: SeveralTerms, rng: np.random.Generator, terms: int
) -> list[float]:
    """Of every kind, at one k."""
    common = {"d": settings.d, "active": settings.active}
    independent = correlated_errors(rng, terms, settings.trials, correlation=0.0)
    errors = [
        correlated_errors(rng, terms, settings.trials, correlation=1.0),
        independent,
        embedding_errors(rng, terms, settings.embedded, **common),
        embedding_errors(rng, terms, settings.embedded, **common, shared=SHARED),
    ]
    summed = [tolerated_error(one.sum(axis=1)) for one in errors]
    return [*summed, tolerated_error_each(independent)]


def exponents(
    terms: Float[np.ndarray, " terms"], tolerated: Float[np.ndarray, "seeds terms"]
) -> Float[np.ndarray, " seeds"]:
    """Slope of ln ε over ln k, for every seed."""
    return np.polyfit(np.log(terms), np.log(tolerated).T, 1)[0]


def plot(result: Result) -> dict[str, Figure | bytes]:
    """Tolerated errors over k."""
    settings = from_json(result.meta["settings"])
    k = np.asarray(settings.terms, float)
    start = np.median(result["tolerated"][0][:, 0]) * k[0]
    curves = [
        over_seeds(kind, k, found)
        for kind, found in zip(KINDS, result["tolerated"], strict=True)
    ]
    for power, color in ((1, 0), (2, 6)):
        label = "∝ 1/k" if power == 1 else "∝ 1/k², as quoted for uncorrelated errors"
        line = start / k[0] * (k[0] / k) ** power
        curves.append(Curve(label, k, line, dashed=True, color=color))
    figure = curve_figure(
        curves,
        xlabel="readoffs k in the sum",
        ylabel="tolerated error ε of a readoff",
        xscale="log",
        yscale="log",
        ylim=(2e-4, 1.0),
        title=TITLE,
        caption=caption_line(
            seeds=settings.seeds,
            scale=settings.scale,
            fingerprint=content_hash(settings),
            others={
                "misread": "5 %",
                "embedding": f"d = {settings.d}, {settings.active} active",
                "shared part": f"cosine {SHARED:g}",
                "samples": f"{settings.trials:,}, {settings.embedded} embeddings",
                "band": "from lowest to highest seed",
            },
        ),
    )
    plain_log_ticks(figure.axes[0].xaxis)
    return {"terms": figure}


def claims(result: Result) -> list[Claim]:
    """Exponents of the tolerated error, as quoted and as derived."""
    settings = from_json(result.meta["settings"])
    k = np.asarray(settings.terms, float)
    slope = {
        kind: exponents(k, found)
        for kind, found in zip(KINDS, result["tolerated"], strict=True)
    }
    same, independent, embedded, shared, each = (slope[kind] for kind in KINDS)
    common = {
        "experiment": ID,
        "source": SOURCE,
        "scale": settings.scale,
        "statistic": f"slope of ln ε over ln k, k = {k[0]:.0f} to {k[-1]:.0f}",
    }
    one, half, two = Within(-1.1, -0.9), Within(-0.6, -0.4), Within(-2.2, -1.8)
    return [
        judge(
            id="RO-6.correlated",
            statement="correlated errors must be below order 1/k",
            expected="−1",
            samples=same,
            test=one,
            controls=(control("independent errors", independent, one),),
            note=f"directions with a shared part: {np.median(shared):.2f}",
            **common,
        ),
        judge(
            id="RO-6.quoted",
            statement="uncorrelated errors must be below order 1/k²",
            expected="−2, as quoted",
            samples=independent,
            test=two,
            controls=(control("correlated errors", same, two),),
            note="as mean squared errors: "
            f"{2 * np.median(independent):.2f} for independent ones, "
            f"{2 * np.median(same):.2f} for correlated ones",
            **common,
        ),
        judge(
            id="RO-6.independent",
            statement="independent errors must be below order 1/√k",
            expected="−0.5, derived",
            samples=independent,
            test=half,
            controls=(control("correlated errors", same, half),),
            note=f"with a threshold for each readoff first: {np.median(each):.2f}",
            **common,
        ),
        judge(
            id="RO-6.embedding",
            statement="the errors of a random embedding add up like independent ones",
            expected="−0.5, derived",
            samples=embedded,
            test=half,
            controls=(control("directions with a shared part", shared, half),),
            **common,
        ),
    ]
