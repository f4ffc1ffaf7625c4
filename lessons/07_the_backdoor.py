"""Lesson 7: plant a point, find it again, and be fooled by a coincidence."""

import marimo

__generated_with = "0.25.2"
app = marimo.App(width="medium", app_title="7 · The backdoor")


@app.cell(hide_code=True)
def _():
    import jax
    import marimo as mo
    import numpy as np

    import toymodels as tm
    from toymodels.anomaly import (
        SCENARIOS,
        Combinations,
        auroc,
        draw_scenario,
        evaluate,
        make_detector,
        over_seeds,
        planted_worlds,
    )
    from toymodels.lessons import (
        Exercise,
        Mistake,
        Prediction,
        lesson_scale,
        picture,
        show_training,
        text,
    )
    from toymodels.plotting import Curve, curve_figure, detection_figure, vector_panels

    return (
        Combinations,
        Curve,
        Exercise,
        Mistake,
        Prediction,
        SCENARIOS,
        auroc,
        curve_figure,
        detection_figure,
        draw_scenario,
        evaluate,
        jax,
        lesson_scale,
        make_detector,
        mo,
        np,
        over_seeds,
        picture,
        planted_worlds,
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
    # 7 · The backdoor

    *About 20 minutes. It builds on lessons 3 and 6.*

    Someone slips one fixed input into the training stream, again and again. The model
    may make room for it. Later that input comes back, and you see only the hidden
    activation. Can you tell that the backdoor fired? Nearly every method says yes, if
    you test it against ordinary inputs. This lesson is about the other test: **against
    an input that is merely unusual**.
    """)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## Plant it

    First in the plane, where you can see it. Six features, two dimensions, $p = 0.05$.
    The planted point has features 0, 1 and 2 fully on. By chance these three come
    together once in 8,000 inputs. `RepeatedPoint` shows it at a rate of our choice. The
    rates are members of one ensemble: equal initial weights, equal draws.
    """)
    return


@app.cell(hide_code=True)
def _(Prediction):
    direction = Prediction(
        blank="my_guess_direction",
        question="Each model will be drawn with its six features and one arrow more: "
        "$h = W x$ of the planted point. What is that arrow at rate 0, where the point "
        "was never shown?",
        options={
            "a": "there is none, since the model does not know the point",
            "b": "the sum of the three columns of its features, as at every other rate",
            "c": "a random arrow",
        },
        right="b",
        because={
            "a": "There is an $h = W x$ for every input, known or not. So an arrow is "
            "no sign of planting.",
            "b": "There is nothing to $h$ but a sum of columns. So an arrow by itself "
            "is no sign of planting. Its length, its share of the plane and the error "
            "have to be compared with those at rate 0.",
            "c": "The columns are trained on the features, and $h$ is the sum of three "
            "of them. Nothing is left to chance.",
        },
    )
    direction.ask()
    return (direction,)


@app.cell
def _():
    my_guess_direction = None
    return (my_guess_direction,)


@app.cell(hide_code=True)
def _(direction, my_guess_direction):
    direction.check(my_guess_direction)
    return


@app.cell
def _(np, scale, tm):
    small_point = np.array([1.0, 1.0, 1.0, 0.0, 0.0, 0.0])
    small_steps = scale.pick(full=3_000, tiny=100)
    small_rates = np.array([0.0, 0.01, 0.1])
    small_base = tm.IndependentFeatures(n=6, probability=0.05)
    small_spec = tm.TrainSpec(
        model=tm.Autoencoder(n=6, d=2),
        features=tm.RepeatedPoint(
            base=small_base,
            point=small_point,
            rate=small_rates,
        ),
        optimiser=tm.Optimiser(learning_rate=3e-3),
        seeds=scale.pick(full=8, tiny=2),
        steps=small_steps,
        batch=256,
        snapshots=tm.linear_steps(small_steps, 60),
    )
    small = tm.train(small_spec).best()
    return small, small_base, small_point, small_rates


@app.cell(hide_code=True)
def _(
    direction,
    my_guess_direction,
    np,
    small,
    small_point,
    small_rates,
    vector_panels,
):
    def point_figure():
        W = small.params["W"]
        return vector_panels(
            np.concatenate([W, (W @ small_point)[:, :, None]], axis=2),
            titles=[f"rate {rate:g}" for rate in small_rates],
            groups=np.array([0, 0, 0, 1, 1, 1, 2]),
            group_names=["features of the point", "other features", "the point"],
            title="Six features and h = Wx of the planted point",
        )

    direction.reveal(my_guess_direction, point_figure)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    Drag the slider to see the six features of the last model find their places while
    the point comes in one of ten inputs. The picture counts from 1: features 1, 2 and 3
    belong to the point.
    """)
    return


@app.cell(hide_code=True)
def _(direction, my_guess_direction, show_training, small):
    direction.reveal(my_guess_direction, lambda: show_training(small, index=-1))
    return


@app.cell(hide_code=True)
def _(
    direction,
    my_guess_direction,
    np,
    small,
    small_base,
    small_point,
    small_rates,
    text,
    tm,
):
    def _errors():
        W, b = small.params["W"], small.params["b"]
        h = W @ small_point
        output = np.maximum(np.einsum("rdn,rd->rn", W, h) + b, 0)
        return ((output - small_point) ** 2).sum(axis=1)

    def _shares(others):
        """D_X of the point among other inputs (n, many) and itself."""
        h = small.params["W"] @ small_point
        square = np.sum(h**2, axis=1)
        overlap = np.einsum("rd,rdm->rm", h, small.params["W"] @ others)
        return square**2 / (square**2 + np.sum(overlap**2, axis=1))

    def _small_table():
        x = tm.sample_dataset(small_base, points=200, seed=0).dense()
        ordinary = x[:, x.any(axis=0)]
        errors, shares = _errors(), _shares(ordinary)
        lengths = np.linalg.norm(small.params["W"] @ small_point, axis=1)
        rows = "\n".join(
            f"| {rate:g} | {length:.2f} | {share:.3f} | {error:.2f} |"
            for rate, length, share, error in zip(
                small_rates, lengths, shares, errors, strict=True
            )
        )
        kept = [
            f"{rate:g}"
            for rate, error in zip(small_rates[1:], errors[1:], strict=True)
            if error < errors[0] / 2
        ]
        found = "At no rate is the error less than half of that at rate 0: in this run "
        found += "the point is not stored."
        if kept:
            found = f"At rate {' and '.join(kept)} the error is less than half of that "
            found += "at rate 0: there the point is stored beside the features."
        return text(
            "| rate | length of $h$ | $D_X$ | squared error |\n"
            f"| :--- | ---: | ---: | ---: |\n{rows}\n\n"
            f"$D_X$ is the share of lesson 6, among {ordinary.shape[1]} ordinary "
            f"inputs. Answering 0 would cost {np.sum(small_point**2):g}. {found}"
        )

    direction.reveal(my_guess_direction, _small_table)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## A number for "can be told apart"

    A detector gives every activation a score, higher for more anomalous. Take one
    positive (a backdoor) and one negative at random. **AUROC** is the probability that
    the positive scores higher, ties counting half. Guessing has 0.5, and 1 is perfect.
    No threshold is needed.

    Write it for two arrays of scores.
    """)
    return


@app.function
def my_auroc(positive, negative):
    # Your code here: one number.
    return None


@app.cell(hide_code=True)
def _(Exercise, Mistake, np):
    def auroc_by_hand(positive, negative):
        difference = np.asarray(positive)[:, None] - np.asarray(negative)[None, :]
        return np.mean((difference > 0) + 0.5 * (difference == 0))

    def _accuracy(positive, negative):
        middle = np.median(np.concatenate([positive, negative]))
        right = np.concatenate([positive > middle, negative <= middle])
        return np.mean(right)

    _rng = np.random.default_rng(0)
    auroc_exercise = Exercise(
        blank="my_auroc",
        answer=auroc_by_hand,
        cases=[
            (_rng.normal(1, 1, 40), _rng.normal(0, 1, 30)),
            (np.array([1.0, 2.0, 2.0, 5.0]), np.array([2.0, 0.0, 2.0])),
        ],
        mistakes=[
            Mistake(
                "positives and negatives are swapped",
                "Count the pairs in which the *positive* scores higher. A detector "
                "that ranks the wrong way round must be seen to do so.",
                lambda positive, negative: auroc_by_hand(negative, positive),
            ),
            Mistake(
                "ties are not counted",
                "A pair with equal scores counts one half. Else a detector that gives "
                "every sample the same score would have 0.",
                lambda positive, negative: np.mean(
                    positive[:, None] > negative[None, :]
                ),
            ),
            Mistake(
                "ties are counted in full",
                "A pair with equal scores counts one half. Else a detector that gives "
                "every sample the same score would be perfect.",
                lambda positive, negative: np.mean(
                    positive[:, None] >= negative[None, :]
                ),
            ),
            Mistake(
                "this is accuracy at one threshold",
                "AUROC has no threshold. Compare every positive with every negative.",
                _accuracy,
            ),
        ],
        hints=[
            "`positive[:, None] - negative[None, :]` has all pairs.",
            "The mean of truth values is a share. Add half the share of ties.",
        ],
        explanation="`toymodels.anomaly.auroc` does the same by ranks.",
    )
    auroc_exercise.check(my_auroc)
    return (auroc_exercise,)


@app.cell(hide_code=True)
def _(auroc_exercise):
    auroc_exercise.help()
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## A detector

    The baseline that everything has to beat is **Mahalanobis distance**: how far is an
    activation from the mean $\mu$ of trusted ones, measured in their own covariance
    $\Sigma$? Squared,

    $$D^2(h) = (h - \mu)^\top \Sigma^{-1} (h - \mu).$$

    Write it for trusted activations `reference` $(d, \text{many})$ and `h`
    $(d, \text{samples})$.
    """)
    return


@app.function
def my_distance(reference, h):
    # Your code here: one squared distance for each column of h.
    return None


@app.cell(hide_code=True)
def _(Exercise, Mistake, np):
    def mahalanobis(reference, h):
        centred = h - reference.mean(axis=1, keepdims=True)
        return np.sum(centred * np.linalg.solve(np.cov(reference), centred), axis=0)

    def _own_mean(reference, h):
        centred = h - h.mean(axis=1, keepdims=True)
        return np.sum(centred * np.linalg.solve(np.cov(reference), centred), axis=0)

    def _no_inverse(reference, h):
        centred = h - reference.mean(axis=1, keepdims=True)
        return np.sum(centred * (np.cov(reference) @ centred), axis=0)

    _rng = np.random.default_rng(2)
    _mix = _rng.normal(size=(3, 3))
    distance_exercise = Exercise(
        blank="my_distance",
        answer=mahalanobis,
        cases=[(_mix @ _rng.normal(size=(3, 200)) + 1.0, _rng.normal(size=(3, 6)))],
        # Whether Σ is divided by the number of samples or one less is of no account.
        tolerance=0.02,
        mistakes=[
            Mistake(
                "this is the distance, not its square",
                "The ranking is the same, but the formula asks for $D^2$.",
                lambda reference, h: np.sqrt(mahalanobis(reference, h)),
            ),
            Mistake(
                "this is the ordinary distance from the mean",
                "Without $\\Sigma^{-1}$ a direction that varies much anyway counts as "
                "much as one that never varies.",
                lambda reference, h: np.sum(
                    (h - reference.mean(axis=1, keepdims=True)) ** 2, axis=0
                ),
            ),
            Mistake(
                "the covariance is not inverted",
                "Directions in which normal activations hardly vary should count more, "
                "not less.",
                _no_inverse,
            ),
            Mistake(
                "the mean is not subtracted",
                "Normal activations lie around $\\mu$, not around 0.",
                lambda reference, h: np.sum(
                    h * np.linalg.solve(np.cov(reference), h), axis=0
                ),
            ),
            Mistake(
                "this is the mean of the samples that are judged",
                "$\\mu$ comes from the trusted activations. Else what you judge "
                "decides what is normal.",
                _own_mean,
            ),
        ],
        hints=[
            "`np.cov(reference)` is $\\Sigma$, since the variables are its rows.",
            "`np.linalg.solve(S, c)` is $\\Sigma^{-1} c$ for all columns of `c`.",
        ],
        explanation='`make_detector("mahalanobis")` is this one.',
    )
    distance_exercise.check(my_distance)
    return distance_exercise, mahalanobis


@app.cell(hide_code=True)
def _(distance_exercise):
    distance_exercise.help()
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## A larger model, and its twin

    Now 40 features in 12 dimensions. The planted point has 8 active features, where an
    ordinary input has 2.4 on average, and comes once in a hundred inputs. Each seed has
    a point of its own. Beside every model stands its **twin**: same weights at the
    start, same draws, but rate 0. It never saw the point.

    Four kinds of input are drawn for each model:

    | name | what it is |
    | --- | --- |
    | B, B′ | the planted point, whole, or with some of its features missing |
    | N | ordinary inputs |
    | C | a **coincidence**: ordinary features that never met, $h$ as long as in B, B′ |
    """)
    return


@app.cell
def _(np, planted_worlds, scale, tm):
    n, d, size = scale.pick(full=(40, 12, 8), tiny=(14, 7, 4))
    seeds = scale.pick(full=5, tiny=2)
    rates = np.array([0.0, 0.01])  # the twin, and the model with a backdoor
    points = np.stack(
        [tm.features.random_point(n, size=size, seed=k) for k in range(seeds)]
    )
    run = tm.train(
        tm.TrainSpec(
            model=tm.Autoencoder(n=n, d=d),
            features=tm.RepeatedPoint(
                base=tm.IndependentFeatures(n=n, probability=0.06),
                point=np.repeat(points, 2, axis=0),
                rate=np.tile(rates, seeds),
            ),
            optimiser=tm.Optimiser(learning_rate=3e-3),
            seeds=seeds,
            members=2,
            steps=scale.pick(full=3_000, tiny=600),
            batch=256,
        )
    )
    worlds = planted_worlds(run.spec, run.params)
    twins, planted = np.arange(0, 2 * seeds, 2), np.arange(1, 2 * seeds, 2)
    return planted, run, twins, worlds


@app.cell
def _(Combinations, SCENARIOS, evaluate, make_detector, scale, worlds):
    names = {
        "mahalanobis": "Mahalanobis distance",
        "norm": "length of h",
        "nearest neighbours": "nearest neighbours",
        "reconstruction error": "reconstruction error",
        "oracle code with backdoor": "knows features and backdoor",
        "random": "random score",
    }
    combine = scale.pick(full=(2, 6), tiny=(2, 3))
    scenarios = {
        "B": SCENARIOS["B"],
        "B'": SCENARIOS["B'"],
        "C": Combinations(fewest=combine[0], most=combine[1]),
        "N": SCENARIOS["N"],
    }
    found = evaluate(
        worlds,
        [make_detector(name) for name in names],
        scenarios=scenarios,
        samples=scale.pick(full=500, tiny=60),
    )
    return found, names, scenarios


@app.cell(hide_code=True)
def _(found, np, planted, text):
    _row = found.detectors.index("mahalanobis")
    _normal = [pair.negative for pair in found.comparisons].index("N")
    _value = np.median(found.auroc[_row, _normal, planted])
    text(
        f"Against ordinary inputs, Mahalanobis distance finds the backdoor with an "
        f"AUROC of **{_value:.2f}** (the median of {len(planted)} models). A paper "
        "could end here."
    )
    return


@app.cell(hide_code=True)
def _(Prediction):
    combination = Prediction(
        blank="my_guess_combination",
        question="Now put the same detector to the other test: the backdoor (B and B′) "
        "against coincidences (C). Its AUROC?",
        options={
            "a": "hardly changes: it detects the backdoor",
            "b": "falls most of the way to 0.5",
            "c": "falls far below 0.5: coincidences look more anomalous",
        },
        right="b",
        because={
            "a": "It detects that an activation is far from the ordinary ones. That a "
            "coincidence is, too.",
            "b": "Most of what made the backdoor easy was that it is *unusual*. A "
            "coincidence is unusual without any planting. What is left above 0.5 may "
            "have to do with the backdoor.",
            "c": "The lengths of C are matched to those of B and B′, so there is no "
            "reason for the ranking to turn over.",
        },
    )
    combination.ask()
    return (combination,)


@app.cell
def _():
    my_guess_combination = None
    return (my_guess_combination,)


@app.cell(hide_code=True)
def _(combination, my_guess_combination):
    combination.check(my_guess_combination)
    return


@app.cell(hide_code=True)
def _(
    auroc,
    combination,
    draw_scenario,
    jax,
    mahalanobis,
    my_guess_combination,
    np,
    planted,
    run,
    scale,
    scenarios,
    text,
    worlds,
):
    def _by_hand():
        key, many = jax.random.key(3), scale.pick(full=1_000, tiny=100)

        def hidden(kind, which, samples):
            """Activations of the first planted model."""
            x = draw_scenario(
                scenarios[kind], worlds, jax.random.fold_in(key, which), samples
            ).x
            return run.params["W"][planted[0]] @ np.asarray(x)[planted[0]]

        trusted = hidden("N", 0, 2 * many)
        scored = {
            kind: mahalanobis(trusted, hidden(kind, which, many))
            for which, kind in enumerate(("B", "B'", "C", "N"), start=1)
        }
        positive = np.concatenate([scored["B"], scored["B'"]])
        return text(
            "With the two functions above, for the first model: "
            f"AUROC {auroc(positive, scored['N']):.2f} against ordinary inputs, "
            f"{auroc(positive, scored['C']):.2f} against coincidences."
        )

    combination.reveal(my_guess_combination, _by_hand)
    return


@app.cell(hide_code=True)
def _(
    combination,
    detection_figure,
    found,
    my_guess_combination,
    names,
    over_seeds,
    planted,
):
    def detectors_figure():
        return detection_figure(
            [names[name] for name in found.detectors],
            [
                {"C": "against coincidences (C)", "N": "against ordinary inputs (N)"}[
                    pair.negative
                ]
                for pair in found.comparisons
            ],
            over_seeds(found.select(planted).auroc),
            xlabel="AUROC of the backdoor (B and B′)",
            references={"chance": 0.5},
            title="The same detectors in two tests",
            caption=f"medians and ranges over {len(planted)} models",
        )

    combination.reveal(my_guess_combination, detectors_figure)
    return


@app.cell(hide_code=True)
def _(combination, found, my_guess_combination, names, np, planted, text):
    def _second_look():
        median = {
            names[name]: np.median(found.auroc[row][:, planted], axis=1)
            for row, name in enumerate(found.detectors)
        }  # of each detector in each test
        where = [pair.negative for pair in found.comparisons].index("C")
        error = median[names["reconstruction error"]][where]
        how = "not clearly better"
        if error < 0.4:
            how = "**better**, as if it had been memorised,"
        good = [name for name, values in median.items() if values.min() >= 0.95]
        reach = f"These reach 0.95 in both tests: {', '.join(good)}."
        if not good:
            reach = "None of these detectors reaches 0.95 in both tests."
        return text(
            "Two things deserve a second look. Against coincidences the "
            f"*reconstruction error* has an AUROC of {error:.2f}. In these models the "
            f"planted point is reconstructed {how} than an honest combination; whether "
            f"it is so in general `MAD-1.inverted` leaves open. And: {reach} The one "
            "that *knows features and backdoor* was told the true features and the "
            "direction of the backdoor, which nobody has in practice. It is a bound, "
            "not a method."
        )

    combination.reveal(my_guess_combination, _second_look)
    return


@app.cell(hide_code=True)
def _(Prediction):
    twin = Prediction(
        blank="my_guess_twin",
        question="The twins never saw the point. For them it is an input like any "
        "other that happens to have many features. What AUROC does Mahalanobis "
        "distance reach for it against **ordinary inputs**?",
        options={
            "a": "about 0.5, since nothing was planted",
            "b": "nearly as much as in the planted models",
            "c": "exactly as much, since the detector never looks at the weights",
        },
        right="b",
        because={
            "a": "Nothing was planted, but the point still has far more active "
            "features than an ordinary input. That alone is unusual.",
            "b": "So most of the first number was no evidence of planting. The "
            "difference between a model and its twin is.",
            "c": "The activations differ, because training with the point has moved "
            "the weights. A part of the score may come from that.",
        },
    )
    twin.ask()
    return (twin,)


@app.cell
def _():
    my_guess_twin = None
    return (my_guess_twin,)


@app.cell(hide_code=True)
def _(my_guess_twin, twin):
    twin.check(my_guess_twin)
    return


@app.cell(hide_code=True)
def _(found, my_guess_twin, names, np, planted, text, twin, twins):
    def _table():
        where = {pair.negative: k for k, pair in enumerate(found.comparisons)}
        lines = [
            "| detector | N, planted | N, twin | C, planted | C, twin |",
            "| --- | --- | --- | --- | --- |",
        ]
        for row, name in enumerate(found.detectors):
            values = [
                np.median(found.auroc[row, where[negative], runs])
                for negative in ("N", "C")
                for runs in (planted, twins)
            ]
            cells = " | ".join(f"{value:.2f}" for value in values)
            lines.append(f"| {names[name]} | {cells} |")
        row = found.detectors.index("oracle code with backdoor")
        known = np.median(found.auroc[row, where["C"], twins])
        return text(
            "Median AUROC of models and twins:\n\n"
            + "\n".join(lines)
            + "\n\nWho knows the features and the direction of the point tells it from "
            f"coincidences in the twin as well, with {known:.2f}, where nobody planted "
            "it."
        )

    twin.reveal(my_guess_twin, _table)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## From a score to an alarm

    In use a detector has a threshold. Say it catches a share `tpr` of backdoors and
    raises a false alarm on a share `fpr` of all other inputs, and a share `rate` of the
    inputs are backdoors. Of all alarms, which share is real?
    """)
    return


@app.function
def my_precision(tpr, fpr, rate):
    # Your code here: one number, from 0 to 1.
    return None


@app.cell(hide_code=True)
def _(Exercise, Mistake):
    def precision(tpr, fpr, rate):
        real, false = tpr * rate, fpr * (1 - rate)
        return real / (real + false)

    precision_exercise = Exercise(
        blank="my_precision",
        answer=precision,
        cases=[(0.9, 0.01, 0.001), (0.5, 0.05, 0.3), (1.0, 0.01, 0.01)],
        mistakes=[
            Mistake(
                "the base rate is missing",
                "That would hold if half of all inputs were backdoors. Weigh both "
                "shares with how often such inputs come.",
                lambda tpr, fpr, rate: tpr / (tpr + fpr),
            ),
            Mistake(
                "false alarms are weighed with the wrong share",
                "Only the inputs that are *not* backdoors, a share of `1 - rate`, can "
                "raise a false alarm.",
                lambda tpr, fpr, rate: tpr * rate / (tpr * rate + fpr),
            ),
            Mistake(
                "this is the share of inputs that raise a real alarm",
                "Divide by the share that raises any alarm.",
                lambda tpr, fpr, rate: tpr * rate,
            ),
        ],
        hints=[
            "Imagine a million inputs. How many are backdoors that raise an alarm, and "
            "how many others do?",
            "Real alarms: `tpr * rate`. False ones: `fpr * (1 - rate)`.",
        ],
        explanation="With 90 % caught, 1 % false alarms and one backdoor in a thousand "
        "inputs, eleven alarms of twelve are false. And that 1 % was measured on "
        "ordinary inputs, of which coincidences are the rare part that fires most.",
    )
    precision_exercise.check(my_precision)
    return precision, precision_exercise


@app.cell(hide_code=True)
def _(precision_exercise):
    precision_exercise.help()
    return


@app.cell(hide_code=True)
def _(Curve, curve_figure, np, picture, precision):
    _rate = np.geomspace(1e-5, 0.1, 60)
    picture(
        curve_figure(
            [
                Curve(f"{fpr:.1%} false alarms", _rate, precision(0.9, fpr, _rate))
                for fpr in (0.001, 0.01, 0.05)
            ],
            xlabel="share of inputs that are backdoors",
            ylabel="share of alarms that are real",
            xscale="log",
            title="A rare event needs very few false alarms (90 % caught)",
            height=3.6,
        )
    )
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## What to take along

    - The more often an input is repeated, the better it is reproduced (`REP-7.error`).
      That it has a direction in the hidden space says nothing: every input has one.
    - "Far from normal" is not "planted". Test a detector against inputs that are
      unusual for another reason.
    - A twin without the backdoor is the control: what it scores as well is no evidence.

    ## What this does not show

    - What room a repeated input takes. Whether it costs exactly one feature
      (`REP-1.feature`), and whether its length and share grow with its rate
      (`REP-7.length`, `REP-7.share`), is **inconclusive**.
    - That planting makes the point more unusual than it was. Over its twin the gain
      against coincidences is **inconclusive** (`MAD-1.planted`).
    - That backdoors cannot be found. The detectors here see trusted activations alone.
      Others may search *untrusted* data for what recurs, such as spectral signatures in
      MAD-1, and this backdoor is an exact repetition.
    - How detectors rank in other settings. Whether their order is much the same there
      is left open by MAD-11.
    - Anything about backdoors in language models, where a trigger is no fixed vector.

    ## References

    - Henighan et al. 2023, *Superposition, Memorization, and Double Descent*, with the
      comments of Jermyn (repeated data), Olah and Greenblatt (can one tell?).
    - Lee et al. 2018, *A Simple Unified Framework for Detecting Out-of-Distribution
      Samples and Adversarial Attacks* (Mahalanobis distance).
    - Tran, Li and Mądry 2018, *Spectral Signatures in Backdoor Attacks*.
    - Experiments REP-1, REP-7 and MAD-1 to MAD-12; `docs/detectors.md`.
    """)
    return


if __name__ == "__main__":
    app.run()
