"""A live run as a Python script that makes it again, to the same weights.

Settings that were changed on the way are in the script, each with the step from which
it held; so are the weights that it began with, where they were not random.
"""

import numpy as np
from jaxtyping import Float

from toymodels.config import SettingsError
from toymodels.explorer.controls import Controls
from toymodels.explorer.trainer import MOST_CHANGES, LiveTrainer, Segment, Start

# Columns, as ruff has them.
LINE = 88

_HEAD = '''"""{title}"""

import numpy as np

import toymodels as tm
'''

_START = """
# The weights that it began with: {words}.
START = {{
    "W": [
{W}
    ],
    "b": {b},
}}
"""

_STATE = """from toymodels.training.state import advance, init, inputs_of, plan_of
"""

_SPEC = '''

{head}
    """The run's settings; these may differ from one part of it to the next."""
{features}
    return tm.TrainSpec(
        model=tm.Autoencoder(n={n}, d={d}, activation="{activation}"),
        features=features,
        optimiser=tm.Optimiser(),
        importance=importance_decay ** np.arange({n}),
        exponent=exponent,
        learning_rate=learning_rate,
        weight_decay=weight_decay,
        seeds=1,
        steps={steps},
        batch={batch},
        history=1,
        seed={seed},
    )

'''

_ONE = """
run = tm.train(spec({settings}))
W, b = run.params["W"][0], run.params["b"][0]
"""

_MANY = """
# Until which step, and with which settings.
PARTS = [
{parts}
]

state = init(spec(**PARTS[0][1]))
{begin}for until, settings in PARTS:
    part = spec(**settings)
    state = advance(plan_of(part), inputs_of(part), state, np.int32(until))
W, b = (np.asarray(state.params[name][0]) for name in ("W", "b"))
"""

_BEGIN = """given = {name: jnp.asarray([v], np.float32) for name, v in START.items()}
state = dataclasses.replace(state, params=given)
"""

_TAIL = """
if __name__ == "__main__":
    print("columns of W:", W.T.round(3).tolist())
    print("shape:", tm.tegum_name(tm.find_shapes(W)))
"""

# The script imports what it uses, in the usual order.
_MORE_IMPORTS = (
    "import numpy as np\n",
    "import dataclasses\n\nimport jax.numpy as jnp\nimport numpy as np\n",
)


def run_script(trainer: LiveTrainer, step: int) -> str:
    """The script that trains to a step.

    Args:
        trainer: whose run it is.
        step: of a frame, at least 1.

    Raises:
        SettingsError: there is nothing to train yet, or the settings were changed too
            often to write down.
    """
    if step < 1:
        raise SettingsError("step", step, "at least one step of training", "Play")
    segments = trainer.segments(step)
    if segments is None:
        raise SettingsError(
            "step",
            f"{MOST_CHANGES} changes of settings",
            "fewer, which a script can hold",
            "Restart",
        )
    return script_of(segments, trainer.start)


def script_of(segments: list[Segment], start: Start | None = None) -> str:
    """The script of a run in parts, of which each has its own settings.

    Args:
        segments: the parts.
        start: the weights it began with, if they were not random.
    """
    first, steps = segments[0].controls, segments[-1].until
    noun = "step" if steps == 1 else "steps"
    title = (
        f"{first.n} features in d = {first.d}, {steps} {noun}, as trained in the "
        "explorer."
    )
    many = len(segments) > 1 or start is not None
    planted = any(part.controls.planted for part in segments)
    text = _HEAD.format(title=title) + (_STATE if many else "")
    if start is not None:
        text = text.replace(*_MORE_IMPORTS) + _start(start)
    text += _SPEC.format(
        head=_head(_live(planted)),
        n=first.n,
        d=first.d,
        activation=first.activation,
        features=_features(first, planted),
        steps=steps,
        batch=first.batch,
        seed=first.seed,
    )
    if many:
        parts = [
            f"    ({part.until}, dict({_settings(part.controls, planted)})),"
            for part in segments
        ]
        begin = _BEGIN if start is not None else ""
        text += _MANY.format(parts="\n".join(parts), begin=begin)
    else:
        text += _ONE.format(settings=_settings(first, planted))
    return text + _TAIL


def _start(start: Start) -> str:
    """The weights, every digit of them."""
    rows = [f"        {_numbers(row)}," for row in start.W]
    return _START.format(words=start.words, W="\n".join(rows), b=_numbers(start.b))


def _numbers(row: Float[np.ndarray, " n"]) -> str:
    """Numbers that are the same again when they are read in single precision."""
    return "[" + ", ".join(str(np.float32(value)) for value in row) + "]"


def _live(planted: bool) -> list[str]:
    """Names of the settings that act at once and are in use.

    Args:
        planted: whether some part of the run has a planted point.
    """
    names = [name for name in Controls.live if not name.startswith("backdoor")]
    return [*names, "backdoor", "backdoor_rate"] if planted else names


def _head(names: list[str]) -> str:
    """The first line of the function that makes the settings, or its first lines."""
    names = ["*", *names]
    inner = ", ".join(names)
    if len(f"def spec({inner}):") <= LINE:
        return f"def spec({inner}):"
    if len(f"    {inner}") <= LINE:
        return f"def spec(\n    {inner}\n):"
    return "def spec(\n" + "".join(f"    {name},\n" for name in names) + "):"


def _settings(controls: Controls, planted: bool) -> str:
    values: dict[str, object] = {**vars(controls), "backdoor": None}
    if controls.planted:
        values["backdoor"] = [float(value) for value in controls.point()]
    return ", ".join(f"{name}={values[name]!r}" for name in _live(planted))


def _features(controls: Controls, planted: bool) -> str:
    """The lines that make the distribution of samples."""
    n, size = controls.n, controls.group_size
    if controls.groups == "independent":
        base = f"tm.IndependentFeatures(n={n}, probability=1 - sparsity)"
    else:
        kind = {
            "correlated": "CorrelatedGroup",
            "anticorrelated": "AnticorrelatedGroup",
        }[controls.groups]
        group = f"tm.{kind}(n={size}, probability=1 - sparsity)"
        base = f"tm.Concatenated(parts=({group},) * {n // size})"
    lines = [f"    features = {base}"]
    if planted:
        lines += [
            "    if backdoor is not None:",
            "        features = tm.RepeatedPoint(",
            "            base=features, point=np.array(backdoor), rate=backdoor_rate",
            "        )",
        ]
    return "\n".join(lines)
