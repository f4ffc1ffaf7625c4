"""Lesson 8: a plateau is easy to see, and easy to explain in too many ways."""

import marimo

__generated_with = "0.25.2"
app = marimo.App(width="medium", app_title="8 · Plateaus, thresholds and stories")


@app.cell(hide_code=True)
def _():
    import jax
    import marimo as mo
    import numpy as np

    import toymodels as tm
    from toymodels.lessons import Exercise, Mistake, Prediction, lesson_scale, text
    from toymodels.plotting import Curve, small_multiples
    from toymodels.probes import DIRECTIONS, Perturbation, perturb, plateau_radius

    return (
        Curve,
        DIRECTIONS,
        Exercise,
        Mistake,
        Perturbation,
        Prediction,
        jax,
        lesson_scale,
        mo,
        np,
        perturb,
        plateau_radius,
        small_multiples,
        text,
        tm,
    )


@app.cell(hide_code=True)
def _(lesson_scale):
    scale = lesson_scale()
    return (scale,)


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    # 8 · Plateaus, thresholds and stories

    *About 20 minutes. It builds on lesson 1 and a little on lesson 7.*

    Push an activation of a language model a little, and its output hardly moves. Push
    on, and at some length it gives way. Around real activations there is a **plateau**
    (Heimersheim and Mendel 2024). A tempting story: the network stores features in
    superposition, so it must treat small readoffs as noise, and the plateau is that
    error correction at work.

    In a toy model we know whether there is superposition. This lesson puts the story to
    the test, and shows how much depends on the control and on the measure.
    """)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## A model with something to correct

    Features are now on or off. They are embedded along random unit directions in
    $d = 16$ dimensions, $h_0 = E x$, and three blocks may clean up what the embedding
    blurs:

    $$h_{\ell+1} = h_\ell + D_\ell \, \mathrm{ReLU}(E_\ell h_\ell + b_\ell),
    \qquad \hat x = U h_3 + c$$

    Noise is added to $h$ in training, so cleaning up pays. With $n = 32$ features there
    is superposition. With $n = 12$ every feature could have a dimension of its own. The
    **linear control** is the same stack without the ReLU.
    """)
    return


@app.cell
def _(np, scale, tm):
    def denoisers(n, activation="relu", head="linear"):
        """Models of one kind, trained alike; the features that they see."""
        squared = head == "linear"
        features = tm.IndependentFeatures(n=n, probability=1 / n, values="boolean")
        spec = tm.TrainSpec(
            model=tm.ResidualDenoiser(
                n=n,
                d=16,
                neurons=48,
                blocks=scale.pick(full=3, tiny=1),
                head=head,
                activation=activation,
            ),
            features=features,
            objective=tm.Objective(measure="power" if squared else "bernoulli"),
            optimiser=tm.Optimiser(
                name="adam",
                learning_rate=1e-2 if squared else 3e-3,
                schedule="cosine",
            ),
            noise=0.1,
            seeds=scale.pick(full=5, tiny=2),
            steps=scale.pick(full=1_500, tiny=40),
            batch=scale.pick(full=128, tiny=16),
        )
        return tm.train(spec)

    kinds = {
        "ReLU, n = 32 > d": {"n": 32},
        "ReLU, n = 12 < d": {"n": 12},
        "linear, n = 32 > d": {"n": 32, "activation": "identity"},
    }
    # Each kind is a program to compile, so a test is content with two.
    chosen = scale.pick(full=list(kinds), tiny=list(kinds)[::2])
    models = {name: denoisers(**kinds[name]) for name in chosen}
    # The mean over the last tenth of training.
    loss = {
        name: np.median(run.history.loss[-len(run.history.step) // 10 :])
        for name, run in models.items()
    }
    return denoisers, loss, models


@app.cell(hide_code=True)
def _(loss, text):
    _rows = "\n".join(f"| {name} | {value:.3f} |" for name, value in loss.items())
    text(
        "Squared error of the trained models, summed over features; one feature is on "
        f"per input on average:\n\n| model | loss |\n| --- | --- |\n{_rows}"
    )
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## A number for "plateau"

    Push $h_0$ in some direction by lengths $r$ from 0 to 1, in units of the mean
    distance between two real activations. The response is how far the last layer $h_3$
    moves. To compare curves of different height, take $r_{10}$: the smallest of the
    given lengths at which the response is at least a tenth of its **own** maximum.
    """)
    return


@app.function
def my_r10(radii, response):
    # Your code here: both are arrays of the same length; return one number.
    return None


@app.cell(hide_code=True)
def _(Exercise, Mistake, np):
    def r10(radii, response):
        reached = response >= 0.1 * np.max(response)
        return radii[np.argmax(reached)]

    _radii = np.linspace(0, 1, 41)
    r10_exercise = Exercise(
        blank="my_r10",
        answer=r10,
        cases=[
            (_radii, 3.0 * np.clip(_radii - 0.42, 0, None)),
            (_radii, 0.3 * _radii**2),
            # It rises and falls again, so its end is not its maximum.
            (_radii, 5.0 * np.sin(np.pi * _radii) ** 2),
        ],
        mistakes=[
            Mistake(
                "the response is compared with 0.1, not with a tenth of its maximum",
                "Curves have different heights and units. Compare each with itself.",
                lambda radii, response: radii[np.argmax(response >= 0.1)],
            ),
            Mistake(
                "this is the place in the array, not the length",
                "Look up the length at that place in `radii`.",
                lambda radii, response: np.argmax(response >= 0.1 * np.max(response)),
            ),
            Mistake(
                "the last value is taken for the maximum",
                "A response can fall again, so its end need not be its maximum.",
                lambda radii, response: radii[
                    np.argmax(response >= 0.1 * response[-1])
                ],
            ),
            Mistake(
                "this is the last length below a tenth",
                "Take the first one at which a tenth is reached.",
                lambda radii, response: radii[
                    np.argmax(response >= 0.1 * np.max(response)) - 1
                ],
            ),
        ],
        hints=[
            "`reached = response >= 0.1 * response.max()` has a truth value a length.",
            "`np.argmax` of truth values is the place of the first `True`.",
        ],
        explanation="The library's `plateau_radius` interpolates between two lengths "
        "as well.",
    )
    r10_exercise.check(my_r10)
    return (r10_exercise,)


@app.cell(hide_code=True)
def _(r10_exercise):
    r10_exercise.help()
    return


@app.cell(hide_code=True)
def _(Prediction):
    straight = Prediction(
        blank="my_guess_linear",
        question="In the linear models, what is $r_{10}$ for a push of length up to 1?",
        options={
            "a": "0: nothing absorbs a push",
            "b": "exactly 0.1, whatever the direction",
            "c": "0.1 on average, but different for each direction",
        },
        right="b",
        because={
            "a": "The response does start at once. But a tenth of its maximum is not "
            "yet reached at length 0.",
            "b": "The response is proportional to the length, so a tenth of the "
            "maximum is there at a tenth of the length. This is the yardstick: a "
            "plateau is what goes beyond 0.1.",
            "c": "Directions differ in how *steep* the response is. But it is straight "
            "along each of them, and a straight line reaches a tenth of its end at a "
            "tenth of the way.",
        },
    )
    straight.ask()
    return (straight,)


@app.cell
def _():
    my_guess_linear = None
    return (my_guess_linear,)


@app.cell(hide_code=True)
def _(my_guess_linear, straight):
    straight.check(my_guess_linear)
    return


@app.cell
def _(DIRECTIONS, Perturbation, jax, np, perturb, plateau_radius, scale):
    def pushed(run, start):
        """Responses to pushes as large and as oriented as activations vary.

        Returns the lengths and two kinds of response: distance at the last layer, and
        KL of the outputs where they are probabilities.
        """
        how = Perturbation(
            families=(DIRECTIONS["covariance"],),
            start=start,
            bases=scale.pick(full=128, tiny=8),
            reach=1.0,
            radii=41,
            real=scale.pick(full=256, tiny=32),
        )
        keys = jax.random.split(jax.random.key(1), run.runs)
        features = run.spec.features.per_member(run.runs)
        found = perturb(how, run.spec.model, run.params, "h0", features, keys)
        return how.lengths(), {
            "distance": found.responses.distance[run.spec.model.layers[-1]],
            "KL": found.responses.kl,
        }

    def plateau_of(run, measure="distance"):
        """Median r10 of every model, from real and from Gaussian activations."""
        result = {}
        for start in ("real", "gaussian"):
            lengths, responses = pushed(run, start)
            radius = plateau_radius(lengths, responses[measure])
            result[start] = np.nanmedian(radius, axis=(1, 2, 3))
            # Each curve over its own maximum, so that shapes are compared.
            curves = responses[measure]
            with np.errstate(invalid="ignore"):
                shape = curves / curves.max(axis=-1, keepdims=True)
            result[f"{start} curve"] = lengths, np.nanmedian(shape, axis=(0, 1, 2, 3))
        return result

    return (plateau_of,)


@app.cell
def _(models, plateau_of):
    plateaus = {name: plateau_of(run) for name, run in models.items()}
    return (plateaus,)


@app.cell(hide_code=True)
def _(my_guess_linear, np, plateaus, straight, text):
    def _measured():
        found = plateaus["linear, n = 32 > d"]["real"]
        return text(
            f"Measured in {len(found)} linear models: {np.min(found):.4f} to "
            f"{np.max(found):.4f}."
        )

    straight.reveal(my_guess_linear, _measured)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## What is special about a *real* activation?

    A saturating network could have plateaus everywhere. So the comparison is with a
    **Gaussian** starting point, of the same mean, covariance and length as real
    activations, that no input produces. The number of interest is

    $$\frac{r_{10}\text{ from real activations}}{r_{10}\text{ from Gaussian ones}}$$

    Above 1, real activations absorb more.
    """)
    return


@app.cell(hide_code=True)
def _(Prediction):
    without = Prediction(
        blank="my_guess_without",
        question="If plateaus are the error correction of superposition, the models "
        "with $n = 12 < d = 16$ should have none. All are trained with squared error. "
        "What will the ratio of these be?",
        options={
            "a": "about 1, as in the linear models",
            "b": "above 1, but smaller than with $n = 32$",
            "c": "above 1, and no smaller than with $n = 32$",
        },
        right="c",
        because={
            "a": "That is what the story says. But these models were trained to remove "
            "noise too, and for that they need thresholds with or without "
            "superposition.",
            "b": "There is a plateau indeed. But a model with room for all features "
            "can remove noise *better*, not worse.",
            "c": "Removing noise needs thresholds, and it works best where features do "
            "not crowd. So a plateau alone is no sign of superposition. This is for "
            "squared error; with other losses and measures there need not be a plateau "
            "at all.",
        },
    )
    without.ask()
    return (without,)


@app.cell
def _():
    my_guess_without = None
    return (my_guess_without,)


@app.cell(hide_code=True)
def _(my_guess_without, without):
    without.check(my_guess_without)
    return


@app.cell(hide_code=True)
def _(Curve, my_guess_without, plateaus, small_multiples, without):
    def plateau_figure():
        return small_multiples(
            {
                name: [
                    Curve("from real activations", *found["real curve"]),
                    Curve("from Gaussian ones", *found["gaussian curve"]),
                ]
                for name, found in plateaus.items()
            },
            xlabel="length of the push",
            ylabel="response over its maximum",
            columns=3,
            references={"a tenth": 0.1},
            title="Pushes from real and from Gaussian activations",
            caption="medians over starting points and models",
        )

    without.reveal(my_guess_without, plateau_figure)
    return


@app.cell(hide_code=True)
def _(my_guess_without, np, plateaus, text, without):
    def _table():
        lines = [
            "| model | $r_{10}$ real | $r_{10}$ Gaussian | ratio | over models |",
            "| --- | --- | --- | --- | --- |",
        ]
        for name, found in plateaus.items():
            ratio = found["real"] / found["gaussian"]
            lines.append(
                f"| {name} | {np.median(found['real']):.3f} | "
                f"{np.median(found['gaussian']):.3f} | **{np.median(ratio):.2f}** | "
                f"{np.min(ratio):.2f} to {np.max(ratio):.2f} |"
            )
        return text("\n".join(lines))

    without.reveal(my_guess_without, _table)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## A story that could be true: thresholds

    A ReLU neuron with weights $w$ and bias $b$ that is **off** at $h$ stays off while
    $w \cdot (h + r u) + b \le 0$. Up to which length $r$ of a push along $u$ does it
    absorb everything? Return `np.inf` if it never turns on.
    """)
    return


@app.function
def my_threshold(w, b, h, u):
    # Your code here: w, h and u are arrays of length d, b is a number.
    return None


@app.cell(hide_code=True)
def _(Exercise, Mistake, np):
    def threshold(w, b, h, u):
        slope = w @ u
        return -(w @ h + b) / slope if slope > 0 else np.inf

    _w = np.array([1.0, -0.5, 0.25])
    _h = np.array([-0.5, 0.3, 0.2])
    threshold_exercise = Exercise(
        blank="my_threshold",
        answer=threshold,
        cases=[
            (_w, -0.2, _h, np.array([0.6, 0.0, 0.8])),
            (_w, 0.1, _h, np.array([0.0, -1.0, 0.0])),
            (_w, -0.2, _h, np.array([-1.0, 0.0, 0.0])),
        ],
        mistakes=[
            Mistake(
                "the bias is forgotten",
                "The neuron turns on at $w \\cdot (h + r u) + b = 0$, with its bias.",
                lambda w, b, h, u: -(w @ h) / (w @ u) if w @ u > 0 else np.inf,
            ),
            Mistake(
                "the starting point is forgotten",
                "The neuron is already part of the way to its threshold at $h$.",
                lambda w, b, h, u: -b / (w @ u) if w @ u > 0 else np.inf,
            ),
            Mistake(
                "pushes that lead away from the threshold are not told apart",
                "If $w \\cdot u \\le 0$ the push makes the neuron *more* off. No "
                "length turns it on.",
                lambda w, b, h, u: -(w @ h + b) / (w @ u),
            ),
            Mistake(
                "the sign is turned",
                "At $h$ the sum is negative, so its opposite has to be made up.",
                lambda w, b, h, u: (w @ h + b) / (w @ u) if w @ u > 0 else np.inf,
            ),
            Mistake(
                "the test of the slope is turned round",
                "A push turns the neuron on where $w \\cdot u$ is *positive*. Where "
                "it is not, no length does.",
                lambda w, b, h, u: -(w @ h + b) / (w @ u) if w @ u < 0 else np.inf,
            ),
            Mistake(
                "a neuron that never turns on absorbs nothing here",
                "It absorbs pushes of *every* length, so its limit is `np.inf`, not 0.",
                lambda w, b, h, u: -(w @ h + b) / (w @ u) if w @ u > 0 else 0.0,
            ),
        ],
        hints=[
            "Set $w \\cdot h + r \\, (w \\cdot u) + b = 0$ and solve for $r$.",
            "If $w \\cdot u \\le 0$, there is no such $r > 0$.",
        ],
        explanation="So one neuron has a plateau, and a lower bias makes it wider. It "
        "is a mechanism. Whether trained stacks work like that is another question: "
        "in PLT-6 the plateau did **not** widen with the threshold of a block. There "
        "was hardly one: $r_{10}$ was close to that of the linear model at every "
        "threshold.",
    )
    threshold_exercise.check(my_threshold)
    return (threshold_exercise,)


@app.cell(hide_code=True)
def _(threshold_exercise):
    threshold_exercise.help()
    return


@app.cell(hide_code=True)
def _(Prediction):
    measure = Prediction(
        blank="my_guess_measure",
        question="We train the model with $n = 32$ anew, with one logit for each "
        "feature and cross-entropy instead of squared error. The same models, the same "
        "pushes, two measures: **KL** of the output probabilities, and **distance** at "
        "the last layer. Which shows a plateau around real activations?",
        options={
            "a": "both, since it is the same thing that happens",
            "b": "only the KL",
            "c": "only the distance",
        },
        right="b",
        because={
            "a": "The stack does the same in both cases. But a probability near 0 or 1 "
            "hardly changes when its logit moves: the readout is a threshold too.",
            "b": "A logistic readout flattens whatever happens far from its threshold. "
            "Part of a plateau in KL is made there, behind the last layer.",
            "c": "The distance at the last layer comes before the readout, which adds "
            "a threshold. The plateau that was added is the one to be seen.",
        },
    )
    measure.ask()
    return (measure,)


@app.cell
def _():
    my_guess_measure = None
    return (my_guess_measure,)


@app.cell(hide_code=True)
def _(measure, my_guess_measure):
    measure.check(my_guess_measure)
    return


@app.cell
def _(denoisers, plateau_of):
    logistic = denoisers(32, head="logistic")
    by_measure = {name: plateau_of(logistic, name) for name in ("KL", "distance")}
    return (by_measure,)


@app.cell(hide_code=True)
def _(by_measure, measure, my_guess_measure, np, text):
    def _ratios():
        lines = ["| response | ratio | over models |", "| --- | --- | --- |"]
        for name, found in by_measure.items():
            ratio = found["real"] / found["gaussian"]
            lines.append(
                f"| {name} | **{np.median(ratio):.2f}** | {np.min(ratio):.2f} to "
                f"{np.max(ratio):.2f} |"
            )
        return text("\n".join(lines))

    measure.reveal(my_guess_measure, _ratios)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## Five stories

    | story | what would decide it | experiment |
    | --- | --- | --- |
    | only the margin absorbs pushes | do the outputs move from length 0 on? | PLT-3 |
    | the readout makes the plateau | is it there at the last layer? | PLT-4 |
    | layer after layer shrinks a push | is less left after each layer? | PLT-5 |
    | thresholds make it | does it widen with the threshold? | PLT-6 |
    | superposition makes it | is it gone where $n < d$? | PLT-7 |

    Each comes with a picture that supports it. What tells them apart is the test that
    each could fail. `figures/stories.png` has the verdicts, and none of the five
    explains everything.
    """)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## What to take along

    - A plateau by itself is no sign of superposition: with squared error, models
      without superposition have one too (`PLT-7.superposition`). Ask what a model
      *without* it does.
    - The linear control tells what the measure says when nothing absorbs anything.
    - Name the measure. KL and distance can disagree about the same push.
    - A sharper question than "is there a plateau?" is whether **features** are
      privileged: is the region that absorbs pushes an ellipsoid, or does it bulge
      between feature directions? (ISO-1 to ISO-4.)

    ## What this does not show

    - Why GPT-2 has plateaus. These stacks are small, trained with noise, and on
      features that we made.
    - That real activations always absorb more. With squared error and $n > d$ it is
      **inconclusive** whether they do so by the margin that the claim asks for
      (`PLT-1.squared`). With a logistic readout there is no plateau in distance, with
      superposition or without: `PLT-1.distance` and `PLT-7.distance` are **not
      supported**.
    - That superposition plays *no* part. With it, pushes along features can stand out
      in other ways (PLT-2, ISO-4, with mixed verdicts).
    - One width, one depth, one noise level. The experiments have intervals, and more.

    ## References

    - Heimersheim and Mendel 2024, *Activation plateaus & sensitive directions in
      GPT2*.
    - Lee and Heimersheim 2024, arXiv 2410.12555, on sensitive directions.
    - da Silva and Heimersheim 2026, arXiv 2606.24964, on feature-specific error
      correction.
    - Experiments PLT-1 to PLT-8 and ISO-1 to ISO-4; `docs/perturbation.md`.
    """)
    return


if __name__ == "__main__":
    app.run()
