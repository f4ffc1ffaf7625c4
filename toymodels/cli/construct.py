"""`toymodels construct`: models that are built rather than trained, into a folder.

The folder is as that of `toymodels train`, so that the same commands read it.
"""

import dataclasses
import time
from pathlib import Path
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
from rich.console import Console

import toymodels as tm
from toymodels.cli.flags import refuse_given
from toymodels.cli.train import WEIGHTS, save_run
from toymodels.config import (
    SettingsError,
    check_count,
    check_probability,
    check_range,
)
from toymodels.disk import check_writable
from toymodels.models import (
    FrozenDenoiser,
    QuadraticAnd,
    UniversalAnd,
    scan_scales,
)
from toymodels.theory import probability_for_overlap
from toymodels.training import Run, TrainSpec, check_memory, finish, load_weights
from toymodels.training.state import init

# Samples of each model that c_in is chosen on.
SCAN_BATCH = 1024
# Neurons that read a gate whole, if --density does not say otherwise.
OVERLAP = 8.0
# What a kind takes when a flag is not given; a flag that it does not have means nothing
# to it. The density of the universal AND follows from its neurons.
DEFAULTS: dict[str, dict[str, Any]] = {
    "frozen-denoiser": {
        "n": 512,
        "neurons": 128,
        "density": 0.05,
        "activation": "tanh3",
        "threshold": 0.0,
        "k": 2,
        "noise": 0.03,
    },
    "universal-and": {
        "n": 32,
        "neurons": 512,
        "density": None,
        "embedding": 0,
        "activation": "relu",
        "active": 2.0,
    },
    "quadratic-and": {"n": 32, "rank": 16, "activation": "square", "active": 2.0},
}


@dataclasses.dataclass(frozen=True)
class Construct:
    """Build models that are not trained, and keep them in a folder.

    A frozen denoiser has random sparse weights; two numbers, c_in and c_out, are chosen
    for inputs with k features at 1 and Gaussian noise. The universal AND computes all
    ANDs of two of its boolean inputs from few random neurons, the quadratic AND from
    squares. ANDs of more than two are in the library alone: the field fan_in of
    `toymodels.models.UniversalAnd`.

    A flag that means nothing to the kind is refused.

    Examples:
      toymodels construct --out runs/frozen
      toymodels probe runs/frozen --perturbation iso --layer input

      toymodels construct --out runs/and --kind universal-and --n 32 --neurons 512
      toymodels construct --out runs/squares --kind quadratic-and --rank 16

    Args:
        out: folder to write.
        kind: what to build.
        n: features; 512 of a denoiser and 32 of an AND if not given.
        neurons: hidden units; 128 of a denoiser and 512 of the universal AND if not
            given.
        density: probability that a weight is not 0; if not given, 0.05 in a denoiser,
            and in the universal AND that at which about 8 neurons read a gate whole.
        embedding: dimensions that hold the universal AND's inputs in superposition;
            none if 0 or not given.
        rank: dimensions that hold the quadratic AND's inputs; 16 if not given.
        activation: of the neurons; tanh3, relu and square if not given.
        threshold: of jumprelu, in a denoiser; 0 if not given.
        k: features that are on in a denoiser's samples; 2 if not given.
        noise: variance of the noise on them; 0.03 if not given.
        active: inputs of an AND that are on, on average; 2 if not given.
        seeds: models with other random weights.
        seed: root of every random number.
    """

    out: Path
    kind: Literal["frozen-denoiser", "universal-and", "quadratic-and"] = (
        "frozen-denoiser"
    )
    n: int | None = None
    neurons: int | None = None
    density: float | None = None
    embedding: int | None = None
    rank: int | None = None
    activation: str | None = None
    threshold: float | None = None
    k: int | None = None
    noise: float | None = None
    active: float | None = None
    seeds: int = 1
    seed: int = 0

    def run(self) -> int:
        """Build, save, and say what came out."""
        spec = self.spec()
        check_memory(spec)
        path = self.out / WEIGHTS
        if path.exists():
            if load_weights(path).spec == spec:
                Console(stderr=True, soft_wrap=True).print(f"{path} is there already.")
                return 0
            raise SettingsError(
                "out", str(self.out), "a folder without another run", "another --out"
            )
        check_writable(self.out)
        start = time.perf_counter()
        run = built(spec)
        save_run(self.out, run, time.perf_counter() - start)
        console = Console(stderr=True, soft_wrap=True)
        of = "model" if run.runs == 1 else "models"
        console.print(f"{run.runs} {of}: {type(spec.model).__name__}\n{path}")
        if isinstance(spec.model, UniversalAnd) and (share := unread(run)):
            console.print(
                f"{share:.2g} of the gates are read by no neuron, and so as 0",
                highlight=False,
            )
        console.print(
            f"Next: toymodels probe {self.out} --perturbation iso --layer input"
        )
        return 0

    def spec(self) -> TrainSpec:
        """The settings that the flags describe."""
        given = self._given()
        n = check_count("n", given["n"])
        common = {"steps": 1, "batch": 256, "seeds": self.seeds, "seed": self.seed}
        if self.kind == "frozen-denoiser":
            check_range("noise", given["noise"], low=0.0)
            on = tm.ExactlyK(n=n, k=given["k"], values="boolean")
            return TrainSpec(
                model=FrozenDenoiser(
                    n=n,
                    neurons=given["neurons"],
                    density=given["density"],
                    activation=given["activation"],
                    threshold=given["threshold"],
                ),
                features=tm.NoisyFeatures(
                    base=on, scale=float(np.sqrt(given["noise"]))
                ),
                **common,
            )
        check_range("active", given["active"], low=0.0, high=float(n), open_low=True)
        return TrainSpec(
            model=_quadratic(given) if "rank" in given else _universal(given),
            features=tm.IndependentFeatures(
                n=n, probability=given["active"] / n, values="boolean"
            ),
            objective=tm.Objective(target="pairwise_and"),
            **common,
        )

    def _given(self) -> dict[str, Any]:
        """The kind's own settings, from flags or as it takes them without."""
        own = DEFAULTS[self.kind]
        others = set().union(*DEFAULTS.values()) - set(own)
        refuse_given(self, sorted(others), self.kind)
        if self.activation != "jumprelu":
            hint = "--activation jumprelu"
            refuse_given(self, ["threshold"], "this activation", hint)
        flags = {name: getattr(self, name) for name in own}
        return {n: own[n] if flag is None else flag for n, flag in flags.items()}


def _universal(given: dict[str, Any]) -> UniversalAnd:
    neurons, density = check_count("neurons", given["neurons"]), given["density"]
    if density is None:
        density = probability_for_overlap(neurons, min(OVERLAP, neurons))
    return UniversalAnd(
        n=given["n"],
        neurons=neurons,
        probability=check_probability("density", density),
        activation=given["activation"],
        embedding=given["embedding"],
    )


def _quadratic(given: dict[str, Any]) -> QuadraticAnd:
    return QuadraticAnd(
        n=given["n"], rank=given["rank"], activation=given["activation"]
    )


def unread(run: Run) -> float:
    """Share of the gates of universal ANDs that no neuron reads whole."""
    W1 = run.params["W1"]
    first, second = np.triu_indices(W1.shape[-1], 1)
    readers = np.swapaxes(W1, -1, -2) @ W1
    return float((readers[..., first, second] == 0).mean())


def built(spec: TrainSpec) -> Run:
    """The models as they are drawn; of a frozen denoiser, with its scales chosen."""
    run = finish(spec, init(spec))
    if not isinstance(spec.model, FrozenDenoiser):
        return run
    keys = jax.random.split(jax.random.key(spec.seed), spec.runs)
    drawn = jax.vmap(lambda key: spec.features.sample_labelled(key, SCAN_BATCH))(keys)
    k = int(drawn.active[0, :, 0].sum())
    on = jnp.argsort(~drawn.active, axis=1, stable=True)[:, :k]
    params = {name: jnp.asarray(value) for name, value in run.params.items()}
    scan = scan_scales(spec.model, params, drawn.x, on)
    chosen = {name: np.asarray(v) for name, v in scan.chosen(params).items()}
    return dataclasses.replace(run, params=chosen)
