"""`toymodels construct`: models that are built rather than trained, into a folder.

The folder is as that of `toymodels train`, so that the same commands read it.
"""

import dataclasses
import time
from pathlib import Path
from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np
from rich.console import Console

import toymodels as tm
from toymodels.cli.train import WEIGHTS, save_run
from toymodels.config import SettingsError, check_count, check_range
from toymodels.disk import check_writable
from toymodels.models import FrozenDenoiser, UniversalAnd, scan_scales
from toymodels.training import Run, TrainSpec, check_memory, finish, load_weights
from toymodels.training.state import init

# Samples of each model that c_in is chosen on.
SCAN_BATCH = 1024


@dataclasses.dataclass(frozen=True)
class Construct:
    """Build models that are not trained, and keep them in a folder.

    A frozen denoiser has random sparse weights; two numbers, c_in and c_out, are chosen
    for inputs with k features at 1 and Gaussian noise. The universal AND computes all
    ANDs of two of its boolean inputs from few random neurons.

    Examples:
      toymodels construct --out runs/frozen
      toymodels probe runs/frozen --perturbation iso --layer input

      toymodels construct --out runs/and --kind universal-and --n 32 --neurons 512

    Args:
        out: folder to write.
        kind: what to build.
        n: features; 512 of a denoiser and 32 of the universal AND if not given.
        neurons: hidden units; 128 and 512 if not given.
        density: probability that a weight is not 0.
        activation: of the neurons; tanh3 and relu if not given.
        threshold: of jumprelu, in a denoiser.
        k: features that are on in a denoiser's samples.
        noise: variance of the noise on them.
        active: of the universal AND's inputs, on average.
        seeds: models with other random weights.
        seed: root of every random number.
    """

    out: Path
    kind: Literal["frozen-denoiser", "universal-and"] = "frozen-denoiser"
    n: int | None = None
    neurons: int | None = None
    density: float = 0.05
    activation: str | None = None
    threshold: float = 0.0
    k: int = 2
    noise: float = 0.03
    active: float = 2.0
    seeds: int = 1
    seed: int = 0

    def run(self) -> int:
        """Build, save, and say what came out."""
        spec = self.spec()
        check_memory(spec)
        path = self.out / WEIGHTS
        if path.exists():
            if load_weights(path).spec == spec:
                Console(stderr=True).print(f"{path} is there already.")
                return 0
            raise SettingsError(
                "out", str(self.out), "a folder without another run", "another --out"
            )
        check_writable(self.out)
        start = time.perf_counter()
        run = built(spec)
        save_run(self.out, run, time.perf_counter() - start)
        console = Console(stderr=True)
        console.print(f"{run.runs} models of {type(spec.model).__name__}\n{path}")
        console.print(f"Next: toymodels probe {self.out} --perturbation iso")
        return 0

    def spec(self) -> TrainSpec:
        """The settings that the flags describe."""
        frozen = self.kind == "frozen-denoiser"
        usual = (512, 128) if frozen else (32, 512)
        n = check_count("n", usual[0] if self.n is None else self.n)
        neurons = check_count(
            "neurons", usual[1] if self.neurons is None else self.neurons
        )
        common = {"steps": 1, "batch": 256, "seeds": self.seeds, "seed": self.seed}
        if frozen:
            check_range("noise", self.noise, low=0.0)
            on = tm.ExactlyK(n=n, k=self.k, values="boolean")
            return TrainSpec(
                model=FrozenDenoiser(
                    n=n,
                    neurons=neurons,
                    density=self.density,
                    activation=self.activation or "tanh3",
                    threshold=self.threshold,
                ),
                features=tm.NoisyFeatures(base=on, scale=float(np.sqrt(self.noise))),
                **common,
            )
        check_range("active", self.active, low=0.0, high=float(n), open_low=True)
        return TrainSpec(
            model=UniversalAnd(
                n=n,
                neurons=neurons,
                probability=self.density,
                activation=self.activation or "relu",
            ),
            features=tm.IndependentFeatures(
                n=n, probability=self.active / n, values="boolean"
            ),
            objective=tm.Objective(target="pairwise_and"),
            **common,
        )


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
