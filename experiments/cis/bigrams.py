"""CIS-8: one attention head checks many feature bigrams at once.

Figure: how far scores q·k of a head are from "this pair is on the list", against the
number B of pairs on the list, for head dimensions from 8 to 128; and the list at which
the root mean square error reaches 1/2, against the head dimension. Features are random
unit vectors e_i in the residual stream, more than it has dimensions. The head is
constructed, after Vaintrob, Mendel & Hänni 2024, who give Θ̃(d_head·d_resid) bigrams
and a noise of √(B/(d_resid·d_head)): queries are random projections, q = R e, and keys
collect, for each pair (a, b) on the list, the query of a where b is present,

    K = Σ_(a,b) (R e_a/‖R e_a‖²) e_bᵀ,   score(i, j) = (R e_i)·(K e_j).

Claims, fixed before the runs: the root mean square score of pairs off the list, over
√(B/(d_resid·d_head)), is between 0.8 and 1.25 at the head where it is farthest from 1,
in the median over lists (our threshold); the slope of the largest list over the head
dimension is within 0.2 of 1 (threshold of ARCH-4). Control of both: a sum of selectors,
half a point for each member that occurs on the list at its place, which is the linear
form of the head: what it can tell does not depend on the head dimension.

The stated noise is the leading order for d_head ≪ d_resid ≪ n; overlaps of e_i and e_a
add 1/d_resid to the 1/d_head of their queries, uneven lengths of queries 2/d_head of
it, pairs that share a feature about d_resid/n. On calibration seed 1, with d_resid =
256 and n = 4,096, they came to 17 % together, and all sizes were doubled for that
reason. The note of the claim has each head. One sample of a claim is one seed. Run time
at laptop scale: about 10 s on two idle cores.

Axis letters: `seeds`, `heads` head dimensions, `lists` sizes B, n features.
"""

from collections.abc import Callable

import numpy as np
import scipy.sparse
from jaxtyping import Float, Int
from matplotlib.figure import Figure

import toymodels as tm
from experiments.cis._gates import decades, first_crossing, log_slope
from toymodels.claims import AtMost, Claim, Within, control, judge
from toymodels.config import check_choice, content_hash, from_json, settings, to_json
from toymodels.plotting import Curve, caption_line, curve_figure, over_seeds
from toymodels.result import Result

ID = "CIS-8"
TITLE = "Feature bigrams that one attention head can check"
SOURCE = "Vaintrob, Mendel & Hänni 2024, feature bigrams in a QK circuit"


@settings
class FeatureBigrams:
    """Settings of CIS-8."""

    n: int = 8_192
    stream: int = 512  # d_resid
    heads: tuple[int, ...] = (8, 16, 32, 64, 128)  # d_head
    shares: tuple[float, ...] = (
        0.01, 0.03, 0.06, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.6,
    )  # fmt: skip
    selector_shares: tuple[float, ...] = (0.2, 0.4, 0.6, 0.8, 1.0, 1.3, 1.6)  # B/n
    tested: int = 2_000  # pairs on the list, and as many off it
    wrong: float = 0.5
    seeds: int = 5
    seed: int = 0
    scale: str = "laptop"

    @classmethod
    def preset(cls, scale: str) -> "FeatureBigrams":
        """The settings of a scale."""
        presets = {
            "smoke": {
                "n": 256, "stream": 64, "heads": (8, 32), "tested": 200, "seeds": 2,
            },
            "laptop": {},
            "paper": {
                "n": 32_768, "stream": 1_024, "heads": (8, 16, 32, 64, 128, 256),
                "tested": 10_000, "seeds": 20,
            },
        }  # fmt: skip
        check_choice("scale", scale, presets)
        return cls(scale=scale, **presets[scale])

    def lists(self) -> Int[np.ndarray, "heads lists"]:
        """Sizes of the lists: shares of d_resid·d_head."""
        sizes = np.outer(np.array(self.heads) * self.stream, self.shares)
        return np.maximum(np.round(sizes), 2).astype(int)


def random_pairs(
    rng: np.random.Generator, n: int, count: int
) -> Int[np.ndarray, "count ends"]:
    """Different ordered pairs of features."""
    flat = rng.choice(n * n, size=count, replace=False)
    return np.stack([flat // n, flat % n], axis=1)


def pairs_off(
    rng: np.random.Generator, pairs: Int[np.ndarray, "count ends"], n: int, count: int
) -> Int[np.ndarray, "off ends"]:
    """About `count` random pairs that are not listed."""
    made = random_pairs(rng, n, count)
    return made[~np.isin(made @ [n, 1], pairs @ [n, 1])]


def head_scores(
    queries: Float[np.ndarray, "n d_head"],
    directions: Float[np.ndarray, "n d_resid"],
    pairs: Int[np.ndarray, "count ends"],
    tested: Int[np.ndarray, "tested ends"],
) -> Float[np.ndarray, " tested"]:
    """Scores (R e_i)·(K e_j) of tested pairs, with K made for the listed ones.

    Args:
        queries: R e_i of every feature.
        directions: e_i of every feature.
        pairs: on the list.
        tested: pairs (i, j).
    """
    asked = queries[pairs[:, 0]]
    asked = asked / (asked**2).sum(axis=1, keepdims=True)
    # Summed by key feature first: a list has more pairs than there are features.
    place = np.arange(len(pairs))
    by_key = scipy.sparse.csr_array(
        (np.ones(len(pairs), asked.dtype), (pairs[:, 1], place)),
        shape=(len(directions), len(pairs)),
    )
    K = (by_key @ asked).T @ directions
    keys = directions[tested[:, 1]] @ K.T
    return (queries[tested[:, 0]] * keys).sum(axis=1)


def selector_scores(
    pairs: Int[np.ndarray, "count ends"], tested: Int[np.ndarray, "tested ends"]
) -> Float[np.ndarray, " tested"]:
    """Half for a first member that is listed as such, and half for a second one.

    Exact selectors: their readoffs in superposition would only be worse.
    """
    first = np.isin(tested[:, 0], pairs[:, 0])
    second = np.isin(tested[:, 1], pairs[:, 1])
    return (first + second.astype(float)) / 2


def errors_of(scores: Float[np.ndarray, " tested"], listed: int) -> tuple[float, float]:
    """Root mean square error, and that of unlisted pairs alone.

    Listed and unlisted pairs count the same, however short the list is.

    Args:
        scores: of listed pairs, then of others.
        listed: how many are listed.
    """
    square = (np.mean((scores[:listed] - 1) ** 2), np.mean(scores[listed:] ** 2))
    return float(np.sqrt(np.mean(square))), float(np.sqrt(square[1]))


def compute(
    settings: FeatureBigrams, train: Callable[[tm.TrainSpec], tm.Run]
) -> Result:
    """Noise and errors of every head and list; nothing is trained."""
    del train
    sizes = settings.lists()
    few = np.round(np.array(settings.selector_shares) * settings.n).astype(int)
    shape = (settings.seeds, *sizes.shape)
    head, summed = np.empty((2, *shape)), np.empty((2, *shape))
    selectors = np.empty((*shape[:2], len(few)))
    for seed in range(settings.seeds):
        rng = np.random.default_rng([settings.seed, seed])
        directions = rng.normal(size=(settings.n, settings.stream)).astype(np.float32)
        directions /= np.linalg.norm(directions, axis=1, keepdims=True)

        def drawn(count: int, rng: np.random.Generator = rng) -> tuple[np.ndarray, ...]:
            pairs = random_pairs(rng, settings.n, count)
            on = pairs[rng.choice(count, size=min(count, settings.tested))]
            off = pairs_off(rng, pairs, settings.n, settings.tested)
            return pairs, on, np.concatenate([on, off])

        for h, d in enumerate(settings.heads):
            projection = rng.normal(size=(settings.stream, d)) / np.sqrt(d)
            queries = directions @ projection.astype(np.float32)
            for k, count in enumerate(sizes[h].tolist()):
                pairs, on, tested = drawn(count)
                scores = head_scores(queries, directions, pairs, tested)
                head[:, seed, h, k] = errors_of(scores, len(on))
                scores = selector_scores(pairs, tested)
                summed[:, seed, h, k] = errors_of(scores, len(on))
            # Their largest list does not lie among those of every head.
            for k, count in enumerate(few.tolist()):
                pairs, on, tested = drawn(count)
                scores = selector_scores(pairs, tested)
                selectors[seed, h, k] = errors_of(scores, len(on))[0]
    expected = np.sqrt(sizes / (settings.stream * np.array(settings.heads)[:, None]))
    return Result(
        arrays={
            "lists": sizes,
            "error": head[0],
            "noise": head[1] / expected,
            "selector_noise": summed[1] / expected,
            "selector_lists": np.tile(few, (len(settings.heads), 1)),
            "selectors": selectors,
        },
        meta={"settings": to_json(settings)},
    )


def largest_lists(result: Result, what: str) -> Float[np.ndarray, "seeds heads"]:
    """The list at which the error reaches the limit; NaN outside the lists tried."""
    settings = from_json(result.meta["settings"])
    name = "selector_lists" if what == "selectors" else "lists"
    sizes = result[name].astype(float)
    return np.array(
        [
            [
                first_crossing(x, y, settings.wrong)
                for x, y in zip(sizes, of_seed, strict=True)
            ]
            for of_seed in result[what]
        ]
    )


def plot(result: Result) -> dict[str, Figure | bytes]:
    """Errors over the list, and the largest list over the head dimension."""
    settings = from_json(result.meta["settings"])
    caption = caption_line(
        seeds=settings.seeds,
        scale=settings.scale,
        fingerprint=content_hash(settings),
        others={
            "n": f"{settings.n:,}",
            "d_resid": settings.stream,
            "pairs tested": f"2 × {settings.tested:,}",
            "bands": "all seeds",
        },
    )
    heads, sizes = np.array(settings.heads, float), result["lists"]
    found = largest_lists(result, "error")
    column = found[:, len(heads) // 2]
    centre = np.median(column[np.isfinite(column)]) if np.isfinite(column).any() else 1
    curves = [
        over_seeds(f"d_head = {d}", sizes[h], result["error"][:, h])
        for h, d in enumerate(settings.heads)
    ]
    curves.append(
        Curve(
            "sum of selectors",
            result["selector_lists"][-1],
            np.median(result["selectors"][:, -1], axis=0),
            dashed=True,
            color=6,
        )
    )
    return {
        "errors": curve_figure(
            curves,
            xlabel="bigrams B on the list",
            ylabel="root mean square error of a score",
            xscale="log",
            references={"limit": settings.wrong},
            title=TITLE,
            caption=caption,
        ),
        "largest": curve_figure(
            [
                over_seeds("constructed head", heads, found),
                over_seeds(
                    "sum of selectors", heads, largest_lists(result, "selectors")
                ),
                Curve(
                    "∝ d_head",
                    heads,
                    float(centre) * heads / heads[len(heads) // 2],
                    dashed=True,
                ),
            ],
            xlabel="head dimension",
            ylabel="largest list",
            xscale="log",
            yscale="log",
            title=f"Largest list at an error of {settings.wrong:g}",
            caption=caption,
        ),
    }


def claims(result: Result) -> list[Claim]:
    """Noise as stated, and lists that grow with the head."""
    settings = from_json(result.meta["settings"])
    common = {"experiment": ID, "source": SOURCE, "scale": settings.scale}
    near, linear = AtMost(1.25), Within(0.8, 1.2)

    def noise(what: str) -> np.ndarray:
        by_head = np.median(result[what], axis=2)
        return np.exp(np.abs(np.log(by_head)).max(axis=1))

    def slope(what: str) -> np.ndarray:
        return log_slope(settings.heads, largest_lists(result, what))

    largest = np.median(largest_lists(result, "error"), axis=0)
    ratios = np.median(result["noise"], axis=(0, 2))
    by_head = ", ".join(
        f"{r:.3g} at {d}" for r, d in zip(ratios, settings.heads, strict=True)
    )
    return [
        judge(
            id="CIS-8.noise",
            statement="a list of B bigrams adds noise √(B/(d_resid·d_head))",
            statistic="factor between measured and stated noise of unlisted pairs, at "
            "the head where it is largest",
            expected=1.0,
            samples=noise("noise"),
            test=near,
            controls=(control("sum of selectors", noise("selector_noise"), near),),
            note=f"by head: {by_head}",
            **common,
        ),
        judge(
            id="CIS-8.grows",
            statement="the largest list grows in proportion to the head dimension",
            statistic=f"slope of log list at error < {settings.wrong:g} over log "
            f"d_head, {decades(settings.heads):.1f} decades",
            expected=1.0,
            samples=slope("error"),
            test=linear,
            controls=(control("sum of selectors", slope("selectors"), linear),),
            note=f"{largest[-1]:.0f} bigrams at d_head = {settings.heads[-1]}, "
            f"{largest[-1] / settings.heads[-1] / settings.stream:.3f} of "
            "d_head·d_resid",
            **common,
        ),
    ]
