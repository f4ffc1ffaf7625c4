"""CIS-7: thresholds between blocks keep the error of a deep circuit flat.

Figure: error of the state against depth in a constructed boolean circuit of 12 blocks
on 1,024 features in 512 dimensions, with correction blocks, without, and with linear
ones (M7), at several levels of noise at the input. Hänni, Mendel, Vaintrob & Chan 2024
(2408.05451) put error-correction layers between layers that compute in superposition,
whose errors would otherwise add up with depth; Adler & Shavit 2024 (2409.15318)
threshold for the same reason. Their width of about m^(2/3) s² has unknown constants:
here a correction block reads every feature with two neurons, and the question is depth,
not width. The circuit, a comparator network, is described in
`experiments.cis._circuits`; the error is ‖h − E x‖ over √s, of s features that are on.

Claims, with the threshold of the catalogue, fixed before the runs: without correction
the slope of the error over depth is at least 3 times the one with it; measured as the
slope with over the slope without ≤ 1/3, which stays finite when the former is 0.
Controls: identity blocks in place of correction (ratio 1 by construction), and linear
ones (M7). The verdict is at noise 0.2; the others are in the note. Added: without
correction the slope is above 0.02 a block, so that there is growth to be stopped
(control: with correction).

Thresholds must lie above the noise of readoffs, √(s/d): at d = 256 with thresholds of
1/4 and 3/4, tried first on calibration seed 1, false readoffs make more false readoffs
and correction is worse than nothing. One sample of a claim is one seed, a circuit of
its own. Run time at laptop scale: about 5 s on two idle cores.

Axis letters: `seeds`, `noises`, `layers` = depth + 1.
"""

from collections.abc import Callable

import numpy as np
from matplotlib.figure import Figure

import toymodels as tm
from experiments.cis._circuits import (
    CORRECTIONS,
    errors_by_depth,
    random_circuit,
    slope_over_depth,
)
from toymodels.claims import AtLeast, AtMost, Claim, control, judge
from toymodels.config import check_choice, content_hash, from_json, settings, to_json
from toymodels.plotting import caption_line, over_seeds, small_multiples
from toymodels.result import Result

ID = "CIS-7"
TITLE = "Error against depth, with and without correction"
SOURCE = "Hänni et al. 2024, 2408.05451; Adler & Shavit 2024, 2409.15318"
SHOWN = (1e-3, 10.0)  # an error of 0 has no place on a log axis, the linear no end
LEAST_GROWTH = 0.02  # of the error without correction, a block
LABELS = {
    "threshold": "correction blocks",
    "identity": "identity blocks",
    "linear": "linear blocks (M7)",
}


@settings
class ErrorCorrection:
    """Settings of CIS-7."""

    n: int = 1_024
    d: int = 512
    depth: int = 12
    gates: int = 32  # of a compute block
    active: int = 4  # s
    noises: tuple[float, ...] = (0.0, 0.2, 0.4)
    noise: float = 0.2  # the one that is judged
    samples: int = 128
    seeds: int = 5
    seed: int = 0
    scale: str = "laptop"

    @classmethod
    def preset(cls, scale: str) -> "ErrorCorrection":
        """The settings of a scale."""
        presets = {
            "smoke": {
                "n": 128, "d": 96, "depth": 4, "gates": 8, "samples": 64, "seeds": 2,
                "active": 2, "noises": (0.0, 0.2),
            },
            "laptop": {},
            "paper": {
                "n": 4_096, "d": 1_024, "depth": 48, "gates": 128, "seeds": 20,
            },
        }  # fmt: skip
        check_choice("scale", scale, presets)
        return cls(scale=scale, **presets[scale])


def compute(
    settings: ErrorCorrection, train: Callable[[tm.TrainSpec], tm.Run]
) -> Result:
    """Errors of every circuit, noise and correction; nothing is trained."""
    del train
    shape = (settings.seeds, len(settings.noises), settings.depth + 1)
    arrays = {kind: np.empty(shape) for kind in CORRECTIONS}
    for seed in range(settings.seeds):
        rng = np.random.default_rng([settings.seed, seed])
        circuit = random_circuit(
            rng,
            n=settings.n,
            d=settings.d,
            depth=settings.depth,
            gates=settings.gates,
        )
        ranks = rng.random((settings.n, settings.samples)).argsort(axis=0)
        start = ranks.argsort(axis=0) < settings.active
        for k, noise in enumerate(settings.noises):
            for kind in CORRECTIONS:
                # The same noise for all three.
                drawn = np.random.default_rng([settings.seed, seed, k])
                arrays[kind][seed, k] = errors_by_depth(
                    circuit, start, noise=noise, correction=kind, rng=drawn
                )
    return Result(arrays=arrays, meta={"settings": to_json(settings)})


def plot(result: Result) -> dict[str, Figure | bytes]:
    """Error over depth, one panel a noise."""
    settings = from_json(result.meta["settings"])
    depth = np.arange(settings.depth + 1)
    return {
        "depth": small_multiples(
            {
                f"noise {noise:g}": [
                    over_seeds(LABELS[kind], depth, np.clip(result[kind][:, k], *SHOWN))
                    for kind in CORRECTIONS
                ]
                for k, noise in enumerate(settings.noises)
            },
            xlabel="compute blocks",
            ylabel="error ‖h − Ex‖/√s",
            yscale="log",
            references={"signal": 1.0},
            columns=3,
            title=TITLE,
            caption=caption_line(
                seeds=settings.seeds,
                scale=settings.scale,
                fingerprint=content_hash(settings),
                others={
                    "n": settings.n,
                    "d": settings.d,
                    "features on": settings.active,
                    "gates a block": settings.gates,
                    "samples": settings.samples,
                    "bands": "all seeds",
                    "drawn": f"from {SHOWN[0]:g} to {SHOWN[1]:g}",
                },
            ),
        )
    }


def claims(result: Result) -> list[Claim]:
    """Growth without correction, and at most a third of it with."""
    settings = from_json(result.meta["settings"])
    common = {"experiment": ID, "source": SOURCE, "scale": settings.scale}
    place = settings.noises.index(settings.noise)
    slopes = {kind: slope_over_depth(result[kind]) for kind in CORRECTIONS}
    at = {kind: slope[:, place] for kind, slope in slopes.items()}
    third, grows = AtMost(1 / 3), AtLeast(LEAST_GROWTH)
    # Where nothing grows there is no ratio to speak of.
    growth = np.where(at["identity"] >= LEAST_GROWTH, at["identity"], np.nan)
    ratios = np.median(slopes["threshold"] / slopes["identity"], axis=0)
    told = ", ".join(
        f"{ratio:.3g} at noise {noise:g}"
        for ratio, noise in zip(ratios, settings.noises, strict=True)
    )
    return [
        judge(
            id="CIS-7.flat",
            statement="correction blocks keep the error from growing with depth",
            statistic=f"slope over depth with correction over that without, at noise "
            f"{settings.noise:g}",
            expected="≤ 1/3",
            samples=at["threshold"] / growth,
            test=third,
            controls=(
                control("identity blocks", at["identity"] / growth, third),
                control("linear blocks", at["linear"] / growth, third),
            ),
            note=told,
            **common,
        ),
        judge(
            id="CIS-7.growth",
            statement="without correction the error grows with depth",
            statistic="slope of ‖h − Ex‖/√s over depth, a block",
            expected="above 0",
            samples=at["identity"],
            test=grows,
            controls=(control("with correction", at["threshold"], grows),),
            **common,
        ),
    ]
