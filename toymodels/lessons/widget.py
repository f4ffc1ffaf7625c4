"""The explorer's pictures of W in a notebook: the same code, as an anywidget.

One dimension is a line, two are a plane, three a sphere that is turned by hand; more
are seen by their interference graph. Nothing is fetched from elsewhere: the widget
carries the explorer's modules, joined into one.

Axis letters: `snaps` snapshots, `runs`, n features, d hidden dimensions.
"""

import functools
import re
from typing import Any

import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Num

from toymodels.config import SettingsError, check_count
from toymodels.explorer.description import DIGITS, plain
from toymodels.explorer.saved_page import PAGE, joined_script
from toymodels.geometry import find_shapes, measure, tegum_name
from toymodels.lessons.catalogue import TO_INSTALL
from toymodels.training import Run

BOX = ".toymodels-view"
# More would make the notebook's file heavy, and the slider no finer to the hand.
MOST_FRAMES = 120

_RULE = re.compile(r"^([^{}@]+)\{([^{}]*)\}", re.MULTILINE)
_DARK = re.compile(
    r"@media \(prefers-color-scheme: dark\) \{\s*:root (\{[^{}]*\})\s*\}"
)
_OF_PICTURES = ("svg", ".stage", ".faint", ".small", ".number")
# marimo has rules for classes of its own that are called "grid" and "outline", too.
_LAYOUT = f"""
{BOX} {{ max-width: 36rem; padding: .8rem; border: 1px solid var(--line); color:
  var(--ink); border-radius: 8px; background: var(--panel);
  font: 1rem/1.5 system-ui, sans-serif; }}
{BOX} p {{ margin: .2rem 0; color: inherit; }}
{BOX} svg g {{ display: inline; outline: none; }}
{BOX} .faint {{ color: var(--faint); }}
{BOX} .view-scrub {{ display: flex; gap: .6rem; align-items: center; }}
{BOX} .view-scrub[hidden] {{ display: none; }}
{BOX} .view-scrub input {{ flex: 1; min-width: 0; accent-color: var(--act); }}
"""


def show_features(W: Num[ArrayLike, "d n"]) -> Any:
    """A widget with the picture of one W.

    Args:
        W: (d, n) weights; feature i is column W_i.

    Returns:
        An anywidget whose cell shows it.

    Raises:
        SettingsError: W is not finite, or the extra `lessons` is not installed.
    """
    return _widget_class()(frames=[frame_of(W)], place=0)


def show_training(run: Run, index: int = 0) -> Any:
    """A widget with the snapshots of one run, and a slider over the steps.

    Args:
        run: trained with snapshots, such as `snapshots=tm.linear_steps(steps, 60)`.
        index: which run of the ensemble; −1 is the last.

    Returns:
        An anywidget that shows the last snapshot first; its `place` is the shown one.

    Raises:
        SettingsError: there is no snapshot or no such run, or the extra `lessons` is
            not installed.
    """
    steps = np.asarray(run.snapshots.step)
    if not len(steps):
        raise SettingsError(
            "snapshots", (), "one at least", "tm.linear_steps(steps, 60) in the spec"
        )
    check_count("index", index, minimum=-run.runs, maximum=run.runs - 1)
    W = run.snapshots.params["W"]
    most = min(len(steps), MOST_FRAMES)
    chosen = np.unique(np.linspace(0, len(steps) - 1, most).round().astype(int))
    frames = [frame_of(W[k, index], step=int(steps[k])) for k in chosen]
    return _widget_class()(frames=frames, place=len(frames) - 1)


def frame_of(W: Num[ArrayLike, "d n"], *, step: int | None = None) -> dict[str, Any]:
    """What the page's pictures need to know of one W, as plain data.

    Raises:
        SettingsError: some entry is not finite.
    """
    W = np.asarray(W, np.float32)
    if not np.isfinite(W).all():
        raise SettingsError("W", "entries that are not finite", "finite weights")
    geometry, shapes = measure(W), find_shapes(W)
    named = [s.distance for s in shapes if s.name not in ("single", "unmatched")]
    return {
        "step": step,
        "W": plain(W),
        "norms": plain(np.asarray(geometry.norms)),
        "represented": np.asarray(geometry.represented).tolist(),
        "shapes": [
            {"name": s.name, "members": list(s.members), "distance": s.distance}
            for s in shapes
        ],
        "shape": tegum_name(shapes),
        "distance": round(max(named), DIGITS) if named else None,
    }


def widget_script() -> str:
    """The widget's module: the page's own pictures, and what anywidget calls."""
    return joined_script(entry="widget.js") + "\nexport default { render };\n"


def widget_style() -> str:
    """The page's rules for its pictures, within the widget's box alone."""
    style = (PAGE / "style.css").read_text(encoding="utf-8")
    dark = "".join(
        f"@media (prefers-color-scheme: dark) {{ {BOX} {rule} }}\n"
        for rule in _DARK.findall(style)
    )
    light, rules = "", []
    for selectors, body in _RULE.findall(_DARK.sub("", style)):
        names = [name.strip() for name in selectors.split(",")]
        if names == [":root"]:
            light = f"{BOX} {{{body}}}\n"
        elif all(name.startswith(_OF_PICTURES) for name in names):
            scoped = ", ".join(f"{BOX} {name}" for name in names)
            rules.append(f"{scoped} {{{body}}}")
    return light + dark + "\n".join(rules) + _LAYOUT


@functools.cache
def _widget_class() -> Any:
    """The class, made when first used: only then the extra has to be there."""
    try:
        import anywidget
        import traitlets
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in ("anywidget", "traitlets"):
            raise
        raise SettingsError(
            "lessons",
            f"no {error.name}",
            "the extra `lessons` to be installed",
            TO_INSTALL,
        ) from None

    class FeatureView(anywidget.AnyWidget):
        """One picture or several; `place` is the index of the one that is shown."""

        _esm = widget_script()
        _css = widget_style()
        frames = traitlets.List().tag(sync=True)
        place = traitlets.Int(0).tag(sync=True)

    return FeatureView
