"""`toymodels geometry`: the geometry of a trained run, as a table and a picture."""

import dataclasses
import json
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import tyro
from rich.console import Console
from rich.table import Table

from toymodels.cli.train import MANIFEST, WEIGHTS
from toymodels.config import content_hash, from_json
from toymodels.geometry import find_shapes, gram, measure, tegum_name
from toymodels.models import Params
from toymodels.plotting import caption_line, gram_panels, save_png, vector_panels
from toymodels.training import TrainSpec, load_weights

MOST_ROWS = 40
MOST_PANELS = 10


@dataclasses.dataclass(frozen=True)
class Geometry:
    """Measure the geometry of a run: a table on the screen, a picture in the folder.

    Of several seeds the one with the lowest loss is shown, unless --all-runs is given.

    Examples:
      toymodels geometry runs/pentagon

      toymodels geometry model.safetensors --json

    Args:
        path: folder of `toymodels train`, or a weights file.
        all_runs: every run, not only the best seed of each setting.
        as_json: print JSON instead of a table.
        picture: where the picture goes; geometry.png beside the weights by default.
    """

    path: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="RUN")]
    all_runs: bool = False
    as_json: Annotated[bool, tyro.conf.arg(name="json")] = False
    picture: Path | None = None

    def run(self) -> int:
        """Measure, print, draw."""
        path = self.path / WEIGHTS if self.path.is_dir() else self.path
        spec, params, indices = load_weights(path)
        W = next(params[name] for name in ("W", "W1", "E") if name in params)
        loss = final_losses(path.parent / MANIFEST, spec)[indices]
        chosen = np.arange(len(W)) if self.all_runs else best_seeds(spec, indices, loss)
        rows = [_row(spec, int(indices[k]), W[k], loss[k]) for k in chosen]
        picture = self.picture or path.parent / "geometry.png"
        shown = chosen[:MOST_PANELS]
        kept = {name: value[shown] for name, value in params.items()}
        _draw(spec, kept, W[shown], rows[:MOST_PANELS], picture)
        if self.as_json:
            print(json.dumps(rows, indent=1, allow_nan=False))
        else:
            Console().print(_table(rows))
            print(picture)
        return 0


def final_losses(manifest: Path, spec: TrainSpec) -> np.ndarray:
    """Final loss of every run of the spec; NaN where no manifest of it lies there."""
    try:
        data = json.loads(manifest.read_text())
        loss = np.array([np.nan if v is None else v for v in data["final_loss"]], float)
        known = from_json(data["spec"]) == spec
    except (OSError, ValueError, KeyError, TypeError):
        known = False
    return loss if known else np.full(spec.runs, np.nan)


def best_seeds(spec: TrainSpec, indices: np.ndarray, loss: np.ndarray) -> np.ndarray:
    """Of the runs in the file, the best seed of each member.

    All runs where the losses are not known.
    """
    if np.isnan(loss).all():
        return np.arange(len(indices))
    member = indices % spec.members
    order = np.argsort(np.where(np.isfinite(loss), loss, np.inf), kind="stable")
    return np.array([order[member[order] == m][0] for m in np.unique(member)])


def _row(spec: TrainSpec, run: int, W: np.ndarray, loss: float) -> dict[str, Any]:
    seed, member = divmod(run, spec.members)
    activity = spec.over_runs(spec.features.activity(), 1)[run]
    geometry = measure(W)
    shapes = find_shapes(W)
    return {
        "run": run,
        "seed": spec.seeds[seed],
        "member": member,
        "mean_active": float(activity.sum()),
        "loss": float(loss) if np.isfinite(loss) else None,
        "represented": int(geometry.represented.sum()),
        "features_per_dimension": _number(geometry.features_per_dimension),
        "shapes": tegum_name(shapes),
        "distance": max((s.distance for s in shapes), default=0.0),
        "dimensionality": [_number(value) for value in geometry.dimensionality],
    }


def _number(value: Any) -> float | None:
    """For JSON, which has no NaN."""
    return round(float(value), 6) if np.isfinite(value) else None


_COLUMNS = {
    "run": "run",
    "seed": "seed",
    "mean_active": "active",
    "loss": "loss",
    "represented": "kept",
    "features_per_dimension": "kept/d",
    "shapes": "shapes",
    "distance": "off by",
}


def _table(rows: list[dict[str, Any]]) -> Table:
    table = Table(caption=f"{len(rows) - MOST_ROWS} more rows: --json shows all")
    if len(rows) <= MOST_ROWS:
        table.caption = None
    for title in _COLUMNS.values():
        table.add_column(title, justify="left" if title == "shapes" else "right")
    for row in rows[:MOST_ROWS]:
        table.add_row(*(_cell(row[name]) for name in _COLUMNS))
    return table


def _cell(value: Any) -> str:
    if value is None:
        return "–"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _draw(
    spec: TrainSpec, params: Params, W: np.ndarray, rows: list[dict], path: Path
) -> None:
    titles = [
        f"run {row['run']}: {row['mean_active']:.3g} active\n{row['shapes']}"
        for row in rows
    ]
    labels = {
        "titles": titles,
        "title": f"{type(spec.model).__name__}, n = {spec.model.n}, d = {W.shape[1]}",
        "caption": caption_line(
            loss=spec.objective.kind,
            exponent=spec.objective.exponent,
            fingerprint=content_hash(spec),
            others={"steps": f"{spec.steps:,}", "batch": spec.batch},
        ),
    }
    if W.shape[1] == 2:
        figure = vector_panels(W, hull=True, **labels)
    else:
        geometry = measure(W)
        figure = gram_panels(
            np.asarray(gram(W)),
            bias=params["b"] if "b" in params else None,
            norms=np.asarray(geometry.norms),
            interference=np.asarray(geometry.interference),
            **labels,
        )
    save_png(figure, path)
