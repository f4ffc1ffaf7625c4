"""Initial weights (S0.5 of the catalogue).

`xavier_3d` is for parity with the original notebook, which applies Xavier-normal to the
tensor [instances, features, hidden]; the framework takes the last two axes times
everything else as fans, so the scale depends on how many models train together.
"""

import math

import jax
from jaxtyping import Array, Float, PRNGKeyArray

from toymodels.config import check_choice

INITIALISERS = ("xavier_2d", "xavier_3d", "zeros")


def check_initialiser(field: str, name: str) -> str:
    """`name` if it can be used, else a `SettingsError` that lists the choices."""
    return check_choice(field, name, INITIALISERS)


def initial_scale(name: str, rows: int, columns: int, instances: int = 1) -> float:
    """Standard deviation of the initial entries of a (rows, columns) matrix.

    Args:
        name: "xavier_2d": √(2/(rows + columns)); "xavier_3d":
            √(2/(columns·rows + instances·rows)), with rows = d and columns = n;
            "zeros": 0.
        rows: d for an encoder.
        columns: n for an encoder.
        instances: models that the notebook would have trained in one tensor.
    """
    if name == "zeros":
        return 0.0
    if name == "xavier_3d":
        return math.sqrt(2 / (columns * rows + instances * rows))
    return math.sqrt(2 / (rows + columns))


def initial_matrix(
    key: PRNGKeyArray, rows: int, columns: int, name: str, instances: int = 1
) -> Float[Array, "rows columns"]:
    """Normal entries of mean 0 and the scale of `initial_scale`; consumes the key."""
    scale = initial_scale(name, rows, columns, instances)
    return scale * jax.random.normal(key, (rows, columns))
