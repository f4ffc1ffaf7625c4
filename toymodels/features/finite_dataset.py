"""A fixed set of data points, kept sparsely: the training sets of memorisation.

Henighan et al. 2023 train on T fixed points, all of them in every update, and Jermyn's
comment on that paper repeats one of them R times. A repeated point is stored once, with
its number of copies, so the members of one ensemble may differ in R, and also in T: a
point with no copies is not there.

Axis letters: `n` features, `points` T different data points, `width` pairs
(feature, value) of each, `batch` samples, `members` settings of one ensemble.

References:
    Henighan et al. 2023, "Superposition, Memorization, and Double Descent"; comment by
    Jermyn.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Float32, Float64, Int, PRNGKeyArray, Real

from toymodels.config import (
    LARGEST_COUNT,
    SettingsError,
    check_choice,
    check_count,
    check_range,
)
from toymodels.features.base import (
    FeatureDistribution,
    LabelledSamples,
    Leaf,
    exact,
    feature_distribution,
    leaf,
)
from toymodels.features.sparse_rows import SparseRows

ORDERS = ("full", "random")


def _check_whole(field: str, value: Any) -> None:
    """Every entry a whole number from 0 to the largest count."""
    check_range(field, value, low=0.0, high=float(LARGEST_COUNT))
    if np.asarray(value).dtype.kind not in "iu":
        raise SettingsError(field, value, "whole numbers ≥ 0")


@feature_distribution
class FiniteDataset(FeatureDistribution):
    """T data points, each with a number of copies; never a dense array of all.

    `sample_dataset` draws one, `FiniteDataset.from_dense` takes an array.

    A sample is labelled as backdoor if its point has more than one copy.

    Args:
        n: number of features, ≥ 1.
        index: features that are not 0 in each point, (points, width); unused places
            hold any feature with value 0.
        value: values of these features, (points, width).
        counts: copies of each point, (points,), ≥ 0; 1 for each when not given.
        order: "full": a training step sees every point, weighted with its copies, so
            the batch is `points`, and `sample` goes through all copies in order.
            "random": samples are drawn with replacement, each copy as likely.
    """

    n: int
    index: Leaf = leaf(
        "points", "width", check=_check_whole, exact=True, dtype=np.int32
    )
    value: Leaf = leaf("points", "width", check=check_range, exact=True)
    counts: Leaf = leaf("points", check=_check_whole, dtype=np.int32, default=1)
    order: str = "full"

    @classmethod
    def from_dense(cls, x: Any, **settings: Any) -> "FiniteDataset":
        """The points in the columns of `x`.

        Args:
            x: numbers of shape (n, points).
            **settings: `counts` and `order`.
        """
        x = np.asarray(x)
        if x.ndim != 2 or not x.size:
            raise SettingsError("x", f"shape {x.shape}", "shape (n, points)", "x.T")
        point, feature = np.nonzero(x.T)
        index, value = padded_rows(x.shape[1], point, feature, x[feature, point])
        return cls(n=x.shape[0], index=index, value=value, **settings)

    @property
    def points(self) -> int:
        """Different data points, T; with those that have no copies."""
        return self._shape()[-2]

    @property
    def width(self) -> int:
        """Pairs that each point has room for."""
        return self._shape()[-1]

    def _shape(self) -> tuple[int, ...]:
        try:
            shape = np.shape(self.index)
        except ValueError:
            raise SettingsError(
                "index", self.index, "rows of equal length", "padding with value 0"
            ) from None
        if len(shape) < 2 or not all(shape):
            raise SettingsError("index", f"shape {shape}", "shape (points, width)")
        return shape

    def check(self) -> None:
        """No feature beyond n or twice in a point, and at least one point."""
        check_choice("order", self.order, ORDERS)
        index, used = np.broadcast_arrays(self.index, self.value != 0)
        if index.max() >= self.n:
            raise SettingsError("index", int(index.max()), f"less than n = {self.n}")
        # Unused places get numbers of their own.
        places = self.n + np.arange(self.width)
        features = np.sort(np.where(used, index, places), axis=-1)
        twice = (np.diff(features, axis=-1) == 0).any(axis=-1)
        if twice.any():
            point = int(np.argwhere(twice)[0][-1])
            raise SettingsError(
                f"index[{point}]", "a feature twice", "every feature once in a point"
            )
        total = self.counts.astype(np.int64).sum(axis=-1)
        if total.min() < 1 or total.max() > LARGEST_COUNT:
            raise SettingsError("counts", total, "a sum from 1 to 2³¹ − 1", "counts=1")

    @property
    def whole_batch(self) -> bool:
        """Whether `order` is full."""
        return self.order == "full"

    def check_batch(self, batch: int) -> None:
        """A full batch has every point once."""
        if self.whole_batch and batch != self.points:
            raise SettingsError(
                "batch",
                batch,
                f"the {self.points} points of the dataset, whose order is full",
                f'batch={self.points}, or order="random"',
            )

    def repeated(
        self,
        copies: int | Sequence[int] | Int[np.ndarray, " members"],
        *,
        point: int | Sequence[int] = 0,
    ) -> "FiniteDataset":
        """The same points, some of them in several copies.

        Args:
            copies: R from 1 to T; one number, or one for each member of an ensemble.
            point: which point, or which points.
        """
        for field, value, low, high in (
            ("copies", copies, 1, self.points),
            ("point", point, 0, self.points - 1),
        ):
            for number in np.ravel(value):
                check_count(field, number, minimum=low, maximum=high)
        copies = np.asarray(copies)
        counts = np.array(np.broadcast_to(self.counts, (*copies.shape, self.points)))
        counts[..., np.atleast_1d(point)] = copies[..., None]
        return dataclasses.replace(self, counts=counts)

    def draw(self, key: PRNGKeyArray, batch: int) -> SparseRows:
        """Every point, weighted with its copies, or `batch` random ones; n is kept."""
        index, value = jnp.asarray(self.index), jnp.asarray(self.value)
        if self.whole_batch:
            self.check_batch(batch)
            counts = jnp.asarray(self.counts).astype(value.dtype)
            return SparseRows(index, value, counts / counts.sum(), self.n)
        chosen = self._chosen(key, batch)
        weight = jnp.full(batch, 1 / batch, value.dtype)
        return SparseRows(index[chosen], value[chosen], weight, self.n)

    def sample_labelled(self, key: PRNGKeyArray, batch: int) -> LabelledSamples:
        """Copies in order, evenly spread if `batch` is not their number, or random."""
        chosen = self._chosen(key, batch)
        weight = jnp.full(batch, 1 / batch, jnp.float32)
        index, value = jnp.asarray(self.index), jnp.asarray(self.value)
        x = SparseRows(index[chosen], value[chosen], weight, self.n).dense()
        return LabelledSamples(
            x=x, active=x != 0, backdoor=jnp.asarray(self.counts)[chosen] > 1
        )

    def _chosen(self, key: PRNGKeyArray, batch: int) -> Int[Array, " batch"]:
        """The point of each sample."""
        ends = jnp.cumsum(jnp.asarray(self.counts))
        if self.whole_batch:
            # Exact in float32 for some millions of copies.
            middle = jnp.arange(batch, dtype=jnp.float32) + 0.5
            copy = (middle * (ends[-1].astype(jnp.float32) / batch)).astype(jnp.int32)
        else:
            copy = jax.random.randint(key, (batch,), 0, ends[-1])
        return jnp.searchsorted(ends, copy, side="right")

    def dense(
        self, rows: slice | Sequence[int] | np.ndarray = slice(None)
    ) -> Float32[np.ndarray, "n rows"]:
        """Some points as columns, each once; all of them are as large as they sound.

        Args:
            rows: which points.

        Raises:
            SettingsError: the dataset has several members; `member(i)` is one.
        """
        if self.members is not None:
            raise SettingsError(
                "members", self.members, "a single dataset", "dataset.member(0)"
            )
        index, value = self.index[rows], self.value[rows]
        x = np.zeros((len(index), self.n), np.float32)
        np.add.at(x, (np.arange(len(index))[:, None], index), value)
        return x.T

    def mean(self) -> Float64[np.ndarray, "*members n"]:
        """The mean over all copies of all points."""
        return self._mean_of(exact(self.value))

    def variance(self) -> Float64[np.ndarray, "*members n"]:
        """The mean square minus the square of the mean."""
        square = self._mean_of(exact(self.value) ** 2)
        # A feature that is the same in all points leaves a rounding error below zero.
        return np.maximum(square - self.mean() ** 2, 0.0)

    def activity(self) -> Float64[np.ndarray, "*members n"]:
        """Share of the copies in which a feature is not 0."""
        return self._mean_of(exact(self.value != 0))

    def _mean_of(
        self, value: Float64[np.ndarray, "*leading points width"]
    ) -> Float64[np.ndarray, "*members n"]:
        """Mean of a sparse quantity over all copies, for each feature."""
        share = exact(self.counts)
        share = share / share.sum(axis=-1, keepdims=True)
        leading = () if self.members is None else (self.members,)
        shape = (*leading, self.points, self.width)
        value = np.broadcast_to(value * share[..., None], shape)
        index = np.broadcast_to(self.index, shape)
        means = [
            np.bincount(i.ravel(), weights=v.ravel(), minlength=self.n)
            for i, v in zip(
                index.reshape(-1, *shape[-2:]),
                value.reshape(-1, *shape[-2:]),
                strict=True,
            )
        ]
        return np.stack(means).reshape(*leading, self.n)


def padded_rows(
    points: int,
    point: Int[np.ndarray, " entries"],
    feature: Int[np.ndarray, " entries"],
    value: Real[np.ndarray, " entries"],
) -> tuple[Int[np.ndarray, "points width"], Float[np.ndarray, "points width"]]:
    """Entries, sorted by point, as rows of equal length.

    Args:
        points: number of points.
        point: to which each entry belongs, ascending.
        feature: of each entry.
        value: of each entry.
    """
    sizes = np.bincount(point, minlength=points)
    place = np.arange(len(point)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    width = max(int(sizes.max()), 1)
    index = np.zeros((points, width), np.int32)
    padded = np.zeros((points, width), np.float32)
    index[point, place] = feature
    padded[point, place] = value
    return index, padded


def stack_datasets(datasets: Sequence[FiniteDataset]) -> FiniteDataset:
    """Datasets as the members of one ensemble.

    Args:
        datasets: of equal n and order, each a single one; T may differ, then the
            shorter ones are filled up with points that have no copies.
    """
    if not datasets:
        raise SettingsError("datasets", datasets, "one dataset or more")
    for name in ("n", "order", "members"):
        found = {getattr(one, name) for one in datasets}
        if len(found) > 1 or found - {None} and name == "members":
            raise SettingsError(
                "datasets", f"{name} {found}", f"single datasets of one {name}"
            )
    points = max(one.points for one in datasets)
    width = max(one.width for one in datasets)

    def stacked(name: str, axes: int) -> np.ndarray:
        room = (points, width)[:axes]
        leaves = [getattr(one, name) for one in datasets]
        return np.stack(
            [
                np.pad(a, [(0, r - s) for r, s in zip(room, a.shape, strict=True)])
                for a in leaves
            ]
        )

    first = datasets[0]
    return FiniteDataset(
        n=first.n,
        index=stacked("index", 2),
        value=stacked("value", 2),
        counts=stacked("counts", 1),
        order=first.order,
    )
