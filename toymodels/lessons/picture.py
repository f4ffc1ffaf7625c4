"""A Matplotlib figure in a notebook, as the report shows it.

marimo and Jupyter save a figure themselves, with their own settings and a cropped
margin; then the legends that this package places by measure overlap the axes. Here the
figure is drawn within the package's style, and its title is the text for those who do
not see it.
"""

import base64
import dataclasses
import importlib
from collections.abc import Callable
from typing import Any

from matplotlib.figure import Figure

from toymodels.plotting import png_bytes


@dataclasses.dataclass(frozen=True)
class Picture:
    """A figure as PNG.

    Attributes:
        png: the file's bytes.
        words: what the picture shows, in words.
        width: in pixels of the page, at most; less where there is no room.
    """

    png: bytes
    words: str
    width: int

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> tuple:
        data = {"image/png": base64.b64encode(self.png).decode()}
        return {**data, "text/plain": self.words}, {"image/png": {"width": self.width}}

    def _display_(self) -> Any:
        mo = importlib.import_module("marimo")
        style = {"width": f"{self.width}px", "max-width": "100%", "height": "auto"}
        return mo.image(self.png, alt=self.words, style=style)


def picture(figure: Figure, words: str = "") -> Picture:
    """A figure to show in a cell.

    Args:
        figure: of `toymodels.plotting`, or any other.
        words: what it shows; the figure's title when empty.
    """
    words = words or figure.get_suptitle() or "a figure"
    width = round(figure.get_figwidth() * 92)
    return Picture(png_bytes(figure), words.replace("\n", " "), width)


def shown(result: Callable[[], Any]) -> Any:
    """What a cell shows of a result that was waited for: a figure as a `Picture`."""
    made = result()
    return picture(made) if isinstance(made, Figure) else made
