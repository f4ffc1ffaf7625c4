"""The ledger of claims, `claims.json`, and the table of it that the README shows."""

import dataclasses
import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from toymodels.claims import VERDICTS, Claim, Control, shown, shown_with_interval
from toymodels.config import SettingsError
from toymodels.disk import StoreError, explained, write_atomically
from toymodels.result import plain_text

README_BEGIN = "<!-- claims:begin -->"
README_END = "<!-- claims:end -->"


def write_ledger(path: Path, claims: Iterable[Claim]) -> None:
    """Write claims as a JSON list, whole or not at all; equal claims, equal bytes.

    Each entry has the fields of `Claim`; `note` and a control's `detail` are left out
    where they are empty.

    Raises:
        ValueError: two claims have the same id.
        StoreError: the file cannot be written.
    """
    entries = [_entry(claim) for claim in claims]
    ids = [entry["id"] for entry in entries]
    twice = sorted({i for i in ids if ids.count(i) > 1})
    if twice:
        raise ValueError(f"claims: ids used more than once: {', '.join(twice)}")
    # NaN is not JSON: a claim without a finite value has None.
    text = plain_text(entries, indent=2, ensure_ascii=False, allow_nan=False)
    write_atomically(path, (text + "\n").encode())


def read_ledger(path: Path) -> list[Claim]:
    """The claims of a ledger, in its order.

    Raises:
        StoreError: the file cannot be read or is not a ledger.
    """
    with explained(path, "making it with `toymodels reproduce`"):
        data = path.read_bytes()
    try:
        return [_claim(entry) for entry in json.loads(data)]
    except (ValueError, TypeError, KeyError) as error:
        raise StoreError(
            path,
            "is truncated or not a ledger of claims",
            "removing it and running `toymodels reproduce`",
        ) from error


def markdown_table(claims: Iterable[Claim]) -> str:
    """The claims as a Markdown table without a line break at its end."""
    lines = [
        "| Figure | Claim | Source reports | Measured [95 % over seeds] | Seeds "
        "| Controls | Verdict |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for claim in claims:
        cells = (
            claim.experiment,
            claim.statement,
            shown(claim.expected),
            shown_with_interval(claim),
            str(claim.seeds) if claim.seeds else "exact",
            controls_in_brief(claim),
            claim.verdict,
        )
        lines.append(f"| {' | '.join(_cell(cell) for cell in cells)} |")
    return "\n".join(lines)


def controls_in_brief(claim: Claim) -> str:
    """How many controls failed as they must, as "2 of 2 failed"."""
    if not claim.controls:
        return "none"
    failed = sum(c.failed_as_it_must for c in claim.controls)
    return f"{failed} of {len(claim.controls)} failed"


def readme_table(claims: Iterable[Claim]) -> str:
    """What stands between the README's two markers: a tally, and a table a family.

    The tables are folded away: they are longer than the rest of the page.
    """
    claims = list(claims)
    scales = " and ".join(sorted({claim.scale for claim in claims}))
    families: dict[str, list[Claim]] = {}
    for claim in claims:
        families.setdefault(claim.experiment.partition("-")[0], []).append(claim)
    folded = [
        f"<details><summary><b>{family}</b>: {_tally(own)}</summary>\n\n"
        f"{markdown_table(own)}\n\n</details>"
        for family, own in families.items()
    ]
    head = (
        f"At {scales} scale {_tally(claims)}. A control is something that must fail "
        "the claim's test."
    )
    return "\n\n".join([head, *folded])


def _tally(claims: list[Claim]) -> str:
    """How many, and how many of each verdict, as "3 claims: 2 supported, …"."""
    verdicts = [claim.verdict for claim in claims]
    counts = {v: verdicts.count(v) for v in VERDICTS if v in verdicts}
    said = ", ".join(f"{count} {verdict}" for verdict, count in counts.items())
    return f"{len(claims)} {'claim' if len(claims) == 1 else 'claims'}: {said}"


def update_readme(path: Path, claims: Iterable[Claim]) -> bool:
    """Put the table between the README's markers.

    Returns:
        Whether the file changed.

    Raises:
        SettingsError: the file does not have both markers, in their order.
        StoreError: the file cannot be read or written.
    """
    with explained(path):
        text = path.read_text(encoding="utf-8")
    before, between, after = _parts(path, text)
    table = f"\n{readme_table(claims)}\n"
    if between == table:
        return False
    write_atomically(path, (before + table + after).encode())
    return True


def table_in_readme(path: Path) -> str:
    """What stands between the README's markers now, without the line breaks around."""
    with explained(path):
        return _parts(path, path.read_text(encoding="utf-8"))[1].strip("\n")


def _parts(path: Path, text: str) -> tuple[str, str, str]:
    before, begin, rest = text.partition(README_BEGIN)
    between, end, after = rest.partition(README_END)
    if not begin or not end:
        raise SettingsError(
            str(path),
            "no place for the table of claims",
            f"the lines {README_BEGIN} and {README_END}",
        )
    return before + begin, between, end + after


def _cell(text: str) -> str:
    text = " ".join(text.split())
    # What Markdown would read as a border, as emphasis or as a tag.
    return re.sub(r"[|*<\\]", r"\\\g<0>", text)


def _entry(claim: Claim) -> dict[str, Any]:
    entry = dataclasses.asdict(claim)
    if not entry["note"]:
        del entry["note"]
    for control in entry["controls"]:
        if not control["detail"]:
            del control["detail"]
    return entry


def _claim(entry: dict[str, Any]) -> Claim:
    controls = tuple(
        Control(**{**c, "interval": _interval(c["interval"])})
        for c in entry["controls"]
    )
    accepted = entry.get("accepted")
    return Claim(
        **{
            **entry,
            "interval": _interval(entry["interval"]),
            "controls": controls,
            "accepted": None if accepted is None else (accepted[0], accepted[1]),
        }
    )


def _interval(pair: list[float] | None) -> tuple[float, float] | None:
    return None if pair is None else (float(pair[0]), float(pair[1]))
