"""Compiled programs are let go when many sizes of models have been met.

Every room compiles programs for each size and kind of model that it meets, from initial
weights to the detectors of the quiz, and JAX keeps them all. So the rooms say what they
are about to compute, and now and then everything compiled goes.
"""

import threading

from toymodels.compilation import is_crowded, release_compiled
from toymodels.explorer.controls import Controls

# Of all rooms together; each needs some dozen programs.
MOST_KINDS = 40

_lock = threading.Lock()
_met: set[tuple[object, ...]] = set()


def make_room(room: str, controls: Controls, *sizes: int) -> None:
    """Let all programs go if another kind would be too many; called before compiling.

    What is running goes on, and compiles again when it begins the next time.

    Args:
        room: that computes.
        controls: of the model and its samples.
        sizes: on which the room's programs depend besides.
    """
    grouped = controls.groups != "independent"
    kind = (
        room,
        controls.n,
        controls.d,
        controls.activation,
        controls.groups,
        controls.group_size if grouped else 0,
        controls.planted,
        controls.batch,
        *sizes,
    )
    with _lock:
        if kind in _met:
            return
        if len(_met) >= MOST_KINDS or is_crowded():
            release_compiled()
            _met.clear()
        _met.add(kind)
