"""Which models ISO-4 trains, and in which rows of its figure they are measured.

M1 is the tied autoencoder, pushed in the hidden layer (and once at the input); M4 takes
absolute values of signed features with fewer neurons than features, pushed at the
input, and adds ReLU(x) to a residual stream; M3 are the residual denoisers of
`experiments.denoisers`, pushed where features are embedded. Around one setting of M1
each of p, n/d, q and the noise in training is varied alone.

Axis letters: `rows`, `seeds`; n features, d hidden dimensions.
"""

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

import toymodels as tm
from experiments.denoisers import Denoisers
from experiments.iso._trained import Models, models_of
from toymodels.config import check_choice, content_hash, settings
from toymodels.plotting import caption_line
from toymodels.probes import Level, Rays
from toymodels.probes.contours import PROBABILITY
from toymodels.training.state import init

Train = Callable[[tm.TrainSpec], tm.Run]
LEVELS = (
    *(Level(kind="plateau", value=value) for value in (0.25, 0.5, 0.75)),
    *(Level(kind="peak", value=value) for value in (0.1, 0.25, 0.5)),
)


@settings
class TrainedModels:
    """Settings of the ensembles and of their contours."""

    n: int = 64
    d: int = 16
    other_d: tuple[int, ...] = (8, 32)
    probabilities: tuple[float, ...] = (0.2, 0.1, 0.05, 0.02)
    probability: float = 0.05  # the one that is judged
    exponents: tuple[float, ...] = (3.0, 4.0, 6.0)
    noises: tuple[float, ...] = (0.1, 0.2)
    neurons: int = 48  # of M4, which needs 2n for all features without superposition
    steps: int = 3000
    linear_steps: int = 1000
    batch: int = 256
    learning_rate: float = 3e-3
    snapshots: tuple[int, ...] = (0, 50, 150, 400, 1000)
    seeds: int = 6
    pairs: int = 80
    denoiser_pairs: int = 40  # of M3, four blocks of which cost as much as all others
    angles: int = 15
    coarse: int = 48
    reach: float = 1.5  # in mean distances between real activations
    seed: int = 0  # root of everything; the verdict's is 0
    scale: str = "laptop"

    @classmethod
    def preset(cls, scale: str) -> Self:
        """The settings of a scale."""
        presets = {
            "smoke": {
                "n": 16, "d": 6, "other_d": (4,), "probabilities": (0.2, 0.1),
                "probability": 0.1, "exponents": (4.0,), "noises": (0.1,),
                "neurons": 14, "steps": 300, "linear_steps": 50, "batch": 64,
                "snapshots": (0, 30), "seeds": 3, "pairs": 4,
                "denoiser_pairs": 4, "angles": 7,
                "coarse": 12,
            },
            "laptop": {},
            "paper": {
                "n": 128, "d": 32, "other_d": (16, 64), "neurons": 96, "seeds": 12,
                "steps": 20_000, "linear_steps": 4000, "batch": 1024,
                "denoiser_pairs": 80, "angles": 60, "coarse": 128,
            },
        }  # fmt: skip
        check_choice("scale", scale, presets)
        return cls(scale=scale, **presets[scale])

    def spec(self, model: tm.Autoencoder | tm.ComputationModel, **changes: Any):
        """An ensemble of M1 or M4 at the judged probability, unless changed."""
        computes = isinstance(model, tm.ComputationModel)
        usual = {
            "features": self.features(self.probability, computes),
            "objective": tm.Objective(target=self.target(model)),
            "steps": self.steps,
        }
        return tm.TrainSpec(
            model=model,
            optimiser=tm.Optimiser(
                name="adam", learning_rate=self.learning_rate, weight_decay=0.0
            ),
            seeds=self.seeds,
            batch=self.batch,
            seed=self.seed,
            **(usual | changes),
        )

    @staticmethod
    def target(model: tm.Autoencoder | tm.ComputationModel) -> str:
        """What a model is trained for."""
        if isinstance(model, tm.Autoencoder):
            return "identity"
        return "x_plus_relu" if model.residual else "abs"

    def features(
        self, probability: float | Sequence[float], signed: bool
    ) -> tm.IndependentFeatures:
        """Samples of one probability, or of one a member."""
        p = np.asarray(probability)
        return tm.IndependentFeatures(
            n=self.n,
            probability=p[:, None] if p.ndim else p.item(),
            values="signed" if signed else "uniform",
        )

    def denoisers(self) -> Denoisers:
        """Those that the plateau experiments train as well."""
        return dataclasses.replace(Denoisers.preset(self.scale), seed=self.seed)

    def rays(self) -> Rays:
        """Where boundaries are looked for."""
        return Rays(
            reach=self.reach, angles=self.angles, coarse=self.coarse, halvings=4
        )

    def caption(self, **others: Any) -> str:
        """What a reader needs to make a figure again."""
        shown = {
            "n": self.n,
            "d": self.d,
            "p": self.probability,
            "neurons of M4": self.neurons,
            "steps": f"{self.steps:,}",
            "batch": self.batch,
            "pairs": f"{self.pairs} ({self.denoiser_pairs} of M3)",
            "reach": f"{self.reach:g} mean distances",
        }
        return caption_line(
            seeds=self.seeds,
            loss="sum",
            optimiser=f"Adam {self.learning_rate:g}",
            scale=self.scale,
            fingerprint=content_hash(self),
            others=shown | others,
        )


@dataclass(frozen=True)
class Family:
    """Models of one kind that are measured at one place, row after row.

    Attributes:
        names: of the rows.
        layer: where activations are pushed.
        output: what is compared.
        trained: one member after another, in the order of the names.
        untrained: their initial weights, of as many members or of one for all rows.
        linear: the linear control, likewise; None where none is trained.
        series: the row that is followed through training; empty for none.
        snapshots: its models, a member for each snapshot and one for the end.
    """

    names: tuple[str, ...]
    layer: str
    output: str
    trained: Models
    untrained: Models
    linear: Models | None
    series: str = ""
    snapshots: Models | None = None


def families(settings: TrainedModels, train: Train) -> list[Family]:
    """Everything that is measured."""
    return [
        *_autoencoders(settings, train),
        *_computations(settings, train),
        *_denoisers(settings, train),
    ]


def _autoencoders(settings: TrainedModels, train: Train) -> list[Family]:
    ps, noises, qs = settings.probabilities, settings.noises, settings.exponents
    usual = settings.probability
    model = tm.Autoencoder(n=settings.n, d=settings.d)
    every = (*ps, *(usual for _ in noises))
    varied = train(
        settings.spec(
            model,
            features=settings.features(every, signed=False),
            noise=np.array([0.0] * len(ps) + list(noises)),
            snapshots=settings.snapshots,
        )
    )
    powers = train(settings.spec(model, exponent=np.array(qs), members=len(qs)))
    linear = train(
        settings.spec(
            model.linear_control(),
            features=settings.features(ps, signed=False),
            steps=settings.linear_steps,
        )
    )
    place = ps.index(usual)
    with_p = {"values": "uniform"}
    trained = models_of(varied, tuple(range(len(every))), every, **with_p).joined(
        models_of(powers, tuple(range(len(qs))), (usual,) * len(qs), **with_p)
    )
    initial = {"snapshot": 0, "restrict": False, **with_p}
    members = (*range(len(ps)), *([place] * (len(noises) + len(qs))))
    chances = tuple(every) + (usual,) * len(qs)
    found = [
        Family(
            names=(
                *(f"M1, p = {p:g}" for p in ps),
                *(f"M1, noise {noise:g}" for noise in noises),
                *(f"M1, q = {q:g}" for q in qs),
            ),
            layer="hidden",
            output="output",
            trained=trained,
            untrained=models_of(varied, members, chances, **initial),
            linear=models_of(linear, members, chances, restrict=False, **with_p),
            series=f"M1, p = {ps[-1]:g}",
            snapshots=_over_steps(varied, len(ps) - 1, ps[-1], **with_p),
        )
    ]
    for d in settings.other_d:
        other = tm.Autoencoder(n=settings.n, d=d)
        run = train(settings.spec(other, snapshots=(0,)))
        found.append(
            Family(
                names=(f"M1, d = {d}",),
                layer="hidden",
                output="output",
                trained=models_of(run, (0,), (usual,), **with_p),
                untrained=models_of(run, (0,), (usual,), **initial),
                linear=None,
            )
        )
    found.append(
        Family(
            names=(f"M1, p = {usual:g}, at the input",),
            layer="input",
            output="output",
            trained=models_of(varied, (place,), (usual,), **with_p),
            untrained=models_of(varied, (place,), (usual,), **initial),
            linear=models_of(linear, (place,), (usual,), restrict=False, **with_p),
        )
    )
    return found


def _computations(settings: TrainedModels, train: Train) -> list[Family]:
    found = []
    ps = settings.probabilities[1:]
    for residual in (False, True):
        model = tm.ComputationModel(
            n=settings.n,
            neurons=settings.neurons,
            residual=residual,
            activation="identity" if residual else "relu",
        )
        chances = (settings.probability,) if residual else ps
        members = tuple(range(len(chances)))
        data = {"features": settings.features(chances, signed=True)}
        snapshots = (0,) if residual else settings.snapshots
        run = train(settings.spec(model, snapshots=snapshots, **data))
        control = settings.spec(
            model.linear_control(), steps=settings.linear_steps, **data
        )
        with_p = {"values": "signed"}
        free = {"restrict": False, **with_p}
        place = chances.index(settings.probability)
        name = "M4, x + ReLU(x)" if residual else "M4, |x|"
        found.append(
            Family(
                names=tuple(f"{name}, p = {p:g}" for p in chances),
                layer="input",
                output="output",
                trained=models_of(run, members, chances, **with_p),
                untrained=models_of(run, members, chances, snapshot=0, **free),
                linear=None
                if residual
                else models_of(train(control), members, chances, **free),
                series="" if residual else f"{name}, p = {settings.probability:g}",
                snapshots=None
                if residual
                else _over_steps(run, place, settings.probability, **with_p),
            )
        )
    return found


def _denoisers(settings: TrainedModels, train: Train) -> list[Family]:
    denoisers = settings.denoisers()
    spec = denoisers.spec()
    p = denoisers.active / denoisers.n
    run = train(spec)
    control = train(denoisers.judged(activation="identity"))
    judged = denoisers.place
    steps = [s for s in settings.snapshots if s < denoisers.steps]
    watched = train(dataclasses.replace(denoisers.judged(), snapshots=tuple(steps)))
    with_p = {"values": "boolean"}
    members = tuple(range(len(denoisers.noises)))
    trained = models_of(run, members, (p,) * len(members), **with_p)
    first = models_of(run, (judged,), (p,), restrict=False, **with_p)
    state = init(spec)
    chosen = np.arange(denoisers.seeds) * spec.members + judged
    untrained = dataclasses.replace(
        first, params={k: np.asarray(v)[chosen] for k, v in state.params.items()}
    )
    linear = models_of(control, (0,), (p,), restrict=False, **with_p)
    return [
        Family(
            names=tuple(f"M3, {what}, noise {noise:g}" for noise in denoisers.noises),
            layer="h0",
            output=output,
            trained=trained,
            untrained=untrained,
            linear=linear,
            series=f"M3, {what}, noise {denoisers.noise:g}",
            snapshots=_over_steps(watched, 0, p, **with_p),
        )
        for what, output in (("probabilities", PROBABILITY), ("stream", denoisers.last))
    ]


def _over_steps(run: tm.Run, member: int, probability: float, *, values: str) -> Models:
    """One member at every snapshot, and as it is in the end; every feature is paired.

    Early on nothing is served, and a figure over steps must not change its pairs.
    """
    common = {"values": values, "restrict": False}
    places = [*range(len(run.snapshots.step)), None]
    first, *others = (
        models_of(run, (member,), (probability,), snapshot=place, **common)
        for place in places
    )
    return first.joined(*others)
