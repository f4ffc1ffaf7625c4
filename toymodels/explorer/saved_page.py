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

from toymodels.config import SettingsError
from toymodels.explorer.description import describe, shapes_of
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
    frames = _chosen(trainer.frames())
    try:
        script = run_script(trainer, frames[-1].step)
    except SettingsError as error:
        script = f"# {error}"
    data = {
        "page": page_settings(),
        "frames": [
            describe(frame, shapes_of(frame), trainer.controls) for frame in frames
        ],
        "status": trainer.status,
        "script": script,
    }
    # "<" inside a script could end it.
    text = json.dumps(data, separators=(",", ":")).replace("<", "\\u003c")
    style = (PAGE / "style.css").read_text(encoding="utf-8")
    code = joined_script()
    policy = (
        f"default-src 'none'; script-src '{_digest(code)}'; "
        f"style-src '{_digest(style)}'; img-src data: blob:"
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


def _digest(text: str) -> str:
    """What a content security policy calls an inline text."""
    digest = hashlib.sha256(text.encode()).digest()
    return "sha256-" + base64.b64encode(digest).decode()
