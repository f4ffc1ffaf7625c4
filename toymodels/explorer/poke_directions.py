"""Which way to push: what a page may ask for, checked, and the direction it means.

Random directions are drawn as `toymodels.probes.draw_directions` draws them; features,
mixtures and other activations are chosen by number instead of by chance. On the page
features and activations are counted from 1, and so they are here.

Axis letters: n features, d hidden dimensions.
"""

import dataclasses
import functools
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key

from toymodels.config import SettingsError, check_choice, check_count
from toymodels.probes import (
    DIRECTIONS,
    Bases,
    DirectionFamily,
    draw_directions,
    orthogonal_part,
)

DRAWN = ("isotropic", "covariance", "adversarial")
KINDS = (*DRAWN, "real_other", "feature", "mixture")
SECOND_KINDS = ("feature", "isotropic", "covariance")
# Largest lengths, in mean distances between real activations.
REACHES = (1, 2, 4)
MOST_SEED = 2**31 - 1
# As in `toymodels.probes.planes`: the sine below which two directions are parallel.
PARALLEL = 1e-2
# Two activations nearer than this share of the length of one are the same.
SAME = 1e-5


@dataclasses.dataclass(frozen=True)
class Push:
    """From where, in which direction and how far.

    Attributes:
        base: number of the activation, from 1.
        kind: of `KINDS`.
        feature: number of the feature, of a feature or mixture.
        with_feature: the other feature of a mixture.
        other: number of the activation to go towards.
        sign: 1 or −1, of features and mixtures.
        draw: which of the random directions, from 0.
        reach: largest length, in d̄.
    """

    base: int
    kind: str = "isotropic"
    feature: int = 1
    with_feature: int = 2
    other: int = 2
    sign: int = 1
    draw: int = 0
    reach: int = 2

    @classmethod
    def of(cls, data: Mapping[str, Any], *, n: int, shown: int) -> "Push":
        """From what a browser sent; what the kind does not need is not looked at.

        Raises:
            SettingsError: anything else than a push of n features from one of the
                `shown` activations.
        """
        base = check_count("base", data.get("base", 1), maximum=shown)
        kind = check_choice("kind", data.get("kind", "isotropic"), KINDS)
        found: dict[str, Any] = {"base": base, "kind": kind}
        if kind in ("feature", "mixture"):
            found["feature"] = check_count("feature", data.get("feature"), maximum=n)
            sign = data.get("sign", 1)
            if type(sign) is not int or sign not in (1, -1):
                raise SettingsError("sign", sign, "1 or -1")
            found["sign"] = sign
        if kind == "mixture":
            found["with_feature"] = check_count(
                "with_feature", data.get("with_feature"), maximum=n
            )
            if found["with_feature"] == found["feature"]:
                raise SettingsError(
                    "with_feature", found["feature"], "another feature than the first"
                )
        if kind == "real_other":
            found["other"] = check_count("other", data.get("other"), maximum=shown)
            if found["other"] == base:
                raise SettingsError(
                    "other", base, "another activation than the one that is pushed"
                )
        draw = data.get("draw", 0)
        found["draw"] = check_count("draw", draw, minimum=0, maximum=MOST_SEED)
        reach = data.get("reach", 2)
        if type(reach) is not int or reach not in REACHES:
            choices = ", ".join(map(str, REACHES))
            raise SettingsError("reach", reach, f"one of {choices}")
        return cls(**found, reach=reach)


@dataclasses.dataclass(frozen=True)
class Second:
    """The other direction of a plane.

    Attributes:
        kind: of `SECOND_KINDS`.
        feature: number of the feature, from 1.
        draw: which of the random directions, from 0.
    """

    kind: str = "isotropic"
    feature: int = 1
    draw: int = 0

    @classmethod
    def of(cls, data: Any, *, n: int) -> "Second":
        """From what a browser sent.

        Raises:
            SettingsError: anything else; the field is "second".
        """
        if not isinstance(data, dict):
            raise SettingsError("second", data, "an object of names and values")
        kind = check_choice("second", data.get("kind", "isotropic"), SECOND_KINDS)
        feature = 1
        if kind == "feature":
            feature = check_count("second", data.get("feature"), maximum=n)
        draw = data.get("draw", 0)
        draw = check_count("second", draw, minimum=0, maximum=MOST_SEED)
        return cls(kind, feature, draw)


def push_direction(
    bases: Bases, base: Bases, push: Push, key: Key[Array, ""], *, shown: int
) -> Float[np.ndarray, " d"]:
    """The unit vector of a push.

    Args:
        bases: all activations, of which the first can be gone towards.
        base: the one that is pushed.
        push: which direction.
        key: of random ones.
        shown: how many activations there are to go towards.

    Raises:
        SettingsError: the feature has no direction, the two of a mixture cancel, or the
            other activation lies at the same place.
    """
    if push.kind in DRAWN:
        family = DIRECTIONS[push.kind]
        return drawn_direction(base, family, jax.random.fold_in(key, push.draw))
    if push.kind == "real_other":
        h = np.asarray(base.h, float)[:, 0]
        other = np.asarray(bases.h, float)[:, :shown][:, push.other - 1]
        if np.linalg.norm(other - h) <= SAME * np.linalg.norm(h):
            raise SettingsError(
                "other", push.other, "an activation at another place than the base"
            )
        return _unit(other - h)
    columns = _stored(base, push.feature, "feature")
    if push.kind == "mixture":
        columns = columns + _stored(base, push.with_feature, "with_feature")
        if np.linalg.norm(columns) < PARALLEL:
            raise SettingsError(
                "with_feature",
                push.with_feature,
                "a feature that is not the opposite of the first: their sum points "
                "nowhere",
            )
    return push.sign * _unit(columns)


def second_direction(
    base: Bases, u: Float[np.ndarray, " d"], second: Second, key: Key[Array, ""]
) -> tuple[Float[np.ndarray, " d"], float]:
    """The part of the second direction at a right angle to u, and its cosine with u.

    Args:
        base: where the plane lies.
        u: unit direction of the push, which stays as it is.
        second: which direction.
        key: of random ones.

    Raises:
        SettingsError: one dimension; two directions that are parallel.
    """
    if len(u) < 2:
        raise SettingsError("second", "1 hidden dimension", "two or more: a plane")
    if second.kind == "feature":
        v = _stored(base, second.feature, "second")
    else:
        # Not the draw that the push itself may be.
        key = jax.random.fold_in(key, MOST_SEED)
        draw = jax.random.fold_in(key, second.draw)
        v = drawn_direction(base, DIRECTIONS[second.kind], draw)
    cosine = float(u @ v)
    if np.sqrt(max(1 - cosine**2, 0.0)) < PARALLEL:
        raise SettingsError(
            "second",
            "a direction parallel to the push",
            "one that spans a plane with it",
            "another feature, or a random direction",
        )
    v = orthogonal_part(jnp.asarray(v, jnp.float32), jnp.asarray(u, jnp.float32))
    return np.asarray(v, float), cosine


def drawn_direction(
    base: Bases, family: DirectionFamily, key: Key[Array, ""]
) -> Float[np.ndarray, " d"]:
    """One direction of a family at one activation."""
    return np.asarray(_drawn(base, family, key), float)


@functools.partial(jax.jit, static_argnums=1)
def _drawn(
    base: Bases, family: DirectionFamily, key: Key[Array, ""]
) -> Float[Array, " d"]:
    return draw_directions(family, base, key, 1)[0, 0]


def _stored(base: Bases, feature: int, field: str) -> Float[np.ndarray, " d"]:
    """The unit direction of a feature; an error at `field` where there is none."""
    column = np.asarray(base.subject.features(), float)[:, feature - 1]
    if not np.linalg.norm(column) > 0:
        raise SettingsError(
            field, feature, "a feature that has a direction: its column of W is 0"
        )
    return _unit(column)


def _unit(vector: Float[np.ndarray, " d"]) -> Float[np.ndarray, " d"]:
    return vector / np.linalg.norm(vector)
