"""Lesson 5: how do features find their places, and can the loss tell?"""

import marimo

__generated_with = "0.25.2"
app = marimo.App(width="medium", app_title="5 · Learning dynamics")


@app.cell(hide_code=True)
def _():
    import dataclasses

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
    from toymodels.plotting import (
        CYCLE,
        Curve,
        curve_figure,
        levels_over_training,
        small_multiples,
    )
    from toymodels.stats import rank_correlation

    return (
        CYCLE,
        Curve,
        Exercise,
        Mistake,
        Prediction,
        curve_figure,
        dataclasses,
        lesson_scale,
        levels_over_training,
        mo,
        np,
        rank_correlation,
        show_training,
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
    # 5 · Learning dynamics

    *About 15 minutes. Builds on lesson 4.*

    So far you have looked at models that were done. This lesson looks at one **while**
    it trains. Two hundred features compete for twenty dimensions, and in the end those
    that are kept form antipodal pairs, $D_i = 1/2$. The question is how they get there:
    together and smoothly, or one after the other in leaps? And can you tell from the
    loss alone?
    """)
    return


@app.cell(hide_code=True)
def _(Prediction):
    paths_question = Prediction(
        blank="my_guess",
        question="Before training every one of the 200 features has a small $D_i$. At "
        "the end those that are kept have $D_i = 1/2$. What do the 200 curves $D_i$ "
        "over the steps of training look like?",
        options={
            "a": "those that will be kept rise together, smoothly, during the whole "
            "training",
            "b": "at different times, each within a short part of the training",
            "c": "all of them leap at the same step",
        },
        right="b",
        because={
            "a": "A linear model moves so: none of its features ever jumps, as you "
            "will see. With a ReLU a place that one feature takes is lost to others, "
            "so they have to sort out who gets it.",
            "b": "Each pair has to find itself: two features turn until they are "
            "opposites, and push others out of their dimension. That goes slowly at "
            "first and then fast, and not everywhere at the same time.",
            "c": "Every feature starts from other random weights, and competes with "
            "other neighbours. There is nothing that would keep them in step.",
        },
    )
    paths_question.ask()
    return (paths_question,)


@app.cell
def _():
    my_guess = None
    return (my_guess,)


@app.cell(hide_code=True)
def _(my_guess, paths_question):
    paths_question.check(my_guess)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## First a small one

    Six sparse features in three dimensions, while they train. Drag the slider and turn
    the sphere. How many features change their places at a time?
    """)
    return


@app.cell
def _(scale, tm):
    small_steps = scale.pick(full=3_000, tiny=30)
    small = tm.train(
        tm.TrainSpec(
            model=tm.Autoencoder(n=6, d=3),
            features=tm.IndependentFeatures(n=6, probability=0.2),
            seeds=4,
            steps=small_steps,
            batch=256,
            snapshots=tm.linear_steps(small_steps, 60),
        )
    ).best()
    return (small,)


@app.cell(hide_code=True)
def _(my_guess, paths_question, show_training, small):
    paths_question.reveal(my_guess, lambda: show_training(small))
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## Then the large one
    """)
    return


@app.cell
def _(dataclasses, np, scale, tm):
    steps = scale.pick(full=10_000, tiny=50)
    windows = 25  # training is cut into so many parts of equal length
    n, d = scale.pick(full=(200, 20), tiny=(20, 4))

    def trained(model):
        """One model with 8 snapshots in each window."""
        return tm.train(
            tm.TrainSpec(
                model=model,
                features=tm.IndependentFeatures(n=n, probability=20 ** (-7 / 19)),
                objective=tm.Objective(kind="mean"),
                steps=steps,
                batch=scale.pick(full=256, tiny=16),
                snapshots=tm.linear_steps(steps, scale.pick(8, 2) * windows),
            )
        )

    def loss_at(run, stride):
        """Loss on the same fresh samples at the end of every window."""
        losses = []
        for snap in range(0, len(run.snapshots.step), stride):
            params = {k: v[snap] for k, v in run.snapshots.params.items()}
            losses.append(dataclasses.replace(run, params=params).final_loss()[0])
        return np.array(losses)

    # Small initial weights, as in the paper's notebook, which trains 20 models at once.
    model = tm.Autoencoder(n=n, d=d, init_name="xavier_3d", instances=20)
    run, linear = trained(model), trained(model.linear_control())
    stride = scale.pick(8, 2)
    D, D_linear = (
        np.asarray(tm.measure(r.snapshots.params["W"][:, 0]).dimensionality)
        for r in (run, linear)
    )  # (snaps, n)
    loss, loss_linear = loss_at(run, stride), loss_at(linear, stride)
    return D, D_linear, loss, loss_linear, run, stride


@app.cell(hide_code=True)
def _(CYCLE, D, curve_figure, my_guess, paths_question, run):
    def paths_figure():
        # Without the loss: whether it falls with them is asked below.
        figure = curve_figure(
            [],
            xlabel="step",
            ylabel="$D_i$",
            title="The dimensionality of every feature while one model trains",
            references={"1/2": 0.5},
            ylim=(-0.02, 1.08),
        )
        figure.axes[0].plot(
            run.snapshots.step, D, color=CYCLE[0], alpha=0.15, linewidth=0.9
        )
        figure.axes[0].margins(x=0.01)
        return figure

    paths_question.reveal(my_guess, paths_figure)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## Count the jumps

    The picture is pretty. To say something about it, count. `D` has one row for each
    end of a window and one column for each feature. A feature **jumps** in a window if
    its $D_i$ changes by `size` or more between the two ends, up or down. Return the
    number of jumping features in each window.
    """)
    return


@app.function
def my_jumps(D, size):
    # D: (edges, n). Return edges - 1 whole numbers.
    return None


@app.cell(hide_code=True)
def _(Exercise, Mistake, np):
    def jumps(D, size):
        return np.sum(np.abs(np.diff(D, axis=0)) >= size, axis=1)

    _path = np.array(
        [
            [0.10, 0.20, 0.05, 0.30],
            [0.12, 0.45, 0.06, 0.10],
            [0.30, 0.50, 0.02, 0.08],
            [0.50, 0.50, 0.01, 0.05],
            [0.50, 0.35, 0.20, 0.00],
        ]
    )
    jumps_exercise = Exercise(
        blank="my_jumps",
        answer=jumps,
        cases=[(_path, 0.1), (_path[::-1], 0.15)],
        mistakes=[
            Mistake(
                "features that fall are not counted",
                "A feature that is pushed out jumps as well. Take the absolute change.",
                lambda D, size: np.sum(np.diff(D, axis=0) >= size, axis=1),
            ),
            Mistake(
                "windows and features are swapped",
                "You have one number for each feature: how often it jumps. Add up "
                "along the features instead, the second axis.",
                lambda D, size: np.sum(np.abs(np.diff(D, axis=0)) >= size, axis=0),
            ),
            Mistake(
                "changes since the beginning are counted",
                "Compare the two ends of each window, not each with the first row.",
                lambda D, size: np.sum(np.abs(D[1:] - D[0]) >= size, axis=1),
            ),
            Mistake(
                "neighbouring features are compared",
                "`np.diff` works along the last axis unless you say `axis=0`.",
                lambda D, size: np.sum(np.abs(np.diff(D, axis=1)) >= size, axis=1),
            ),
        ],
        hints=[
            "`np.diff(D, axis=0)` has the changes from row to row.",
            "A comparison gives truth values; `np.sum(…, axis=1)` counts them.",
        ],
        explanation="What counts as a jump is a choice. Here it is 0.1 in one of 25 "
        "windows, fixed before the seed that judges the claim was run.",
    )
    jumps_exercise.check(my_jumps)
    return jumps, jumps_exercise


@app.cell(hide_code=True)
def _(jumps_exercise):
    jumps_exercise.help()
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## How deep does the loss fall?

    Late in training the loss only flutters, because samples are random and weights
    never rest. So measure a fall in units of that flutter: the fall in each window,
    divided by the **median size** of the change over all windows. Falls are positive.
    """)
    return


@app.function
def my_falls(loss):
    # loss: (edges,). Return edges - 1 numbers.
    return None


@app.cell(hide_code=True)
def _(Exercise, Mistake, np):
    def falls(loss):
        fall = -np.diff(loss)
        return fall / np.median(np.abs(fall))

    _curve = np.array([1.0, 0.9, 0.93, 0.7, 0.75, 0.74, 0.78])
    falls_exercise = Exercise(
        blank="my_falls",
        answer=falls,
        cases=[(_curve,), (3 * _curve**2,)],
        mistakes=[
            Mistake(
                "falls are negative here",
                "`np.diff` is the later value less the earlier one.",
                lambda loss: -falls(loss),
            ),
            Mistake(
                "the mean is used instead of the median",
                "The one deep fall at the beginning would set the unit, and all others "
                "would look small. A median does not care for it.",
                lambda loss: -np.diff(loss) / np.mean(np.abs(np.diff(loss))),
            ),
            Mistake(
                "the falls are not divided by anything",
                "Divide by the median of their sizes.",
                lambda loss: -np.diff(loss),
            ),
            Mistake(
                "the median is taken with the signs",
                "Rises and falls would cancel in it. Take sizes first, `np.abs`.",
                lambda loss: -np.diff(loss) / np.median(-np.diff(loss)),
            ),
        ],
        hints=["`fall = -np.diff(loss)`, and the unit is `np.median(np.abs(fall))`."],
        explanation="Such a unit needs no knowledge of how large a loss is, so the "
        "same threshold works for other models.",
    )
    falls_exercise.check(my_falls)
    return falls, falls_exercise


@app.cell(hide_code=True)
def _(falls_exercise):
    falls_exercise.help()
    return


@app.cell(hide_code=True)
def _(Prediction):
    together_question = Prediction(
        blank="my_guess_together",
        question="Leave out the first window, in which all lengths grow from almost "
        "nothing. In the others, does the loss fall more where more features jump?",
        options={
            "a": "yes, the two go together closely",
            "b": "no, the loss falls evenly whatever the features do",
            "c": "the other way round: while features jump, the loss rises",
        },
        right="a",
        because={
            "a": "A pair that has found itself disturbs less, and that is what the "
            "loss measures. So what looks like a smooth loss curve is the sum of "
            "many small events.",
            "b": "The curve of the loss looks smooth, indeed. But it is an average "
            "over 200 features.",
            "c": "Nothing pushes features over a hill together. Gradient descent "
            "goes downhill on average, also while they jump.",
        },
    )
    together_question.ask()
    return (together_question,)


@app.cell
def _():
    my_guess_together = None
    return (my_guess_together,)


@app.cell(hide_code=True)
def _(my_guess_together, together_question):
    together_question.check(my_guess_together)
    return


@app.cell(hide_code=True)
def _(D, levels_over_training, my_guess_together, run, together_question):
    def loss_figure():
        history = run.history
        figure = levels_over_training(
            run.snapshots.step,
            D,
            history.step,
            history.loss[:, 0],
            xlabel="step",
            ylabel="$D_i$",
            loss_label="loss",
            title="The same model once more, with its loss below",
            fractions={"1/2": 0.5},
            xscale="linear",
            loss_scale="linear",
        )
        # The first fall, while all lengths grow, is far deeper than the others.
        low, early = history.loss[:, 0].min(), history.loss[len(history.loss) // 12, 0]
        figure.axes[1].set_ylim(0.995 * low, 1.01 * max(early, low))
        return figure

    together_question.reveal(my_guess_together, loss_figure)
    return


@app.cell(hide_code=True)
def _(
    Curve,
    D,
    D_linear,
    falls,
    jumps,
    loss,
    loss_linear,
    my_guess_together,
    run,
    small_multiples,
    stride,
    together_question,
):
    def windows_figure():
        ends = run.snapshots.step[stride::stride]
        pairs = {"ReLU model": (D, loss), "linear model": (D_linear, loss_linear)}
        return small_multiples(
            {
                "features that jump": [
                    Curve(name, ends, jumps(of[::stride], 0.1))
                    for name, (of, _) in pairs.items()
                ],
                "fall of the loss, in median changes": [
                    Curve(name, ends, falls(of)) for name, (_, of) in pairs.items()
                ],
            },
            xlabel="step, at the end of the window",
            ylabel="",
            yscale="symlog",
            sharey=False,
            columns=2,
            title="Jumps and falls in 25 windows",
        )

    together_question.reveal(my_guess_together, windows_figure)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## A claim needs a control

    Put a number on "the two go together": the rank correlation between jumps and falls,
    **without the first window**. Use `rank_correlation(a, b)` of the package, which is
    imported above.
    """)
    return


@app.function
def my_together(jumps, falls):
    # jumps, falls: one number a window. Return one number from -1 to 1.
    return None


@app.cell(hide_code=True)
def _(Exercise, Mistake, np, rank_correlation):
    def together(jumps, falls):
        return rank_correlation(jumps[1:], falls[1:])

    together_exercise = Exercise(
        blank="my_together",
        answer=together,
        cases=[
            (np.array([0, 1, 5, 9, 3, 0, 2]), np.array([90.0, 1, 8, 30, 2, 0.5, 4])),
            (np.array([1, 4, 2, 8, 0]), np.array([50.0, 7, 9, 6, 1])),
        ],
        mistakes=[
            Mistake(
                "the first window is still there",
                "There the loss falls deepest while hardly anything jumps, for a "
                "reason of its own: all columns get their length.",
                lambda jumps, falls: rank_correlation(jumps, falls),
            ),
            Mistake(
                "the last window is left out instead of the first",
                "`jumps[1:]` drops the first, `jumps[:-1]` the last.",
                lambda jumps, falls: rank_correlation(jumps[:-1], falls[:-1]),
            ),
            Mistake(
                "this is not a rank correlation",
                "`np.corrcoef` asks for a straight line, and one large fall "
                "decides it.",
                lambda jumps, falls: np.corrcoef(jumps[1:], falls[1:])[0, 1],
            ),
        ],
        hints=["`rank_correlation(jumps[1:], falls[1:])`."],
        explanation="A number like this means little alone. Beside it belongs the same "
        "number where there can be nothing.",
    )
    together_exercise.check(my_together)
    return together, together_exercise


@app.cell(hide_code=True)
def _(together_exercise):
    together_exercise.help()
    return


@app.cell(hide_code=True)
def _(
    D,
    D_linear,
    falls,
    jumps,
    loss,
    loss_linear,
    my_guess_together,
    np,
    stride,
    text,
    together,
    together_question,
):
    def _verdict():
        moved, fell = jumps(D[::stride], 0.1), falls(loss)
        random = np.random.default_rng(0)
        shuffled = [
            together(moved, np.append(fell[0], random.permutation(fell[1:])))
            for _ in range(1000)
        ]
        low, high = np.quantile(shuffled, [0.025, 0.975])
        linear_moved = jumps(D_linear[::stride], 0.1)
        both = np.sum((moved >= 2) & (fell >= 5))
        both_linear = np.sum((linear_moved >= 2) & (falls(loss_linear) >= 5))
        kept = D[-1] > 0.2
        near = np.mean(np.abs(D[-1][kept] - 0.5) <= 0.02) if kept.any() else 0.0
        return text(rf"""
        | | this model | control |
        | :--- | ---: | ---: |
        | rank correlation of jumps and falls | {together(moved, fell):.2f} | {low:.2f} to {high:.2f} with the windows shuffled |
        | windows with two or more jumps and a fall of five median changes | {both} | {both_linear} in the linear model |

        Of the {kept.sum()} features that have a share to speak of at the end
        ($D_i > 0.2$), {near:.0%} are at $1/2$, within 0.02.
        """)  # noqa: E501

    together_question.reveal(my_guess_together, _verdict)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## What to take along

    - Features move to their level at different times, each within a short part of the
      training.
    - The loss falls where they do, so a smooth loss can hide many small events.
    - A number for "they go together" is worth as much as its control: shuffled windows,
      and a model that cannot superpose.

    ## What this does not show

    - That every model learns so. The level of sparsity was chosen because all features
      end in pairs there; at others they end in different shapes. You saw one seed, the
      claim takes five.
    - That a jump is a thing of its own. Shorter windows count fewer jumps, because a
      feature needs some hundred steps for one.
    - That jumps cause the falls. Both follow from the same change of $W$.

    ## References

    - Elhage et al. 2022, *Toy Models of Superposition*, "Superposition and Learning
      Dynamics".
    - The full figure with five seeds is TMS-17 (claims `TMS-17.jumps` and
      `TMS-17.together`, both supported). TMS-18 follows an octahedron step by step.
    """)
    return


if __name__ == "__main__":
    app.run()
