"""What every distribution of sparse features offers, and how to write a new one.

A distribution is a frozen settings dataclass that is also a JAX pytree: its numbers
(probabilities, scales, rates, …) are traced leaves, its sizes and choices are static.
Samples are columns, x: (n, batch), as in Elhage et al. 2022.

Axis letters: `n` features, `batch` samples, `members` settings of one ensemble, each of
which may have its own numbers.
"""

import abc
import copy
import dataclasses
from collections.abc import Callable
from typing import Any, dataclass_transform

import jax
import jax.core
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Float64, Int, PRNGKeyArray

from toymodels.config import (
    SettingsError,
    canonical,
    check_count,
    content_hash,
    settings,
)
from toymodels.features.sparse_rows import SparseRows
from toymodels.pytree import register_pytree

# A number, a nested sequence or an array; construction makes an array of it. In
# JAX transformations it may be a tracer or a placeholder, hence no narrower type.
Leaf = Any


def leaf(
    *axes: str,
    check: Callable[[str, Any], Any],
    exact: bool = False,
    dtype: type = np.float32,
    default: Any = dataclasses.MISSING,
) -> Any:
    """A field that holds numbers, with one shape for a single distribution.

    Args:
        axes: names of the attributes that give the shape: `leaf("n")` is one number a
            feature, `leaf()` a single number. An ensemble has one leading axis more.
        check: called with field name and value before anything else.
        exact: every axis must be written out, one number does not stand for all.
        dtype: kind of number that the field holds.
        default: of the field; without it the field must be given.
    """
    metadata = {"axes": axes, "check": check, "exact": exact, "dtype": dtype}
    return dataclasses.field(default=default, metadata=metadata)


def child() -> Any:
    """A field that holds another distribution, or a tuple of them."""
    return dataclasses.field(metadata={"child": True})


@dataclasses.dataclass(frozen=True)
class LabelledSamples:
    """Samples together with what is true about them."""

    x: Float[Array, "n batch"]
    """The samples, one a column."""
    active: Bool[Array, "n batch"]
    """Which features were switched on."""
    backdoor: Bool[Array, " batch"]
    """Which samples are a repeated point instead of a draw from the base."""


register_pytree(LabelledSamples, ("x", "active", "backdoor"))


def labelled(x: Float[Array, "n batch"], active: Bool[Array, "n batch"]):
    """`LabelledSamples` without a repeated point."""
    return LabelledSamples(x, active, jnp.zeros(x.shape[-1], bool))


class FeatureDistribution(abc.ABC):
    """A distribution over feature vectors x in Rⁿ.

    A new one is a small class; nothing else has to know of it:

        @feature_distribution
        class ScaledFeatures(FeatureDistribution):
            base: FeatureDistribution = child()
            scale: Leaf = leaf("n", check=check_range)

            @property
            def n(self):
                return self.base.n

            def sample_labelled(self, key, batch):
                drawn = self.base.sample_labelled(key, batch)
                x = drawn.x * self.scale[:, None]
                return dataclasses.replace(drawn, x=x)

            def mean(self):
                return self.base.mean() * exact(self.scale)

            def variance(self):
                return self.base.variance() * exact(self.scale) ** 2

            def activity(self):
                return self.base.activity() * (self.scale != 0)

    Inside `sample_labelled` every leaf has its shape without `members`. Draw random
    numbers from `key` alone, never from a key that depends on a leaf: then the members
    of an ensemble that share a key share their random numbers, and these are computed
    once. `check` is the place for conditions that involve several fields.
    """

    n: int

    @abc.abstractmethod
    def sample_labelled(self, key: PRNGKeyArray, batch: int) -> LabelledSamples:
        """Draw `batch` samples of one distribution with their ground truth.

        Args:
            key: random key; consumed.
            batch: number of samples, ≥ 1.

        Returns:
            x and active (n, batch), backdoor (batch,).
        """

    @abc.abstractmethod
    def mean(self) -> Float64[np.ndarray, "*members n"]:
        """Exact E x."""

    @abc.abstractmethod
    def variance(self) -> Float64[np.ndarray, "*members n"]:
        """Exact Var x, feature by feature."""

    @abc.abstractmethod
    def activity(self) -> Float64[np.ndarray, "*members n"]:
        """Exact P(feature is switched on); that is P(x ≠ 0), unless noise was added."""

    def sample(self, key: PRNGKeyArray, batch: int) -> Float[Array, "n batch"]:
        """Draw `batch` samples of one distribution; under jit the labels cost nothing.

        Args:
            key: random key; consumed.
            batch: number of samples, ≥ 1.
        """
        return self.sample_labelled(key, check_count("batch", batch)).x

    def draw(
        self, key: PRNGKeyArray, batch: int
    ) -> Float[Array, "n batch"] | SparseRows:
        """What a training step sees: `sample`, or the same as sparse rows.

        Args:
            key: random key; consumed.
            batch: number of samples, ≥ 1.
        """
        return self.sample(key, batch)

    @property
    def whole_batch(self) -> bool:
        """Whether `draw` gives all samples that there are, each time."""
        return False

    def check_batch(self, batch: int) -> None:  # noqa: B027 (optional to override)
        """Raise `SettingsError` if `draw` cannot give so many samples."""

    def check(self) -> None:  # noqa: B027 (optional to override)
        """Raise `SettingsError` if the fields do not fit together."""

    @property
    def members(self) -> int | None:
        """Length of the leading axis of the leaves; None for a single distribution.

        Raises:
            SettingsError: two leaves disagree.
        """
        found: int | None = None
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if "axes" in field.metadata:
                lengths = [_leading(value, len(field.metadata["axes"]))]
            elif "child" in field.metadata:
                lengths = [part.members for part in _parts(value)]
            else:
                continue
            for length in lengths:
                if None not in (found, length) and found != length:
                    raise SettingsError(
                        field.name, f"{length} members", f"{found}, as in other fields"
                    )
                found = length if found is None else found
        return found

    def per_member(self, members: int) -> "FeatureDistribution":
        """The same settings with a leading axis of length `members` on every leaf.

        The result is made for `jax.vmap`:
        `jax.vmap(lambda one: one.sample(key, batch))(features.per_member(members))`.

        Raises:
            SettingsError: a leaf has a leading axis of another length.
        """
        if self.members not in (None, members):
            raise SettingsError(
                "members", members, f"{self.members}, as in the features"
            )
        # A copy without construction: what was valid once is so for every member.
        grown = copy.copy(self)
        for name, rank in _ranks(type(self)).items():
            value = getattr(self, name)
            if _leading(value, rank) is None:
                value = numpy_of(value).broadcast_to(value, (members, *value.shape))
                object.__setattr__(grown, name, value)
        for field in dataclasses.fields(self):
            if "child" in field.metadata:
                value = getattr(self, field.name)
                parts = tuple(part.per_member(members) for part in _parts(value))
                parts = parts if isinstance(value, tuple) else parts[0]
                object.__setattr__(grown, field.name, parts)
        return grown

    def select_members(
        self, indices: Int[np.ndarray, " chosen"]
    ) -> "FeatureDistribution":
        """The same settings for some of the members; what all share stays as it is."""
        changes: dict[str, Any] = {}
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if "child" in field.metadata:
                chosen = tuple(p.select_members(indices) for p in _parts(value))
                changes[field.name] = chosen if isinstance(value, tuple) else chosen[0]
            elif "axes" in field.metadata:
                if _leading(value, len(field.metadata["axes"])) is not None:
                    changes[field.name] = value[indices]
        return dataclasses.replace(self, **changes)

    def member(self, index: int) -> "FeatureDistribution":
        """The distribution of one member."""
        grown = self.per_member(self.members or 1)
        return jax.tree.map(lambda leaf: leaf[index], grown)

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            if "child" in field.metadata:
                _check_child(field.name, getattr(self, field.name))
        check_count("n", self.n)
        for field in dataclasses.fields(self):
            if "axes" in field.metadata:
                value = _fit(self, field, getattr(self, field.name))
                object.__setattr__(self, field.name, value)
        _ = self.members
        self.check()

    # The comparison that `dataclass` generates is ambiguous for arrays.
    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and canonical(self) == canonical(other)

    def __hash__(self) -> int:
        return hash(content_hash(self))


@dataclass_transform(
    frozen_default=True, kw_only_default=True, field_specifiers=(leaf, child)
)
def feature_distribution(cls: type) -> type:
    """Make `cls` settings that JSON can carry, and a pytree of its leaves.

    A class that computes further arrays from its leaves on construction names them in
    `derived`, a class variable: name to number of axes without `members`.
    """
    cls = settings(cls)
    # `dataclass` has put its own in their place.
    setattr(cls, "__eq__", FeatureDistribution.__eq__)  # noqa: B010
    setattr(cls, "__hash__", FeatureDistribution.__hash__)  # noqa: B010
    fields = dataclasses.fields(cls)
    data = tuple(f.name for f in fields if {"axes", "child"} & set(f.metadata))
    static = tuple(f.name for f in fields if f.name not in data)
    derived = tuple(name for name in _ranks(cls) if name not in data)
    register_pytree(cls, data + derived, static)
    return cls


def exact(value: Leaf) -> Float64[np.ndarray, "..."]:
    """A leaf in float64, for formulas."""
    return np.asarray(value, np.float64)


def numpy_of(value: Any) -> Any:
    """`jax.numpy` inside a transformation, NumPy elsewhere."""
    return jnp if isinstance(value, jax.core.Tracer) else np


def _leading(value: Any, rank: int) -> int | None:
    return value.shape[0] if np.ndim(value) > rank else None


def _ranks(cls: type) -> dict[str, int]:
    """Number of axes of every leaf of a single distribution, derived ones included."""
    fields = dataclasses.fields(cls)
    ranks = {f.name: len(f.metadata["axes"]) for f in fields if "axes" in f.metadata}
    return {**ranks, **getattr(cls, "derived", {})}


def _parts(value: Any) -> tuple:
    return value if isinstance(value, tuple) else (value,)


def _check_child(name: str, value: Any) -> None:
    for part in _parts(value):
        if not isinstance(part, FeatureDistribution):
            raise SettingsError(
                name, part, "a feature distribution", "IndependentFeatures(…)"
            )


def _fit(owner: Any, field: dataclasses.Field, value: Any) -> Any:
    """`value` checked, in its dtype, broadcast to its shape (members or not)."""
    name, axes = field.name, field.metadata["axes"]
    shape = tuple(int(getattr(owner, axis)) for axis in axes)
    if not isinstance(value, jax.core.Tracer):
        try:
            value = np.asarray(value)
        except ValueError:
            raise SettingsError(name, value, "rows of equal length") from None
        field.metadata["check"](name, value)
        with np.errstate(over="ignore", under="ignore"):
            value = value.astype(field.metadata["dtype"])
        field.metadata["check"](name, value)  # what the dtype has made of it
    if value.ndim == len(shape) + 2 and not shape and value.shape[-1] == 1:
        value = value[..., 0]
    _check_shape(name, value.shape, axes, shape, field.metadata["exact"])
    lead = value.shape[:1] if value.ndim > len(shape) else ()
    return numpy_of(value).array(numpy_of(value).broadcast_to(value, (*lead, *shape)))


def _check_shape(
    name: str,
    got: tuple[int, ...],
    axes: tuple[str, ...],
    shape: tuple[int, ...],
    whole: bool,
) -> None:
    tail = got[-len(shape) :] if shape else ()
    aligned = shape[len(shape) - len(tail) :]
    fits = len(got) <= len(shape) + 1 and all(
        g == s or (g == 1 and not whole) for g, s in zip(tail, aligned, strict=True)
    )
    if not fits or (whole and len(tail) < len(shape)):
        wanted = ", ".join(f"{a} = {s}" for a, s in zip(axes, shape, strict=True))
        single = "" if whole else "one number, or "
        raise SettingsError(
            name,
            f"shape {got}",
            f"{single}shape ({wanted or 'members'}) or with a leading members axis",
            "" if whole or not shape else "shape (members, 1) for one number a member",
        )
