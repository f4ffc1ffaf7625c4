"""Lesson 6: what does a model store that sees the same inputs again and again?"""

import marimo

__generated_with = "0.25.2"
app = marimo.App(width="medium", app_title="6 · Memorisation and double descent")


@app.cell(hide_code=True)
def _():
    import dataclasses

    import marimo as mo
    import numpy as np

    import toymodels as tm
    from toymodels.geometry import feature_dimensionality
    from toymodels.lessons import Exercise, Mistake, Prediction, lesson_scale, text
    from toymodels.plotting import (
        Curve,
        curve_figure,
        plain_log_ticks,
        vector_panels,
    )
    from toymodels.theory import tgon

    return (
        Curve,
        Exercise,
        Mistake,
        Prediction,
        curve_figure,
        dataclasses,
        feature_dimensionality,
        lesson_scale,
        mo,
        np,
        plain_log_ticks,
        text,
        tgon,
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
    # 6 · Memorisation and double descent

    *About 20 minutes. It builds on lessons 3 and 4.*

    So far every update saw inputs that nobody had seen before. Real data sets end. What
    does the same model store when it is shown the same $T$ inputs again and again?
    This lesson lets $T$ grow from a handful to a thousand and watches what has a place
    in the hidden plane: the **data points**, or the **features** that they are made of.
    """)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## The same model, a finite world

    There are $n = 200$ features, each present with $p = 0.02$, so a point has about
    four. Every point is scaled to length 1. A loss of 1 is then what the answer
    "all zero" costs. The model has $d = 2$ hidden dimensions:

    $$h = W x, \qquad \hat x = \mathrm{ReLU}(W^\top h + b)$$

    `sample_dataset` draws $T$ points once. Training then uses all of them in every
    update.
    """)
    return


@app.cell
def _(np, tm):
    fresh = tm.UnitNorm(base=tm.IndependentFeatures(n=200, probability=0.02))

    def points_of(T):
        """T data points, the same ones for the same T."""
        return tm.sample_dataset(fresh, points=T, seed=T)

    def train_on(sizes, steps, restarts):
        """A model for each number of points; the best of its restarts."""
        data = tm.stack_datasets([points_of(T) for T in sizes])
        spec = tm.TrainSpec(
            model=tm.Autoencoder(n=200, d=2, init_name="xavier_2d"),
            features=data,
            optimiser=tm.Optimiser(
                learning_rate=3e-3,
                weight_decay=0.02,
                schedule="cosine",
                warmup=steps // 20,
            ),
            seeds=restarts,
            steps=steps,
            batch=data.points,
        )
        run = tm.train(spec)
        return run, run.best_indices()

    def hidden(W, T):
        """Hidden vectors of the T data points, (2, T)."""
        return W @ points_of(T).dense()

    def padded(vectors, places):
        """Columns filled up with NaN, which is not drawn."""
        room = [(0, 0), (0, places - vectors.shape[1])]
        return np.pad(vectors, room, constant_values=np.nan)

    return fresh, hidden, padded, points_of, train_on


@app.cell(hide_code=True)
def _(Prediction):
    few = Prediction(
        blank="my_guess_few",
        question="We train on $T = 5$ points, which contain some twenty of the 200 "
        "features between them. What is spread around the hidden plane, about as the "
        "corners of a pentagon are?",
        options={
            "a": "five features, as in lesson 3",
            "b": "the five data points",
            "c": "nothing: five points are too few to learn anything orderly",
        },
        right="b",
        because={
            "a": "Nothing in five points says which features belong together. Features "
            "that occur in one point only always come with the same company.",
            "b": "Five inputs are all that the model is ever asked about. Each gets a "
            "direction of its own, as if the *point* were a feature. How regular the "
            "pentagon is, you will measure.",
            "c": "The loss is over these five points, and it can be brought to zero. "
            "There is an orderly way to do that.",
        },
    )
    few.ask()
    return (few,)


@app.cell
def _():
    my_guess_few = None
    return (my_guess_few,)


@app.cell(hide_code=True)
def _(few, my_guess_few):
    few.check(my_guess_few)
    return


@app.cell
def _(scale, train_on):
    few_sizes = (4, 5, 6)
    few_run, few_best = train_on(
        few_sizes, scale.pick(full=4_000, tiny=60), scale.pick(full=6, tiny=2)
    )
    few_W = few_run.params["W"][few_best]
    return few_W, few_best, few_run, few_sizes


@app.cell(hide_code=True)
def _(few, few_W, few_sizes, hidden, my_guess_few, np, padded, vector_panels):
    def few_figure():
        points = [
            padded(hidden(W, T), 200) for W, T in zip(few_W, few_sizes, strict=True)
        ]
        names = [f"data points, T = {T}" for T in few_sizes]
        return vector_panels(
            np.stack([*points, *few_W]),
            titles=[*names, *(f"features, T = {T}" for T in few_sizes)],
            columns=3,
            title="The same three models: their points above, their features below",
        )

    few.reveal(my_guess_few, few_figure)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## How much of the plane does a point have?

    Lesson 4 measured the share of a feature. The same formula works for data points,
    with hidden vectors in place of the columns of $W$:

    $$D_X(i) = \frac{\|h_i\|^2}{\sum_j (\hat h_i \cdot h_j)^2},
    \qquad \hat h_i = h_i / \|h_i\|$$

    Write it for an array `h` of shape $(d, T)$.
    """)
    return


@app.function
def my_share(h):
    # Your code here: return T numbers.
    return None


@app.cell(hide_code=True)
def _(Exercise, Mistake, np):
    def share_of_points(h):
        length = np.linalg.norm(h, axis=0)
        projections = (h / length).T @ h  # row i: onto the direction of point i
        return length**2 / np.sum(projections**2, axis=1)

    def _without_self(h):
        length = np.linalg.norm(h, axis=0)
        projections = (h / length).T @ h
        np.fill_diagonal(projections, 0.0)
        return length**2 / np.sum(projections**2, axis=1)

    def _both_unit(h):
        unit = h / np.linalg.norm(h, axis=0)
        return np.linalg.norm(h, axis=0) ** 2 / np.sum((unit.T @ unit) ** 2, axis=1)

    def _no_unit(h):
        return np.linalg.norm(h, axis=0) ** 2 / np.sum((h.T @ h) ** 2, axis=1)

    def _no_square(h):
        length = np.linalg.norm(h, axis=0)
        return length**2 / np.sum(np.abs((h / length).T @ h), axis=1)

    def _wrong_sum(h):
        length = np.linalg.norm(h, axis=0)
        return length**2 / np.sum(((h / length).T @ h) ** 2, axis=0)

    def _rows(h):
        return share_of_points(h.T)

    _rng = np.random.default_rng(0)
    share_exercise = Exercise(
        blank="my_share",
        answer=share_of_points,
        cases=[(_rng.normal(size=(2, 5)),), (_rng.normal(size=(3, 8)),)],
        mistakes=[
            Mistake(
                "the point itself is missing from the sum",
                "The sum runs over all $j$, $j = i$ included: it asks who uses this "
                "direction, and the point does.",
                _without_self,
            ),
            Mistake(
                "both vectors were scaled to length 1",
                "Only the direction onto which you project is a unit vector. A short "
                "$h_j$ disturbs less than a long one.",
                _both_unit,
            ),
            Mistake(
                "the direction was not scaled to length 1",
                "Divide $h_i$ by its length before you project onto it. Else the share "
                "depends on the unit in which you measure $h$.",
                _no_unit,
            ),
            Mistake(
                "the projections were not squared",
                "Each term of the sum is a square.",
                _no_square,
            ),
            Mistake(
                "the lengths of the other points are lost",
                "Either the sum runs over the wrong index, $i$ instead of $j$, or all "
                "vectors were scaled to length 1: both give the same. Keep the "
                "direction $i$, and add up over vectors $j$ of their own lengths.",
                _wrong_sum,
            ),
            Mistake(
                "rows and columns are swapped",
                "Points are the columns of `h`: the result has one number a column.",
                _rows,
            ),
        ],
        hints=[
            "`np.linalg.norm(h, axis=0)` has the $T$ lengths.",
            "With `unit = h / length`, the matrix `unit.T @ h` has $\\hat h_i \\cdot "
            "h_j$ in row $i$ and column $j$.",
        ],
        explanation="The shares of all points add up to the rank of $h$ at most. $T$ "
        "points that share the plane evenly have $2/T$ each.",
    )
    share_exercise.check(my_share)
    return share_exercise, share_of_points


@app.cell(hide_code=True)
def _(share_exercise):
    share_exercise.help()
    return


@app.cell(hide_code=True)
def _(few, few_W, few_sizes, hidden, my_guess_few, np, share_of_points, text):
    def _worst_gap(h):
        """The gap that is farthest from 360°/T, in degrees."""
        angle = np.sort(np.degrees(np.arctan2(h[1], h[0])))
        gaps = np.diff(angle, append=angle[0] + 360.0)
        return gaps[np.argmax(np.abs(gaps - 360.0 / len(gaps)))]

    def _lines():
        rows = []
        for W, T in zip(few_W, few_sizes, strict=True):
            h = hidden(W, T)
            share = share_of_points(h)
            rows.append(
                f"| {T} | {2 / T:.3f} | {share.min():.3f} | {share.max():.3f} | "
                f"{360 / T:.0f}° | {_worst_gap(h):.1f}° |"
            )
        return "\n".join(rows)

    def _table():
        return text(
            "In the models above, with the gap between neighbours that is farthest "
            "from that of a regular polygon:\n\n"
            "| T | 2/T | smallest $D_X$ | largest $D_X$ | 360°/T | worst gap |\n"
            f"| --- | --- | --- | --- | --- | --- |\n{_lines()}"
        )

    few.reveal(my_guess_few, _table)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## Why a polygon, and how large

    Put $T$ points on a regular polygon of radius $r$. Let the bias be $-\beta x$ on the
    features of point $x$, and suppose that no two points share a feature. Then

    - a point reproduces itself if $r^2 - \beta = 1$,
    - its neighbour stays silent if $r^2 \cos(2\pi/T) \le \beta$.

    Weight decay wants short vectors, so the second is just fulfilled. Solve for the
    radius $r$.
    """)
    return


@app.function
def my_radius(T):
    # Your code here: one number.
    return None


@app.cell(hide_code=True)
def _(Exercise, Mistake, np):
    def polygon_radius(T):
        return 1 / np.sqrt(1 - np.cos(2 * np.pi / T))

    radius_exercise = Exercise(
        blank="my_radius",
        answer=polygon_radius,
        cases=[(3,), (5,), (8,)],
        mistakes=[
            Mistake(
                "this is the square of the radius",
                "Both conditions speak of $r^2$. Take the root at the end.",
                lambda T: 1 / (1 - np.cos(2 * np.pi / T)),
            ),
            Mistake(
                "there is no bias here",
                "$r = 1$ reproduces a point, but then $\\beta = 0$, and for $T > 4$ a "
                "neighbour at less than a right angle is not silent.",
                lambda T: 1.0,
            ),
            Mistake(
                "the angle between neighbours is halved",
                "$T$ neighbours share a full turn of $2\\pi$.",
                lambda T: 1 / np.sqrt(1 - np.cos(np.pi / T)),
            ),
            Mistake(
                "the sign of the cosine is turned",
                "Put $\\beta$ of the second condition into the first one and collect "
                "$r^2$ on one side.",
                lambda T: 1 / np.sqrt(1 + np.cos(2 * np.pi / T)),
            ),
        ],
        hints=[
            "Take the second condition as an equation and put its $\\beta$ into the "
            "first one.",
            "$r^2 (1 - \\cos(2\\pi/T)) = 1$.",
        ],
        explanation="It grows with $T$: the closer the neighbours, the longer the "
        "vectors that a bias has to hold apart. So memorising gets dear.",
    )
    radius_exercise.check(my_radius)
    return (radius_exercise,)


@app.cell(hide_code=True)
def _(radius_exercise):
    radius_exercise.help()
    return


@app.cell(hide_code=True)
def _(few, few_W, few_sizes, hidden, my_guess_few, np, text, tgon):
    def _sentence():
        found = [
            f"{np.linalg.norm(hidden(W, T), axis=0).mean():.2f} for $T = {T}$ (the "
            f"formula says {tgon(T).radius:.2f})"
            for W, T in zip(few_W, few_sizes, strict=True)
        ]
        return text(
            f"The mean length of a hidden point is {', '.join(found)}. The formula "
            "assumes that points share no feature. Here some do."
        )

    few.reveal(my_guess_few, _sentence)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## Judge it on points that it never saw

    Write the loss of a model on a batch `x` of shape $(n, \text{batch})$: the squared
    error, **summed** over features and averaged over samples.
    """)
    return


@app.function
def my_loss(W, b, x):
    # Your code here: W is (d, n), b is (n,); return one number.
    return None


@app.cell(hide_code=True)
def _(Exercise, Mistake, np):
    def loss_on(W, b, x):
        output = np.maximum(W.T @ (W @ x) + b[:, None], 0)
        return np.mean(np.sum((x - output) ** 2, axis=0))

    _rng = np.random.default_rng(1)

    def _case(n, batch):
        return (
            _rng.normal(size=(2, n)) / 2,
            _rng.normal(size=n) / 4,
            _rng.uniform(size=(n, batch)),
        )

    loss_exercise = Exercise(
        blank="my_loss",
        answer=loss_on,
        cases=[_case(6, 10), _case(6, 3)],
        mistakes=[
            Mistake(
                "the mean is over features as well",
                "Sum over features, then average over samples. With the mean, 1 would "
                "no longer be the cost of saying nothing.",
                lambda W, b, x: np.mean(
                    (x - np.maximum(W.T @ (W @ x) + b[:, None], 0)) ** 2
                ),
            ),
            Mistake(
                "the ReLU is missing",
                "Negative outputs are cut to 0 before they are compared.",
                lambda W, b, x: np.mean(
                    np.sum((x - (W.T @ (W @ x) + b[:, None])) ** 2, axis=0)
                ),
            ),
            Mistake(
                "the bias is missing",
                "Add $b$ before the ReLU, as `b[:, None]`, to every column.",
                lambda W, b, x: np.mean(
                    np.sum((x - np.maximum(W.T @ (W @ x), 0)) ** 2, axis=0)
                ),
            ),
            Mistake(
                "this is the sum over samples",
                "Divide by the number of samples.",
                lambda W, b, x: np.sum(
                    (x - np.maximum(W.T @ (W @ x) + b[:, None], 0)) ** 2
                ),
            ),
        ],
        hints=[
            "`W @ x` is the hidden vector of every sample, `W.T @ h` goes back.",
            "`np.sum(…, axis=0)` sums over features, and `np.mean` of that averages.",
        ],
        explanation="This is what `run.final_loss()` does, with the points that the "
        "`features` of its settings draw.",
    )
    loss_exercise.check(my_loss)
    return loss_exercise, loss_on


@app.cell(hide_code=True)
def _(loss_exercise):
    loss_exercise.help()
    return


@app.cell(hide_code=True)
def _(Prediction):
    many = Prediction(
        blank="my_guess_many",
        question="Now $T$ grows from 5 to 1,000 with everything else as it was. What "
        "does the loss on **fresh** points do?",
        options={
            "a": "it falls all the way: more data is better",
            "b": "it first rises, to worse than knowing nothing, and then falls",
            "c": "it stays at 1 until there is enough data, and then falls",
        },
        right="b",
        because={
            "a": "More points help once they are so many that they can no longer be "
            "memorised. Before that they only make memorising harder.",
            "b": "As long as the model memorises, more points go with longer vectors, "
            "and these answer loudly to points that they were not made for. Where "
            "memorising has failed, features have taken over.",
            "c": "The answer 0 would cost 1 and would be safe. But a model that "
            "memorises does not stay silent at a fresh point: it shows the points that "
            "it knows.",
        },
    )
    many.ask()
    return (many,)


@app.cell
def _():
    my_guess_many = None
    return (my_guess_many,)


@app.cell(hide_code=True)
def _(many, my_guess_many):
    many.check(my_guess_many)
    return


@app.cell
def _(
    dataclasses,
    feature_dimensionality,
    fresh,
    hidden,
    np,
    scale,
    share_of_points,
    train_on,
):
    # Sizes in one group train together, filled up to the largest of them.
    groups = scale.pick(
        full=((5, 15, 30), (60, 120), (300,), (1_000,)), tiny=((5, 30), (60,))
    )
    sweep = []
    for _sizes in groups:
        _run, _best = train_on(
            _sizes,
            scale.pick(full=4_000, tiny=60),
            scale.pick(full=4 if _sizes[-1] <= 30 else 1, tiny=1),
        )
        _on_fresh = dataclasses.replace(
            _run, spec=dataclasses.replace(_run.spec, features=fresh, batch=512)
        )
        _trained, _tested = _run.final_loss(), _on_fresh.final_loss(8_192)
        for _k, _T in zip(_best, _sizes, strict=True):
            _W = _run.params["W"][_k]
            _share = np.asarray(feature_dimensionality(_W))
            sweep.append(
                {
                    "T": _T,
                    "W": _W,
                    "train": _trained[_k],
                    "test": _tested[_k],
                    "length": np.linalg.norm(_W),
                    "point": np.median(share_of_points(hidden(_W, _T))),
                    "feature": _share.max(),
                    "count": int((_share > 0.2).sum()),
                }
            )
    return (sweep,)


@app.cell(hide_code=True)
def _(Curve, curve_figure, many, my_guess_many, np, plain_log_ticks, sweep):
    def loss_figure():
        T = np.array([row["T"] for row in sweep])
        figure = curve_figure(
            [
                Curve("fresh points", T, np.array([row["test"] for row in sweep])),
                Curve("training points", T, np.array([row["train"] for row in sweep])),
            ],
            xlabel="training points T",
            ylabel="loss",
            xscale="log",
            references={"all zero": 1.0},
            title="Loss on fresh points and on training points",
            height=3.8,
        )
        plain_log_ticks(figure.axes[0].xaxis)
        return figure

    many.reveal(my_guess_many, loss_figure)
    return


@app.cell(hide_code=True)
def _(hidden, many, my_guess_many, np, padded, sweep, vector_panels):
    def _panels():
        shown = [sweep[0], sweep[len(sweep) // 2], sweep[-1]]
        points = [padded(hidden(row["W"], row["T"])[:, :200], 200) for row in shown]
        # Scaled, since their lengths differ much: it is the directions that matter.
        vectors = [V / np.nanmax(np.linalg.norm(V, axis=0)) for V in points]
        vectors += [row["W"] / np.linalg.norm(row["W"], axis=0).max() for row in shown]
        return vector_panels(
            np.stack(vectors),
            titles=[f"points, T = {row['T']:,}" for row in shown]
            + [f"features, T = {row['T']:,}" for row in shown],
            columns=3,
            title="What has order: points (above) or features (below)?",
            caption="each panel scaled to its longest vector; at most 200 points",
        )

    many.reveal(my_guess_many, _panels)
    return


@app.cell(hide_code=True)
def _(many, my_guess_many, sweep, text):
    def _numbers():
        worst = max(sweep, key=lambda row: row["test"])
        first, last = sweep[0], sweep[-1]
        return text(
            f"The loss on fresh points is {first['test']:.3f} at $T = {first['T']}$, "
            f"{worst['test']:.3f} at $T = {worst['T']:,}$ where it is highest, and "
            f"{last['test']:.3f} at $T = {last['T']:,}$. There $\\|W\\|$ is "
            f"{first['length']:.1f}, {worst['length']:.1f} and {last['length']:.1f}. "
            f"With the fewest points the median point has "
            f"{first['point']:.2f} of a dimension (2/T = {2 / first['T']:.2f}). With "
            f"the most it has {last['point']:.1g}, and {last['count']} features have "
            "more than 0.2 each."
        )

    many.reveal(my_guess_many, _numbers)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## What to take along

    - "Feature" is a matter of what the model is asked. To a model that sees five
      points, the points are its features.
    - Three regimes: few points spread around the plane, a bump where memorising fails,
      a few features spread around the plane.
    - The bump goes with long weights (DD-4). Longer training raises it, weight decay
      lowers it (DD-6).

    ## What this does not show

    - *Where* the bump is and how high. Authors and replications differ by factors of
      four to seven in its place, and by much more in its height. It is one data set
      here; the experiments DD-3 and DD-7 have several, with intervals.
    - That points or features lie on **regular** polygons with equal shares. Whether the
      gaps are equal (`DD-2.gaps_5`, `gaps_6`, `gaps_8`), whether the shares are (all of
      `DD-2.share_5` to `share_8`, `DD-3.memorised`), and whether features form a
      pentagon with endless data (`DD-1.pentagon`) is **inconclusive**.
    - That long weights *cause* the bump. They go together; no experiment here
      changes one alone.
    - That five *is* the number of features in the end. In DD-3 it is five, give or
      take one; your own run above may differ.
    - That the double descent of large networks has this cause.

    ## References

    - Henighan et al. 2023, *Superposition, Memorization, and Double Descent*.
    - Nakkiran et al. 2019, *Deep Double Descent*.
    - Experiments DD-1 to DD-12 and DD-20: `toymodels reproduce DD`.
    """)
    return


if __name__ == "__main__":
    app.run()
