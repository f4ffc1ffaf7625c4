"""One command for every figure: `python experiments/reproduce.py [ID…]`.

For each experiment, in the order of the catalogue: its result from the store, or else
computed; its figures; its claims. Then the ledger, the report and a table. `toymodels
reproduce` is the same job. Whatever is finished stays in the store, so a second call
takes seconds and an interrupted one goes on where it was.

Exit codes: 0 done (a claim that is not supported is a result, too), 1 an experiment
failed, 2 bad input or a disk that refuses, 130 stopped with Ctrl-C.
"""

import argparse
import contextlib
import os
import sys
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape

if __package__ in (None, ""):  # run as a file: its folder is on the path, not the root
    _HERE = Path(__file__).resolve().parent
    sys.path[:] = [str(_HERE.parent), *(p for p in sys.path if p != str(_HERE))]

from experiments import beside, stories
from experiments.beside import Beside
from experiments.changes import read_changes
from experiments.cluster import check_cluster, connected
from experiments.display import Display, claims_table, tally, where
from experiments.estimate import Estimate
from experiments.output import Output, default_folder
from experiments.registry import Experiment, find_experiments, select
from experiments.runner import SCALES, Job, Outcome, Prepared, prepare, run
from experiments.trainer import Stopped
from toymodels.claims import Claim
from toymodels.compilation import keep_compiled
from toymodels.config import SettingsError, check_choice, check_count
from toymodels.disk import StoreError
from toymodels.features import DEFAULT_GENERATOR, GENERATORS
from toymodels.interrupt import calm_interrupt
from toymodels.report import Section, write_report
from toymodels.store import Store, default_root

DONE, FAILED, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130


@dataclass(frozen=True)
class Summary:
    """How a job ended."""

    outcomes: tuple[Outcome, ...]
    claims: tuple[Claim, ...]
    """Those of the experiments that were run."""
    failures: dict[str, Exception]
    """By experiment id."""
    stopped: bool

    @property
    def exit_code(self) -> int:
        """0; 1 if an experiment failed, 2 if its settings; 130 if stopped."""
        if self.stopped:
            return INTERRUPTED
        refused = [isinstance(e, SettingsError) for e in self.failures.values()]
        if refused:
            return BAD_INPUT if all(refused) else FAILED
        return DONE


def reproduce(
    ids: Sequence[str] = (),
    *,
    scale: str = "laptop",
    seed: int = 0,
    out: str | Path | None = None,
    store: str | Path | None = None,
    only_plot: bool = False,
    fresh: bool = False,
    changes: Sequence[str] = (),
    generator: str = DEFAULT_GENERATOR,
    workers: int = 0,
    scheduler: str | None = None,
    at_once: int | None = 1,
    console: Console | None = None,
    catalogue: Sequence[Experiment] | None = None,
) -> Summary:
    """Reproduce figures, with progress and a table on the console.

    Args:
        ids: experiments or families such as "TMS"; all when empty.
        scale: "smoke", "laptop" or "paper".
        seed: root of all randomness, ≥ 0.
        out: folder of figures; `figures`, or `figures-<scale>` if not laptop.
        store: folder of results; see `toymodels.store.default_root`.
        only_plot: draw from the store, compute nothing.
        fresh: compute everything again.
        changes: settings of the experiments as `name=value`, instead of the scale's.
        generator: draws the samples of all trainings, see `TrainSpec.generator`.
        workers: processes of a local cluster that trains, one core each.
        scheduler: address of a running Dask scheduler, whose workers train.
        at_once: experiments that are computed at the same time, one in this process;
            when None, as many as suit the scale and the machine, see `beside.usual`;
            with `fresh` or a cluster always one.
        console: standard output when None.
        catalogue: all experiments there are; found in `experiments/` when None.

    Raises:
        SettingsError: bad input; nothing was written.
        StoreError: the disk refuses; what was finished is kept.
    """
    check_choice("scale", scale, SCALES)
    check_count("seed", seed, minimum=0)
    check_choice("generator", generator, GENERATORS)
    check_cluster(workers, scheduler)
    if at_once is not None:
        check_count("at_once", at_once)
    if only_plot and fresh:
        raise SettingsError("--fresh", "also --only-plot", "one of the two")
    catalogue = find_experiments() if catalogue is None else catalogue
    chosen = select(ids, catalogue)
    console = console or _console()
    kept = Store(Path(store) if store is not None else default_root())
    job = Job(kept, scale=scale, seed=seed, fresh=fresh, only_plot=only_plot)
    job.changes, job.generator = read_changes(changes), generator
    folder = Path(out) if out is not None else default_folder(job.label)
    output = Output(folder, catalogue, job.label)
    prepared, failures = _prepare(chosen, job)
    if only_plot:
        _check_stored(prepared, job)
    output.check()  # before the store, so that a refusal leaves nothing behind
    if not only_plot:
        kept.check_writable()
    outcomes: list[Outcome] = []
    trains = connected() if only_plot else connected(workers, scheduler)
    with trains as job.cluster, calm_interrupt(console.print) as job.stop:
        count = beside.at_once(prepared, job, at_once)
        estimate = Estimate.of(prepared, kept, fresh=fresh, at_once=count)
        display = Display(console, len(prepared), estimate)
        job.progress, job.parts = display.steps, display.parts
        with display, beside.beside(prepared, job, count - 1) as others:
            stopped = not _run_all(
                prepared, job, others, output, display, outcomes, failures
            )
    if outcomes:
        _write_page(output, output.write_claims(outcomes))
    claims = tuple(claim for outcome in outcomes for claim in outcome.claims)
    summary = Summary(tuple(outcomes), claims, failures, stopped)
    _report(console, summary, output, job, len(chosen))
    return summary


def _prepare(
    chosen: Sequence[Experiment], job: Job
) -> tuple[list[Prepared], dict[str, Exception]]:
    """Import the experiments; one that cannot be imported does not stop the others."""
    prepared, failures = [], {}
    for experiment in chosen:
        try:
            prepared.append(prepare(experiment, job))
        except Exception as error:
            failures[experiment.id] = error
    return prepared, failures


def _check_stored(prepared: Sequence[Prepared], job: Job) -> None:
    absent = [p.experiment.id for p in prepared if not p.stored(job.store)]
    if absent:
        raise SettingsError(
            "--only-plot",
            ", ".join(absent),
            f"results at {job.scale} scale, seed {job.seed}, of the present code in "
            f"{job.store.root}",
            "without --only-plot",
        )


def _run_all(
    prepared: Sequence[Prepared],
    job: Job,
    others: Beside,
    output: Output,
    display: Display,
    outcomes: list[Outcome],
    failures: dict[str, Exception],
) -> bool:
    """Run one after another, collecting what they leave; False if the user stopped."""
    for place, item in enumerate(prepared):
        if job.stop():
            return False
        display.begin(item)
        try:
            if others.wait(place, job, display.begin):
                display.begin(item)
            outcome = run(item, job, others.heard(place))
            output.write_figures(outcome)
        except (Stopped, KeyboardInterrupt):
            return False
        except StoreError:
            raise
        except Exception as error:
            failures[item.experiment.id] = error
            display.failed(item.experiment.id)
        else:
            outcomes.append(outcome)
            display.end(outcome)
    return True


def _page(output: Output) -> Path:
    return output.folder / "index.html"


def _write_page(output: Output, claims: Sequence[Claim]) -> None:
    """The report of everything in the folder, what earlier commands left included."""
    sections = []
    page = output.write_stories(claims)
    if page is not None:
        sections.append(
            Section(
                id="Stories",
                title=stories.TITLE,
                docstring=stories.__doc__ or "",
                figures=(page,),
            )
        )
    for experiment in output.experiments:
        figures = output.figures(experiment)
        own = tuple(c for c in claims if c.experiment in experiment.ids)
        if figures or own:
            note = figures[0][1] if figures else {}
            sections.append(
                Section(
                    id=experiment.id,
                    title=experiment.title,
                    docstring=experiment.docstring,
                    figures=tuple(path for path, _ in figures),
                    claims=own,
                    settings=note.get("settings", {}),
                    fingerprint=note.get("result", ""),
                )
            )
    write_report(_page(output), sections)


def _report(
    console: Console, summary: Summary, output: Output, job: Job, count: int
) -> None:
    """Table, tally, errors, and how to go on."""

    def line(markup: str) -> None:
        console.print(markup, highlight=False, soft_wrap=True)

    if summary.claims:
        console.print(claims_table(summary.claims))
    if summary.outcomes:
        line(f"{len(summary.outcomes)} of {count} experiments, {tally(summary.claims)}")
        line(f"Report: {escape(str(_page(output)))}")
    for error in summary.failures.values():
        if not isinstance(error, SettingsError):
            text = "".join(traceback.format_exception(error))
            console.print(text, markup=False, highlight=False, soft_wrap=True)
    for id, error in summary.failures.items():
        line(f"[red]failed[/] [bold]{id}[/]: {escape(where(error))}")
    if summary.stopped:
        again = "without --fresh " if job.fresh else ""
        line(
            f"Stopped. Run the same command {again}again to go on; what is finished is "
            f"in {escape(str(job.store.root))}"
        )


def _console() -> Console:
    """Standard output; a log has no width of its own and gets room for the table."""
    if sys.stdout.isatty() or "COLUMNS" in os.environ:
        return Console()
    return Console(width=120)


def command(**options: Any) -> int:
    """`reproduce` in a process of its own, whose threads are its to divide.

    Returns:
        The exit code.
    """
    alone = [options[name] for name in ("workers", "scheduler", "fresh", "only_plot")]
    if not any(alone):
        selected = select(options["ids"], find_experiments())
        beside.divide_cores(len(selected), options["scale"], options["at_once"])
    return reproduce(**options).exit_code


def main(arguments: Sequence[str] | None = None) -> int:
    """Read the command line, reproduce, return the exit code."""
    parser = argparse.ArgumentParser(
        prog="reproduce.py",
        description="Reproduce the figures, each with its claims and their verdicts.",
        epilog="examples: reproduce.py | reproduce.py TMS-1 TMS-3 | "
        "reproduce.py TMS --scale smoke --out /tmp/figures",
    )
    add = parser.add_argument
    add("ids", nargs="*", metavar="ID", help="experiment or family; all if none")
    add("--scale", default="laptop", help=f"{', '.join(SCALES)} (default: laptop)")
    add("--seed", type=int, default=0, help="root of all randomness (default: 0)")
    add("--out", help="folder of figures (default: figures, at laptop scale)")
    add("--store", help="folder of results (default: .toymodels/store)")
    add("--only-plot", action="store_true", help="draw from the store, compute nothing")
    add("--fresh", action="store_true", help="compute everything again")
    add(
        "--set",
        dest="changes",
        nargs="+",
        default=(),
        metavar="NAME=VALUE",
        help="settings instead of the scale's, e.g. --set grid=1000 groups=1",
    )
    add(
        "--generator",
        default=DEFAULT_GENERATOR,
        help=f"of the samples: {', '.join(GENERATORS)} (default: {DEFAULT_GENERATOR})",
    )
    add(
        "--workers",
        type=int,
        default=0,
        metavar="N",
        help="train on a local cluster of N processes, one core each",
    )
    add(
        "--scheduler",
        metavar="ADDRESS",
        help="train on the workers of a running Dask scheduler, e.g. tcp://HOST:8786; "
        "--store must then be a folder that all of them share",
    )
    add(
        "--at-once",
        type=int,
        default=None,
        metavar="N",
        help="experiments that are computed at the same time (default: 2 on a CPU with "
        "two cores and 8 GiB, 1 at paper scale; with --fresh or a cluster always 1)",
    )
    try:
        keep_compiled()
        return command(**vars(parser.parse_args(arguments)))
    except KeyboardInterrupt:
        return INTERRUPTED
    except (SettingsError, StoreError) as error:
        print(f"reproduce.py: {error}", file=sys.stderr)
        return BAD_INPUT


if __name__ == "__main__":
    with contextlib.suppress(AttributeError):  # a terminal without these characters
        sys.stdout.reconfigure(errors="replace")  # pyright: ignore
    sys.exit(main())
