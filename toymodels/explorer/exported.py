"""A run of `toymodels train` as the page that the explorer saves.

Axis letters: `windows` of the loss history, `snaps` snapshots; n features, d hidden
dimensions.
"""

import dataclasses
import json

import numpy as np
from jaxtyping import Float, Int

from toymodels.config import to_json
from toymodels.explorer.saved_page import page_with
from toymodels.explorer.spec_controls import controls_of
from toymodels.explorer.trainer import DIVERGED, PAUSED, Frame
from toymodels.training import TrainSpec

_SCRIPT = '''"""Run {run} of a training: {n} features in d = {d}, {steps} steps."""

# The training's folder is {name}.
import json

import toymodels as tm
from toymodels.config import from_json

SPEC = r"""{spec}"""

# The whole ensemble, {runs} in all: its runs share random numbers.
trained = tm.train(from_json(json.loads(SPEC)))
W, b = (trained.params[name][{run}] for name in ("W", "b"))

if __name__ == "__main__":
    print("columns of W:", W.T.round(3).tolist())
    print("shape:", tm.tegum_name(tm.find_shapes(W)))
'''


@dataclasses.dataclass(frozen=True, eq=False)
class ExportedRun:
    """What is known of one run of a training.

    Attributes:
        spec: of the whole ensemble.
        run: its place in it.
        name: of the folder, for the page.
        step: steps that were done.
        W: (d, n) weights at the end.
        b: (n,) bias at the end.
        loss: at the end, on samples that training never saw; None if not known.
        loss_steps: (windows,) last step of each window of the loss history.
        losses: (windows,) mean training loss over each.
        snapshot_steps: (snaps,) steps of earlier weights.
        earlier_weights: (snaps, d, n) earlier weights.
        earlier_biases: (snaps, n) earlier biases.
    """

    spec: TrainSpec
    run: int
    name: str
    step: int
    W: Float[np.ndarray, "d n"]
    b: Float[np.ndarray, " n"]
    loss: float | None
    loss_steps: Int[np.ndarray, " windows"]
    losses: Float[np.ndarray, " windows"]
    snapshot_steps: Int[np.ndarray, " snaps"]
    earlier_weights: Float[np.ndarray, "snaps d n"]
    earlier_biases: Float[np.ndarray, "snaps n"]


def exported_page(found: ExportedRun) -> str:
    """The self-contained page of a run.

    Raises:
        SettingsError: it is no autoencoder, or of a world that the explorer cannot set.
    """
    (controls,) = controls_of(found.spec, [found.run])
    frames = [
        Frame(int(step), W, b, _loss_at(found, int(step)), controls)
        for step, W, b in zip(
            found.snapshot_steps,
            found.earlier_weights,
            found.earlier_biases,
            strict=True,
        )
        if step < found.step
    ]
    frames.append(Frame(found.step, found.W, found.b, found.loss, controls))
    finite = np.isfinite(found.W).all() and np.isfinite(found.b).all()
    kept = "its snapshots" if len(frames) > 1 else "its last weights"
    return page_with(
        frames,
        status=PAUSED if finite else DIVERGED,
        script=_SCRIPT.format(
            run=found.run,
            name=repr(found.name),  # may hold anything, quotes and newlines too
            n=controls.n,
            d=controls.d,
            steps=f"{found.step:,}",
            runs=f"{found.spec.runs} runs",
            spec=json.dumps(to_json(found.spec), allow_nan=False),
        ),
        about=(
            f"Run {found.run} of {found.name}, with {kept} and the history of its "
            "loss. This page needs no server."
        ),
        history=(found.loss_steps, found.losses),
    )


def _loss_at(found: ExportedRun, step: int) -> float | None:
    """Mean of the window that a step ends or lies in."""
    window = int(np.searchsorted(found.loss_steps, step))
    if step == 0 or window >= len(found.losses):
        return None
    loss = float(found.losses[window])
    return loss if np.isfinite(loss) else None
