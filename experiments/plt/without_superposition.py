"""PLT-7: are there plateaus without superposition?

Figure: r10(A)/r10(B), as in PLT-1, of stacks of one width d whose n features do not
(n = ¾ d) or do (n = 2d) exceed it, with the same mean number of active features; in KL
and L2 of a logistic head and in L2 with squared error; linear controls beside.

Claims: the ratio of the model with n ≤ d is at least 1.25, the threshold of PLT-1.
Where that holds, "a plateau shows superposition" is refuted, which SCIENCE 4.1 expects.
`PLT-7.superposition` is that of squared error, where no readout is a threshold;
`PLT-7.kl` and `PLT-7.distance` are those of the logistic head. Control: M7.
`PLT-7.more`: the ratio at n = 2d over that at n = ¾ d with squared error is at least
1.05: is there more of a plateau with superposition? Control: M7. `PLT-7.directions` is
PLT-2 there: with n ≤ d and squared error, the smaller Cohen's d of pushes along a
feature and towards another activation over covariance-matched ones is at least 0.5.

E is random, so its columns are not orthogonal where n ≤ d either, but they are linearly
independent: a linear map tells them apart exactly. One sample of a claim is one seed.
Run time at laptop scale: 30 s on two idle cores, after the runs of PLT-1.

Axis letters: `seeds`, `sizes` n, `bases`, `radii`.
"""

from collections.abc import Callable

import numpy as np
from matplotlib.figure import Figure

import toymodels as tm
from experiments.denoisers import SOURCE, Denoisers, only, response
from experiments.plt._measures import cohen_d, flat, plateau_ratio
from toymodels.claims import AtLeast, Claim, control, judge
from toymodels.config import from_json, settings, to_json
from toymodels.plotting import over_seeds, small_multiples
from toymodels.probes import response_area
from toymodels.result import Result

ID = "PLT-7"
TITLE = "Plateaus without superposition"
ANSWERS = {
    "squared": ("linear", "last", "L2, squared error"),
    "distance": ("logistic", "last", "L2, logistic head"),
    "kl": ("logistic", "kl", "KL, logistic head"),
}
RATIO, MORE, EFFECT = 1.25, 1.05, 0.5
FAMILIES = ("covariance", "real_other", "feature")


@settings
class WithoutSuperposition(Denoisers):
    """Settings of PLT-7."""

    shares: tuple[float, ...] = (0.75,)  # n over d without superposition

    def sizes(self) -> tuple[int, ...]:
        """Numbers of features n, rising."""
        return (*(int(share * self.d) for share in self.shares), self.n)


def compute(
    settings: WithoutSuperposition, train: Callable[[tm.TrainSpec], tm.Run]
) -> Result:
    """The ratio and Cohen's d of every size, (runs, sizes)."""
    arrays: dict[str, list] = {}
    for head in ("linear", "logistic"):
        for model in ("relu", "identity"):
            for n in settings.sizes():
                run = _run(settings, train, n, head=head, activation=model)
                for name, value in _measured(settings, run, head).items():
                    name = name.format(model=model)
                    arrays.setdefault(name, []).append(value)
    return Result(
        arrays={name: np.stack(found, axis=1) for name, found in arrays.items()},
        meta={"settings": to_json(settings)},
    )


def _run(
    settings: WithoutSuperposition,
    train: Callable[[tm.TrainSpec], tm.Run],
    n: int,
    **changes: str,
) -> tm.Run:
    if n == settings.n:  # the ensemble of PLT-1
        return only(train(settings.spec(**changes)), settings.place)
    return train(settings.judged(n=n, **changes))


def _measured(
    settings: WithoutSuperposition, run: tm.Run, head: str
) -> dict[str, np.ndarray]:
    a, b = (
        settings.perturbed(run, FAMILIES, start=start).responses
        for start in ("real", "gaussian")
    )
    found = {}
    for answer, (of_head, where, _) in ANSWERS.items():
        if of_head == head:
            where = settings.last if where == "last" else where
            real, gaussian = (response(one, where) for one in (a, b))
            radii = settings.lengths()
            found[f"{answer}/{{model}}"] = plateau_ratio(radii, real, gaussian)[:, 0]
            area = response_area(radii, flat(real))
            found[f"{answer}/{{model}}/effect"] = np.minimum(
                cohen_d(area[:, 1], area[:, 0]), cohen_d(area[:, 2], area[:, 0])
            )
    return found


def plot(result: Result) -> dict[str, Figure | bytes]:
    """The ratio over the number of features in each dimension."""
    settings = from_json(result.meta["settings"])
    crowding = np.array(settings.sizes()) / settings.d
    panels = {
        label: [
            over_seeds("trained ReLU model", crowding, result[f"{answer}/relu"]),
            over_seeds("linear control", crowding, result[f"{answer}/identity"]),
        ]
        for answer, (_, _, label) in ANSWERS.items()
    }
    first, last = np.median(result["squared/relu"], axis=0)[[0, -1]]
    return {
        "without_superposition": small_multiples(
            panels,
            xlabel="features per dimension",
            ylabel="r10(A)/r10(B)",
            references={"1.25": RATIO, "no plateau": 1.0},
            title=f"With squared error, r10(A)/r10(B) is {first:.2f} without and "
            f"{last:.2f} with superposition",
            caption=settings.caption(
                push="covariance-matched", noise=settings.noise, band="all seeds", n=""
            ),
        )
    }


def claims(result: Result) -> list[Claim]:
    """A plateau without superposition, in each answer; and more of it with."""
    settings = from_json(result.meta["settings"])
    common = {"experiment": ID, "source": SOURCE, "scale": settings.scale}
    plateau, more = AtLeast(RATIO), AtLeast(MORE)
    judged = []
    for answer, (_, _, label) in ANSWERS.items():
        found, linear = (result[f"{answer}/{m}"] for m in ("relu", "identity"))
        sizes = ", ".join(
            f"n = {n}: {value:.2f}"
            for n, value in zip(
                settings.sizes(), np.nanmedian(found, axis=0), strict=True
            )
        )
        judged.append(
            judge(
                id=f"PLT-7.{'superposition' if answer == 'squared' else answer}",
                statement="a model without superposition (n ≤ d) has plateaus too "
                f"({label})",
                statistic="median r10(A)/r10(B) of the model with n ≤ d",
                expected="≥ 1.25",
                samples=found[:, :-1].min(axis=1),
                test=plateau,
                controls=(
                    control("linear model", linear[:, :-1].min(axis=1), plateau),
                ),
                note=sizes,
                **common,
            )
        )
    found, linear = (result[f"squared/{m}"] for m in ("relu", "identity"))
    judged.append(
        judge(
            id="PLT-7.more",
            statement="with superposition there is more of a plateau",
            statistic=f"r10(A)/r10(B) at n = {settings.n} over that at n = "
            f"{settings.sizes()[0]}, squared error",
            expected="> 1",
            samples=found[:, -1] / found[:, 0],
            test=more,
            controls=(control("linear model", linear[:, -1] / linear[:, 0], more),),
            **common,
        )
    )
    effect, none = (result[f"squared/{m}/effect"] for m in ("relu", "identity"))
    apart = AtLeast(EFFECT)
    judged.append(
        judge(
            id="PLT-7.directions",
            statement="without superposition, too, pushes along features and towards "
            "other activations matter more than covariance-matched ones",
            statistic="the smaller Cohen's d of the two, n ≤ d, squared error",
            expected="≥ 0.5",
            samples=effect[:, :-1].min(axis=1),
            test=apart,
            controls=(control("linear model", none[:, :-1].min(axis=1), apart),),
            note=f"{np.median(effect[:, -1]):.2f} with superposition",
            **common,
        )
    )
    return judged
