"""The report: one HTML page with every figure, claim, control and setting.

It takes plain data and knows no experiment. Images are data URIs and styles are inline,
so the page opens from the file system, can be sent as one file, and asks nothing of any
network (its own security policy forbids it).
"""

import base64
import html
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from toymodels.claims import VERDICTS, Claim, Control, shown, shown_with_interval
from toymodels.disk import explained, write_atomically
from toymodels.report_style import STYLE

_IMAGE_TYPES = {".png": "image/png", ".gif": "image/gif"}

# A sign besides the colour, for those who do not see it.
_SIGNS = {"supported": "✓", "not supported": "✗", "inconclusive": "?"}


@dataclass(frozen=True)
class Section:
    """What the report says about one experiment."""

    id: str
    title: str
    docstring: str
    """Plain text: paragraphs between blank lines, items that begin with "- "."""
    figures: tuple[Path, ...] = ()
    """PNG or GIF files; their names become the captions."""
    claims: tuple[Claim, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Name and value, as `toymodels.config.to_json` gives them."""
    fingerprint: str = ""
    """The key of the result in the store."""


def write_report(
    path: Path, sections: Sequence[Section], *, title: str = "Toy models, reproduced"
) -> Path:
    """Write the page, whole or not at all; equal input gives equal bytes.

    Args:
        path: the HTML file.
        sections: one for each experiment, in the order of the page.
        title: of the page.

    Raises:
        StoreError: a figure cannot be read or the page cannot be written.
    """
    write_atomically(path, render(sections, title=title).encode())
    return path


def render(
    sections: Sequence[Section], *, title: str = "Toy models, reproduced"
) -> str:
    """The page as text."""
    claims = [claim for section in sections for claim in section.claims]
    policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{_text(title)}</title>
<style>{STYLE}</style>
</head>
<body>
<a class="skip" href="#claims">Skip to the claims</a>
<header>
<h1>{_text(title)}</h1>
<p>{len(sections)} experiments, {len(claims)} claims. A claim is <em>supported</em> when
the 95&nbsp;% interval of its statistic over seeds lies inside the region that was fixed
before the run and every control fails as it must; it is <em>not supported</em> when the
interval lies wholly outside; all else is <em>inconclusive</em>.</p>
{_tally(claims)}
{_contents(sections)}
</header>
<main>
<section aria-labelledby="claims">
<h2 id="claims">All claims</h2>
{_overview(claims)}
</section>
{"".join(_section(section) for section in sections)}</main>
</body>
</html>
"""


def _tally(claims: Sequence[Claim]) -> str:
    counts = {v: sum(c.verdict == v for c in claims) for v in VERDICTS}
    items = "".join(
        f"<li>{_verdict(verdict)} <strong>{count}</strong></li>"
        for verdict, count in counts.items()
    )
    return f'<ul class="tally">{items}</ul>'


def _contents(sections: Sequence[Section]) -> str:
    items = "".join(
        f'<li><a href="#{_text(s.id)}">{_text(s.id)}</a> {_text(s.title)}</li>'
        for s in sections
    )
    return f'<nav aria-label="Experiments"><ol class="contents">{items}</ol></nav>'


def _overview(claims: Sequence[Claim]) -> str:
    rows = [
        f'<td class="number"><a href="#{_text(claim.experiment)}">'
        f"{_text(claim.experiment)}</a></td>"
        f'<th scope="row"><a href="#{_anchor(claim)}">{_text(claim.statement)}</a></th>'
        f"<td>{_text(shown(claim.expected))}</td>"
        f'<td class="number">{_text(shown_with_interval(claim))}</td>'
        f"<td>{_verdict(claim.verdict)}</td>"
        for claim in claims
    ]
    head = ("Figure", "Claim", "Source reports", "Measured [95 %]", "Verdict")
    return _table("Every claim with its verdict", head, rows)


def _section(section: Section) -> str:
    id = _text(section.id)
    parts = [
        f'<section class="experiment" aria-labelledby="{id}">',
        f'<h2 id="{id}">{id}: {_text(section.title)}</h2>',
        *(_figure(path, section) for path in section.figures),
        _prose(section.docstring),
        *(_claim(claim) for claim in section.claims),
        _settings(section),
        "</section>\n",
    ]
    return "\n".join(part for part in parts if part)


def _figure(path: Path, section: Section) -> str:
    kind = _IMAGE_TYPES[path.suffix]
    with explained(path):
        data = base64.b64encode(path.read_bytes()).decode()
    name = path.stem.removeprefix(f"{section.id}_").replace("_", " ")
    alt = _text(f"{section.title}: {name}")
    image = f'<img src="data:{kind};base64,{data}" alt="{alt}" loading="lazy">'
    if kind == "image/gif":
        # A picture that moves by itself waits until it is asked for.
        image = f"<details><summary>Show the animation</summary>{image}</details>"
    caption = f"{_text(name.capitalize())} (<code>{_text(path.name)}</code>)"
    return f"<figure>{image}<figcaption>{caption}</figcaption></figure>"


def _claim(claim: Claim) -> str:
    seeds = str(claim.seeds) if claim.seeds else "none, exact"
    rows = {
        "Source": claim.source,
        "Statistic": claim.statistic,
        "Source reports": shown(claim.expected),
        "Supported if": claim.tolerance,
        "Measured [95 %]": shown_with_interval(claim),
        "Seeds": f"{seeds} ({claim.scale} scale)" if claim.scale else seeds,
        "Note": claim.note,
    }
    facts = "".join(
        f"<div><dt>{name}</dt><dd>{_text(value)}</dd></div>"
        for name, value in rows.items()
        if value
    )
    return (
        f'<article id="{_anchor(claim)}"><h3>{_text(claim.statement)} '
        f"{_verdict(claim.verdict)}</h3><dl>{facts}</dl>"
        f"{_controls(claim.controls)}</article>"
    )


def _controls(controls: Sequence[Control]) -> str:
    if not controls:
        return "<p>Without a control.</p>"
    rows = [
        f'<th scope="row">{_text(c.name)}</th><td>{_text(c.expected)}</td>'
        f'<td class="number">{_text(shown_with_interval(c))}</td>'
        f"<td>{'✓ yes' if c.failed_as_it_must else '✗ no'}</td>"
        f"<td>{_text(c.detail)}</td>"
        for c in controls
    ]
    head = ("Control", "Must be", "Measured [95 %]", "Failed as it must", "Remark")
    return _table("Controls", head, rows)


def _settings(section: Section) -> str:
    rows = [
        f'<th scope="row"><code>{_text(name)}</code></th>'
        f"<td><code>{_text(_plain(value))}</code></td>"
        for name, value in section.settings.items()
        if name != "type"
    ]
    table = _table("Settings", ("Name", "Value"), rows) if rows else ""
    mark = (
        f"<p>Result <code>{_text(section.fingerprint)}</code></p>"
        if section.fingerprint
        else ""
    )
    if not table and not mark:
        return ""
    return f"<details><summary>Settings and hash</summary>{table}{mark}</details>"


def _table(caption: str, head: Sequence[str], rows: Sequence[str]) -> str:
    cells = "".join(f'<th scope="col">{_text(name)}</th>' for name in head)
    body = "".join(f"<tr>{row}</tr>\n" for row in rows)
    # Wide tables scroll by themselves, with the keyboard too.
    return (
        f'<div class="table" role="region" tabindex="0" aria-label="{_text(caption)}">'
        f"<table><caption>{_text(caption)}</caption><thead><tr>{cells}</tr></thead>\n"
        f"<tbody>{body}</tbody></table></div>"
    )


def _prose(text: str) -> str:
    """Paragraphs and lists of a docstring; its `code` as code."""
    blocks = []
    for block in re.split(r"\n\s*\n", text.strip()):
        items = re.split(r"^\s*- ", block, flags=re.MULTILINE)
        if items[0].strip():
            blocks.append(f"<p>{_marked(items[0])}</p>")
        if items[1:]:
            lines = "".join(f"<li>{_marked(item)}</li>" for item in items[1:])
            blocks.append(f"<ul>{lines}</ul>")
    return "".join(blocks)


def _marked(text: str) -> str:
    joined = _text(" ".join(text.split()))
    joined = re.sub(r"`+([^`]+)`+", r"<code>\1</code>", joined)
    return re.sub(r"(?<![\w*])\*([^*\s][^*]*)\*(?![\w*])", r"<em>\1</em>", joined)


def _verdict(verdict: str) -> str:
    name = verdict.replace(" ", "-")
    return f'<span class="verdict {name}">{_SIGNS[verdict]}&nbsp;{verdict}</span>'


def _anchor(claim: Claim) -> str:
    return "claim-" + re.sub(r"[^\w.-]+", "-", claim.id)


def _plain(value: Any) -> str:
    """A setting as text: an array or a nested setting in the form a reader expects."""
    if isinstance(value, Mapping):
        if set(value) == {"array", "dtype"}:
            return _plain(value["array"])
        if set(value) == {"dict"}:
            return _plain(value["dict"])
        name = value.get("type", "")
        inner = ", ".join(f"{k}={_plain(v)}" for k, v in value.items() if k != "type")
        return f"{name}({inner})"
    if isinstance(value, list | tuple):
        return f"({', '.join(_plain(v) for v in value)})"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _text(text: str) -> str:
    return html.escape(text, quote=True)
