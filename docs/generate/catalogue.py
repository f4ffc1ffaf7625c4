"""The catalogue: a page for each experiment, from its file, settings and verdicts."""

import dataclasses
import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from experiments.registry import Experiment, find_experiments, settings_class
from generate.pages import plain, prose, table
from toymodels.claims import VERDICTS, Claim, shown, shown_with_interval
from toymodels.ledger import controls_in_brief, read_ledger

SCALES = ("smoke", "laptop", "paper")
# What the families are about; another one is shown by its letters alone.
FAMILIES = {
    "TMS": "Toy models of superposition",
    "DD": "Memorisation and double descent",
    "REP": "Repeated points",
    "PLT": "Plateaus",
    "ISO": "Iso-response contours",
    "RO": "Readoffs",
    "SPH": "The sphere around an activation",
    "CIS": "Computation in superposition",
    "MAD": "Backdoor or coincidence",
}
_SIGNS = dict(zip(VERDICTS, "✓✗?", strict=True))
_LONGEST_VALUE = 60


def pages(root: Path) -> dict[str, str]:
    """The index and a page for each experiment.

    Args:
        root: of the repository.
    """
    ledger = root / "figures" / "claims.json"
    claims = read_ledger(ledger) if ledger.exists() else []
    of: dict[str, list[Claim]] = {}
    for claim in claims:
        of.setdefault(claim.experiment, []).append(claim)
    experiments = find_experiments()
    found = {"index.md": _index(experiments, of)}
    for experiment in experiments:
        own = [claim for id in experiment.ids for claim in of.get(id, [])]
        found[f"{experiment.id}.md"] = _page(root, experiment, own)
    return found


def _index(experiments: list[Experiment], of: Mapping[str, list[Claim]]) -> str:
    claims = [claim for own in of.values() for claim in own]
    families: dict[str, list[Experiment]] = {}
    for experiment in experiments:
        families.setdefault(experiment.id.partition("-")[0], []).append(experiment)
    parts = [
        "# Experiments",
        f"{len(experiments)} experiments with {len(claims)} claims at laptop scale: "
        + ", ".join(f"{_count(claims, v)} {v}" for v in VERDICTS)
        + ". Every claim was stated with its threshold before the run that judges it. "
        "It is *supported* (✓) when the 95 % interval over seeds lies inside the "
        "accepted region and every control fails as it must, *not supported* (✗) when "
        "it lies outside, else *inconclusive* (?).",
        "`toymodels reproduce TMS-6` runs one of them, `toymodels reproduce TMS` a "
        "family. This catalogue is made from the files of the experiments and from "
        "`figures/claims.json`.",
    ]
    for family, own in families.items():
        parts.append(f"## {_heading(family)}")
        rows = [
            [
                f"[{', '.join(e.ids)}]({e.id}.md)",
                plain(e.title),
                *(str(_count([c for id in e.ids for c in of.get(id, [])], v))
                  for v in VERDICTS),
            ]
            for e in own
        ]  # fmt: skip
        parts.append(table(["Id", "Question", "✓", "✗", "?"], rows))
        members = "\n".join(e.id for e in own)
        parts.append(f"```{{toctree}}\n:hidden:\n\n{members}\n```")
    return "\n\n".join(parts) + "\n"


def _heading(family: str) -> str:
    return f"{FAMILIES[family]} ({family})" if family in FAMILIES else family


def _count(claims: list[Claim], verdict: str) -> int:
    return sum(claim.verdict == verdict for claim in claims)


def _page(root: Path, experiment: Experiment, claims: list[Claim]) -> str:
    figures = sorted(
        path
        for path in (root / "figures").glob(f"{experiment.id}_*")
        if path.suffix in (".png", ".gif")
    )
    parts = [
        f"# {', '.join(experiment.ids)}: {plain(experiment.title)}",
        prose(_without_id(experiment.docstring)),
        f"The file is `{experiment.path.relative_to(root)}`. To run it:",
        f"```console\n$ toymodels reproduce {experiment.id}\n```",
        *(["## Figures"] if figures else []),
        *(_figure(path, experiment) for path in figures),
        "## Claims",
        _overview(claims) if claims else "None of its claims has been judged yet.",
        *(_claim(claim) for claim in claims),
        "## Settings",
        _settings(settings_class(experiment.load())),
    ]
    return "\n\n".join(parts) + "\n"


def _without_id(docstring: str) -> str:
    """The docstring without the ids that it begins with: the heading has them."""
    _, colon, rest = docstring.partition(": ")
    return rest[0].upper() + rest[1:] if colon else docstring


def _figure(path: Path, experiment: Experiment) -> str:
    name = path.stem.partition("_")[2].replace("_", " ")
    alt = plain(f"{experiment.title}: {name}")
    return f"![{alt}](../../figures/{path.name})"


def _overview(claims: list[Claim]) -> str:
    head = ["Claim", "Source reports", "Measured [95 %]", "Controls", "Verdict"]
    rows = [
        [
            plain(claim.statement),
            plain(shown(claim.expected)),
            plain(shown_with_interval(claim)),
            controls_in_brief(claim),
            f"{_SIGNS[claim.verdict]} {claim.verdict}",
        ]
        for claim in claims
    ]
    return table(head, rows)


def _claim(claim: Claim) -> str:
    seeds = str(claim.seeds) if claim.seeds else "none, exact"
    facts = {
        "Source": claim.source,
        "Statistic": claim.statistic,
        "Supported if": claim.tolerance,
        "Measured": shown_with_interval(claim),
        "Seeds": f"{seeds} ({claim.scale} scale)" if claim.scale else seeds,
        "Note": claim.note,
    }
    lines = [f"- **{name}:** {plain(value)}" for name, value in facts.items() if value]
    rows = [
        [
            plain(control.name),
            plain(control.expected),
            plain(shown_with_interval(control)),
            "✓ yes" if control.failed_as_it_must else "✗ no",
        ]
        for control in claim.controls
    ]
    head = ["Control", "Must be", "Measured [95 %]", "Failed as it must"]
    title = f"### {_SIGNS[claim.verdict]} {plain(claim.statement)}"
    return "\n\n".join(
        [title, "\n".join(lines), table(head, rows) if rows else "Without a control."]
    )


def _settings(kind: Any) -> str:
    """Name and value at every scale, of what can be set."""
    presets = [kind.preset(scale) for scale in SCALES]
    rows = []
    for field in dataclasses.fields(kind):
        values = [_value(getattr(preset, field.name)) for preset in presets]
        if field.name != "scale" and field.init:
            rows.append([f"`{field.name}`", *(_code(value) for value in values)])
    text = inspect.getdoc(kind) or ""
    about = "\n\n".join(text.split("\n\n")[1:])
    parts = [table(["Setting", *SCALES], rows)]
    # The first line says no more than the heading; sections are for programmers.
    if about and "Args:" not in about and "Attributes:" not in about:
        parts.insert(0, prose(about))
    parts.append(
        "`--set NAME=VALUE` of `toymodels reproduce` changes one of them for one run."
    )
    return "\n\n".join(parts)


def _code(value: str) -> str:
    value = value.replace("|", "\\|")
    return f"`{value}`" if value else "(empty)"


def _value(value: Any) -> str:
    """A setting as short text."""
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if dataclasses.is_dataclass(value):
        fields = dataclasses.fields(value)
        inner = ", ".join(f"{f.name}={_value(getattr(value, f.name))}" for f in fields)
        text = f"{type(value).__name__}({inner})"
    elif isinstance(value, list | tuple):
        text = ", ".join(map(_value, value))
        text = f"({text})" if isinstance(value, tuple) else f"[{text}]"
    elif isinstance(value, float):
        text = f"{value:g}"
    else:
        text = str(value)
    short = text[: _LONGEST_VALUE - 2].rstrip(", ")
    return text if len(text) <= _LONGEST_VALUE else f"{short} …"
