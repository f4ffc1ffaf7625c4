"""Lesson 3: how do five features lie in two dimensions?"""

import marimo

__generated_with = "0.25.2"
app = marimo.App(
    width="medium",
    app_title="3 · Five features in two dimensions",
)


@app.cell(hide_code=True)
def _():
    import marimo as mo
    import numpy as np

    import toymodels as tm
    from toymodels.lessons import (
        Exercise,
        Mistake,
        Prediction,
        lesson_scale,
        show_training,
        text,
    )
    from toymodels.plotting import gram_panels, vector_panels

    return (
        Exercise,
        Mistake,
        Prediction,
        gram_panels,
        lesson_scale,
        mo,
        np,
        show_training,
        text,
        tm,
        vector_panels,
    )


@app.cell(hide_code=True)
def _(lesson_scale):
    scale = lesson_scale()
    return (scale,)


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    # 3 · Five features in two dimensions

    *About 15 minutes. Builds on lesson 2.*

    With two hidden dimensions you can look at $W$ as it is: each column is an arrow in
    the plane. Five features are three more than can stand at right angles. This lesson
    shows what a trained model does about it, and you write the three measurements with
    which such pictures are read: lengths, angles and the matrix $W^\top W$.

    ## Run the model yourself

    The model is the one of lesson 2, with more of everything:

    $$\hat x = \mathrm{ReLU}(W^\top W x + b), \qquad W : (d, n) = (2, 5)$$

    Samples are columns, $x : (n, \text{batch})$, and $b : (n)$. Write it in NumPy.
    """)
    return


@app.function
def my_output(W, b, x):
    # W: (d, n), b: (n,), x: (n, batch). Return the output, (n, batch).
    return None


@app.cell(hide_code=True)
def _(Exercise, Mistake, np):
    def output(W, b, x):
        return np.maximum(W.T @ (W @ x) + b[:, None], 0.0)

    _random = np.random.default_rng(0)
    output_exercise = Exercise(
        blank="my_output",
        answer=output,
        cases=[
            (
                _random.normal(size=(2, n)),
                _random.normal(size=n),
                _random.random((n, 6)),
            )
            for n in (5, 3)
        ],
        mistakes=[
            Mistake(
                "you forgot the bias",
                "Add $b$ before the ReLU, one number for each row.",
                lambda W, b, x: np.maximum(W.T @ W @ x, 0.0),
            ),
            Mistake(
                "you forgot the ReLU",
                "`np.maximum(…, 0)` turns negative outputs into 0.",
                lambda W, b, x: W.T @ W @ x + b[:, None],
            ),
            Mistake(
                "the bias is added after the ReLU",
                "It belongs inside: a negative bias is what silences small "
                "interference.",
                lambda W, b, x: np.maximum(W.T @ W @ x, 0.0) + b[:, None],
            ),
            Mistake(
                "this is the hidden activation",
                r"$h = Wx$ has $d$ rows. Multiply by $W^\top$ to come back to $n$.",
                lambda W, b, x: W @ x,
            ),
        ],
        hints=[
            "First $h = Wx$, of shape $(d, \\text{batch})$, then $W^\\top h$.",
            "`b[:, None]` has shape $(n, 1)$ and is added to every column. Plain `+ b` "
            "would want it along the rows.",
        ],
        explanation="Feature $i$ is written to the column $W_i$ and read from the same "
        "column. So output $i$ sees feature $j$ with weight $W_i \\cdot W_j$.",
    )
    output_exercise.check(my_output)
    return (output_exercise,)


@app.cell(hide_code=True)
def _(output_exercise):
    output_exercise.help()
    return


@app.cell(hide_code=True)
def _(Prediction):
    dense_question = Prediction(
        blank="my_guess_dense",
        question="First the other extreme: all five features are always present "
        "($S = 0$). Feature 1 is the most important, each next one is worth 0.9 times "
        "as much. What will the columns of $W$ look like?",
        options={
            "a": "five short arrows, spread evenly",
            "b": "two long arrows at a right angle, three of no length",
            "c": "five long arrows, all in the same direction",
        },
        right="b",
        because={
            "a": "That is the fair solution. But every two features are always present "
            "together, so each output would be spoilt by the others all the time.",
            "b": "Without sparsity there is nothing to gain from sharing: it is better "
            "to keep two features exactly and to give up three. The two do not "
            "disturb each other at a right angle.",
            "c": "Then the model could only tell their sum.",
        },
    )
    dense_question.ask()
    return (dense_question,)


@app.cell
def _():
    my_guess_dense = None
    return (my_guess_dense,)


@app.cell(hide_code=True)
def _(dense_question, my_guess_dense):
    dense_question.check(my_guess_dense)
    return


@app.cell(hide_code=True)
def _(Prediction):
    middle_question = Prediction(
        blank="my_guess_middle",
        question="In between, at $S$ about 0.6, the model keeps **four** features. How "
        "do four arrows lie in the plane so that they disturb each other least?",
        options={
            "a": "as two pairs of opposites, the pairs at a right angle",
            "b": "as close together as possible",
            "c": "three as a triangle, the fourth in between",
        },
        right="a",
        because={
            "a": "Two antipodal pairs, each in a dimension of its own. The only "
            "interference left is within a pair, and it is negative, so the ReLU "
            "removes most of it.",
            "b": "Close arrows have large positive products $W_i \\cdot W_j$. That is "
            "the worst kind of interference, since the ReLU lets it pass.",
            "c": "In a triangle each feature disturbs two others by −1/2, and the "
            "fourth disturbs all three. Two pairs do better: −1 to one, and 0 to the "
            "others.",
        },
    )
    middle_question.ask()
    return (middle_question,)


@app.cell
def _():
    my_guess_middle = None
    return (my_guess_middle,)


@app.cell(hide_code=True)
def _(middle_question, my_guess_middle):
    middle_question.check(my_guess_middle)
    return


@app.cell(hide_code=True)
def _(Prediction):
    sparse_question = Prediction(
        blank="my_guess_sparse",
        question="And at the sparsest level, $S = 0.95$? Now **all five** are kept. "
        "How do their arrows lie?",
        options={
            "a": "two pairs of opposites as before, the fifth in between",
            "b": "spread evenly, with equal angles between neighbours",
            "c": "unevenly: the more important a feature, the more room it has",
        },
        right="b",
        because={
            "a": "Between two of the others, at 45° from each, the fifth would have a "
            "product of 0.7 with both, and the ReLU lets positive products pass.",
            "b": "All are long and seldom present, so each wants the same: no "
            "neighbour close by. With equal angles, 72°, no product is above 0.31, for "
            "arrows of length 1. How equal they are, you will measure.",
            "c": "The fifth feature is worth 0.66 times as much as the first. That "
            "decides who is given up where there is not room for all. It hardly "
            "bends the angles of those that are kept.",
        },
    )
    sparse_question.ask()
    return (sparse_question,)


@app.cell
def _():
    my_guess_sparse = None
    return (my_guess_sparse,)


@app.cell(hide_code=True)
def _(my_guess_sparse, sparse_question):
    sparse_question.check(my_guess_sparse)
    return


@app.cell
def _(np, scale, tm):
    # Ten sparsities and eight restarts of each, all in one training.
    sparsity = 1 - 20.0 ** (-np.arange(10) / 9)  # from 0 to 0.95
    steps = scale.pick(full=10_000, tiny=30)
    run = tm.train(
        tm.TrainSpec(
            model=tm.Autoencoder(n=5, d=2),
            features=tm.IndependentFeatures(n=5, probability=1 - sparsity[:, None]),
            importance=0.9 ** np.arange(5),
            seeds=scale.pick(full=8, tiny=2),
            steps=steps,
            batch=256,
            snapshots=tm.linear_steps(steps, 60),
        )
    )
    best = run.best()  # of the restarts, for each sparsity
    return best, sparsity


@app.cell(hide_code=True)
def _(
    dense_question,
    middle_question,
    my_guess_dense,
    my_guess_middle,
    my_guess_sparse,
    sparse_question,
):
    def after_all(result):
        """The result, once there are all guesses: it answers every question."""

        def after_middle():
            return sparse_question.reveal(my_guess_sparse, result)

        def after_dense():
            return middle_question.reveal(my_guess_middle, after_middle)

        return dense_question.reveal(my_guess_dense, after_dense)

    return (after_all,)


@app.cell(hide_code=True)
def _(after_all, best, np, sparsity, vector_panels):
    def polygons():
        return vector_panels(
            best.params["W"],
            titles=[f"S = {s:.2f}" for s in sparsity],
            importance=0.9 ** np.arange(5),
            title="Five features in two dimensions, from dense to sparse",
        )

    after_all(polygons)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## How many are kept?

    Count them by machine: a feature is kept if $\|W_i\|^2 \ge 1/2$. Write a function
    that takes $W : (d, n)$ and returns the number of features that it keeps.
    """)
    return


@app.function
def my_kept(W):
    # Your code here: one whole number.
    return None


@app.cell(hide_code=True)
def _(Exercise, Mistake, np, tm):
    def kept(W):
        return int(np.sum(np.sum(W**2, axis=0) >= 0.5))

    _long = np.array([[1.0, 0.6, 0.0, 0.3, -0.5], [0.0, 0.6, 0.8, 0.3, 0.3]])
    _rows = np.array([[0.9, 0.1, 0.1, 0.1], [0.1, 0.1, 0.1, 0.2], [0.1, 0.2, 0.1, 0.1]])
    kept_exercise = Exercise(
        blank="my_kept",
        answer=kept,
        cases=[(tm.geometry.pentagon(),), (_long,), (_rows,)],
        mistakes=[
            Mistake(
                "rows and columns are swapped",
                "Feature $i$ is the column $W_i$, so its squared length is a sum down "
                "a column, over the first axis.",
                lambda W: int(np.sum(np.sum(W**2, axis=1) >= 0.5)),
            ),
            Mistake(
                "the length is not squared before the comparison",
                "The rule is $\\|W_i\\|^2 \\ge 1/2$, which is a length of about 0.71.",
                lambda W: int(np.sum(np.linalg.norm(W, axis=0) >= 0.5)),
            ),
            Mistake(
                "single entries are counted, not columns",
                "Add up the squares of a column first.",
                lambda W: int(np.sum(W**2 >= 0.5)),
            ),
        ],
        hints=["`(W**2).sum(axis=0)` has the squared length of each column."],
        explanation="The package says the same with `tm.measure(W).represented`.",
    )
    kept_exercise.check(my_kept)
    return kept, kept_exercise


@app.cell(hide_code=True)
def _(kept_exercise):
    kept_exercise.help()
    return


@app.cell(hide_code=True)
def _(after_all, best, kept, sparsity, text, tm):
    def _table():
        rows = "\n".join(
            f"| {s:.2f} | {kept(W)} | {tm.tegum_name(tm.find_shapes(W))} |"
            for s, W in zip(sparsity, best.params["W"], strict=True)
        )
        head = "| sparsity | kept | shape |\n| :--- | :--- | :--- |\n"
        return text(
            f"{head}{rows}\n\n"
            "A *single* feature has a dimension to itself, a *digon* is an antipodal "
            "pair, and 2 × means two of them, at a right angle to each other."
        )

    after_all(_table)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## Is it a pentagon?

    The eye is generous. In a regular pentagon neighbours are 72° apart, all of them.
    Write a function that takes $W : (2, n)$ and returns the $n$ angles between
    neighbours **in degrees**, going once around, **sorted** from the smallest to the
    largest. They must add up to 360°.
    """)
    return


@app.function
def my_gaps(W):
    # np.arctan2(y, x) gives an angle in radians. Return n gaps in degrees, sorted.
    return None


@app.cell(hide_code=True)
def _(Exercise, Mistake, np):
    def gaps(W):
        angle = np.sort(np.degrees(np.arctan2(W[1], W[0])))
        return np.sort(np.diff(angle, append=angle[0] + 360.0))

    def _around(angle):
        return np.diff(angle, append=angle[0] + 360.0)

    def _ray(*degrees):
        turned = np.radians(degrees)
        return np.stack([np.cos(turned), np.sin(turned)])

    gaps_exercise = Exercise(
        blank="my_gaps",
        answer=gaps,
        cases=[(_ray(100, 10, 250, 330, 160),), (_ray(0, 90, 200),)],
        tolerance=1e-3,
        mistakes=[
            Mistake(
                "the last gap is missing",
                "Five arrows have five gaps: do not forget the one from the last back "
                "to the first.",
                lambda W: np.sort(np.diff(np.sort(np.degrees(np.arctan2(W[1], W[0]))))),
            ),
            Mistake(
                "these are radians",
                "`np.degrees` turns them into degrees.",
                lambda W: np.radians(gaps(W)),
            ),
            Mistake(
                "the angles are not sorted",
                "Feature 2 need not be the neighbour of feature 1. Sort the angles "
                "before you take differences.",
                lambda W: np.sort(_around(np.degrees(np.arctan2(W[1], W[0])))),
            ),
            Mistake(
                "the gaps are not sorted",
                "These are the right gaps in the order in which you came across them. "
                "Sort them at the end, so that it does not matter where you began.",
                lambda W: _around(np.sort(np.degrees(np.arctan2(W[1], W[0])))),
            ),
        ],
        hints=[
            "Angles first, then `np.sort`, then differences, and these sorted again.",
            "`np.diff(angle, append=angle[0] + 360)` closes the circle.",
        ],
        explanation="Lengths matter too. `tm.find_shapes` compares all products "
        "$W_i \\cdot W_j$ with those of the ideal shape.",
    )
    gaps_exercise.check(my_gaps)
    return gaps, gaps_exercise


@app.cell(hide_code=True)
def _(gaps_exercise):
    gaps_exercise.help()
    return


@app.cell(hide_code=True)
def _(after_all, best, gaps, sparsity, text):
    def _sentence():
        found = ", ".join(f"{g:.1f}°" for g in gaps(best.params["W"][-1]))
        return text(f"The gaps of the sparsest model, S = {sparsity[-1]:.2f}: {found}.")

    after_all(_sentence)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## Watch it happen

    The sparsest model while it trains. Drag the slider: which arrows grow first, and
    when does the last one find its place?
    """)
    return


@app.cell(hide_code=True)
def _(after_all, best, show_training):
    after_all(lambda: show_training(best, index=-1))
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## What the others hear

    Output $i$ sees feature $j$ with weight $W_i \cdot W_j$, so the matrix
    $W^\top W$ is the whole story of who disturbs whom. On the left the dense model, in
    the middle four features, on the right the sparsest model. The diagonal has the
    squared lengths. Off the diagonal, red is a false alarm that the bias has to
    silence, and blue is negative, so the ReLU stops it.
    """)
    return


@app.cell(hide_code=True)
def _(after_all, best, gram_panels, np, sparsity):
    def matrices():
        shown = [0, 4, 9]
        W, b = best.params["W"][shown], best.params["b"][shown]
        return gram_panels(
            np.einsum("pdi,pdj->pij", W, W),
            titles=[f"S = {sparsity[k]:.2f}" for k in shown],
            bias=b,
            title="$W^\\top W$ and the bias $b$ beside it",
        )

    after_all(matrices)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## What to take along

    - Dense features: as many are kept as there are dimensions, at right angles.
    - Sparser: opposite pairs, then a pentagon. More features than dimensions is
      **superposition**.
    - $W^\top W$ shows the interference, a negative $b$ silences the positive part.

    ## What this does not show

    - That a model always finds the best shape. You saw the best of eight restarts.
    - That importance and sparsity of different features may be anything. If one of the
      five is sparser than the others, the pentagon deforms and then snaps into two
      pairs. Where it snaps is **not** where the paper says: claim `TMS-13.switch` is
      not supported.
    - That polygons appear in large networks. With thousands of features most are in no
      named shape, which is the subject of lesson 4.

    ## References

    - Elhage et al. 2022, *Toy Models of Superposition*, introduction and "Demonstrating
      Superposition". The full figure is experiment TMS-1.
    """)
    return


if __name__ == "__main__":
    app.run()
