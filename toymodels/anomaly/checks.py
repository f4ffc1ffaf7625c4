"""What can be wrong with observations, said before anything is computed.

Shapes are checked always; values only outside of JAX transformations, where they are
known. `anomaly.ensemble` checks the values of a stack of models before it compiles.
"""

import warnings
from typing import Any

import numpy as np
from jax.core import Tracer
from jaxtyping import Float

from toymodels.anomaly.observations import Context, Observations
from toymodels.config import SettingsError, check_count

# Eigenvalues of a covariance below this share of the largest count as zero.
RCOND = 1e-5


class ReferenceWarning(UserWarning):
    """The reference samples do not span the hidden space."""


def check_context(name: str, needs: tuple[str, ...], context: Context) -> None:
    """Raise `SettingsError` if the context lacks a field that a detector needs."""
    for field in needs:
        if getattr(context, field) is None:
            raise SettingsError(
                f"context.{field}", None, f"a value, because {name!r} needs it"
            )


def check_observations(
    field: str,
    observations: Observations,
    *,
    least: int = 1,
    d: int | None = None,
    n: int | None = None,
    like: Observations | None = None,
) -> None:
    """Shapes that fit together and finite values, of one model.

    Args:
        field: name in error messages.
        observations: to check.
        least: number of samples that there must be.
        d: hidden dimensions expected, if known.
        n: features expected, if known.
        like: observations of the same model, in place of d and n.
    """
    h, x, output = observations.h, observations.x, observations.output
    if h.ndim != 2:
        raise SettingsError(
            f"{field}.h",
            f"shape {h.shape}",
            "(d, samples), one model",
            "fit_each for observations of several models",
        )
    if like is not None:
        d, n = like.h.shape[0], like.x.shape[0]
    if d is not None and h.shape[0] != d:
        raise SettingsError(f"{field}.h", f"{h.shape[0]} rows", f"d = {d} rows")
    if n is not None and x.shape[0] != n:
        raise SettingsError(f"{field}.x", f"{x.shape[0]} rows", f"n = {n} rows")
    for part, array in (("x", x), ("output", output)):
        if array.ndim != 2 or array.shape[1] != h.shape[1]:
            raise SettingsError(
                f"{field}.{part}", f"shape {array.shape}", f"{h.shape[1]} columns, as h"
            )
    check_count(f"{field}.samples", h.shape[1], minimum=least)
    for part, array in (("h", h), ("x", x), ("output", output)):
        _check_finite(f"{field}.{part}", array)


def check_dictionary(dictionary: Any, reference: Observations) -> None:
    """A dictionary with d rows and a direction for each of the n features."""
    d, n = reference.h.shape[0], reference.x.shape[0]
    if dictionary.ndim != 2 or dictionary.shape[0] != d or dictionary.shape[1] < n:
        raise SettingsError(
            "context.dictionary",
            f"shape {dictionary.shape}",
            f"(d, k) with d = {d} and k ≥ n = {n}",
        )
    _check_finite("context.dictionary", dictionary)


def _check_finite(field: str, array: Any) -> None:
    if isinstance(array, Tracer):
        return
    finite = np.isfinite(np.asarray(array)).all(0)
    if not finite.all():
        raise SettingsError(
            field,
            f"{(~finite).sum()} of {len(finite)} columns with NaN or infinity, the "
            f"first at {np.argmin(finite)}",
            "finite numbers",
            "leaving out models that diverged (run.status 2)",
        )


def warn_of_rank(name: str, reference: Observations) -> None:
    """Warn if the covariance of the reference is singular (up to `RCOND`)."""
    if isinstance(reference.h, Tracer):
        return
    d, samples = reference.h.shape
    values = _variances(reference)
    rank = int((values > RCOND * max(values[-1], 0.0)).sum())
    if rank < d:
        warnings.warn(
            f"{name}: {samples} reference samples of rank {rank}, fewer than the d = "
            f"{d} hidden dimensions; the pseudo-inverse is used, so what is anomalous "
            "outside their span is not seen; try more reference samples or shrinkage",
            ReferenceWarning,
            stacklevel=3,
        )


def _variances(reference: Observations) -> Float[np.ndarray, " d"]:
    h = np.asarray(reference.h, float)
    return np.linalg.eigvalsh(np.cov(h).reshape(len(h), len(h)))
