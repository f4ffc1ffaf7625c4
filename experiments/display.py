"""What a person sees of the job: two progress bars, a line for each figure, a table."""

import time
import traceback
from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn
from rich.table import Table

from experiments.estimate import Estimate, in_words
from experiments.parts import PartsReport
from experiments.runner import Outcome, Prepared
from toymodels.claims import VERDICTS, Claim, shown, shown_with_interval
from toymodels.config import SettingsError

# A log without bars gets a line about a divided training this often.
LINE_SECONDS = 60.0

_COLOURS = {"supported": "green", "not supported": "red", "inconclusive": "yellow"}


class Display:
    """Progress of the running experiment, and of the whole job with the time left.

    Args:
        console: where to show it; without a terminal there are lines, but no bars.
        count: number of experiments.
        estimate: of their durations.
    """

    def __init__(self, console: Console, count: int, estimate: Estimate):
        self.console = console
        self._count = count
        self._done = 0
        self._estimate = estimate
        self._current: Prepared | None = None
        self._began = 0.0
        self._share = 0.0
        self._parts = ""
        self._said = 0.0
        self._bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[amount]}"),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._experiment = self._bars.add_task("", amount="", visible=False)
        self._job = self._bars.add_task("All", total=count, amount="")

    def __enter__(self) -> "Display":
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()

    def begin(self, prepared: Prepared) -> None:
        """An experiment starts."""
        self._current, self._began = prepared, time.monotonic()
        name = f"[bold]{prepared.experiment.id}[/] {escape(prepared.experiment.title)}"
        self._share, self._parts, self._said = 0.0, "", self._began
        self._bars.reset(
            self._experiment,
            description=name,
            total=None,
            amount="preparing",
            visible=True,
        )
        self._show_time()

    def steps(self, done: int, total: int) -> None:
        """The running experiment trained up to `done` of the steps known so far."""
        id = self._current.experiment.id if self._current else ""
        # What it trained last time is known before it asks for all of it now.
        total = max(total, self._estimate.steps.get(id, 0))
        self._share = done / total
        amount = self._parts or f"{done:,} of {total:,} training steps"
        self._bars.update(self._experiment, completed=done, total=total, amount=amount)
        self._show_time()

    def parts(self, report: PartsReport) -> None:
        """A divided training of the running experiment is so far."""
        self._parts = parts_line(report) if report.done < report.total else ""
        self._bars.update(self._experiment, amount=self._parts)
        late = time.monotonic() - self._said > LINE_SECONDS
        if self._parts and late and not self.console.is_terminal:
            self._said = time.monotonic()
            self._line(self._parts)

    def end(self, outcome: Outcome) -> None:
        """An experiment is done."""
        id = outcome.prepared.experiment.id
        self._estimate.finished(id, outcome.seconds)
        self._advance()
        source = "computed" if outcome.computed else "from the store"
        self._line(
            f"[bold]{id}[/] {escape(outcome.prepared.experiment.title)} "
            f"[dim]({source}, {outcome.seconds:.1f} s)[/]: {tally(outcome.claims)}"
        )
        for message in outcome.warnings:
            self._line(f"  [yellow]warning:[/] {escape(message)}")

    def failed(self, id: str) -> None:
        """An experiment raised an error."""
        self._estimate.finished(id, time.monotonic() - self._began)
        self._advance()
        self._line(f"[bold]{id}[/] [red]failed[/], see below")

    def _advance(self) -> None:
        self._done += 1
        self._current = None
        self._bars.update(self._job, completed=self._done)
        self._show_time()

    def _show_time(self) -> None:
        id = self._current.experiment.id if self._current else None
        elapsed = time.monotonic() - self._began
        left = self._estimate.left(id, elapsed, self._share)
        amount = f"{self._done} of {self._count}, about {in_words(left)} left"
        self._bars.update(self._job, amount=amount)

    def _line(self, markup: str) -> None:
        self.console.print(markup, highlight=False, soft_wrap=True)


def parts_line(report: PartsReport) -> str:
    """Blocks, workers, rate and time left of a divided training."""
    words = [f"{report.done:,} of {report.total:,} blocks"]
    if report.workers is not None:
        words.append(f"{report.workers} workers" if report.workers else "no worker yet")
    if report.rate is not None:
        words.append(f"{report.rate:,.3g} model-steps/s".replace("e+0", "e"))
    if report.seconds_left is not None:
        words.append(f"about {in_words(report.seconds_left)} left")
    return ", ".join(words)


def claims_table(claims: Sequence[Claim]) -> Table:
    """The table at the end: claim, source's number, measured, verdict."""
    table = Table(header_style="bold", show_lines=False)
    table.add_column("figure", no_wrap=True)
    table.add_column("claim", ratio=1)
    table.add_column("source", max_width=18)
    table.add_column("measured [95 %]".replace("[", r"\["), max_width=26)
    table.add_column("verdict", no_wrap=True)
    for claim in claims:
        colour = _COLOURS[claim.verdict]
        table.add_row(
            claim.experiment,
            escape(claim.statement),
            escape(shown(claim.expected)),
            escape(shown_with_interval(claim)),
            f"[{colour}]{claim.verdict}[/]",
        )
    return table


def tally(claims: Sequence[Claim]) -> str:
    """Number of claims with each verdict, as markup."""
    counts = {v: sum(c.verdict == v for c in claims) for v in VERDICTS}
    parts = [f"{n} [{_COLOURS[v]}]{v}[/]" for v, n in counts.items() if n]
    return ", ".join(parts) or "no claims"


def where(error: BaseException) -> str:
    """An error with its place, on one line."""
    message = " ".join(str(error).split())
    if isinstance(error, SettingsError):
        return message
    frames = traceback.extract_tb(error.__traceback__)
    # The innermost line of an experiment says more than one deep inside a library.
    ours = [f for f in frames if "experiments/" in f.filename.replace("\\", "/")]
    place = (ours or frames)[-1:]
    at = f" ({place[0].filename.rpartition('/')[2]}:{place[0].lineno})" if place else ""
    return f"{type(error).__name__}: {message}{at}"
