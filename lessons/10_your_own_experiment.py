"""Lesson 10: an experiment of your own, with a claim, a control and a verdict."""

import marimo

__generated_with = "0.25.2"
app = marimo.App(width="medium", app_title="10 · Your own experiment")


@app.cell(hide_code=True)
def _():
    import dataclasses
    import operator

    import marimo as mo
    import numpy as np

    import toymodels as tm
    from toymodels.claims import AtLeast, AtMost, Within, control, judge
    from toymodels.lessons import (
        Exercise,
        Mistake,
        Prediction,
        lesson_scale,
        text,
    )
    from toymodels.lessons.design import (
        ANYTHING,
        FEW,
        NO_CLAIM,
        NO_NUMBER,
        SAME,
        SEVERAL,
        Design,
        DesignExercise,
        best_of_restarts,
        told,
    )
    from toymodels.plotting import vector_panels

    return (
        ANYTHING,
        AtLeast,
        AtMost,
        Design,
        DesignExercise,
        Exercise,
        FEW,
        Mistake,
        NO_CLAIM,
        NO_NUMBER,
        Prediction,
        SAME,
        SEVERAL,
        Within,
        best_of_restarts,
        control,
        dataclasses,
        judge,
        lesson_scale,
        mo,
        np,
        operator,
        text,
        tm,
        told,
        vector_panels,
    )


@app.cell(hide_code=True)
def _(lesson_scale):
    scale = lesson_scale()
    return (scale,)


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    # 10 · Your own experiment

    *About 20 minutes. It builds on lessons 1 to 5, and goes on as long as you like.*

    You have seen many pictures by now, and a picture convinces quickly. In this lesson
    you ask a question of your own, and let a rule that was fixed beforehand answer it:

    1. a **claim**: one sentence that can be wrong,
    2. a **statistic**: one number for each model,
    3. a **test**: which numbers support the claim, decided *before* the run,
    4. a **control**: the same without what you think matters; it has to *fail* the
       test,
    5. a **verdict** over independent seeds, which nobody types.

    We go through it once together. Then it is your turn.
    """)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## A question

    Some features exclude each other: a word is French or German, not both. Elhage et
    al. 2022 say that such **anticorrelated** features are stored as **opposites**, so
    that one's interference falls on the side where the ReLU cuts it off.

    Our world has four features in two pairs, (0, 1) and (2, 3). The partners of a pair
    are never on together. The model has $d = 2$ dimensions.

    Claim: *the partners of a pair point in opposite directions.*
    """)
    return


@app.cell
def _(scale, tm):
    pair = tm.AnticorrelatedGroup(n=2, probability=0.2)  # one of the two is on
    treatment = tm.TrainSpec(
        model=tm.Autoencoder(n=4, d=2),
        features=tm.Concatenated(parts=(pair, pair)),
        optimiser=tm.Optimiser(learning_rate=3e-3),
        steps=scale.pick(full=2_000, tiny=300),
        batch=256,
    )
    return (treatment,)


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## A statistic

    Opposite directions have cosine $-1$. To say that **both** pairs are opposite with
    one number, take the **larger** of their two cosines: it is near $-1$ only if both
    are. Write it for the weights $W$ of one model, of shape $(2, 4)$.
    """)
    return


@app.function
def my_statistic(W):
    # Your code here: one number from -1 to 1.
    return None


@app.cell(hide_code=True)
def _(Exercise, Mistake, np):
    def partners_cosine(W):
        unit = W / np.linalg.norm(W, axis=0)
        cosine = unit.T @ unit
        return max(cosine[0, 1], cosine[2, 3])

    def _any_pair(W):
        unit = W / np.linalg.norm(W, axis=0)
        return np.min(unit.T @ unit)

    def _mean(W):
        unit = W / np.linalg.norm(W, axis=0)
        return (unit[:, 0] @ unit[:, 1] + unit[:, 2] @ unit[:, 3]) / 2

    def _smaller(W):
        unit = W / np.linalg.norm(W, axis=0)
        return min(unit[:, 0] @ unit[:, 1], unit[:, 2] @ unit[:, 3])

    def _absolute(W):
        unit = W / np.linalg.norm(W, axis=0)
        return max(abs(unit[:, 0] @ unit[:, 1]), abs(unit[:, 2] @ unit[:, 3]))

    _at = np.deg2rad([10.0, 165.0, 60.0, 300.0])
    _mixed = np.array([1.0, 0.7, 1.2, 0.5]) * np.stack([np.cos(_at), np.sin(_at)])
    _other = _mixed[:, [0, 2, 1, 3]]
    statistic_exercise = Exercise(
        blank="my_statistic",
        answer=partners_cosine,
        cases=[(_mixed,), (_other,)],
        mistakes=[
            Mistake(
                "any two features count, not only partners",
                "The claim is about the pairs (0, 1) and (2, 3). In two dimensions "
                "some two of four features are opposite nearly always.",
                _any_pair,
            ),
            Mistake(
                "this is the mean of the two cosines",
                "One opposite pair and one right angle would give the same as two "
                "pairs half way.",
                _mean,
            ),
            Mistake(
                "this is the smaller cosine",
                "It is near −1 as soon as *one* pair is opposite. The claim is about "
                "both.",
                _smaller,
            ),
            Mistake(
                "the sign is lost",
                "Partners in the *same* direction would pass for opposites.",
                _absolute,
            ),
            Mistake(
                "these are scalar products, not cosines",
                "Divide by the lengths, else short vectors look less opposite.",
                lambda W: max(W[:, 0] @ W[:, 1], W[:, 2] @ W[:, 3]),
            ),
        ],
        hints=[
            "Feature $i$ is the column `W[:, i]`. Divide it by its length.",
            "`max(cosine of 0 and 1, cosine of 2 and 3)`.",
        ],
        explanation="Now fix the test, before any run: the claim counts as supported "
        "at $-0.9$ or below.",
    )
    statistic_exercise.check(my_statistic)
    return partners_cosine, statistic_exercise


@app.cell(hide_code=True)
def _(statistic_exercise):
    statistic_exercise.help()
    return


@app.cell(hide_code=True)
def _(Prediction):
    which = Prediction(
        blank="my_control",
        question="Which control would show that it is the *exclusion* that makes "
        "partners opposite?",
        options={
            "a": "the same model before training",
            "b": "four independent features that are on as often",
            "c": "the same world with other seeds",
            "d": "the linear model in the same world",
        },
        right="b",
        because={
            "a": "That shows that training does something. It would look the same if "
            "any sparse features ended up as opposite pairs.",
            "b": "Everything is equal but the exclusion. If partners are opposite here "
            "as well, exclusion is not the reason.",
            "c": "That is the treatment once more. Other seeds are what the interval "
            "is made of.",
            "d": "That shows that the ReLU is needed, which is another claim.",
        },
    )
    which.ask()
    return (which,)


@app.cell
def _():
    my_control = None
    return (my_control,)


@app.cell(hide_code=True)
def _(my_control, which):
    which.check(my_control)
    return


@app.cell(hide_code=True)
def _(Prediction):
    lot = Prediction(
        blank="my_guess_control",
        question="Four independent sparse features in two dimensions. In how many of "
        "many models are *both* (0, 1) and (2, 3) opposite pairs?",
        options={
            "a": "in none: without exclusion nothing becomes opposite",
            "b": "in about a third",
            "c": "in all",
        },
        right="b",
        because={
            "a": "Sparse features form opposite pairs anyway (lesson 3). Only who "
            "becomes whose partner is open.",
            "b": "Two opposite pairs form nearly always. Feature 0 has three possible "
            "partners, and all are as good, so it is feature 1 in a third of the "
            "models. A control that passes by chance in a third of cases is why one "
            "model is not enough.",
            "c": "Two opposite pairs form, but nothing says that 0 and 1 have to be "
            "one.",
        },
    )
    lot.ask()
    return (lot,)


@app.cell
def _():
    my_guess_control = None
    return (my_guess_control,)


@app.cell(hide_code=True)
def _(lot, my_guess_control):
    lot.check(my_guess_control)
    return


@app.cell
def _(best_of_restarts, dataclasses, scale, tm, treatment):
    independent = dataclasses.replace(
        treatment, features=tm.IndependentFeatures(n=4, probability=0.1)
    )
    count, restarts = scale.pick(full=(30, 6), tiny=(5, 2))
    # Single trainings get stuck, so each sample is the best of some restarts. It is
    # chosen by its own training loss. On one common test sample, which all would share,
    # equally good models would all be chosen the same way.
    W_treatment = best_of_restarts(treatment, count, restarts)
    W_control = best_of_restarts(independent, count, restarts)
    return W_control, W_treatment, independent, restarts


@app.cell(hide_code=True)
def _(W_control, W_treatment, lot, my_guess_control, np, vector_panels):
    def _panels():
        shown = min(4, len(W_control))
        return vector_panels(
            np.concatenate([W_treatment[:shown], W_control[:shown]]),
            titles=["exclusive"] * shown + ["independent"] * shown,
            groups=np.array([0, 0, 1, 1]),
            group_names=["features 0 and 1", "features 2 and 3"],
            columns=shown,
            title="Opposite pairs form in both worlds; who pairs with whom differs",
        )

    lot.reveal(my_guess_control, _panels)
    return


@app.cell(hide_code=True)
def _(
    AtMost,
    W_control,
    W_treatment,
    control,
    judge,
    lot,
    my_guess_control,
    np,
    partners_cosine,
    restarts,
    text,
    told,
):
    def verdict_of(statistic, statement):
        """The claim, judged with a statistic of W."""
        test = AtMost(-0.9)
        values, others = (
            np.array([statistic(W) for W in models])
            for models in (W_treatment, W_control)
        )
        return judge(
            id="lesson.opposites",
            experiment="TMS-14",
            statement=statement,
            source="Elhage et al. 2022, Organization of correlated features",
            statistic="larger cosine of the two pairs",
            expected=-1.0,
            samples=values,
            test=test,
            aggregate="mean",
            controls=[control("independent", others, test, aggregate="mean")],
        )

    def _both():
        def careless(W):
            unit = W / np.linalg.norm(W, axis=0)
            return (unit.T @ unit).min()

        share = np.mean([partners_cosine(W) < -0.9 for W in W_control])
        good = verdict_of(partners_cosine, "partners are stored as opposites")
        bad = verdict_of(careless, "opposites are stored, whoever they are")
        return text(
            f"{len(W_treatment)} models a world, each the best of {restarts}. In the "
            f"control both pairs are opposite in {share:.0%} of the models.\n\n"
            f"{told(good)}\n\nAnd the same models with a careless statistic, the "
            f"smallest cosine of *any* two features:\n\n{told(bad)}\n\n"
            "The picture of the first world is the same in both cases. Only the "
            "control tells a finding from something that always happens."
        )

    lot.reveal(my_guess_control, _both)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## The rule

    Be the judge. A claim says that a statistic is **at least** `border`. You get the 95
    % interval from `low` to `high` over seeds, whether the control failed the same test
    as it must, and the number of seeds. Return one of three words:

    - `"supported"`: the whole interval is in the accepted region, the control failed,
      and there are at least 5 seeds,
    - `"not supported"`: the whole interval is outside,
    - `"inconclusive"`: everything else.
    """)
    return


@app.function
def my_verdict(low, high, border, control_failed, seeds):
    # Your code here: return one of the three words.
    return None


@app.cell(hide_code=True)
def _(Exercise, Mistake, operator):
    def verdict(low, high, border, control_failed, seeds):
        if high < border:
            return "not supported"
        if low >= border and control_failed and seeds >= 5:
            return "supported"
        return "inconclusive"

    def _crossing(low, high, border, control_failed, seeds):
        found = verdict(low, high, border, control_failed, seeds)
        return "not supported" if low < border else found

    def _middle(low, high, border, control_failed, seeds):
        return "supported" if (low + high) / 2 >= border else "not supported"

    def _unless(doubtful, word="inconclusive"):
        """The rule, but first of all a word for every doubtful case."""

        def found(low, high, border, control_failed, seeds):
            if doubtful(control_failed, seeds):
                return word
            return verdict(low, high, border, control_failed, seeds)

        return found

    def _at_border(above, below):
        """The rule with other comparisons: of the low end, and of the high end."""

        def found(low, high, border, control_failed, seeds):
            if below(high, border):
                return "not supported"
            sound = control_failed and seeds >= 5
            return "supported" if above(low, border) and sound else "inconclusive"

        return found

    verdict_exercise = Exercise(
        blank="my_verdict",
        answer=verdict,
        cases=[
            (0.6, 0.8, 0.5, True, 8),
            (0.4, 0.8, 0.5, True, 8),
            (0.1, 0.3, 0.5, True, 8),
            (0.6, 0.8, 0.5, False, 8),
            (0.6, 0.8, 0.5, True, 5),
            (0.6, 0.8, 0.5, True, 4),
            (0.6, 0.8, 0.5, True, 3),
            # Below the border neither control nor seeds are needed.
            (0.1, 0.3, 0.5, False, 8),
            (0.1, 0.3, 0.5, True, 3),
            (0.1, 0.3, 0.5, False, 3),
            # The border itself is accepted, at either end of the interval.
            (0.5, 0.8, 0.5, True, 8),
            (0.1, 0.5, 0.5, True, 8),
        ],
        mistakes=[
            Mistake(
                "the middle of the interval decides",
                "Then there is no room for doubt. An interval that crosses the border "
                "decides nothing.",
                _middle,
            ),
            Mistake(
                "an interval across the border counts against the claim",
                "It is compatible with both. That is inconclusive.",
                _crossing,
            ),
            Mistake(
                "the control is overlooked",
                "If the control passes the test as well, the test cannot tell the two "
                "apart.",
                lambda low, high, border, control_failed, seeds: verdict(
                    low, high, border, True, seeds
                ),
            ),
            Mistake(
                "the number of seeds is overlooked",
                "Three seeds that agree may do so by chance.",
                lambda low, high, border, control_failed, seeds: verdict(
                    low, high, border, control_failed, 5
                ),
            ),
            Mistake(
                "a control that passes counts against the claim",
                "It says nothing against the claim, only that this test cannot decide "
                "it.",
                _unless(lambda failed, seeds: not failed, "not supported"),
            ),
            Mistake(
                "a control that passes makes everything inconclusive",
                "An interval wholly outside speaks against the claim, whatever the "
                "control did.",
                _unless(lambda failed, seeds: not failed),
            ),
            Mistake(
                "few seeds make everything inconclusive",
                'Five seeds are asked for `"supported"` alone. An interval wholly '
                "outside speaks against the claim with fewer, too.",
                _unless(lambda failed, seeds: seeds < 5),
            ),
            Mistake(
                "the control and the seeds are asked before the interval",
                'They are needed for `"supported"` alone. Look first whether the whole '
                "interval is outside.",
                _unless(lambda failed, seeds: not failed or seeds < 5),
            ),
            Mistake(
                "five seeds are too few for this",
                "*At least* 5: five are enough.",
                _unless(lambda failed, seeds: seeds == 5),
            ),
            Mistake(
                "an interval that ends on the border is put outside",
                "*At least* `border`: the border itself is accepted, so the upper end "
                "is inside.",
                _at_border(operator.ge, operator.le),
            ),
            Mistake(
                "an interval that begins on the border is not accepted",
                "*At least* `border`: the border itself is accepted.",
                _at_border(operator.gt, operator.lt),
            ),
            Mistake(
                "the border is put outside at both ends",
                "*At least* `border`: the border itself is accepted, as the lower end "
                "of an interval and as the upper.",
                _at_border(operator.gt, operator.le),
            ),
        ],
        hints=[
            "Begin with the one case that needs neither control nor seeds: the "
            "whole interval below the border.",
            "Then `if low >= border and control_failed and seeds >= 5`.",
        ],
        explanation="This is the rule behind every verdict of this package "
        "(`toymodels.claims.judge`). Many of its claims are inconclusive, and some are "
        "not supported. They stay in the table.",
    )
    verdict_exercise.check(my_verdict)
    return (verdict_exercise,)


@app.cell(hide_code=True)
def _(verdict_exercise):
    verdict_exercise.help()
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## Your turn

    Return a `Design`. It is checked for what it lacks, then carried out and judged.
    Every sound design passes, **whatever its verdict**. `world()` gives five equally
    important sparse features in two dimensions, and takes any change of its settings:
    `world(importance=0.5 ** np.arange(5))`, `world(probability=0.5)`,
    `world(weight_decay=0.1)`, `world(d=3)`, `world(exponent=4.0)`.

    ```python
    def my_experiment():
        return Design(
            statement="…",
            treatment=world(…),
            control=world(),
            statistic=lambda W: …,       # W is (d, n): one number
            test=AtLeast(…),             # or AtMost(…), Within(…, …)
            samples=8,
        )
    ```

    Some questions, if none comes to mind:

    - Do fewer features get a place when importance falls from one to the next?
    - Does a larger loss exponent keep more of them, or make them more alike?
    - Does weight decay make vectors shorter, or drop whole features?
    - Is a regular pentagon found less often after fewer steps?
    - Is a feature that is rarer than the others stored longer, or shorter?
    """)
    return


@app.cell
def _(np, scale, tm):
    def world(probability=0.05, n=5, d=2, **changes):
        """Settings of a small training; one of them is yours to change."""
        common = {
            "optimiser": tm.Optimiser(learning_rate=3e-3),
            "steps": scale.pick(full=3_000, tiny=200),
            "batch": 256,
        }
        return tm.TrainSpec(
            model=tm.Autoencoder(n=n, d=d),
            features=tm.IndependentFeatures(n=n, probability=probability),
            **(common | changes),
        )

    def kept(W):
        """How many features have a place: at least half of a full squared length."""
        return int(np.sum(np.sum(W**2, axis=0) >= 0.5))

    return kept, world


@app.function
def my_experiment():
    # Your code here: return a Design.
    return None


@app.cell(hide_code=True)
def _(
    ANYTHING,
    AtMost,
    Design,
    DesignExercise,
    FEW,
    NO_CLAIM,
    NO_NUMBER,
    SAME,
    SEVERAL,
    Within,
    dataclasses,
    kept,
    my_experiment,
    np,
    world,
):
    def falling_importance():
        return Design(
            statement="where importance halves from feature to feature, at most four "
            "of five are kept",
            treatment=world(importance=0.5 ** np.arange(5)),
            control=world(),
            statistic=kept,
            test=AtMost(4),
            samples=8,
        )

    def _but(**changes):
        return lambda: dataclasses.replace(falling_importance(), **changes)

    experiment = DesignExercise.of(
        "my_experiment",
        falling_importance,
        {
            NO_CLAIM: _but(statement=""),
            SAME: _but(control=world(importance=0.5 ** np.arange(5))),
            SEVERAL: _but(control=world(probability=1.0)),
            FEW: _but(samples=3),
            ANYTHING: _but(test=Within(-np.inf, np.inf)),
            NO_NUMBER: _but(statistic=lambda W: np.linalg.norm(W, axis=0)),
        },
        hints=[
            "Begin with a picture from an earlier lesson and ask what would have to be "
            "different if you were wrong about it.",
            "Change one thing between `treatment` and `control`. `kept(W)` counts the "
            "features that have a place, and is a statistic to begin with.",
        ],
        explanation="One of many. Look at its verdict, then change the border of the "
        "test and think about what it would have meant to choose it afterwards.",
    )
    experiment.check(my_experiment)
    return (experiment,)


@app.cell(hide_code=True)
def _(experiment):
    experiment.help()
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## Before you believe it

    - Was the border fixed before the run? If not, draw new seeds and test again.
    - How many statistics did you try? One of twenty passes by chance.
    - Is the control the strongest that you can think of? Ask someone who doubts you.
    - Would you have kept a result of the other sign?

    An experiment that stays is one file in `experiments/`, with settings at three
    scales, a figure and claims. `experiments/tms/intro_polygons.py` is a good one to
    copy.

    ## What this does not show

    - A supported claim holds in the world that was drawn, at that size, for that
      training. It says nothing about others.
    - An interval over seeds does not cover what all seeds share: the sampler, the
      optimiser, a mistake in the statistic.
    - A control rules out the one explanation that it was made for.

    ## References

    - Elhage et al. 2022, *Toy Models of Superposition*, "Organization of Correlated and
      Anticorrelated Features". Experiment TMS-14 has the full figure.
    - Hesterberg 2015, *What Teachers Should Know about the Bootstrap*.
    - `toymodels/claims.py`, and `figures/claims.json` with every claim and verdict.
    """)
    return


if __name__ == "__main__":
    app.run()
