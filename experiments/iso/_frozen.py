"""Frozen denoisers (M2) and the contours of their feature pairs: ISO-1, 2, 3 and 5.

The base is a sample with features 0 and 1 on and no noise; pairs are drawn from the
other features. c_in is where the signal-to-noise ratio of the outputs is largest in a
scan of 121 values from 0.05 to 8 (`toymodels.models.scan_scales`), c_out is the closed
form with on-weight λ = 1. Both rules were fixed before the verdict's seed was looked
at: the source leaves λ open for this size; at λ = 1 the plain loss is least at the same
c_in, and the absolute thresholds lie where those of the peak do.

Seeds are draws of E with its pairs, planes and samples.

Axis letters: `seeds`, n features, `neurons`, `pairs`, `kinds` of planes, `thresholds`,
`angles`.
"""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any, ClassVar, Self

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

import toymodels as tm
from toymodels.config import check_choice, content_hash, settings
from toymodels.models import Params, ScaleScan, scan_grid, scan_scales
from toymodels.plotting import caption_line
from toymodels.probes import Level, Rays, Subject
from toymodels.probes.exponents import Exponents, draw_planes, plane_contours, summarise

SOURCE = "da Silva & Heimersheim 2026, 2606.24964"
DEFAULT = Level(kind="plateau", value=0.5)
OLDER = Level(kind="peak", value=0.5)
LEVELS = (
    *(Level(kind="plateau", value=value) for value in (0.25, 0.5, 0.75)),
    *(Level(kind="peak", value=value) for value in (0.1, 0.25, 0.5)),
    *(Level(kind="absolute", value=value) for value in (0.05, 0.1, 0.2)),
)
Planes = tuple[Float[Array, "seeds kinds d pairs"], Float[Array, "seeds kinds d pairs"]]


@settings
class FrozenModels:
    """Settings of the denoisers and of their contours; experiments add their own."""

    n: int = 512
    neurons: int = 128
    density: float = 0.05
    active: int = 2  # features that are on in a sample
    noise_variance: float = 0.03
    seeds: int = 6
    pairs: int = 80
    angles: int = 60
    reach: float = 8.0
    coarse: int = 64
    halvings: int = 6
    batch: int = 4096  # samples of the scan
    points: int = 121  # of the scan
    seed: int = 0  # root of everything; the verdict's is 0
    scale: str = "laptop"

    SMOKE: ClassVar[dict[str, Any]] = {
        "n": 64, "neurons": 24, "density": 0.1, "seeds": 2, "pairs": 6, "angles": 9,
        "coarse": 16, "batch": 256, "points": 15,
    }  # fmt: skip
    LAPTOP: ClassVar[dict[str, Any]] = {}
    PAPER: ClassVar[dict[str, Any]] = {
        "n": 2048, "neurons": 512, "seeds": 10, "reach": 25.0, "coarse": 200,
    }  # fmt: skip

    @classmethod
    def preset(cls, scale: str) -> Self:
        """The settings of a scale."""
        presets = {"smoke": cls.SMOKE, "laptop": cls.LAPTOP, "paper": cls.PAPER}
        check_choice("scale", scale, presets)
        return cls(scale=scale, **presets[scale])

    def model(self, **changes: Any) -> tm.FrozenDenoiser:
        """M2, tanh³ unless said otherwise."""
        sizes = {"n": self.n, "neurons": self.neurons, "density": self.density}
        return tm.FrozenDenoiser(**(sizes | changes))

    def keys(self, purpose: int) -> PRNGKeyArray:
        """One key a seed, for one of the purposes below."""
        root = jax.random.fold_in(jax.random.key(self.seed), purpose)
        return jax.random.split(root, self.seeds)

    def params(
        self, model: tm.FrozenDenoiser, grid: np.ndarray | None = None
    ) -> tuple[Params, ScaleScan]:
        """Denoisers with c_in and c_out chosen, and the scan that chose them.

        Args:
            model: activations of one size and density have the same matrices E.
            grid: of the scan, `points` values from 0.05 to 8 when None.
        """
        params = jax.vmap(model.init)(self.keys(0))
        base = tm.ExactlyK(n=model.n, k=self.active, values="boolean")
        noisy = tm.NoisyFeatures(base=base, scale=self.noise_variance**0.5)
        drawn = jax.vmap(lambda key: noisy.sample_labelled(key, self.batch))(
            self.keys(1)
        )
        _, on = jax.lax.top_k(
            drawn.active.swapaxes(1, 2).astype(jnp.int32), self.active
        )
        grid = scan_grid(points=self.points) if grid is None else grid
        scan = scan_scales(model, params, drawn.x, on.swapaxes(1, 2), grid=grid)
        return scan.chosen(params), scan

    def base(self, n: int | None = None) -> Float[Array, "n pairs"]:
        """Features 0 and 1 on, for every pair."""
        return jnp.zeros((n or self.n, self.pairs)).at[: self.active].set(1.0)

    def planes(self, model: tm.FrozenDenoiser, params: Params) -> Planes:
        """Feature planes and random planes of every seed."""
        allowed = self.base(model.n) == 0

        def of_seed(seed: tuple) -> tuple[Array, Array]:
            key, one = seed
            return draw_planes(key, Subject(model, one, "input").features(), allowed)

        return jax.lax.map(of_seed, (self.keys(2), params))

    def rays(self) -> Rays:
        """Where boundaries are looked for."""
        return Rays(
            reach=self.reach,
            angles=self.angles,
            coarse=self.coarse,
            halvings=self.halvings,
        )

    def contours(
        self,
        model: tm.FrozenDenoiser,
        params: Params,
        planes: Planes,
        levels: tuple[Level, ...],
    ) -> tuple[np.ndarray, np.ndarray]:
        """Responses τ (seeds, thresholds) and radii (seeds, kinds, thresholds, …)."""
        tau, radii = contours_of_models(
            model, levels, self.rays(), params, self.base(model.n), planes
        )
        return np.asarray(tau), np.asarray(radii)

    def exponents(self, radii: np.ndarray) -> Exponents:
        """Medians over pairs of the fits."""
        return summarise(self.rays().phi(), radii)

    def caption(self, **others: Any) -> str:
        """What a reader needs to make a figure again."""
        shown = {
            "n": self.n,
            "H": self.neurons,
            "ρ": self.density,
            "pairs": self.pairs,
            "angles": self.angles,
            "reach": f"{self.reach:g}",
            "c_in": "largest SNR",
        }
        return caption_line(
            seeds=self.seeds,
            scale=self.scale,
            fingerprint=content_hash(self),
            others=shown | others,
        )


@functools.partial(jax.jit, static_argnums=(0, 1, 2))
def contours_of_models(
    model: tm.FrozenDenoiser,
    levels: tuple[Level, ...],
    rays: Rays,
    params: Params,
    x: Float[Array, "n pairs"],
    planes: Planes,
) -> tuple[Array, Array]:
    """τ and radii in the input layer of every model, one model after another."""

    def of_model(one: tuple) -> tuple[Array, Array]:
        params, (u, v) = one
        subject, turn = within_span(model, params)
        return plane_contours(
            subject, turn(x), turn(u), turn(v), levels=levels, rays=rays
        )

    return jax.lax.map(of_model, (params, planes))


def within_span(
    model: tm.FrozenDenoiser, params: Params
) -> tuple[Subject, Callable[[Array], Array]]:
    """A model of no more features than neurons, whose outputs change by as much.

    With Eᵀ = Q R the neurons see E x = Rᵀ Qᵀ x, and ‖Eᵀ a‖ = ‖R a‖. So the model with
    Rᵀ in place of E answers Qᵀ y at Qᵀ x: it has the contours of the first in a plane
    that Q has turned, but no features of its own.

    Returns:
        The input layer of that model, and what takes (…, n, batch) to (…, neurons,
        batch).
    """
    # JumpReLU jumps where E x of a k-hot sample may lie exactly: rounding would decide.
    if model.n <= model.neurons or model.activation == "jumprelu":
        return Subject(model, params, "input"), lambda x: x
    Q, R = jnp.linalg.qr(params["E"].T)
    small = dataclasses.replace(model, n=model.neurons)
    return Subject(small, {**params, "E": R.T}, "input"), lambda x: Q.T @ x
