"""Lesson 1: what a feature is, and what sparsity changes about it."""

import marimo

__generated_with = "0.25.2"
app = marimo.App(width="medium", app_title="1 · Features and sparsity")


@app.cell(hide_code=True)
def _():
    import jax
    import marimo as mo
    import numpy as np

    import toymodels as tm
    from toymodels.lessons import (
        Exercise,
        Mistake,
        Prediction,
        lesson_scale,
        picture,
        text,
    )
    from toymodels.plotting import Curve, curve_figure, draw_matrix, panels, style

    return (
        Curve,
        Exercise,
        Mistake,
        Prediction,
        curve_figure,
        draw_matrix,
        jax,
        lesson_scale,
        mo,
        np,
        panels,
        picture,
        style,
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
    # 1 · Features and sparsity

    *About 10 minutes. You need Python and a little probability.*

    A picture contains a dog's ear or it does not. A sentence is in French or it is not.
    Such properties of an input are its **features**. There are very many of them, and
    in any one input nearly all of them are absent. This lesson is about that second
    fact alone. You will see that it makes two features of the same input a rare event,
    and that much of the later lessons follows from it.

    **How a lesson works.** Cells with `None` are yours to fill in. The cell below each
    one says whether it is right and, if it can, what went wrong. Nothing breaks if you
    leave one empty. If no results show, run all cells first: in marimo with the button
    ▶ at the lower right, in Jupyter with "Run all".
    """)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## A world made of features

    In the toy world an input is a list of $n$ numbers. The number $x_i$ says how
    strongly feature $i$ is present:

    $$x_i = \begin{cases} 0 & \text{with probability } S \\
    \text{uniform in } [0, 1] & \text{with probability } p = 1 - S\end{cases}$$

    and each feature decides on its own. $S$ is the **sparsity**. Samples are columns,
    so a batch of them is an array of shape $(n, \text{batch})$.
    """)
    return


@app.cell
def _(jax, np, tm):
    def sample(S, batch, n=20, seed=0):
        """A batch of inputs, (n, batch)."""
        world = tm.IndependentFeatures(n=n, probability=1 - S)
        return np.asarray(world.sample(jax.random.key(seed), batch))

    dense, sparse = sample(S=0.0, batch=40), sample(S=0.9, batch=40)
    return dense, sample, sparse


@app.cell(hide_code=True)
def _(dense, draw_matrix, panels, picture, sparse, style):
    with style():
        _figure, _axes = panels(2, panel_height=2.6)
        for _panel, _x, _name in (
            (_axes[0], dense, "S = 0: all features, always"),
            (_axes[1], sparse, "S = 0.9: few at a time"),
        ):
            draw_matrix(_panel, _x, aspect="auto")
            _panel.set(title=_name, xlabel="sample", ylabel="feature")
    picture(_figure, "Forty dense and forty sparse samples of twenty features")
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## Measure it

    Write a function that takes a batch `x` of shape $(n, \text{batch})$ and returns
    the sparsity **of each feature**: the share of samples in which it is exactly 0.
    """)
    return


@app.function
def my_sparsity(x):
    # Your code here: return n numbers.
    return None


@app.cell(hide_code=True)
def _(Exercise, Mistake, np, sample):
    def sparsity_of(x):
        return np.mean(x == 0, axis=1)

    sparsity_exercise = Exercise(
        blank="my_sparsity",
        answer=sparsity_of,
        cases=[(sample(S=0.9, batch=400),), (sample(S=0.3, batch=50, seed=1),)],
        mistakes=[
            Mistake(
                "this is the share of samples in which the feature is present",
                "That is $p$, not $S$. The two add up to 1.",
                lambda x: np.mean(x > 0, axis=1),
            ),
            Mistake(
                "rows and columns are swapped",
                "You have one number for each sample. The samples are the columns, so "
                "it is the columns that you average over.",
                lambda x: np.mean(x == 0, axis=0),
            ),
            Mistake(
                "this is one number for all features together",
                "Average over the samples only, so that one number a feature is left.",
                lambda x: np.mean(x == 0),
            ),
            Mistake(
                "this is a count, not a share",
                "Divide by the number of samples.",
                lambda x: np.sum(x == 0, axis=1),
            ),
        ],
        hints=[
            "`x == 0` is an array of truth values, and their mean is a share.",
            "`np.mean(…, axis=1)` averages over the second axis, the samples.",
        ],
        explanation="The share scatters around $S$, because a batch is finite.",
    )
    sparsity_exercise.check(my_sparsity)
    return (sparsity_exercise,)


@app.cell(hide_code=True)
def _(sparsity_exercise):
    sparsity_exercise.help()
    return


@app.cell(hide_code=True)
def _(Prediction):
    together = Prediction(
        blank="my_guess",
        question=r"Take five features with $S = 0.9$, and look only at inputs in which "
        "at least one of them is present. In how many of these are **two or more** "
        "present?",
        options={"a": "in most", "b": "in about half", "c": "in about one of five"},
        right="c",
        because={
            "a": "Five features with $S = 0.9$ make half a present feature per input "
            "on average, so most inputs that have any have just one.",
            "b": "It feels so, with four others. But each of these is absent "
            r"nine times out of ten: all four at once with $0.9^4 \approx 0.66$, and "
            "inputs with two or more are counted only once.",
            "c": r"None is present with probability $0.9^5 \approx 0.59$, exactly one "
            r"with $5 \cdot 0.1 \cdot 0.9^4 \approx 0.33$. That leaves 0.08 for two or "
            "more, a fifth of the 0.41 with any.",
        },
    )
    together.ask()
    return (together,)


@app.cell
def _():
    my_guess = None
    return (my_guess,)


@app.cell(hide_code=True)
def _(my_guess, together):
    together.check(my_guess)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## How often do features meet?

    Say that features **collide** in an input if two or more of them are present. Write
    the probability of a collision, for $n$ features that are each present with
    probability $p$.
    """)
    return


@app.function
def my_collision(n, p):
    # Your code here: one number, from 0 to 1.
    return None


@app.cell(hide_code=True)
def _(Exercise, Mistake):
    def collision(n, p):
        none = (1 - p) ** n
        one = n * p * (1 - p) ** (n - 1)
        return 1 - none - one

    collision_exercise = Exercise(
        blank="my_collision",
        answer=collision,
        cases=[(5, 0.1), (2, 0.5), (20, 0.03), (5, 1.0)],
        mistakes=[
            Mistake(
                "inputs with exactly one feature are counted, too",
                "You subtracted the inputs without any feature. One feature alone "
                "collides with nothing.",
                lambda n, p: 1 - (1 - p) ** n,
            ),
            Mistake(
                "this holds for one particular feature to be alone",
                "Any of the $n$ features can be the one that is present.",
                lambda n, p: 1 - (1 - p) ** n - p * (1 - p) ** (n - 1),
            ),
            Mistake(
                "this is the probability for one pair",
                "Two given features meet with probability $p^2$, but there are many "
                "pairs, and their meetings overlap.",
                lambda n, p: p**2,
            ),
            Mistake(
                "pairs are added up",
                "There are $n(n-1)/2$ pairs, but an input with three features has "
                "three of them and would be counted three times. Start from the "
                "opposite: none or one.",
                lambda n, p: n * (n - 1) / 2 * p**2,
            ),
            Mistake(
                "this is the share among the inputs with any feature",
                "You divided by the probability that at least one is present. Here all "
                "inputs count, those without any feature too.",
                lambda n, p: collision(n, p) / (1 - (1 - p) ** n),
            ),
            Mistake(
                "this is the probability of exactly two",
                "Three or more that are present collide as well.",
                lambda n, p: n * (n - 1) / 2 * p**2 * (1 - p) ** (n - 2),
            ),
        ],
        hints=[
            "The opposite of two or more is: none, or exactly one.",
            "None: all $n$ are absent. Exactly one: choose it, it is present, and the "
            "$n - 1$ others are absent.",
        ],
        explanation=r"For small $p$ it is about $\frac{n(n-1)}{2} p^2$: ten times as "
        "sparse means a hundred times fewer collisions, but only ten times fewer "
        "inputs with a feature.",
    )
    collision_exercise.check(my_collision)
    return collision, collision_exercise


@app.cell(hide_code=True)
def _(collision_exercise):
    collision_exercise.help()
    return


@app.cell
def _(np, sample, scale):
    # The same by machine: draw inputs with five features and count.
    levels = np.linspace(0.0, 0.98, 15)
    batch = scale.pick(full=100_000, tiny=2_000)
    present = np.array([(sample(S, batch, n=5) > 0).sum(axis=0) for S in levels])
    measured = (present >= 2).sum(axis=1) / (present >= 1).sum(axis=1)
    return levels, measured


@app.cell(hide_code=True)
def _(Curve, collision, curve_figure, levels, measured, my_guess, together):
    def meeting_figure():
        p = 1 - levels
        share = collision(5, p) / (1 - (1 - p) ** 5)
        return curve_figure(
            [
                Curve("drawn", levels, measured),
                Curve("by formula", levels, share, dashed=True),
            ],
            xlabel="sparsity S",
            ylabel="share with two or more present",
            title="Of the inputs with any of five features, those with several",
            height=3.8,
        )

    together.reveal(my_guess, meeting_figure)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## What a feature is worth

    A model that must reproduce the input, but has no room for feature $i$, can only
    answer with a constant $c$. On average it is wrong by $\mathbb E (x_i - c)^2$.
    Which constant is best, for a feature that is present with probability $p$?
    """)
    return


@app.function
def my_constant(p):
    # Your code here: the best constant answer.
    return None


@app.cell(hide_code=True)
def _(Exercise, Mistake):
    def best_constant(p):
        return p / 2

    constant_exercise = Exercise(
        blank="my_constant",
        answer=best_constant,
        cases=[(1.0,), (0.5,), (0.05,)],
        mistakes=[
            Mistake(
                "this is the mean of a feature that is present",
                "The zeros count as well, and for small $p$ they are most of the data.",
                lambda p: 0.5,
            ),
            Mistake(
                "this is the probability of being present",
                "A present feature is not 1 but uniform in [0, 1].",
                lambda p: p,
            ),
            Mistake(
                "this is the most frequent value, not the best answer",
                "A squared error is least at the mean, not at the mode.",
                lambda p: 0.0,
            ),
        ],
        hints=[
            "The constant with the least squared error is the mean.",
            "The mean of a present feature is 1/2, that of an absent one is 0.",
        ],
        explanation=r"What remains is the variance, $\frac p3 - \frac{p^2}{4}$. To "
        "leave out a feature costs this, times its importance. Lesson 2 weighs it "
        "against the price of keeping it.",
    )
    constant_exercise.check(my_constant)
    return (constant_exercise,)


@app.cell(hide_code=True)
def _(constant_exercise):
    constant_exercise.help()
    return


@app.cell(hide_code=True)
def _(constant_exercise, jax, np, scale, text, tm):
    def _errors():
        p = 0.1
        world = tm.IndependentFeatures(n=1, probability=p)
        batch = scale.pick(full=200_000, tiny=2_000)
        x = np.asarray(world.sample(jax.random.key(2), batch))
        return text(rf"""
        With $p = {p}$ and {x.size:,} samples, the error of the answer 0 is
        {np.mean(x**2):.4f} (by formula $p/3$ = {p / 3:.4f}), that of the answer $p/2$
        is {np.mean((x - p / 2) ** 2):.4f} (by formula {p / 3 - p**2 / 4:.4f}). For
        sparse features the two hardly differ.
        """)

    constant_exercise.reveal(my_constant, _errors)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## What to take along

    - Features are many, and each is rarely present: sparsity $S$ near 1.
    - What one feature is worth falls like $p$. How often two meet falls like $p^2$.
    - So a model that lets two features share a place pays seldom. That is the whole
      reason for **superposition**, and lesson 2 makes it exact.

    ## What this does not show

    - That the features of a real network are sparse, independent or uniform. Here we
      made them so. Elhage et al. argue for sparsity; independence is a simplification
      (experiments TMS-14 to TMS-16 let features be correlated).
    - What a feature *is* in a network that nobody built by hand. There is no agreed
      definition.

    ## References

    - Elhage et al. 2022, *Toy Models of Superposition*, "Definitions and Motivation"
      and "Experiment Setup".
    - Olshausen and Field 1997, *Sparse coding with an overcomplete basis set*.
    """)
    return


if __name__ == "__main__":
    app.run()
