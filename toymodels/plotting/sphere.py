"""A function on the circle or the sphere of directions, with features marked.

Axis letters: `points` directions with a value, `n` features.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import scipy.spatial
from jaxtyping import Bool, Float
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from toymodels.plotting.canvas import panels
from toymodels.plotting.captions import (
    set_caption,
    set_color_bars,
    set_legend,
    set_title,
)
from toymodels.plotting.palette import (
    BLACK,
    BLUE,
    FAINT,
    GREY,
    SEQUENTIAL,
    VERMILLION,
    style,
)

# Cells of the map from pole to pole; twice as many go around.
ROWS = 120
# Where the features of a circle are marked, outside the largest value.
RIM = 1.2
# Active and inactive features. On the map a white rim lifts them off any colour.
LOOKS = {
    True: ("D", VERMILLION, "active feature"),
    False: ("o", BLUE, "inactive feature"),
}


@dataclass(frozen=True)
class DirectionMap:
    """A value for every direction, and what lies where.

    Attributes:
        directions: (d, points) unit vectors, d = 2 in order of angle, or d = 3.
        values: (points,) ≥ 0.
        features: (d, n) unit directions.
        active: (n,) which of the features are active in the base.
        maxima: (points,) local maxima.
    """

    directions: Float[np.ndarray, "d points"]
    values: Float[np.ndarray, " points"]
    features: Float[np.ndarray, "d n"]
    active: Bool[np.ndarray, " n"]
    maxima: Bool[np.ndarray, " points"]


@style()
def circle_figure(
    maps: Mapping[str, DirectionMap],
    *,
    title: str = "",
    caption: str = "",
    columns: int = 4,
) -> Figure:
    """The value as the distance from the centre, over the angle, one panel a map.

    Each panel is scaled to its own largest value. Features are marks on the rim.

    Args:
        maps: title of each panel and what to draw, d = 2.
        title: of the figure.
        caption: below the figure.
        columns: the most panels in a row.
    """
    figure, axes = panels(len(maps), columns=columns, panel_height=2.5)
    turn = np.linspace(0, 2 * np.pi, 181)
    for panel, (name, shown) in zip(axes, maps.items(), strict=True):
        for radius, color in ((0.5, FAINT), (1.0, FAINT), (RIM, GREY)):
            panel.plot(
                radius * np.cos(turn), radius * np.sin(turn), color=color, linewidth=0.8
            )
        height = shown.values / max(float(shown.values.max()), 1e-30)
        x, y = height * shown.directions
        around = np.append(np.arange(len(x)), 0)
        panel.plot(x[around], y[around], color=BLACK, linewidth=1.4, zorder=3)
        panel.plot(x[shown.maxima], y[shown.maxima], zorder=4, **_STAR)
        for active, (marker, color, _) in LOOKS.items():
            panel.plot(
                *(RIM * shown.features[:, shown.active == active]),
                linestyle="",
                marker=marker,
                color=color,
                zorder=5,
            )
        panel.set(xlim=(-1.35, 1.35), ylim=(-1.35, 1.35), aspect="equal")
        panel.set_axis_off()
        panel.set_title(name)
    _finish(figure, title, caption)
    return figure


@style()
def sphere_figure(
    maps: Mapping[str, DirectionMap],
    *,
    label: str,
    title: str = "",
    caption: str = "",
    columns: int = 2,
) -> Figure:
    """The value as a colour on the whole sphere (Mollweide), one panel a map.

    Each panel is scaled to its own largest value: heights within a sphere are the
    question, not between models.

    Args:
        maps: title of each panel and what to draw, d = 3.
        label: below the colour bar.
        title: of the figure.
        caption: below the figure.
        columns: the most panels in a row.
    """
    figure, axes = panels(
        len(maps), columns=columns, panel_height=2.7, projection="mollweide"
    )
    longitude = np.linspace(-np.pi, np.pi, 2 * ROWS + 1)
    latitude = np.linspace(-np.pi / 2, np.pi / 2, ROWS + 1)
    lon, lat = np.meshgrid(_middles(longitude), _middles(latitude))
    place = np.stack(
        [np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)]
    )
    for panel, (name, shown) in zip(axes, maps.items(), strict=True):
        height = shown.values / max(float(shown.values.max()), 1e-30)
        _, nearest = scipy.spatial.KDTree(shown.directions.T).query(
            place.reshape(3, -1).T
        )
        panel.pcolormesh(
            longitude,
            latitude,
            height[nearest].reshape(lon.shape),
            cmap=SEQUENTIAL,
            vmin=0.0,
            vmax=1.0,
            rasterized=True,
        )
        x, y = _plane(shown.directions[:, shown.maxima])
        panel.plot(x, y, zorder=4, **_STAR)
        for active, (marker, color, _) in LOOKS.items():
            x, y = _plane(shown.features[:, shown.active == active])
            panel.plot(
                x,
                y,
                linestyle="",
                marker=marker,
                markersize=8,
                color=color,
                markeredgecolor="white",
                markeredgewidth=1.2,
                zorder=5,
            )
        panel.set(xticks=[], yticks=[])
        panel.grid(visible=False)
        panel.set_title(name)
    bar = ScalarMappable(Normalize(0.0, 1.0), SEQUENTIAL)
    set_color_bars(figure, [(bar, label, "neither")])
    _finish(figure, title, caption)
    return figure


_STAR = {
    "linestyle": "",
    "marker": "*",
    "markersize": 13,
    "color": "white",
    "markeredgecolor": BLACK,
    "markeredgewidth": 0.9,
}


def _finish(figure: Figure, title: str, caption: str) -> None:
    """Legend, title and caption."""
    handles = [
        Line2D([], [], linestyle="", marker=marker, color=color, label=name)
        for marker, color, name in LOOKS.values()
    ]
    handles.append(Line2D([], [], label="local maximum", **_STAR))
    set_legend(figure, handles)
    set_title(figure, title)
    set_caption(figure, caption)


def _middles(edges: np.ndarray) -> np.ndarray:
    return (edges[1:] + edges[:-1]) / 2


def _plane(directions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Longitude and latitude of unit vectors (3, points)."""
    x, y, z = directions
    return np.arctan2(y, x), np.arcsin(np.clip(z, -1.0, 1.0))
