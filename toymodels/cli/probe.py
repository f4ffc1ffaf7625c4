"""`toymodels probe`: push a layer of a trained model, and see what it answers."""

import dataclasses
import importlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import tyro
from matplotlib.figure import Figure
from rich import box
from rich.console import Console
from rich.table import Table

from toymodels.cli.flags import refuse_given
from toymodels.cli.geometry import best_seeds, final_losses
from toymodels.cli.probe_world import ProbeFlags, ProbeWorld, cell, world_of
from toymodels.cli.train import MANIFEST, WEIGHTS
from toymodels.config import SettingsError, check_choice, check_count, check_range
from toymodels.disk import check_writable, write_atomically
from toymodels.plotting import save_png
from toymodels.probes import DIRECTIONS
from toymodels.training import load_weights

# A module for each kind, imported when it is asked for.
KINDS = {
    "plateau": "toymodels.cli.probe_plateau",
    "adversarial": "toymodels.cli.probe_plateau",
    "iso": "toymodels.cli.probe_iso",
    "sphere": "toymodels.cli.probe_sphere",
    "readoff": "toymodels.cli.probe_readoff",
}

# Flags without a meaning for a kind.
UNUSED = {
    "sphere": ("directions", "radii", "threshold", "angle", "k"),
    "readoff": ("directions", "threshold", "angle", "k"),
}
RADII = 41
# A table of 80 columns has no room for everything: these are in the JSON alone,
JSON_ALONE = ("flipped", "crossed")
# and these are shown where they are not 0 throughout.
RARE = ("no direction", "no plane")

Probe = Callable[[ProbeWorld, ProbeFlags], tuple[list[dict[str, Any]], Figure]]


@dataclasses.dataclass(frozen=True)
class ProbeCommand:
    """Perturb the activations of a layer: a table, and a picture in the folder.

    plateau: how far real activations, and Gaussian ones like them, can be pushed along
    random directions and features. adversarial: the same along the direction that the
    outputs answer to most. iso: contours of equal response and their exponents. sphere:
    where on a small sphere the response is largest. readoff: what the model counts as
    zero. Lengths are in mean distances between real activations of the layer.

    Numbers are medians over the seeds of a setting, with 95 % intervals. A flag that
    means nothing to the perturbation is refused.

    Examples:
      toymodels probe runs/denoiser --perturbation plateau

      toymodels probe runs/denoiser --perturbation plateau --layer h2
          --directions feature feature_removed covariance

    Args:
        path: folder of `toymodels train`, or a weights file.
        perturbation: plateau, adversarial, iso, sphere or readoff.
        layer: to perturb; the embedding or the hidden layer if not given.
        directions: families, as feature, covariance, isotropic, real_other, mixture,
            pca; the kind's own if none.
        member: setting of the sweep, from 0.
        best: only the seed with the lowest loss, instead of all.
        bases: starting points of each model.
        radii: lengths from 0 to the largest; 41 if not given.
        reach: the largest.
        threshold: share of the largest response that counts as reached; the kind's own
            if not given.
        angle: degrees by which every direction is turned, each in a random plane.
        k: features of the direction mixture; 2 if not given.
        seed: of all draws.
        out: folder of the picture and the numbers; beside the weights if not given.
        as_json: print JSON instead of a table.
    """

    path: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="RUN")]
    perturbation: str = "plateau"
    layer: str | None = None
    directions: tuple[str, ...] = ()
    member: int = 0
    best: bool = False
    bases: int = 64
    radii: int | None = None
    reach: float = 1.0
    threshold: float | None = None
    angle: float | None = None
    k: int | None = None
    seed: int = 0
    out: Path | None = None
    as_json: Annotated[bool, tyro.conf.arg(name="json")] = False

    def run(self) -> int:
        """Perturb, print, draw."""
        check_choice("perturbation", self.perturbation, KINDS)
        flags = self.flags()
        path = self.path / WEIGHTS if self.path.is_dir() else self.path
        weights = load_weights(path)
        runs = None
        if self.best:
            loss = final_losses(path.parent / MANIFEST, weights.spec)
            runs = best_seeds(weights.spec, weights.indices, loss[weights.indices])
        world = world_of(
            weights, layer=self.layer, member=self.member, runs=runs, seed=self.seed
        )
        if world.left_out:
            said = (
                "is not finite and was"
                if world.left_out == 1
                else "are not finite and were"
            )
            total = f"{world.left_out} of {world.runs + world.left_out} models"
            Console(stderr=True).print(f"{total} {said} left out", highlight=False)
        out = self.out or path.parent
        check_writable(out)
        rows, figure = probe_of(self.perturbation)(world, flags)
        self._report(world, rows, figure, out)
        return 0

    def flags(self) -> ProbeFlags:
        """What all kinds share, checked."""
        refuse_given(self, UNUSED.get(self.perturbation, ()), self.perturbation)
        for name in self.directions:
            check_choice("directions", name, DIRECTIONS)
        check_count("bases", self.bases)
        radii = check_count(
            "radii", RADII if self.radii is None else self.radii, minimum=2
        )
        check_range("reach", self.reach, low=0.0, open_low=True, hint="reach=1")
        if self.threshold is not None:
            check_range("threshold", self.threshold, low=0.0, high=1.0, open_low=True)
        if self.angle is not None:
            check_range("angle", self.angle, low=-180.0, high=180.0)
        if self.k is not None:
            check_count("k", self.k)
        given = {
            field.name: getattr(self, field.name)
            for field in dataclasses.fields(ProbeFlags)
        }
        return ProbeFlags(**given | {"radii": radii})

    def _report(
        self,
        world: ProbeWorld,
        rows: list[dict[str, Any]],
        figure: Figure,
        out: Path,
    ) -> None:
        about = {
            "perturbation": self.perturbation,
            "layer": world.layer,
            "member": world.member,
            "runs": world.indices.tolist(),
            "left_out": world.left_out,
            "angle": self.angle,
            "k": self.k,
            "seed": self.seed,
            "rows": plain(rows),
        }
        text = json.dumps(about, indent=1, allow_nan=False) + "\n"
        write_atomically(out / f"probe-{self.perturbation}.json", text.encode())
        picture = out / f"probe-{self.perturbation}.png"
        save_png(figure, picture)
        if self.as_json:
            print(text, end="")
            return
        console = Console()
        models = f"{world.runs} model" + "s" * (world.runs > 1)
        interval = ": medians [95 % intervals]" if world.runs > 1 else ""
        console.print(
            f"{self.perturbation}, layer {world.layer} of {models}{interval}",
            highlight=False,
        )
        console.print(table(rows))
        console.print(picture)


def probe_of(kind: str) -> Probe:
    """The function of a kind.

    Raises:
        SettingsError: this version does not have it.
    """
    name = KINDS[kind]
    try:
        return importlib.import_module(name).probe
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
        raise SettingsError("perturbation", kind, "one that is built in") from None


def table(rows: list[dict[str, Any]]) -> Table:
    """One column for each key of the first row, less those there is no room for."""
    names = [
        name
        for name in (rows[0] if rows else ())
        if name not in JSON_ALONE
        and (name not in RARE or any(cell(row[name]) != "0" for row in rows))
    ]
    made = Table(box=box.SIMPLE_HEAD)
    made.padding = (0, 1, 0, 0)
    for place, name in enumerate(names):
        # Short enough for 80 columns: an interval may not be broken, a title may.
        made.add_column(name, justify="right" if place else "left", no_wrap=not place)
    for row in rows:
        made.add_row(*(cell(row.get(name)) for name in names))
    return made


def plain(value: Any) -> Any:
    """For JSON, which has no NaN and knows no NumPy."""
    if isinstance(value, dict):
        return {str(name): plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, np.ndarray | np.generic):
        return plain(value.tolist())
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return value
