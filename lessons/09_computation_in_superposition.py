"""Lesson 9: a layer that computes far more ANDs than it has neurons."""

import marimo

__generated_with = "0.25.2"
app = marimo.App(width="medium", app_title="9 · Computation in superposition")


@app.cell(hide_code=True)
def _():
    import jax
    import marimo as mo
    import numpy as np

    from toymodels.lessons import (
        Exercise,
        Mistake,
        Prediction,
        lesson_scale,
        text,
    )
    from toymodels.models import UniversalAnd
    from toymodels.plotting import Curve, curve_figure
    from toymodels.theory import gate_error, gate_overlap

    return (
        Curve,
        Exercise,
        Mistake,
        Prediction,
        UniversalAnd,
        curve_figure,
        gate_error,
        gate_overlap,
        jax,
        lesson_scale,
        mo,
        np,
        text,
    )


@app.cell(hide_code=True)
def _(lesson_scale):
    scale = lesson_scale()
    return (scale,)


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    # 9 · Computation in superposition

    *About 20 minutes. It builds on lesson 1. Nothing is trained here.*

    Superposition stores more features than there are dimensions. Can a layer also
    **compute** more functions than it has neurons? Yes, if the inputs are sparse and a
    small error is allowed. You will build such a layer by hand: it computes the AND of
    *every* pair of its inputs, with a fraction of a neuron for each.
    """)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## One gate, one neuron

    Inputs are 0 or 1. One ReLU neuron with weights 1 and 1 shall give $x_1 \wedge x_2$:

    $$z = \mathrm{ReLU}(x_1 + x_2 + \text{bias})$$

    Which bias makes it 1 if both are on, and 0 otherwise?
    """)
    return


@app.cell
def _():
    my_bias = None
    return (my_bias,)


@app.cell(hide_code=True)
def _(Exercise, Mistake, my_bias):
    bias_exercise = Exercise(
        blank="my_bias",
        answer=-1.0,
        mistakes=[
            Mistake(
                "with this bias the neuron adds",
                "It says 1 when only one input is on, and 2 for both.",
                0.0,
            ),
            Mistake(
                "with this bias the neuron never turns on",
                "Two inputs give 2, from which nothing may be left to subtract.",
                -2.0,
            ),
            Mistake(
                "one input alone still gets through",
                "With one input on, the neuron gives 1/2 and should give 0.",
                -0.5,
            ),
            Mistake(
                "the sign is turned",
                "A bias that is added makes the neuron fire without any input.",
                1.0,
            ),
        ],
        hints=["One input alone has to be cancelled exactly."],
        explanation="All the nonlinearity that is needed is this threshold: one input "
        "does not count, two do.",
    )
    bias_exercise.check(my_bias)
    return (bias_exercise,)


@app.cell(hide_code=True)
def _(bias_exercise):
    bias_exercise.help()
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## Every gate, few neurons

    With $n$ inputs there are $n(n-1)/2$ pairs. A neuron for each would do, but so many
    are not needed (Vaintrob, Mendel and Hänni 2024). Take $d$ neurons, and let each
    read each input with probability $p$, by lot, with weight 1 and the bias from
    above:

    $$z = \mathrm{ReLU}(\hat W x - 1), \qquad \hat W_{ki} \sim \text{Bernoulli}(p)$$

    Some neurons read both $i$ and $j$ by chance. The **readoff** of $i \wedge j$ is the
    mean of $z$ over just these neurons. Write it, for `reads` of shape $(d, n)$ with
    entries 0 and 1, and the neurons `z` of one sample, of shape $(d,)$. At least one
    neuron reads both.
    """)
    return


@app.function
def my_readoff(reads, z, i, j):
    # Your code here: one number.
    return None


@app.cell(hide_code=True)
def _(Exercise, Mistake, np):
    def readoff(reads, z, i, j):
        both = reads[:, i] * reads[:, j]
        return (both @ z) / both.sum()

    def _mean_over(z, chosen):
        return (chosen @ z) / chosen.sum()

    _rng = np.random.default_rng(0)
    _reads = (_rng.uniform(size=(60, 8)) < 0.4).astype(float)
    _on = np.array([1.0, 1, 0, 1, 0, 0, 0, 1])
    _z = np.maximum(_reads @ _on - 1, 0)
    readoff_exercise = Exercise(
        blank="my_readoff",
        answer=readoff,
        cases=[(_reads, _z, 0, 1), (_reads, _z, 0, 2), (_reads, _z, 4, 5)],
        mistakes=[
            Mistake(
                "neurons that read only one of the two are in the mean as well",
                "Take those that read $i$ *and* $j$. The others know nothing of the "
                "pair.",
                lambda reads, z, i, j: _mean_over(
                    z, np.maximum(reads[:, i], reads[:, j])
                ),
            ),
            Mistake(
                "this is the sum, not the mean",
                "Divide by the number of neurons that read both, else gates with many "
                "such neurons look truer.",
                lambda reads, z, i, j: (reads[:, i] * reads[:, j]) @ z,
            ),
            Mistake(
                "this is the mean over all neurons",
                "Divide by the number of neurons that read both, not by $d$.",
                lambda reads, z, i, j: np.mean(reads[:, i] * reads[:, j] * z),
            ),
            Mistake(
                "this asks only for the first input",
                "The neurons have to read $j$ as well.",
                lambda reads, z, i, j: _mean_over(z, reads[:, i]),
            ),
        ],
        hints=[
            "`reads[:, i] * reads[:, j]` is 1 for the neurons that read both.",
            "The mean over them is a weighted sum of `z`, divided by their number.",
        ],
        explanation="The readoff is linear in $z$, so a later layer can use it. The "
        "same neurons serve many gates.",
    )
    readoff_exercise.check(my_readoff)
    return (readoff_exercise,)


@app.cell(hide_code=True)
def _(readoff_exercise):
    readoff_exercise.help()
    return


@app.cell
def _(UniversalAnd, gate_overlap, jax, np, scale):
    inputs = scale.pick(full=128, tiny=24)
    active = 3  # inputs that are on in each sample
    p = 0.1
    gates = UniversalAnd(n=inputs, neurons=1, probability=p).all_gates()

    def samples(active, batch, seed=0):
        """Inputs of which `active` are on, (inputs, batch)."""
        rng = np.random.default_rng(seed)
        order = np.argsort(rng.uniform(size=(inputs, batch)), axis=0)
        return (order < active).astype(np.float32)

    def measured(neurons, p, active=active, linear=False, batch=100):
        """Errors of all gates, by how many of a gate's two inputs are on."""
        model = UniversalAnd(n=inputs, neurons=neurons, probability=p)
        params = model.init(jax.random.key(1))
        x = samples(active, batch)
        which = model.linear_control() if linear else model
        found = np.asarray(which.apply(params, x))
        on = (x[gates[:, 0]] + x[gates[:, 1]]).astype(int)
        reads = np.asarray(params["W1"])
        pairs = reads.T @ reads  # neurons that read both of a pair
        return {
            "error": [np.abs(found - (on == 2))[on == k].mean() for k in (0, 1, 2)],
            "wrong": [((found > 0.6) != (on == 2))[on == k].mean() for k in (0, 1, 2)],
            "unread": (pairs[gates[:, 0], gates[:, 1]] == 0).mean(),
            "readers": gate_overlap(neurons, p),
        }

    return active, gates, inputs, measured, p


@app.cell(hide_code=True)
def _(Prediction):
    enough = Prediction(
        blank="my_guess_neurons",
        question="128 inputs have 8,128 pairs. Three inputs are on at a time, neurons "
        "read with $p = 0.1$, and a gate counts as true if its readoff exceeds 0.6. "
        "How many neurons are about enough for *all* gates, with fewer than one "
        "readoff in a hundred wrong?",
        options={
            "a": "about 1,000, an eighth of a neuron a gate",
            "b": "about 8,000, a neuron a gate",
            "c": "about 80,000, since a gate needs ten neurons that read both inputs",
        },
        right="a",
        because={
            "a": "A gate needs a few neurons that read both of its inputs: $d p^2$ of "
            "them on average, about ten for $d = 1{,}000$. This average does not "
            "depend on how many gates there are. For *every* gate to have one, it has "
            "to grow like the logarithm of their number, which is 9 here.",
            "b": "A neuron of its own for each gate would be exact. But here each "
            "neuron reads a dozen inputs, and so serves dozens of pairs.",
            "c": "Ten neurons a gate is right, but these ten also serve other gates. "
            "The number of neurons that read a given pair is $d p^2$ on average, "
            "whatever the number of pairs.",
        },
    )
    enough.ask()
    return (enough,)


@app.cell
def _():
    my_guess_neurons = None
    return (my_guess_neurons,)


@app.cell(hide_code=True)
def _(enough, my_guess_neurons):
    enough.check(my_guess_neurons)
    return


@app.cell
def _(measured, p, scale):
    widths = scale.pick(full=(256, 512, 1_024, 2_048), tiny=(64, 256))
    by_width = {neurons: measured(neurons, p) for neurons in widths}
    return (by_width,)


@app.cell(hide_code=True)
def _(by_width, enough, gates, inputs, my_guess_neurons, text):
    def _table():
        lines = [
            "| neurons | readers a gate | gates without any | wrong: both on | one on "
            "| none on |",
            "| --- | --- | --- | --- | --- | --- |",
        ]
        for neurons, row in by_width.items():
            none, one, both = row["wrong"]
            lines.append(
                f"| {neurons:,} | {row['readers']:.1f} | {row['unread']:.1%} | "
                f"{both:.1%} | {one:.2%} | {none:.2%} |"
            )
        return text(
            f"All {len(gates):,} gates of {inputs} inputs, on 100 samples:\n\n"
            + "\n".join(lines)
        )

    enough.reveal(my_guess_neurons, _table)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## What the readoff gets wrong

    It is not exact. Say $\ell$ inputs are on, one of them is $i$, and $j$ is off. A
    neuron that reads both sees $i$, and each of the $\ell - 1$ *other* active inputs
    with probability $p$. Its threshold takes off 1. By how much is the readoff of $i
    \wedge j$ too large, on average?
    """)
    return


@app.function
def my_error(p, active):
    # Your code here: active is ℓ; return one number.
    return None


@app.cell(hide_code=True)
def _(Exercise, Mistake):
    def error_one_on(p, active):
        return (active - 1) * p

    error_exercise = Exercise(
        blank="my_error",
        answer=error_one_on,
        cases=[(0.1, 3), (0.05, 4), (0.1, 1)],
        mistakes=[
            Mistake(
                "this is the error when both inputs are on",
                "With both on, $\\ell - 2$ others are left. Here only $i$ belongs to "
                "the gate.",
                lambda p, active: (active - 2) * p,
            ),
            Mistake(
                "the input $i$ itself is counted among the others",
                "The neuron reads $i$ for certain, and the threshold cancels it.",
                lambda p, active: active * p,
            ),
            Mistake(
                "the threshold is taken off once too often",
                "$i$ brings 1, the threshold takes 1 off. What others bring is left "
                "over whole.",
                lambda p, active: max((active - 1) * p - 1, 0),
            ),
            Mistake(
                "this is what a single other input brings",
                "There are $\\ell - 1$ of them.",
                lambda p, active: p,
            ),
        ],
        hints=[
            "Such a neuron gives $1 + k - 1 = k$, if it reads $k$ of the others.",
            "The mean of $k$ is the number of others times $p$.",
        ],
        explanation="With both on it is $(\\ell - 2)p$, with none on about "
        "$\\binom{\\ell}{2} p^2$. So the error does not fall with more neurons. They "
        "only make it steadier. It falls with $p$ and with fewer active inputs: "
        "**sparsity** pays for the computation too.",
    )
    error_exercise.check(my_error)
    return (error_exercise,)


@app.cell(hide_code=True)
def _(error_exercise):
    error_exercise.help()
    return


@app.cell
def _(measured, scale):
    most = scale.pick(full=8, tiny=4)
    crowd = list(range(2, most + 1))
    neurons = scale.pick(full=1_024, tiny=256)
    by_active = [measured(neurons, 0.1, active=count, batch=40) for count in crowd]
    return by_active, crowd


@app.cell(hide_code=True)
def _(Curve, by_active, crowd, curve_figure, error_exercise, gate_error, np, p):
    def _curves():
        curves = []
        names = {2: "both on", 1: "one on", 0: "none on"}
        for color, (on, name) in enumerate(names.items()):
            found = np.array([row["error"][on] for row in by_active])
            theory = np.array([gate_error(p, count, off=2 - on) for count in crowd])
            curves.append(Curve(name, np.array(crowd), found, color=color))
            curves.append(Curve("", np.array(crowd), theory, color=color, dashed=True))
        return curves

    def crowd_figure():
        return curve_figure(
            _curves(),
            xlabel="inputs that are on",
            ylabel="mean absolute error",
            title="The more inputs are on, the worse the gates (broken: leading order)",
            height=3.8,
        )

    error_exercise.reveal(my_error, crowd_figure)
    return


@app.cell(hide_code=True)
def _(Prediction):
    linear = Prediction(
        blank="my_guess_linear",
        question="Take the ReLU away: $z = \\hat W x - 1$, with the same readoff and "
        "three inputs on. For which gates do the readoffs get **worse**?",
        options={
            "a": "for gates with both inputs on",
            "b": "for gates with one input on",
            "c": "for gates with no input on",
        },
        right="c",
        because={
            "a": "With both on, a neuron sees 2 or more, and $2 - 1 > 0$. The ReLU has "
            "nothing to cut.",
            "b": "With one on, a neuron sees 1 or more, and $1 - 1 = 0$. The ReLU has "
            "nothing to cut here either.",
            "c": "Only there is anything negative: a neuron that sees no active input "
            "says $-1$ without the ReLU. What makes the AND is that most gates have "
            "no input on, and have to be silent.",
        },
    )
    linear.ask()
    return (linear,)


@app.cell
def _():
    my_guess_linear = None
    return (my_guess_linear,)


@app.cell(hide_code=True)
def _(linear, my_guess_linear):
    linear.check(my_guess_linear)
    return


@app.cell(hide_code=True)
def _(active, linear, measured, my_guess_linear, p, scale, text):
    def _compare():
        width = scale.pick(full=1_024, tiny=256)
        lines = [
            "| | both on | one on | none on |",
            "| --- | --- | --- | --- |",
        ]
        for name, is_linear in (("ReLU", False), ("linear control", True)):
            none, one, both = measured(width, p, linear=is_linear)["error"]
            lines.append(f"| {name} | {both:.3f} | {one:.3f} | {none:.3f} |")
        return text(
            f"Mean absolute error with {width:,} neurons, {active} inputs on:\n\n"
            + "\n".join(lines)
        )

    linear.reveal(my_guess_linear, _compare)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## Choose p

    Small $p$ makes small errors, but then some gates have no neuron that reads both
    inputs. Which $p$ gives a gate `readers` such neurons on average, among `neurons` in
    all?
    """)
    return


@app.function
def my_probability(readers, neurons):
    # Your code here: one number, from 0 to 1.
    return None


@app.cell(hide_code=True)
def _(Exercise, Mistake, np):
    def probability_for(readers, neurons):
        return np.sqrt(readers / neurons)

    probability_exercise = Exercise(
        blank="my_probability",
        answer=probability_for,
        cases=[(10, 1_000), (3, 4_096), (20, 20)],
        mistakes=[
            Mistake(
                "this is right for a single input",
                "A neuron has to read *both*, which happens with probability $p^2$.",
                lambda readers, neurons: readers / neurons,
            ),
            Mistake(
                "the number of readers is outside the root",
                "Solve $d p^2 = $ readers for $p$.",
                lambda readers, neurons: readers / np.sqrt(neurons),
            ),
        ],
        hints=["The expected number of neurons that read both is $d p^2$."],
        explanation="So $p$ falls as $1/\\sqrt d$, and with it the error: four times "
        "as many neurons halve it. The number of inputs hardly matters. This is how "
        "far the construction scales.",
    )
    probability_exercise.check(my_probability)
    return probability_exercise, probability_for


@app.cell(hide_code=True)
def _(probability_exercise):
    probability_exercise.help()
    return


@app.cell
def _(measured, probability_for, scale):
    readers = scale.pick(full=10, tiny=6)
    sizes = scale.pick(full=(256, 512, 1_024, 2_048, 4_096), tiny=(128, 256))
    scaled = [
        measured(size, float(probability_for(readers, size)), batch=20)
        for size in sizes
    ]
    return readers, scaled, sizes


@app.cell(hide_code=True)
def _(
    Curve,
    active,
    curve_figure,
    error_exercise,
    np,
    probability_exercise,
    probability_for,
    readers,
    scaled,
    sizes,
):
    def scaling_figure():
        d = np.array(sizes)
        by_formula = (active - 1) * probability_for(readers, d)
        return curve_figure(
            [
                Curve(
                    "one on, measured",
                    d,
                    np.array([row["error"][1] for row in scaled]),
                ),
                Curve("(ℓ − 1) p, by formula", d, by_formula, dashed=True),
            ],
            xlabel="neurons d",
            ylabel="mean absolute error",
            xscale="log",
            yscale="log",
            title=f"With {readers} readers a gate the error falls as 1/√d",
            height=3.6,
        )

    # It gives both answers away.
    error_exercise.reveal(
        my_error, lambda: probability_exercise.reveal(my_probability, scaling_figure)
    )
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## What to take along

    - A layer can compute many more functions than it has neurons, if few inputs are on
      at a time. The price is a small error in each.
    - How many neurons read a gate does not depend, on average, on the number of gates.
      For *every* gate to have one, the average must grow like the logarithm of that
      number, which is slow.
    - The ReLU does one thing: it keeps the many gates silent that have no input on.

    ## What this does not show

    - That *trained* networks compute like this. Trained ones of equal width are no
      worse (CIS-3). But the claim that most of their neurons serve most outputs was
      **not** supported there.
    - What training finds depends on the loss. With squared error, networks solve some
      features and ignore the others. With fourth powers they serve all alike (CIS-5).
      A model that seems to beat the naive solution may be helped by a flaw of its
      labels (CIS-4).
    - That errors stay small through many layers. For that something has to correct
      them (CIS-7).

    ## References

    - Vaintrob, Mendel and Hänni 2024, *Toward a Mathematical Framework for Computation
      in Superposition*, "Universal AND".
    - Hänni, Mendel, Vaintrob and Chan 2024, *Mathematical Models of Computation in
      Superposition*, arXiv 2408.05451.
    - Elhage et al. 2022, *Toy Models of Superposition*, "Computation in Superposition".
    - Newgas 2025, *Compressed Computation: Dense Circuits in a Toy Model of the
      Universal-AND Problem*, arXiv 2507.09816 (CIS-3).
    - Bhagat, Molas-Medina, Giglemiani and Heimersheim 2026, *Compressed Computation is
      (probably) not Computation in Superposition*, arXiv 2606.14673 (CIS-4).
    - Experiments CIS-1 to CIS-8: `toymodels reproduce CIS`.
    """)
    return


if __name__ == "__main__":
    app.run()
