"""A frame in plain data, as the page draws it: weights, geometry, the shape's name.

Axis letters: n features, d hidden dimensions.
"""

import dataclasses
import functools
import math
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float, Num

from toymodels.explorer.controls import Controls
from toymodels.explorer.planted_point import describe_point
from toymodels.explorer.theory_lines import TheoryLine, theory_lines
from toymodels.explorer.trainer import Frame
from toymodels.geometry import Shape, find_shapes, measure, tegum_name

# Shapes of many joined features take a fifth of a second; this share of the time at
# most goes into naming them, so that a page cannot slow the training down. Names are
# never older than so many seconds.
SHARE_FOR_SHAPES = 0.03
OLDEST_SHAPES = 3.0
# Enough digits for a picture; weights for others come as safetensors.
DIGITS = 5


def describe(
    frame: Frame, shapes: list[Shape], present: Controls | None = None
) -> dict[str, Any]:
    """All that is drawn of one frame.

    Args:
        frame: the weights.
        shapes: of this frame, or of one shortly before.
        present: settings that hold now, whose planted point is shown where the frame
            has it, even before it was planted; the frame's own when None.

    Returns:
        Plain data for JSON; numbers that are not finite are None.
    """
    present = frame.controls if present is None else present
    data = geometry_data(frame.W, frame.b, shapes)
    represented = np.asarray(data["represented"])
    return data | {
        "planted": _planted(frame, represented, present),
        "step": frame.step,
        "loss": frame.loss,
        "start": frame.start,
        "controls": dataclasses.asdict(frame.controls),
        "since": frame.since,
        "theory": [dataclasses.asdict(line) for line in _lines(frame.controls)],
    }


def held_until(frame: Frame, kept: Sequence[Frame]) -> dict[str, int | None]:
    """The step at which other settings came, as far as kept frames tell, or None."""
    later = (other.since for other in kept if other.since > frame.since)
    return {"until": min(later, default=None)}


def geometry_data(
    W: Float[np.ndarray, "d n"], b: Float[np.ndarray, " n"], shapes: list[Shape]
) -> dict[str, Any]:
    """The weights of a model, its measures and its shapes, in plain data."""
    geometry = measure(W)
    named = [shape for shape in shapes if shape.name not in ("single", "unmatched")]
    return {
        "W": plain(W),
        "b": plain(b),
        "norms": plain(np.asarray(geometry.norms)),
        "dimensionality": plain(np.asarray(geometry.dimensionality)),
        "represented": np.asarray(geometry.represented).tolist(),
        "shapes": [
            {
                "name": shape.name,
                "members": list(shape.members),
                "distance": round(shape.distance, DIGITS),
                "dimensionality": round(shape.dimensionality, DIGITS),
            }
            for shape in shapes
        ],
        "shape": tegum_name(shapes),
        # Of the worst: a product is as far from its ideal as its farthest factor.
        "distance": max((round(s.distance, DIGITS) for s in named), default=None),
    }


def _planted(
    frame: Frame, represented: np.ndarray, present: Controls
) -> dict[str, Any] | None:
    """Where the planted point is; None without one, or of another training."""
    if not present.planted or present.n != frame.W.shape[1]:
        return None
    return describe_point(
        frame.W, frame.b, represented, present.point(), present.activation
    )


def plain(array: Num[np.ndarray, "..."]) -> list:
    """Rounded numbers in lists; None for what is not finite."""
    rounded = np.round(np.asarray(array, np.float64), DIGITS)
    if np.isfinite(rounded).all():
        return rounded.tolist()
    return _finite(rounded.tolist())


def _finite(value: Any) -> Any:
    if isinstance(value, list):
        return [_finite(item) for item in value]
    return value if math.isfinite(value) else None


class ShapeFinder:
    """Names the shapes of frames, seldom enough to cost little."""

    def __init__(self):
        self._found: list[Shape] = []
        self._key: tuple[int, int] | None = None
        self._not_before = 0.0

    def shapes(self, frame: Frame, generation: int, *, exact: bool) -> list[Shape]:
        """Those of this frame; unless `exact`, of one before where it would cost."""
        key = (generation, frame.step)
        early = time.monotonic() < self._not_before and not exact
        same_training = self._key is not None and self._key[0] == generation
        if key == self._key or (early and same_training):
            return self._found
        # Of this thread: waiting for others is no work.
        began = time.thread_time()
        self._found, self._key = shapes_of(frame), key
        spent = time.thread_time() - began
        rest = min(spent / SHARE_FOR_SHAPES, OLDEST_SHAPES)
        self._not_before = time.monotonic() + rest
        return self._found

    def is_behind(self, frame: Frame, generation: int) -> bool:
        """Whether the shapes are not those of this frame."""
        return self._key != (generation, frame.step)


def shapes_of(frame: Frame) -> list[Shape]:
    """The shapes in a frame; none where training has diverged."""
    return shapes_in(frame.W)


def shapes_in(W: Float[np.ndarray, "d n"]) -> list[Shape]:
    """The shapes in weights; none where they are not finite."""
    return find_shapes(W) if np.isfinite(W).all() else []


@functools.lru_cache(maxsize=64)
def _lines(controls: Controls) -> tuple[TheoryLine, ...]:
    """The lines, which every frame of the same settings has again."""
    return theory_lines(controls)
