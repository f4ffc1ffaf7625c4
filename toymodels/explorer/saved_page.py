"""The page as one file that opens from the file system, with the run inside.

The page's modules are plain: each begins with its imports, exports with a keyword in
front of a declaration, and no two have a name in common. So they can be joined by
leaving those lines and words out.

Axis letters: n features, d hidden dimensions.
"""

import base64
import hashlib
import json
import re
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from toymodels.config import SettingsError
from toymodels.explorer.description import describe, held_until, shapes_of
from toymodels.explorer.fields import page_settings
from toymodels.explorer.script import run_script
from toymodels.explorer.trainer import Frame, LiveTrainer

PAGE = Path(__file__).with_name("page")
MOST_NUMBERS = 400_000
MOST_FRAMES_SAVED = 120

_IMPORT = re.compile(r'^import \{[^}]*\} from "\./([\w-]+\.js)";\n', re.MULTILINE)
_STYLE = '<link rel="stylesheet" href="/page/style.css">'
_SCRIPT = '<script type="module" src="/page/main.js"></script>'


def joined_script(entry: str = "main.js", folder: Path = PAGE) -> str:
    """A module and all that it imports, as one module without imports."""
    ordered: list[str] = []

    def visit(name: str) -> None:
        if name in ordered:
            return
        text = (folder / name).read_text(encoding="utf-8")
        for imported in _IMPORT.findall(text):
            visit(imported)
        if name not in ordered:
            ordered.append(name)

    visit(entry)
    parts = []
    for name in ordered:
        text = _IMPORT.sub("", (folder / name).read_text(encoding="utf-8"))
        parts.append(re.sub(r"^export (?=\w)", "", text, flags=re.MULTILINE))
    return "\n".join(parts)


def saved_page(trainer: LiveTrainer) -> str:
    """The page with this run's frames, settings and script inside.

    Args:
        trainer: whose run it is; it goes on undisturbed.
    """
    now = trainer.snapshot()
    frames = list(now.frames)
    try:
        script = run_script(trainer, frames[-1].step)
    except SettingsError as error:
        script = f"# {error}"
    about = (
        "This page was saved: it holds a run's history, and needs no server."
        if len(frames) > 1
        else "This page was saved before any training, and needs no server."
    )
    return page_with(frames, status=now.status, script=script, about=about)


def page_with(
    frames: list[Frame],
    *,
    status: str,
    script: str,
    about: str,
    history: tuple[Int[np.ndarray, " k"], Float[np.ndarray, " k"]] | None = None,
) -> str:
    """The page with frames inside.

    Args:
        frames: in order; of too many, some at even distances.
        status: at the last one.
        script: that makes the weights of the last one again.
        about: what the page holds, in a sentence.
        history: steps and losses, where there are more of them than frames.
    """
    frames = _chosen(frames)
    data = {
        "page": page_settings(),
        "frames": [
            describe(frame, shapes_of(frame), frames[-1].controls)
            | held_until(frame, frames)
            for frame in frames
        ],
        "status": status,
        "script": script,
        "about": about,
    }
    if history is not None and len(history[0]):
        data["history"] = {
            "steps": history[0].tolist(),
            "losses": [_number(loss) for loss in history[1]],
        }
    # "<" inside a script could end it.
    text = json.dumps(data, separators=(",", ":")).replace("<", "\\u003c")
    style = (PAGE / "style.css").read_text(encoding="utf-8")
    code = joined_script()
    policy = (
        f"default-src 'none'; script-src '{_digest(code)}'; "
        f"style-src '{_digest(style)}'; img-src data: blob:; "
        "base-uri 'none'; form-action 'none'"
    )
    page = (PAGE / "index.html").read_text(encoding="utf-8")
    head = (
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        f"<style>{style}</style>"
    )
    saved = f'<script type="application/json" id="saved">{text}</script>\n'
    page = page.replace(_STYLE, head)
    return page.replace(_SCRIPT, f'{saved}<script type="module">{code}</script>')


def _chosen(frames: list[Frame]) -> list[Frame]:
    """Evenly some of them, so that the file stays of moderate size."""
    most = max(MOST_NUMBERS // frames[-1].W.size, 2)
    most = min(most, MOST_FRAMES_SAVED)
    if len(frames) <= most:
        return frames
    last = len(frames) - 1
    return [frames[round(k * last / (most - 1))] for k in range(most)]


def _number(value: float | np.floating) -> float | None:
    """In as many digits as a curve needs; None if it is not finite."""
    return float(f"{float(value):.5g}") if np.isfinite(value) else None


def _digest(text: str) -> str:
    """What a content security policy calls an inline text."""
    digest = hashlib.sha256(text.encode()).digest()
    return "sha256-" + base64.b64encode(digest).decode()
