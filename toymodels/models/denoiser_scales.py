"""The two numbers of a frozen denoiser (M2): c_in by a scan, c_out in closed form.

For given c_in the output is c_out · z, so that the weighted squared error

    λ Σ_on (1 − c_out z)² + Σ_off (c_out z)²

is least at c_out = λ Σ_on z/(λ Σ_on z² + Σ_off z²). "On" are the outputs of switched-on
features, "off" all others. c_in is where the signal-to-noise ratio

    SNR(c_in) = mean_on z / root mean square_off z

is largest. It depends on neither c_out nor λ, and to within the scan it is where the
plain loss (λ = 1) is least, since nearly all outputs are off.

Axis letters: `runs` models, `points` of the scan, n features, `neurons`, `batch`, k
switched-on features of a sample.

References:
    da Silva & Heimersheim 2026, *Evidence for feature-specific error correction in
    LLMs*, 2606.24964, where c_in is scanned over 0.05 to 8; the rule is this project's.
"""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Num

from toymodels.config import check_range
from toymodels.models.base import Params
from toymodels.models.frozen_denoiser import FrozenDenoiser


@dataclasses.dataclass(frozen=True)
class ScaleScan:
    """What a scan over c_in gave."""

    c_in: Float[np.ndarray, " points"]
    c_out: Float[np.ndarray, "runs points"]
    snr: Float[np.ndarray, "runs points"]
    """Mean of outputs that should be on over the root mean square of the others."""
    loss: Float[np.ndarray, "runs points"]
    """Weighted squared error at the best c_out, over that of the output 0."""

    def best(self) -> Int[np.ndarray, " runs"]:
        """Where each run's SNR is largest."""
        return self.snr.argmax(axis=1)

    def chosen(self, params: Params) -> Params:
        """The parameters with the best c_in of each run, and its c_out."""
        best = self.best()
        rows = np.arange(len(best))
        return params | {
            "c_in": jnp.asarray(self.c_in[best], jnp.float32),
            "c_out": jnp.asarray(self.c_out[rows, best], jnp.float32),
        }

    def at_best(
        self, values: Num[np.ndarray, "runs points"]
    ) -> Num[np.ndarray, " runs"]:
        """One of the fields where the SNR is largest."""
        best = self.best()
        return values[np.arange(len(best)), best]


def scan_grid(
    low: float = 0.05, high: float = 8.0, points: int = 121
) -> Float[np.ndarray, " points"]:
    """Log-spaced values of c_in."""
    return np.geomspace(low, high, points)


def scan_scales(
    model: FrozenDenoiser,
    params: Params,
    x: Float[Array, "runs n batch"],
    on: Int[Array, "runs k batch"],
    *,
    grid: Float[np.ndarray, " points"] | None = None,
    on_weight: float = 1.0,
) -> ScaleScan:
    """Scan c_in, with the closed form for c_out at every value.

    Args:
        model: settings of the denoisers.
        params: of an ensemble; c_in and c_out are passed over.
        x: samples of each model.
        on: which features are switched on in each sample.
        grid: values of c_in > 0; `scan_grid()` when None.
        on_weight: λ > 0.

    Returns:
        The scan; where no neuron answers, SNR and c_out are 0.
    """
    check_range("on_weight", on_weight, low=0.0, open_low=True, hint="on_weight=1")
    grid = scan_grid() if grid is None else np.asarray(grid, float)
    check_range("grid", grid, low=0.0, open_low=True)
    found = _scan(model, params["E"], x, on, jnp.asarray(grid, jnp.float32), on_weight)
    c_out, snr, loss = (np.asarray(value, float) for value in found)
    return ScaleScan(c_in=grid, c_out=c_out, snr=snr, loss=loss)


@functools.partial(jax.jit, static_argnums=0)
def _scan(
    model: FrozenDenoiser,
    E: Float[Array, "runs neurons n"],
    x: Float[Array, "runs n batch"],
    on: Int[Array, "runs k batch"],
    grid: Float[Array, " points"],
    on_weight: Float[Array, ""] | float,
) -> tuple[Array, ...]:
    def of_run(run: tuple) -> tuple[Array, ...]:
        E, x, on = run
        gram, columns = E @ E.T, E[:, on]
        count_on = on.size
        count_off = x.size - count_on

        def at(c_in: Array) -> tuple[Array, ...]:
            one = jnp.ones(())
            h = model.encode({"E": E, "c_in": c_in, "c_out": one}, x)
            # Outputs are needed only where they are on; of the rest the sum of squares.
            z = jnp.einsum("hkb,hb->kb", columns, h)
            squares_on = (z**2).sum()
            squares_off = (h * (gram @ h)).sum() - squares_on
            squares_off = jnp.maximum(squares_off, 0.0)
            below = on_weight * squares_on + squares_off
            c_out = on_weight * z.sum() / jnp.where(below > 0, below, 1.0)
            noise = jnp.sqrt(squares_off / count_off)
            snr = z.mean() / jnp.where(noise > 0, noise, jnp.inf)
            error = on_weight * ((1 - c_out * z) ** 2).sum() + c_out**2 * squares_off
            return c_out, snr, error / (on_weight * count_on)

        return jax.lax.map(at, grid)

    return jax.lax.map(of_run, (E, x, on))
