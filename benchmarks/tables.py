"""The numbers of a benchmark that a person wants to see."""

from typing import Any

from rich.table import Table

from sides import OURS, PEERS
from steps import TARGET_RATIO

TARGET_SHARE = 0.3


def times_table(rows: list[dict[str, Any]]) -> Table:
    """Milliseconds a step, a line for each side."""
    table = _by_workload("Training, milliseconds per step (medians)", rows)
    for name, side in {**PEERS, **OURS}.items():
        times = [row["milliseconds_per_step"].get(name) for row in rows]
        table.add_row(side.title, *(f"{t['median']:.3g}" if t else "–" for t in times))
    return table


def ratios_table(rows: list[dict[str, Any]]) -> Table:
    """The fastest peer's time over ours, green where the target is met."""
    table = _by_workload("Times faster than the fastest peer (quartiles)", rows)
    table.add_row("fastest peer", *(PEERS[row["fastest_peer"]].title for row in rows))
    for name, side in OURS.items():
        cells = []
        for row in rows:
            ratio = row["ratio"][name]
            style = "green" if row["met"][name] else "red"
            quartiles = f"({ratio['q1']:.1f}–{ratio['q3']:.1f})"
            cells.append(f"[{style}]{ratio['median']:.1f}[/] {quartiles}")
        table.add_row(side.title, *cells)
    return table


def verdicts(rows: list[dict[str, Any]]) -> list[str]:
    """Which targets are met, one line each."""
    lines = []
    for name, side in OURS.items():
        missed = [_sizes(row) for row in rows if not row["met"][name]]
        state = f"missed at {', '.join(missed)}" if missed else "met on all"
        lines.append(f"≥ {TARGET_RATIO:.0f}× the fastest peer, {side.title}: {state}")
    largest = max(rows, key=lambda row: row["n"] * row["d"])
    products = largest["matrix_products"]
    for name, side in OURS.items():
        share = products["share"][name]["median"]
        state = "met" if share >= TARGET_SHARE else "missed"
        lines.append(
            f"≥ {TARGET_SHARE:.0%} of the machine's {products['machine_gflops']:.0f} "
            f"Gflop/s of matrix products at {_sizes(largest)}, {side.title}: "
            f"{products['gflops'][name]:.0f} Gflop/s, {share:.0%}, {state}"
        )
    return lines


def growth_table(rows: list[dict[str, Any]]) -> Table:
    """Cost and memory of ensembles of growing size."""
    table = Table(title="One model's step as an ensemble grows (n = 5, d = 2)")
    for name in ("stream", "runs", "µs", "min–max", "MiB", "estimate", "programs"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        cost = row["microseconds_per_model_step"]
        table.add_row(
            row["stream"],
            f"{row['runs']:,}",
            f"{cost['median']:.3g}",
            f"{cost['min']:.3g}–{cost['max']:.3g}",
            "–" if row["peak_mib"] is None else f"{row['peak_mib']:.0f}",
            f"{row['estimate_mib']:.0f}",
            str(row["programs"]),
        )
    return table


def _by_workload(title: str, rows: list[dict[str, Any]]) -> Table:
    table = Table(title=title)
    table.add_column("(runs, n, d)", no_wrap=True)
    for row in rows:
        table.add_column(_sizes(row), justify="right", no_wrap=True)
    return table


def _sizes(row: dict[str, Any]) -> str:
    return f"({row['runs']}, {row['n']}, {row['d']})"
