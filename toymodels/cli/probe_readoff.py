"""`toymodels probe --perturbation readoff`: what does a model count as zero?

Axis letters: `runs`, n features, `bases`, `points` of a sweep.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from matplotlib.figure import Figure

from toymodels.cli.probe_world import ProbeFlags, ProbeWorld, summary
from toymodels.config import SettingsError, check_count
from toymodels.plotting import over_seeds, small_multiples
from toymodels.probes import Subject, fit_hinge, sweep_readoffs
from toymodels.probes.bases import check_spread
from toymodels.probes.real_bases import labelled_bases

RESPONSES = {"own": "output i", "total": "all outputs"}
# ΔBIC from which on flat-then-linear is the better description.
GAIN = 10.0


def probe(world: ProbeWorld, flags: ProbeFlags) -> tuple[list[dict[str, Any]], Figure]:
    """A row for output i and one for all outputs, and the responses to a readoff.

    The readoff of feature i is the product of h and its direction w_i; it is moved from
    0 to `--reach` times |w_i|², at which the feature is `--reach`. Columns: the share
    of features whose response BIC calls flat, then linear; the median knee of these, as
    a share of |w_i|²; the same over the threshold −b_i of a tied model; the share of
    features without a knee.

    Raises:
        SettingsError: a layer without known features, or with activations that are all
            the same; not an output for each feature; few radii.
    """
    one = world.subject(0)
    one.features()  # says so where there are no known features
    if world.model.outputs != world.model.n:
        raise SettingsError(
            "run",
            f"{world.model.outputs} outputs for {world.model.n} features",
            "an output for each feature",
        )
    check_count("radii", flags.radii, minimum=8)
    position = np.linspace(0.0, flags.reach, flags.radii, dtype=np.float32)
    found = [_of_model(world, flags, run, position) for run in range(world.runs)]
    rows = []
    for name, label in RESPONSES.items():
        flat = [one[f"{name}_gain"] > GAIN for one in found]
        knees = [
            np.median(one[f"{name}_knee"][keep]) if keep.any() else np.nan
            for one, keep in zip(found, flat, strict=True)
        ]
        row: dict[str, Any] = {
            "response": label,
            "flat, then linear": summary([keep.mean() for keep in flat]),
            "knee": summary(knees),
            "knee over −b": summary(
                [
                    np.median((one[f"{name}_knee"] / one["threshold"])[keep])
                    if keep.any()
                    else np.nan
                    for one, keep in zip(found, flat, strict=True)
                ]
            ),
            f"no knee within {flags.reach:g}": summary(
                [1.0 - keep.mean() for keep in flat]
            ),
        }
        rows.append(row)
    return rows, _draw(world, flags, found, position)


@jax.jit(static_argnames="bases")
def _swept(
    subject: Subject, features: Any, key: Any, bases: int, position: Any
) -> dict[str, Any]:
    """Curves and fits of one model."""
    drawn = labelled_bases(subject, features, key, bases=bases)
    # Their lengths matter, so not `Subject.features`, which has refused a model already
    # that has none.
    overbasis: Any = subject.model.feature_directions(subject.params, subject.layer)
    sweep = sweep_readoffs(subject, drawn.x, overbasis, position)
    found = {"square": jnp.sum(overbasis**2, axis=0), "real": drawn.real}
    for name in RESPONSES:
        curves = getattr(sweep, name).mean(axis=1)
        fit = fit_hinge(position, curves)
        found |= {
            f"{name}_curve": jnp.median(curves, axis=0),
            f"{name}_knee": fit.knee,
            f"{name}_gain": fit.gain,
        }
    return found


def _of_model(
    world: ProbeWorld, flags: ProbeFlags, run: int, position: np.ndarray
) -> dict[str, np.ndarray]:
    """Of one model, with the threshold of each feature in units of |w_i|²."""
    subject = jax.tree.map(jnp.asarray, world.subject(run))
    found = _swept(
        subject,
        jax.tree.map(lambda leaf: leaf[run], world.features),
        world.keys[run],
        flags.bases,
        jnp.asarray(position),
    )
    check_spread(found["real"])
    arrays = {name: np.asarray(value) for name, value in found.items()}
    threshold = np.full(world.model.n, np.nan)
    if subject.layer == "hidden" and {"W", "b"} <= set(subject.params):
        square = np.where(arrays["square"] > 0, arrays["square"], np.nan)
        bias = np.asarray(subject.params["b"], float)
        threshold = -np.where(bias != 0, bias, np.nan) / square
    return arrays | {"threshold": threshold}


def _draw(
    world: ProbeWorld,
    flags: ProbeFlags,
    found: list[dict[str, np.ndarray]],
    position: np.ndarray,
) -> Figure:
    return small_multiples(
        {
            label: [
                over_seeds(
                    "median feature",
                    position,
                    np.stack([one[f"{name}_curve"] for one in found]),
                )
            ]
            for name, label in RESPONSES.items()
        },
        xlabel="readoff of a feature over $|w|^2$",
        ylabel="response",
        columns=2,
        sharey=False,
        title=f"{type(world.model).__name__}: responses to readoffs of {world.layer}",
        caption=world.caption(bases=flags.bases, seed=flags.seed),
    )
