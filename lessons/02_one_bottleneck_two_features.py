"""Lesson 2: two features, one dimension: the phase diagram by hand and by machine."""

import marimo

__generated_with = "0.25.2"
app = marimo.App(width="medium", app_title="2 · One bottleneck, two features")


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
        show_features,
        text,
    )
    from toymodels.plotting import Curve, curve_figure, phase_diagram
    from toymodels.theory import phase_diagram as by_hand

    return (
        Curve,
        Exercise,
        Mistake,
        Prediction,
        by_hand,
        curve_figure,
        lesson_scale,
        mo,
        np,
        phase_diagram,
        show_features,
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
    # 2 · One bottleneck, two features

    *About 15 minutes. Builds on lesson 1.*

    Lesson 1 said that sharing is cheap when features are sparse. Here you work out
    when it pays, exactly, in the smallest model that has the choice: two features and
    **one** hidden dimension. You will derive the border between "share" and "do not
    share" on paper, and then let a few hundred trained models say whether it is true.

    ## The model

    $$h = W x, \qquad \hat x = \mathrm{ReLU}(W^\top h + b)$$

    $W$ has one row and two columns, $W = (w_1, w_2)$. Column $w_i$ says where feature
    $i$ is written, and the same number reads it back. The loss weighs the features by
    importance, 1 for the first and $r$ for the second:
    $L = \mathbb E\,[(x_1 - \hat x_1)^2 + r\,(x_2 - \hat x_2)^2]$.

    Three solutions suggest themselves:

    | solution | $W$ | what it costs |
    | :--- | :--- | :--- |
    | keep the first, ignore the second | $(1, 0)$ | $r$ times the variance of $x_2$ |
    | keep the second, ignore the first | $(0, 1)$ | the variance of $x_1$ |
    | keep both, as opposites | $(1, -1)$ | their interference |

    The third is called an **antipodal pair**. You know the variance from lesson 1: it
    is $p/3 - p^2/4$.
    """)
    return


@app.cell
def _(np, show_features):
    pair = np.array([[1.0, -1.0]])
    show_features(pair)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## What does the pair cost?

    With $W = (1, -1)$ and $b = 0$ the model answers $\hat x_1 = \mathrm{ReLU}(x_1 -
    x_2)$. Go through the cases: only $x_1$ is present, only $x_2$, both, none. In
    which of them is $\hat x_1$ wrong, and by how much?

    Write the mean squared error of **one** feature of the pair, for probability $p$.
    You may use that two numbers uniform in $[0, 1]$ have
    $\mathbb E \min(x_1, x_2)^2 = 1/6$.
    """)
    return


@app.function
def my_pair_cost(p):
    # Your code here: E (x1 - ReLU(x1 - x2))².
    return None


@app.cell(hide_code=True)
def _(Exercise, Mistake, my_pair_cost):
    def pair_cost(p):
        return p**2 / 6

    pair_exercise = Exercise(
        blank="my_pair_cost",
        answer=pair_cost,
        cases=[(1.0,), (0.5,), (0.05,)],
        mistakes=[
            Mistake(
                "you forgot the ReLU",
                "Without it the model answers $x_1 - x_2$ and is wrong by $x_2$ "
                "whenever $x_2$ is present. The ReLU turns a negative answer into 0, "
                "which is right when $x_1$ is absent.",
                lambda p: p / 3,
            ),
            Mistake(
                "this is the error in an input where both are present",
                "How probable is such an input?",
                lambda p: 1 / 6,
            ),
            Mistake(
                "this takes both to be present with probability p",
                "Each is present with probability $p$, independently of the other.",
                lambda p: p / 6,
            ),
            Mistake(
                "this loses all of x1 when both are present",
                "If both are present and $x_1 > x_2$, something of $x_1$ is left: the "
                "error is $x_2$. Otherwise it is $x_1$. So it is the smaller of them.",
                lambda p: p**2 / 3,
            ),
        ],
        hints=[
            "Only $x_1$: the answer is $x_1$, right. Only $x_2$: the answer is "
            r"$\mathrm{ReLU}(-x_2) = 0$, right as well.",
            r"Both: the error is $x_1 - \mathrm{ReLU}(x_1 - x_2) = \min(x_1, x_2)$. "
            "This happens with probability $p^2$.",
        ],
        explanation="One price is quadratic in $p$, the other nearly linear. For rare "
        "features the quadratic one must win.",
    )
    pair_exercise.check(my_pair_cost)
    return pair_cost, pair_exercise


@app.cell(hide_code=True)
def _(pair_exercise):
    pair_exercise.help()
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## Where is the border?

    Let the second feature be the less important one, $r \le 1$. Then the pair competes
    with "ignore the second". The pair costs $(1 + r)$ times what you just found. Write
    the probability $p$ at which both cost the same.
    """)
    return


@app.function
def my_border(r):
    # Your code here: the p below which the pair is better.
    return None


@app.cell(hide_code=True)
def _(Exercise, Mistake, my_border):
    def border(r):
        # (1 + r) p²/6 = r (p/3 - p²/4), divided by p and solved for it
        return 4 * r / (2 + 5 * r)

    border_exercise = Exercise(
        blank="my_border",
        answer=border,
        cases=[(1.0,), (0.5,), (0.1,)],
        mistakes=[
            Mistake(
                "you forgot the bias",
                "An ignored feature is answered by the bias, at its best by the mean "
                r"$p/2$. It costs the variance $p/3 - p^2/4$, not $\mathbb E x^2 = "
                "p/3$.",
                lambda r: 2 * r / (1 + r),
            ),
            Mistake(
                "only the first feature of the pair is counted",
                "Both features of the pair suffer, with importances 1 and $r$.",
                lambda r: 4 * r / (2 + 3 * r),
            ),
            Mistake(
                "only the second feature of the pair is counted",
                "Then $r$ cancels. The first feature, with importance 1, suffers from "
                "the interference as well.",
                lambda r: 4 / 5,
            ),
            Mistake(
                "this compares with ignoring the first feature",
                "For $r \\le 1$ the second one is the cheaper to ignore.",
                lambda r: 4 / (5 + 2 * r),
            ),
            Mistake(
                "this holds for equal importance only",
                "Keep $r$ in the equation.",
                lambda r: 4 / 7,
            ),
        ],
        hints=[
            "Set $(1 + r)\\,p^2/6$ equal to $r\\,(p/3 - p^2/4)$.",
            "Divide by $p$ and multiply by 12: $2(1 + r)p = r(4 - 3p)$.",
        ],
        explanation="For $r = 1$ the border is at $p = 4/7$, so two equal features "
        "share even when each is present more than half of the time.",
    )
    border_exercise.check(my_border)
    return border, border_exercise


@app.cell(hide_code=True)
def _(border_exercise):
    border_exercise.help()
    return


@app.cell(hide_code=True)
def _(Prediction):
    crossing = Prediction(
        blank="my_guess",
        question="Now models are trained, one for each $p$, all with $r = 0.5$. Their "
        "$w_2/w_1$ is 0 if the second feature is ignored and −1 in a pair. What "
        "happens to the best trained model as $p$ falls?",
        options={
            "a": "$w_2/w_1$ goes gradually from 0 to −1",
            "b": "$w_2/w_1$ stays near 0, then jumps most of the way to −1",
            "c": "different seeds end anywhere between 0 and −1",
        },
        right="b",
        because={
            "a": "Gradual is what one expects of gradient descent, and each model does "
            "move gradually. But between the two solutions the loss is higher than at "
            "either, so the best model is near one or the other.",
            "b": "Each solution is a minimum of its own, and their losses cross. The "
            "better one changes all at once, as water does when it freezes. That is "
            "why this is called a phase change.",
            "c": "Single restarts do get stuck, and that is why we take the best of "
            "several. But they end in few places: in the worse of the two solutions, "
            "or in a local minimum close to it, where both weights have the same sign. "
            "The picture below shows all restarts.",
        },
    )
    crossing.ask()
    return (crossing,)


@app.cell
def _():
    my_guess = None
    return (my_guess,)


@app.cell(hide_code=True)
def _(crossing, my_guess):
    crossing.check(my_guess)
    return


@app.cell
def _(np, scale, tm):
    # A grid of settings, all trained at once: p down the rows, r along the columns.
    p = np.geomspace(0.05, 1.0, scale.pick(full=15, tiny=3))
    r = np.geomspace(0.1, 10.0, scale.pick(full=13, tiny=3))
    p_cell, r_cell = (grid.ravel() for grid in np.meshgrid(p, r, indexing="ij"))

    grid = tm.train(
        tm.TrainSpec(
            model=tm.Autoencoder(n=2, d=1),
            features=tm.IndependentFeatures(n=2, probability=p_cell[:, None]),
            importance=np.stack([np.ones_like(r_cell), r_cell], axis=1),
            optimiser=tm.Optimiser(learning_rate=1e-2),
            seeds=6,  # restarts, of which the best counts
            steps=scale.pick(full=2_000, tiny=20),
            batch=256,
        )
    )
    W = grid.best().params["W"]  # (cells, 1, 2)
    return W, p, r


@app.cell
def _(np, scale, tm):
    # The same along one line, r = 0.5, with finer steps in p.
    p_line = np.linspace(0.15, 0.8, scale.pick(full=40, tiny=3))
    line = tm.train(
        tm.TrainSpec(
            model=tm.Autoencoder(n=2, d=1),
            features=tm.IndependentFeatures(n=2, probability=p_line[:, None]),
            importance=np.array([1.0, 0.5]),
            optimiser=tm.Optimiser(learning_rate=1e-2),
            seeds=6,
            steps=scale.pick(full=2_000, tiny=20),
            batch=256,
        )
    )
    w = line.params["W"][:, 0, :]
    ratios = line.by_seed(w[:, 1] / w[:, 0])  # (seeds, p), every restart
    ratio = (w[:, 1] / w[:, 0])[line.best_indices()]  # (p,), the best of them
    return p_line, ratio, ratios


@app.cell(hide_code=True)
def _(
    Curve,
    border,
    crossing,
    curve_figure,
    my_guess,
    np,
    p_line,
    ratio,
    ratios,
):
    def crossing_figure():
        limit = 1.3
        outside = int(np.sum(np.abs(ratios) > limit))
        but = f", but for {outside} beyond the axis" if outside else ""
        figure = curve_figure(
            [Curve(f"best of {len(ratios)} restarts", p_line, ratio)],
            xlabel="probability p",
            ylabel="$w_2 / w_1$",
            title="From a pair to one feature, r = 0.5",
            xlines={"border by hand": border(0.5)},
            references={"pair": -1.0, "ignored": 0.0},
            ylim=(-limit, limit),
            caption=f"dots: all {ratios.size} restarts{but}",
            height=4.2,
        )
        figure.axes[0].plot(
            np.broadcast_to(p_line, ratios.shape).ravel(),
            ratios.ravel(),
            linestyle="",
            marker="o",
            markersize=3,
            color="#888888",
            zorder=2,
        )
        return figure

    crossing.reveal(my_guess, crossing_figure)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## Read a trained model

    To draw the whole map you need a function that looks at $W$ and says which solution
    it is. Count a column as kept if $w_i^2 \ge 1/2$, and return one of `"second
    ignored"`, `"first ignored"`, `"antipodal"`, or `"other"` for everything else.
    """)
    return


@app.function
def my_phase(w1, w2):
    # Your code here.
    return None


@app.cell(hide_code=True)
def _(Exercise, Mistake, my_phase):
    def phase_of(w1, w2):
        first, second = w1**2 >= 0.5, w2**2 >= 0.5
        if first and second:
            return "antipodal" if w1 * w2 < 0 else "other"
        if first:
            return "second ignored"
        return "first ignored" if second else "other"

    def _without_sign(w1, w2):
        first, second = w1**2 >= 0.5, w2**2 >= 0.5
        if first and second:
            return "antipodal"
        if first:
            return "second ignored"
        return "first ignored" if second else "other"

    def _swapped(w1, w2):
        return phase_of(w2, w1)

    def _with(kept):
        """The rule with another idea of which columns are kept."""

        def phase(w1, w2):
            first, second = kept(w1), kept(w2)
            if first and second:
                return "antipodal" if w1 * w2 < 0 else "other"
            return "second ignored" if first else "first ignored" if second else "other"

        return phase

    phase_exercise = Exercise(
        blank="my_phase",
        answer=phase_of,
        cases=[
            (1.0, 0.0),
            (0.05, 0.98),
            (1.0, -1.0),
            (-0.9, 0.95),
            (0.8, 0.8),
            (-1.0, 0.02),
            (0.3, -0.2),
            # A square on either side of 1/2.
            (0.6, 0.0),
            (0.75, 0.0),
        ],
        mistakes=[
            Mistake(
                "two columns of the same sign are taken for a pair",
                "With $w_1 = w_2$ the model cannot tell the features apart: both "
                "answer whenever either is present. That is not a pair.",
                _without_sign,
            ),
            Mistake(
                "first and second are swapped",
                "Where the first column is long, it is the *second* that is ignored.",
                _swapped,
            ),
            Mistake(
                "the length is not squared",
                "The rule is $w_i^2 \\ge 1/2$. A column of length 0.6 is not kept: its "
                "square is 0.36.",
                _with(lambda w: abs(w) >= 0.5),
            ),
            Mistake(
                "the square is compared with the root of 1/2",
                "Either $w_i^2 \\ge 1/2$ or $|w_i| \\ge \\sqrt{1/2}$, but not half of "
                "each.",
                _with(lambda w: w**2 >= 0.5**0.5),
            ),
            Mistake(
                "negative columns are not counted",
                "The sign of a whole solution is arbitrary: $W$ and $-W$ are the same "
                "model. Compare $w_i^2$ with 1/2.",
                _with(lambda w: w >= 0.5**0.5),
            ),
            Mistake(
                "the columns themselves are compared with 1/2",
                "Square them first: then a sign does not matter, and 0.6 is too short.",
                _with(lambda w: w >= 0.5),
            ),
        ],
        hints=[
            "First decide which of the two are kept, then go through the four cases.",
            "Both kept: a pair if $w_1 w_2 < 0$.",
        ],
        explanation="The threshold 1/2 is a convention. Trained columns are near 0 or "
        "near 1, so it hardly matters where it lies.",
    )
    phase_exercise.check(my_phase)
    return phase_exercise, phase_of


@app.cell(hide_code=True)
def _(phase_exercise):
    phase_exercise.help()
    return


@app.cell(hide_code=True)
def _(W, border, by_hand, crossing, my_guess, np, p, phase_diagram, phase_of, r):
    _names = ["second ignored", "first ignored", "antipodal"]

    def classes():
        """Index of each trained model's solution, −1 for another: (p, r)."""
        found = [phase_of(*row) for row in W[:, 0, :]]
        index = [_names.index(name) if name in _names else -1 for name in found]
        return np.array(index).reshape(len(p), len(r))

    def map_figure():
        fine = np.geomspace(0.1, 10, 200)
        by_formula = border(np.minimum(fine, 1 / fine))
        return phase_diagram(
            r,
            p,
            {
                "by hand": by_hand.phase(p[:, None], r[None, :], bias="mean"),
                "by machine": classes(),
            },
            class_names=_names,
            xlabel="relative importance r",
            ylabel="probability p",
            boundaries={"border by hand": (fine, by_formula)},
            title="Which solution is best",
        )

    crossing.reveal(my_guess, map_figure)
    return (classes,)


@app.cell(hide_code=True)
def _(by_hand, classes, crossing, my_guess, p, r, text):
    def _agreement():
        hand = by_hand.phase(p[:, None], r[None, :], bias="mean")
        better = by_hand.phase(p[:, None], r[None, :], bias="optimal")
        found = classes()
        return text(rf"""
        Hand and machine agree in {(hand == found).sum()} of {hand.size} cells. Where
        they differ, look at the border: the machine keeps the pair up to a slightly
        larger $p$ than $4r/(2 + 5r)$. It has found something that you left out, a small
        positive bias for the pair, which gives back a part of what the partner takes
        away. With the best bias the closed form agrees in
        {(better == found).sum()} cells.
        """)

    crossing.reveal(my_guess, _agreement)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## What to take along

    - To ignore a feature costs about $p/3$, to share costs $p^2/6$ each. Below a border
      $p = 4r/(2 + 5r)$ sharing wins: **superposition**.
    - It needs the ReLU. A linear model gains nothing by sharing.
    - The best solution changes by a jump, not gradually.

    ## What this does not show

    - That training finds the best solution. You took the best of six. Single restarts
      get stuck, in the worse of the two solutions or in a local minimum where both
      weights have the same sign. In TMS-6 so many do that its claim about the average
      over restarts is **inconclusive** (`TMS-6.average`).
    - That the closed form is exact for trained models. It compares three fixed shapes
      of $W$; near the border trained ones are better than all three.
    - That borders of larger models are as simple. With three features in two dimensions
      the regions found in training do not coincide with the closed form everywhere
      (claim `TMS-8.each` in the ledger is not supported).

    ## References

    - Elhage et al. 2022, *Toy Models of Superposition*, "Superposition as a Phase
      Change". The full map is experiment TMS-6, the closed forms are TMS-7.
    """)
    return


if __name__ == "__main__":
    app.run()
