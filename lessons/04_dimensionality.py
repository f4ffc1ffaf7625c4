"""Lesson 4: which share of a dimension does a feature have, and are some special?"""

import marimo

__generated_with = "0.25.2"
app = marimo.App(width="medium", app_title="4 · Dimensionality")


@app.cell(hide_code=True)
def _():
    from fractions import Fraction

    import jax
    import marimo as mo
    import numpy as np

    import toymodels as tm
    from toymodels.geometry import jittered_dimensionality, uniform_dimensionality
    from toymodels.lessons import (
        Exercise,
        Mistake,
        Prediction,
        lesson_scale,
        show_features,
        text,
    )
    from toymodels.plotting import (
        Curve,
        curve_figure,
        dimensionality_scatter,
        dimensions_per_feature,
    )

    return (
        Curve,
        Exercise,
        Fraction,
        Mistake,
        Prediction,
        curve_figure,
        dimensionality_scatter,
        dimensions_per_feature,
        jax,
        jittered_dimensionality,
        lesson_scale,
        mo,
        np,
        show_features,
        text,
        tm,
        uniform_dimensionality,
    )


@app.cell(hide_code=True)
def _(lesson_scale):
    scale = lesson_scale()
    return (scale,)


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    # 4 · Dimensionality

    *About 20 minutes. Builds on lesson 3.*

    With a hundred features in ten dimensions there is nothing to look at any more. You
    need a number instead of a picture: **which share of a dimension does a feature
    have?** This lesson builds that number and looks at it in trained models. Are some
    of its values special? And which test would tell?

    ## A share of a dimension

    $$D_i = \frac{\|W_i\|^2}{\sum_j (\hat W_i \cdot W_j)^2},
    \qquad \hat W_i = W_i / \|W_i\|$$

    Look along the direction of feature $i$. The sum counts everything that is written
    there, by $i$ itself ($j = i$) and by the others. $D_i$ is the part of it that
    belongs to $i$: 1 if it is alone, less if it shares.
    """)
    return


@app.function
def my_dimensionality(W):
    # W: (d, n), no column is zero. Return the n numbers D_i.
    return None


@app.cell(hide_code=True)
def _(Exercise, Mistake, np, tm):
    def dimensionality(W):
        squared = np.sum(W**2, axis=0)
        gram = W.T @ W
        total = np.sum(gram**2, axis=1) / squared
        return squared / total

    def _others_only(W):
        squared = np.sum(W**2, axis=0)
        gram = W.T @ W
        np.fill_diagonal(gram, 0.0)
        return squared / (np.sum(gram**2, axis=1) / squared + 1e-12)

    _random = np.random.default_rng(4)
    _shorter = tm.geometry.pentagon() * np.array([1.0, 0.8, 1.1, 0.9, 0.7])
    dimensionality_exercise = Exercise(
        blank="my_dimensionality",
        answer=dimensionality,
        cases=[(_shorter,), (_random.normal(size=(4, 7)),)],
        mistakes=[
            Mistake(
                "the feature itself is left out of the sum",
                "The sum runs over all $j$, with $j = i$. Else a feature that is alone "
                "would be divided by zero.",
                _others_only,
            ),
            Mistake(
                "the direction is not normalised",
                "$\\hat W_i$ has length 1. Divide the squared products by "
                "$\\|W_i\\|^2$.",
                lambda W: np.sum(W**2, axis=0) / np.sum((W.T @ W) ** 2, axis=1),
            ),
            Mistake(
                "the lengths of the other columns are lost",
                "Either $W_j$ is normalised as well as $\\hat W_i$, or the sum runs "
                "over the wrong axis, $i$: both give the same. A short $W_j$ disturbs "
                "less than a long one. So it keeps its length, and the sum runs over "
                "$j$.",
                lambda W: (
                    1
                    / np.sum(
                        (
                            (W / np.linalg.norm(W, axis=0)).T
                            @ (W / np.linalg.norm(W, axis=0))
                        )
                        ** 2,
                        axis=1,
                    )
                ),
            ),
            Mistake(
                "this is the inverse",
                "$D_i$ is a share, at most 1.",
                lambda W: 1 / dimensionality(W),
            ),
            Mistake(
                "the products are not squared",
                "Square them before you add: they differ in sign.",
                lambda W: (
                    np.sum(W**2, axis=0)
                    / (np.sum(W.T @ W, axis=1) / np.linalg.norm(W, axis=0))
                ),
            ),
        ],
        hints=[
            "`gram = W.T @ W` has all $W_i \\cdot W_j$; its diagonal has the squared "
            "lengths.",
            "$(\\hat W_i \\cdot W_j)^2 = (W_i \\cdot W_j)^2 / \\|W_i\\|^2$.",
        ],
        explanation="The package has it as `tm.measure(W).dimensionality`. All $D_i$ "
        "together are at most $d$: there is not more to share out than there is.",
    )
    dimensionality_exercise.check(my_dimensionality)
    return (dimensionality_exercise,)


@app.cell(hide_code=True)
def _(dimensionality_exercise):
    dimensionality_exercise.help()
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## Fractions of perfect shapes

    Take a shape whose $v$ vertices are all alike and which fills its space evenly, such
    as a regular polygon around 0. Then every vertex has the same $D$, and together they
    use up all $d$ dimensions. What is the $D$ of each?
    """)
    return


@app.function
def my_fraction(v, d):
    # Your code here: one number.
    return None


@app.cell(hide_code=True)
def _(Exercise, Mistake):
    def fraction(v, d):
        return d / v

    fraction_exercise = Exercise(
        blank="my_fraction",
        answer=fraction,
        cases=[(2, 1), (3, 2), (5, 2), (4, 3), (8, 3)],
        mistakes=[
            Mistake(
                "this is features per dimension",
                "You want dimensions per feature.",
                lambda v, d: v / d,
            ),
            Mistake(
                "this shares one dimension only",
                "There are $d$ of them to share.",
                lambda v, d: 1 / v,
            ),
        ],
        hints=["$v$ equal shares add up to $d$."],
        explanation="Two opposites 1/2, triangle 2/3, pentagon 2/5, tetrahedron 3/4, "
        "square antiprism 3/8. Remember these five. The last one, two squares of which "
        "one is turned by 45°, is no regular solid, but its eight vertices are alike.",
    )
    fraction_exercise.check(my_fraction)
    return (fraction_exercise,)


@app.cell(hide_code=True)
def _(fraction_exercise):
    fraction_exercise.help()
    return


@app.cell
def _(show_features, tm):
    # Turn it: the square antiprism, eight vertices in three dimensions.
    show_features(tm.geometry.square_antiprism())
    return


@app.cell(hide_code=True)
def _(Prediction):
    sticky_question = Prediction(
        blank="my_guess_sticky",
        question="Now 100 equal features in 10 dimensions. $D^* = d / \\|W\\|_F^2$ is "
        "the number of dimensions for each feature that is kept. When all features "
        "are dense it is 1. What does it do as they become sparser?",
        options={
            "a": "it falls evenly",
            "b": "it falls, rests near 1/2 for a while, and falls again",
            "c": "it falls to 1/2 and stays there",
        },
        right="b",
        because={
            "a": "There is no reason to rest in a formula with $p$ alone. But the "
            "features have to be laid out in space, and some layouts are much better "
            "than their neighbours.",
            "b": "Antipodal pairs are such a good layout that it is best over a whole "
            "range of sparsities. Elhage et al. call such fractions *sticky* and "
            "compare them with the fractional quantum Hall effect.",
            "c": "For very sparse features collisions are so rare that still more of "
            "them are squeezed in.",
        },
    )
    sticky_question.ask()
    return (sticky_question,)


@app.cell
def _():
    my_guess_sticky = None
    return (my_guess_sticky,)


@app.cell(hide_code=True)
def _(my_guess_sticky, sticky_question):
    sticky_question.check(my_guess_sticky)
    return


@app.cell
def _(np, scale, tm):
    # 16 sparsities, 3 seeds each.
    p = 20.0 ** (-np.arange(16) / 15)
    run = tm.train(
        tm.TrainSpec(
            model=tm.Autoencoder(n=scale.pick(100, 20), d=scale.pick(10, 4)),
            features=tm.IndependentFeatures(
                n=scale.pick(100, 20), probability=p[:, None]
            ),
            objective=tm.Objective(kind="mean"),
            seeds=3,
            steps=scale.pick(full=6_000, tiny=20),
            batch=scale.pick(full=128, tiny=16),
            snapshots=(0,),
        )
    )
    geometry = tm.measure(run.params["W"])
    d_star = run.by_seed(np.asarray(geometry.dimensions_per_feature))  # (seeds, levels)
    D = run.by_seed(np.asarray(geometry.dimensionality))  # (seeds, levels, n)
    return D, d_star, p, run


@app.cell(hide_code=True)
def _(d_star, dimensions_per_feature, my_guess_sticky, p, sticky_question):
    def star_figure():
        return dimensions_per_feature(
            1 / p,
            d_star,
            xlabel="$1/p$, from dense to sparse",
            ylabel="$D^*$",
            title="Dimensions for each feature that is kept, 3 seeds",
            guides={"1": 1.0, "1/2": 0.5},
        )

    sticky_question.reveal(my_guess_sticky, star_figure)
    return


@app.cell(hide_code=True)
def _(D, dimensionality_scatter, my_guess_sticky, np, p, sticky_question):
    def scatter_figure():
        return dimensionality_scatter(
            1 / p,
            np.moveaxis(D, 0, 1).reshape(len(p), -1),
            xlabel="$1/p$, from dense to sparse",
            ylabel="$D_i$ of each feature",
            title="Every single feature, 3 seeds together",
        )

    sticky_question.reveal(my_guess_sticky, scatter_figure)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## The test that one thinks of first

    Do features sit at the five fractions 1/2, 2/3, 3/4, 2/5 and 3/8? The picture
    suggests it. So count: take all $D_i$ of the models that superpose ($D^* < 0.95$),
    and ask which **share** of them lies within 0.03 of one of the five fractions.

    Write the function. A feature that is near two fractions counts once.
    """)
    return


@app.function
def my_share(D, fractions, width):
    # D: any number of values; fractions: a list; return one number from 0 to 1.
    return None


@app.cell(hide_code=True)
def _(Exercise, Mistake, np):
    def share_near(D, fractions, width):
        distance = np.abs(np.ravel(D)[:, None] - np.asarray(fractions)[None, :])
        return np.mean(distance.min(axis=1) <= width)

    _random = np.random.default_rng(5)
    share_exercise = Exercise(
        blank="my_share",
        answer=share_near,
        cases=[
            (_random.random(400), [0.5, 0.4, 0.375], 0.03),
            (np.array([0.5, 0.1, 0.39, 0.9]), [0.5, 0.4, 0.375], 0.03),
        ],
        mistakes=[
            Mistake(
                "features near two fractions are counted twice",
                "2/5 and 3/8 are closer than 0.06, so their windows overlap. Take the "
                "distance to the nearest fraction.",
                lambda D, fractions, width: np.mean(
                    np.sum(
                        np.abs(np.ravel(D)[:, None] - np.asarray(fractions)) <= width,
                        axis=1,
                    )
                ),
            ),
            Mistake(
                "this is a count, not a share",
                "Divide by the number of features.",
                lambda D, fractions, width: np.sum(
                    np.abs(np.ravel(D)[:, None] - np.asarray(fractions)).min(axis=1)
                    <= width
                ),
            ),
            Mistake(
                "only values above a fraction are counted",
                "Take the absolute difference: near is near on both sides.",
                lambda D, fractions, width: np.mean(
                    np.any(
                        (np.ravel(D)[:, None] - np.asarray(fractions) >= 0)
                        & (np.ravel(D)[:, None] - np.asarray(fractions) <= width),
                        axis=1,
                    )
                ),
            ),
        ],
        hints=[
            "`np.abs(D[:, None] - fractions)` has the distance of every feature to "
            "every fraction.",
            "`.min(axis=1)` is the distance to the nearest one.",
        ],
        explanation="A share alone says nothing, though. It needs something to compare "
        "with.",
    )
    share_exercise.check(my_share)
    return share_exercise, share_near


@app.cell(hide_code=True)
def _(share_exercise):
    share_exercise.help()
    return


@app.cell(hide_code=True)
def _(Prediction):
    share_question = Prediction(
        blank="my_guess_share",
        question="The control is a set of $D_i$ drawn at random, evenly from 0 to 1, "
        "which know nothing of fractions. How do the shares compare?",
        options={
            "a": "the trained models have a much larger share near the fractions",
            "b": "about the same",
            "c": "the trained models have a *smaller* share",
        },
        right="c",
        because={
            "a": "The picture has clear rows of dots, and the eye goes there. It "
            "passes over the dots between them, and over the great many at the bottom.",
            "b": "Close. But most features of a trained model are not kept at all, and "
            "their $D_i$ is near 0, far from every fraction.",
            "c": "Most of the features are hardly kept, with $D_i$ near 0, and "
            "many of the others lie between the fractions. Five windows of width 0.06 "
            "catch a quarter of *random* numbers.",
        },
    )
    share_question.ask()
    return (share_question,)


@app.cell
def _():
    my_guess_share = None
    return (my_guess_share,)


@app.cell(hide_code=True)
def _(my_guess_share, share_question):
    share_question.check(my_guess_share)
    return


@app.cell
def _(
    D,
    Fraction,
    d_star,
    jax,
    jittered_dimensionality,
    np,
    run,
    tm,
    uniform_dimensionality,
):
    five = [Fraction(*f) for f in ((1, 2), (2, 3), (3, 4), (2, 5), (3, 8))]

    superposed = np.median(d_star, axis=0) < 0.95  # (levels,)
    _before = tm.measure(run.snapshots.params["W"][0]).dimensionality
    _kept = run.by_seed(np.asarray(tm.measure(run.params["W"]).represented))
    _uniform, _jitter = jax.random.split(jax.random.key(0))
    pools = {
        "trained": D[:, superposed].ravel(),
        "trained, kept features only": D[:, superposed][_kept[:, superposed]],
        "control: before training": run.by_seed(np.asarray(_before))[
            :, superposed
        ].ravel(),
        "control: drawn evenly": np.asarray(
            uniform_dimensionality(_uniform, (D[:, superposed].size,))
        ),
        "control: trained, blurred by ±0.05": np.asarray(
            jittered_dimensionality(_jitter, D[:, superposed].ravel())
        ),
    }
    return five, pools


@app.cell(hide_code=True)
def _(five, my_guess_share, np, pools, share_near, share_question, text):
    def _shares():
        _five = np.array([float(f) for f in five])
        share = {name: share_near(pool, _five, 0.03) for name, pool in pools.items()}
        rows = "\n".join(
            f"| {name} | {len(pools[name]):,} | {share[name]:.1%} |" for name in pools
        )
        every, drawn = share["trained"], share["control: drawn evenly"]
        kept = share["trained, kept features only"]
        seen = f"below that of random numbers, {every:.1%} against {drawn:.1%}"
        end = "By this test the fractions are an illusion. Does it follow that nothing "
        end += "is there?"
        if every >= drawn:
            seen = f"not below that of random numbers: {every:.1%} against {drawn:.1%}"
            end = "This run is an exception, then. Would you have believed the test if "
            end += "it had said no?"
        return text(
            "| $D_i$ of | features | share within 0.03 |\n| :--- | ---: | ---: |\n"
            f"{rows}\n\nThe share of the trained features is {seen}. Leave out those "
            f"that are not kept, and it is {kept:.1%}: {kept / drawn:.1f} times that "
            f"of random numbers. {end}"
        )

    share_question.reveal(my_guess_share, _shares)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## A better question

    "Do most features sit at a fraction?" was the wrong question, because nobody
    promised that. A *line* in the picture is something else: more dots in a narrow band
    **than in the bands beside it**. So compare each band with its surroundings:

    - at the fraction $f$: features with $|D - f| \le 0.005$;
    - beside it: the same around $f - 0.0125$ and around $f + 0.0125$;
    - a line needs at least 10 features in the middle, and at least **twice** as many as
      on the fuller side.

    The numbers are conventions, fixed before the run that judges the claim. Write the
    rule.
    """)
    return


@app.function
def my_line(D, f):
    # Return True if there is a line at f, else False.
    return None


@app.cell(hide_code=True)
def _(Exercise, Mistake, np):
    def has_line(D, f):
        def count(centre):
            return np.sum(np.abs(D - centre) <= 0.005)

        beside = max(count(f - 0.0125), count(f + 0.0125))
        return bool(count(f) >= 10 and count(f) >= 2 * beside)

    def _counts(D, f):
        return [np.sum(np.abs(D - f - at) <= 0.005) for at in (0, -0.0125, 0.0125)]

    def _only_enough(D, f):
        return bool(_counts(D, f)[0] >= 10)

    def _emptier_side(D, f):
        middle, below, above = _counts(D, f)
        return bool(middle >= 10 and middle >= 2 * min(below, above))

    def _not_enough(D, f):
        middle, below, above = _counts(D, f)
        return bool(middle >= 2 * max(below, above))

    def _mean_of_sides(D, f):
        middle, below, above = _counts(D, f)
        return bool(middle >= 10 and middle >= 2 * (below + above) / 2)

    def _more_than_ten(D, f):
        return bool(has_line(D, f) and _counts(D, f)[0] > 10)

    def _more_than_twice(D, f):
        middle, below, above = _counts(D, f)
        return bool(middle >= 10 and middle > 2 * max(below, above))

    def _sides_added(D, f):
        middle, below, above = _counts(D, f)
        return bool(middle >= 10 and middle >= 2 * (below + above))

    _line_cases = [
        (np.repeat([0.5, 0.4875, 0.5125], [30, 4, 10]), 0.5),  # a line
        (np.repeat([0.5, 0.4875, 0.5125], [30, 30, 30]), 0.5),  # dense all over
        (np.repeat([0.5, 0.4875, 0.5125], [30, 2, 25]), 0.5),  # the flank of a hill
        (np.repeat([0.5, 0.4875, 0.5125], [30, 2, 29]), 0.5),  # and a steeper one
        (np.repeat([0.5, 0.4875, 0.5125], [4, 0, 1]), 0.5),  # too few to say
        (np.repeat([0.5, 0.4875, 0.5125], [10, 1, 2]), 0.5),  # just enough
        (np.repeat([0.5, 0.4875, 0.5125], [30, 0, 15]), 0.5),  # just twice as many
        # Elsewhere, and not on the centres of the bands: a line, then none.
        (np.repeat([0.4, 0.392, 0.408], [30, 10, 14]), 0.4),
        (np.repeat([0.4, 0.392, 0.408], [30, 0, 16]), 0.4),
        # At the edge of the middle band, within it and just outside.
        (np.repeat([0.4, 0.3953, 0.4047, 0.408], [10, 10, 10, 14]), 0.4),
        (np.repeat([0.4, 0.3947, 0.4053], [5, 3, 3]), 0.4),
    ]
    line_exercise = Exercise(
        blank="my_line",
        answer=has_line,
        cases=_line_cases,
        mistakes=[
            Mistake(
                "the surroundings are not compared",
                "Where features lie densely everywhere, every place has many.",
                _only_enough,
            ),
            Mistake(
                "this compares with the mean of the two sides",
                "On the flank of a broad hill one side is far emptier and pulls the "
                "mean down. Compare with the *fuller* one.",
                _mean_of_sides,
            ),
            Mistake(
                "the emptier side is enough for this",
                "On the flank of a broad hill one side is always emptier. Compare with "
                "the *fuller* one.",
                _emptier_side,
            ),
            Mistake(
                "both sides are added up",
                "Compare with the fuller side alone.",
                _sides_added,
            ),
            Mistake(
                "this always looks at 1/2",
                "The fraction is the argument `f`.",
                lambda D, f: has_line(D, 0.5),
            ),
            Mistake(
                "a handful of features makes a line here",
                "Four against one is chance. The rule asks for ten in the middle.",
                _not_enough,
            ),
            Mistake(
                "exactly ten in the middle are too few for this",
                "*At least* ten: ten are enough.",
                _more_than_ten,
            ),
            Mistake(
                "exactly twice as many are too few for this",
                "*At least* twice as many as on the fuller side: twice is enough.",
                _more_than_twice,
            ),
        ],
        hints=[
            "`np.sum(np.abs(D - f) <= 0.005)` counts the middle.",
            "Both conditions must hold: `middle >= 10 and middle >= 2 * beside`, with "
            "`beside` the larger of the two sides.",
        ],
        explanation="The package has it as `tm.geometry.find_lines`, and experiment "
        "TMS-10 uses it.",
    )
    line_exercise.check(my_line)
    return has_line, line_exercise


@app.cell(hide_code=True)
def _(line_exercise):
    line_exercise.help()
    return


@app.cell(hide_code=True)
def _(five, has_line, my_guess_share, pools, share_question, text):
    def _lines():
        head = "| $D_i$ of | " + " | ".join(str(f) for f in five) + " |"
        rows = "\n".join(
            f"| {name} | "
            + " | ".join("**line**" if has_line(pool, float(f)) else "–" for f in five)
            + " |"
            for name, pool in pools.items()
        )
        found = "There is a line at 1/2"
        if not has_line(pools["trained"], 0.5):
            found = "There is no line at 1/2 in this run"
        clean = "every control is without lines, as it must be for the test to mean"
        clean += " anything"
        controls = [pool for name, pool in pools.items() if "control" in name]
        if any(has_line(pool, float(f)) for pool in controls for f in five):
            clean = "some control has a line, so that this run proves nothing"
        return text(
            f"{head}\n| :--- | :---: | :---: | :---: | :---: | :---: |\n{rows}\n\n"
            f"{found}, and {clean}. Of the other four fractions this run shows what it "
            "shows: do not read much into one of them."
        )

    share_question.reveal(my_guess_share, _lines)
    return


@app.cell(hide_code=True)
def _(Curve, curve_figure, my_guess_share, np, pools, share_question):
    def histogram():
        edges = np.arange(0.2, 0.8, 0.005) + 0.0025
        middle = (edges[1:] + edges[:-1]) / 2
        return curve_figure(
            [
                Curve(name, middle, np.histogram(pools[name], edges)[0])
                for name in ("trained", "control: trained, blurred by ±0.05")
            ],
            xlabel="$D_i$",
            ylabel="features",
            title="Where the features are, above 0.2",
            xlines={"3/8": 3 / 8, "1/2": 1 / 2, "2/3": 2 / 3, "3/4": 3 / 4},
            height=3.8,
        )

    share_question.reveal(my_guess_share, histogram)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## What to take along

    - $D_i$ is the share of a dimension that a feature has; perfect shapes give simple
      fractions.
    - $D^*$ pauses at 1/2: antipodal pairs are best over a range of sparsities.
    - A test has to ask what the picture claims. The naive share failed because it asked
      for more, and it would have been worthless without a control as well.

    ## What this does not show

    - That features sit at fractions in general. Most do not. At laptop scale the line
      at 1/2 is supported (`TMS-10.half`), one at any other fraction is **inconclusive**
      (`TMS-10.others`): some seeds have it and some do not.
    - That shapes explain why the fractions are sticky in large networks. Here all
      features are equal, independent and as sparse as each other.

    ## References

    - Elhage et al. 2022, *Toy Models of Superposition*, "The Geometry of
      Superposition".
    - Full figures: TMS-9 ($D^*$), TMS-10 (every feature, with four controls), TMS-11
      (exact polytopes).
    """)
    return


if __name__ == "__main__":
    app.run()
