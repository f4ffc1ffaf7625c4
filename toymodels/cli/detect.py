"""`toymodels detect`: can one tell that the backdoor of a trained run fired?"""

import dataclasses
import json
from pathlib import Path
from typing import Annotated

import numpy as np
import tyro
from rich.console import Console

from toymodels.anomaly import DETECTORS, Detector, make_detector
from toymodels.anomaly.comparisons import SCENARIOS
from toymodels.anomaly.evaluation import Evaluation, difference, evaluate
from toymodels.anomaly.planted import planted_share, planted_worlds, unplanted_twin
from toymodels.anomaly.reference import Reference
from toymodels.anomaly.scenarios import Combinations, Scenario
from toymodels.cli.detect_report import KEY, as_rows, draw, table_order, tables
from toymodels.cli.train import WEIGHTS
from toymodels.config import SettingsError, check_choice, check_count
from toymodels.disk import check_writable, write_atomically
from toymodels.plotting import save_png
from toymodels.training import TrainSpec, load_weights

TRAIN = (
    "toymodels train --out runs/backdoor --n 40 --d 12 --probability 0.06 "
    "--backdoor-rate 0 0.01 --backdoor-size 8 --seeds 10"
)
PICTURE, TABLE = "detect.png", "detect.json"


@dataclasses.dataclass(frozen=True)
class Detect:
    """Judge detectors on a run with a backdoor: tables, and a picture in the folder.

    Every detector sees trusted samples of each model and then scores the backdoor,
    whole and in part (B and B'), against scenarios without it: unusual combinations of
    as long an activation (C), near-misses (F) and normal samples (N); also Ck (C with
    as many features as the backdoor), never-seen, always-on, correlated, over-many.
    Higher scores are more anomalous, and an AUROC below one half is shown as such. Of a
    member with backdoor rate 0, the same numbers say what is plain unusualness.

    Examples:
      toymodels detect runs/backdoor

      toymodels detect runs/backdoor --detectors mahalanobis "oracle code" --scenarios C

    Args:
        path: folder of `toymodels train`, or a weights file.
        detectors: names; all if none. The first three have their ROC curves drawn.
        scenarios: what the backdoor is compared with.
        member: setting of the sweep, from 0; the one that saw most of the backdoor if
            not given.
        reference: trusted (without the point), contaminated (with it, as in training)
            or deduplicated (with it, once).
        combine: fewest and most features that C combines.
        samples: of each scenario, for each model.
        seed: of all samples.
        out: folder of detect.png and detect.json; beside the weights if not given.
        as_json: print JSON instead of tables.
    """

    path: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="RUN")]
    detectors: tuple[str, ...] = ()
    scenarios: tuple[str, ...] = ("C", "F", "N")
    member: int | None = None
    reference: str = "trusted"
    combine: tuple[int, int] = (2, 6)
    samples: int = 1000
    seed: int = 0
    out: Path | None = None
    as_json: Annotated[bool, tyro.conf.arg(name="json")] = False

    def run(self) -> int:
        """Evaluate, print, draw."""
        path = self.path / WEIGHTS if self.path.is_dir() else self.path
        spec, params, indices = load_weights(path)
        member = self._member(spec)
        chosen = np.flatnonzero(indices % spec.members == member)
        if not len(chosen):
            raise SettingsError("member", member, "one of which the file has runs")
        twins = _twins(spec, indices, chosen)
        detectors, scenarios = self._detectors(), self._scenarios()
        out = self.out or path.parent
        check_writable(out)
        runs = np.concatenate([chosen, twins])
        kept = {name: value[runs] for name, value in params.items()}
        both = evaluate(
            planted_worlds(spec, kept, indices[runs]),
            detectors,
            scenarios=scenarios,
            reference=Reference(kind=self.reference, share=_share(spec, member)),
            samples=self.samples,
            seed=self.seed,
        )
        found = both.select(np.arange(len(chosen)))
        gain = None
        if len(twins):
            gain = difference(found, both.select(np.arange(len(chosen), len(runs))))
        self._report(spec, member, found, gain, out)
        return 0

    def _report(
        self,
        spec: TrainSpec,
        member: int,
        found: Evaluation,
        gain: np.ndarray | None,
        out: Path,
    ) -> None:
        rows = as_rows(found, gain)
        text = json.dumps(rows, indent=1, allow_nan=False) + "\n"
        write_atomically(out / TABLE, text.encode())
        order = table_order(found)
        details = range(len(found.detectors))[:3] if self.detectors else None
        share = _share(spec, member)
        notes = {
            "samples": f"{self.samples:,} of each scenario",
            "C": f"{self.combine[0]} to {self.combine[1]} features, ‖h‖ matched",
        }
        figure = draw(
            spec,
            found,
            order,
            share=share,
            notes=notes,
            details=details,
            twins=None if gain is None else (found.auroc - gain)[..., found.finite],
        )
        save_png(figure, out / PICTURE)
        if self.as_json:
            print(text, end="")
            return
        console = Console()
        console.print(
            "The backdoor, whole and in part (B∪B'), against each scenario: median of "
            f"{len(found.finite)} models [95 % interval].\n{share:.3g} of the training "
            f"samples were the point; detectors were fitted on {found.reference} "
            "samples.",
            highlight=False,
        )
        for table in tables(found, order, gain):
            console.print(table)
        console.print(KEY, highlight=False)
        console.print(out / PICTURE)

    def _member(self, spec: TrainSpec) -> int:
        share = planted_share(spec)
        if not share.any():
            kind = type(spec.features).__name__
            raise SettingsError("run", f"{kind} without a backdoor", "one", TRAIN)
        if self.member is None:
            return int(share.argmax())
        if check_count("member", self.member, minimum=0) >= spec.members:
            raise SettingsError(
                "member", self.member, f"less than {spec.members}", "member=0"
            )
        if not share[self.member]:
            raise SettingsError(
                "member",
                f"{self.member}, which never saw the backdoor",
                "one that did",
                f"--member {share.argmax()}",
            )
        return self.member

    def _detectors(self) -> list[Detector]:
        return [make_detector(name) for name in self.detectors or DETECTORS]

    def _scenarios(self) -> dict[str, Scenario]:
        low, high = self.combine
        changed = {"C": Combinations(fewest=low, most=high)}
        negative = {}
        for name in self.scenarios:
            check_choice("scenarios", name, [k for k in SCENARIOS if k not in "BB'"])
            negative[name] = changed.get(name, SCENARIOS[name])
        if not negative:
            raise SettingsError("scenarios", "none", "one or more", "C F N")
        return {"B": SCENARIOS["B"], "B'": SCENARIOS["B'"], **negative}


def _share(spec: TrainSpec, member: int) -> float:
    """Share of the point in what the member saw."""
    return float(planted_share(spec)[member])


def _twins(spec: TrainSpec, indices: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """Places of the runs that differ from those chosen in the rate alone, if any.

    A file may lack some; then there is nothing to take the difference from.
    """
    twin = unplanted_twin(spec, int(indices[chosen[0]] % spec.members))
    found = np.flatnonzero(indices % spec.members == twin)
    same = np.array_equal(
        indices[found] // spec.members, indices[chosen] // spec.members
    )
    return found if same else found[:0]
