"""`toymodels train`: an ensemble from flags or from a file, into a folder.

The folder holds `weights.safetensors` (with the settings inside), `run.json` (losses,
status, provenance), `history.safetensors` (the loss on the way, and snapshots if they
were asked for) and, while training, `checkpoints/`: the same command goes on from
there.
"""

import dataclasses
import json
import shutil
import time
from pathlib import Path
from typing import Annotated

import numpy as np
import tyro
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
)

from toymodels.anomaly.planted import planted_share
from toymodels.cli.history import save_history
from toymodels.cli.world import Distribution, Network, ObjectiveFlags, OptimiserFlags
from toymodels.config import (
    SettingsError,
    check_count,
    check_range,
    from_json,
    to_json,
)
from toymodels.disk import StoreError, check_writable, write_atomically
from toymodels.interrupt import calm_interrupt
from toymodels.store import provenance
from toymodels.training import (
    STATUS_NAMES,
    ChunkReport,
    Objective,
    Run,
    TrainSpec,
    check_memory,
    check_need,
    checkpointed_chunks,
    finish,
    is_complete,
    linear_steps,
    load_weights,
    memory_need,
    save_weights,
)

WEIGHTS, MANIFEST, CHECKPOINTS = "weights.safetensors", "run.json", "checkpoints"
MOST_KEPT = 10_000
# How the outputs of a head are compared with their targets.
MEASURES = {"linear": "power", "logistic": "bernoulli", "softmax": "softmax"}


@dataclasses.dataclass(frozen=True)
class Train:
    """Train an ensemble of toy models and keep it in a folder.

    Examples (each makes a folder that `toymodels geometry` can read):

      toymodels train --out runs/pentagon --probability 1 0.3 0.05 --seeds 8

      toymodels train --out runs/backdoor --n 40 --d 12 --probability 0.06
          --backdoor-rate 0 0.01 --backdoor-size 8 --seeds 10

      toymodels train --out runs/abs --model.kind computation --n 10 --model.neurons 6
          --values signed --objective.target abs

      toymodels train --out runs/denoiser --model.kind denoiser --n 64 --d 32
          --model.neurons 96 --values boolean --probability 0.03 --model.noise 0 0.1
          --batch 256 --steps 2000 --optimiser.name adam
          --optimiser.learning-rate 3e-3 --seeds 3

    Args:
        out: folder to write; an unfinished training in it is continued.
        spec: a TrainSpec as JSON, instead of all the flags below except --out.
        n: number of features.
        d: hidden dimensions of an autoencoder, fewer than n, or of a denoiser.
        model: kind and activations.
        distribution: of the features.
        importance_decay: importance of feature i is decay^i.
        objective: what is minimised.
        optimiser: how.
        seeds: repetitions with other initial weights and samples.
        steps: updates.
        batch: fresh samples in each update.
        snapshots: how often the weights are kept on the way, at even distances, for
            `toymodels export`.
        seed: root of every random number.
    """

    out: Path
    spec: Path | None = None
    n: int = 5
    d: int = 2
    model: Network = dataclasses.field(default_factory=Network)
    distribution: Annotated[Distribution, tyro.conf.arg(name="")] = dataclasses.field(
        default_factory=Distribution
    )
    importance_decay: float = 1.0
    objective: ObjectiveFlags = dataclasses.field(default_factory=ObjectiveFlags)
    optimiser: OptimiserFlags = dataclasses.field(default_factory=OptimiserFlags)
    seeds: int = 1
    steps: int = 10_000
    batch: int = 1024
    snapshots: int = 0
    seed: int = 0

    def run(self) -> int:
        """Train, save, and say what came out."""
        spec = self.train_spec()
        check_memory(spec)
        console = Console(stderr=True)
        if self._is_trained(spec):
            console.print(f"{self.out / WEIGHTS} is trained already.")
            return 0
        check_writable(self.out)
        start = time.perf_counter()
        last = self._train(spec, console)
        if not is_complete(spec, last.state):
            console.print(
                f"Stopped after {last.step:,} of {spec.steps:,} steps. "
                "The same command goes on from there."
            )
            return 130
        run = finish(spec, last.state)
        save_run(self.out, run, time.perf_counter() - start)
        shutil.rmtree(self.out / CHECKPOINTS, ignore_errors=True)
        _report(run, self.out, console)
        return 0

    def train_spec(self) -> TrainSpec:
        """The settings that the flags describe."""
        if self.spec is not None:
            return read_spec(self.spec)
        check_range("importance_decay", self.importance_decay, low=0.0, open_low=True)
        model = self.model.settings(self.n, self.d)
        self._check_size()
        return TrainSpec(
            model=model,
            features=self.distribution.settings(self.n, self.seed),
            objective=self._objective(),
            optimiser=self.optimiser.settings(),
            importance=self.importance_decay ** np.arange(self.n),
            noise=self._noise(),
            seeds=self.seeds,
            steps=self.steps,
            batch=self.batch,
            snapshots=self._snapshots(),
            seed=self.seed,
        )

    def _snapshots(self) -> tuple[int, ...]:
        """Steps after which weights are kept; that of the end is in the weights."""
        count = check_count("snapshots", self.snapshots, minimum=0, maximum=MOST_KEPT)
        return linear_steps(self.steps, count)[:-1] if count else ()

    def _objective(self) -> Objective:
        """That of the flags, or the cross-entropy of a head with logits."""
        objective = self.objective.settings()
        if self.model.kind == "denoiser" and objective.measure == "power":
            measure = MEASURES[self.model.head]
            objective = dataclasses.replace(objective, measure=measure)
        return objective

    def _noise(self) -> np.ndarray | None:
        """Noise inside the model, one value for each member."""
        levels = self.model.noise
        if len(levels) > 1 and self.distribution.members > 1:
            raise SettingsError(
                "model.noise",
                f"{len(levels)} values",
                "one value where there are several probabilities or rates",
            )
        return np.array(levels) if levels else None

    def _check_size(self) -> None:
        """The memory check of the numbers, before any array is made of them."""
        hidden = self.d if self.model.kind == "autoencoder" else self.model.neurons
        blocks = self.model.blocks if self.model.kind == "denoiser" else 1
        members = max(self.distribution.members, len(self.model.noise))
        runs = check_count("seeds", self.seeds) * members
        need = memory_need(
            n=self.n,
            hidden=hidden,
            parameters=blocks * hidden * self.n,
            runs=runs,
            batch=check_count("batch", self.batch),
        )
        check_need(need, f"n = {self.n}")

    def _is_trained(self, spec: TrainSpec) -> bool:
        """Whether the folder holds this very run.

        Raises:
            SettingsError: it holds another one, which is not overwritten.
        """
        path = self.out / WEIGHTS
        if not path.exists():
            return False
        if load_weights(path).spec != spec:
            raise SettingsError(
                "out", str(self.out), "a folder without another run", "another --out"
            )
        return True

    def _train(self, spec: TrainSpec, console: Console) -> ChunkReport:
        report = None
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("loss {task.fields[loss]:.4g}"),
            TimeRemainingColumn(),
        )
        progress = Progress(*columns, console=console)
        with calm_interrupt(console.print) as asked, progress as bar:
            task = bar.add_task(f"{spec.runs} runs", total=spec.steps, loss=np.nan)
            chunks = checkpointed_chunks(spec, self.out / CHECKPOINTS)
            for report in chunks:
                loss = float(np.median(report.loss))
                bar.update(task, completed=report.step, loss=loss)
                if asked():
                    chunks.close()  # keeps a checkpoint of this very step
                    break
        assert report is not None  # noqa: S101 (a training has at least one chunk)
        return report


def save_run(folder: Path, run: Run, seconds: float) -> None:
    """Write the weights, and what is known about them, into a folder."""
    save_weights(folder / WEIGHTS, run)
    save_history(folder, run)
    manifest = {
        **provenance(),
        "seconds": round(seconds, 3),
        "spec": to_json(run.spec),
        # JSON has no NaN: a run that is not finite has no loss.
        "final_loss": [
            float(loss) if np.isfinite(loss) else None for loss in run.final_loss()
        ],
        "status": [STATUS_NAMES[s] for s in run.status],
        "status_step": run.status_step.tolist(),
    }
    text = json.dumps(manifest, indent=1, allow_nan=False) + "\n"
    write_atomically(folder / MANIFEST, text.encode())


def read_spec(path: Path) -> TrainSpec:
    """A TrainSpec from a JSON file, or from the `run.json` of an earlier training."""
    try:
        data = json.loads(path.read_text())
    except OSError as error:
        raise StoreError(path, (error.strerror or "cannot be read").lower()) from None
    except ValueError as error:
        raise StoreError(path, f"not JSON ({error})") from None
    spec = from_json(data.get("spec", data) if isinstance(data, dict) else data)
    if not isinstance(spec, TrainSpec):
        raise StoreError(path, "does not hold a TrainSpec", "a run.json")
    return spec


def _report(run: Run, out: Path, console: Console) -> None:
    counts = {
        name: int((run.status == code).sum()) for code, name in enumerate(STATUS_NAMES)
    }
    said = ", ".join(f"{count} {name}" for name, count in counts.items() if count)
    loss = run.final_loss()
    loss = loss[np.isfinite(loss)]
    spread = f"; final loss {loss.min():.4g} … {loss.max():.4g}" if len(loss) else ""
    objective = run.spec.objective
    power = objective.measure == "power"
    measure = f"q = {objective.exponent:g}" if power else objective.measure
    convention = f"{objective.kind}, {measure}"
    console.print(f"{run.runs} runs: {said}{spread} ({convention})")
    console.print(f"{out / WEIGHTS}\nNext: toymodels geometry {out}")
    console.print(f"or:   toymodels probe {out} --perturbation plateau")
    if planted_share(run.spec).any():
        console.print(f"or:   toymodels detect {out}")
