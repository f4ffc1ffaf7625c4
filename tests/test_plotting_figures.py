"""Every figure: labels passed through, nothing cut off or on top of something else."""

import ast
import pathlib

import matplotlib
import numpy as np
import pytest
from matplotlib import _pylab_helpers
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox

import toymodels.plotting as plotting
from toymodels.plotting import Curve, FeatureGraph, over_seeds

RNG = np.random.default_rng(0)
CAPTION = plotting.caption_line(
    seeds=5,
    loss="mean",
    exponent=2.0,
    optimiser="tms",
    scale="laptop",
    fingerprint="0123456789abcdef",
)
TITLE = (
    "A title that says what the figure shows, as long as titles of figures often are"
)


def pentagon(n=5):
    angle = 2 * np.pi * np.arange(n) / n
    return np.stack([np.cos(angle), np.sin(angle)])


def polygons(columns=5):
    return plotting.vector_panels(
        np.stack([pentagon()] * 10),
        titles=[f"1−S = {p:.2f}" for p in 20.0 ** (-np.arange(10) / 9)],
        importance=0.9 ** np.arange(5),
        importance_label="importance of the feature",
        columns=columns,
        title=TITLE,
        caption=CAPTION,
    )


def groups():
    return plotting.vector_panels(
        np.stack([pentagon(6)] * 3),
        titles=["a", "b", "c"],
        groups=np.array([0, 0, 1, 1, 2, 2]),
        group_names=["first pair", "second pair", "third pair"],
        labels=list("123456"),
        title=TITLE,
        caption=CAPTION,
    )


def octahedron():
    W = np.concatenate([np.eye(3), -np.eye(3)], axis=1)
    edges = np.abs(W.T @ W) < 0.5
    return plotting.vector_panels_3d(
        np.stack([W] * 4),
        titles=["step 0", "step 10", "step 100", "step 1,000"],
        groups=np.array([0, 1, 0, 1, 0, 1]),
        group_names=["set A", "set B"],
        edges=np.stack([edges] * 4),
        title=TITLE,
        caption=CAPTION,
    )


def grams(count=8, n=20):
    W = RNG.normal(size=(count, 5, n)) / 3
    gram = np.einsum("kdi,kdj->kij", W, W)
    return plotting.gram_panels(
        gram,
        titles=[f"p = {p:g}" for p in np.geomspace(1, 0.001, count)],
        bias=-0.1 * RNG.random((count, n)),
        norms=np.linalg.norm(W, axis=1),
        interference=RNG.random((count, n)) * 2,
        title=TITLE,
        caption=CAPTION,
    )


def phases(count=2):
    x, y = np.geomspace(0.1, 10, 9), np.geomspace(0.01, 1, 8)
    classes = RNG.integers(-1, 3, size=(8, 9))
    return plotting.phase_diagram(
        x,
        y,
        {f"map {k}": classes for k in range(count)},
        class_names=["second ignored", "first ignored", "antipodal pair"],
        xlabel="relative importance",
        ylabel="feature probability",
        boundaries={"theory, with bias": (x, 0.5 / x), "theory, without": (x, x / 20)},
        title=TITLE,
        caption=CAPTION,
    )


def dimensions():
    return plotting.dimensions_per_feature(
        np.geomspace(1, 20, 12),
        RNG.uniform(0.3, 1, size=(5, 12)),
        xlabel="1/(1−S)",
        ylabel="dimensions per feature",
        curve_names=["median", "single seeds"],
        title=TITLE,
        caption=CAPTION,
    )


def scatter(with_graphs=True):
    graph = np.kron(np.eye(4), np.ones((3, 3))) - np.eye(12)
    x = np.geomspace(1, 20, 12)
    return plotting.dimensionality_scatter(
        x,
        RNG.random((12, 60)),
        xlabel="1/(1−S)",
        ylabel="feature dimensionality",
        graphs=[
            FeatureGraph(graph, f"1/(1−S) = {x[level]:.1f}", level)
            for level in (1, 3, 5, 8, 11)
        ]
        if with_graphs
        else (),
        dimensions=np.linspace(1, 0.4, 12),
        dimensions_name="d/‖W‖²",
        title=TITLE,
        caption=CAPTION,
    )


def curves(count=4):
    x = np.geomspace(1, 100, 10)
    lines = [
        over_seeds(f"model {k}", x, (k + RNG.random((5, 10)))) for k in range(count)
    ]
    return plotting.curve_figure(
        [*lines, Curve("theory", x, np.sqrt(x), dashed=True)],
        xlabel="1/(1−S)",
        ylabel="loss",
        xscale="log",
        references={"ignore everything": 14.0, "linear model": 13.9},
        xlines={"critical": 7.0},
        title=TITLE,
        caption=CAPTION,
    )


def multiples():
    x = np.geomspace(1, 100, 10)
    return plotting.small_multiples(
        {
            f"n = {n}": [
                over_seeds(name, x, 0.1 + RNG.random((3, 10)))
                for name in ("ReLU", "linear", "untrained")
            ]
            for n in (5, 10, 20, 40, 80)
        },
        xlabel="1/(1−S)",
        ylabel="loss",
        xscale="log",
        yscale="log",
        references={"theory": 2.0},
        title=TITLE,
        caption=CAPTION,
    )


def points():
    x = np.geomspace(0.1, 5, 30)
    kinds = [plotting.Points(name, x, RNG.random(30) + 0.2) for name in ("a", "b")]
    return plotting.scatter_panels(
        {"one kind of data": kinds, "another kind of data": kinds},
        curves={"one kind of data": [Curve("theory", x, x, dashed=True, color=6)]},
        references={"PCA": 1.0},
        xlines={"source: 2.5": 2.5},
        xlabel="times sparser",
        ylabel="loss",
        xscale="log",
        yscale="log",
        title=TITLE,
        caption=CAPTION,
    )


def learning(named=True):
    step = np.arange(1, 51) * 200
    return plotting.learning_curves(
        step,
        RNG.random((50, 9)) + 0.1,
        names=[f"p = {k}" for k in range(9)] if named else (),
        xlabel="step",
        ylabel="loss",
        references={"ignore everything": 1.4},
        title=TITLE,
        caption=CAPTION,
    )


def levels():
    step = np.r_[0, np.geomspace(1, 10_000, 20)]
    return plotting.levels_over_training(
        step,
        RNG.random((21, 30)),
        np.arange(1, 51) * 200,
        RNG.random(50) + 0.1,
        xlabel="step",
        ylabel="feature dimensionality",
        loss_label="loss",
        jumps=[100.0],
        title=TITLE,
        caption=CAPTION,
    )


def paths():
    steps = np.linspace(0.1, 1, 20)[:, None, None]
    return plotting.vector_paths(
        steps * pentagon(),
        xlabel="open circles: start",
        labels=list("12345"),
        title=TITLE,
        caption=CAPTION,
    )


def detection(rows=6, columns=3):
    x = np.geomspace(0.003, 1, 30)
    names = [f"detector {k}" for k in range(rows)]
    middle = RNG.random((rows, columns))
    kinds = [f"scenario {k}" for k in range(columns)]
    return plotting.detection_figure(
        names,
        [f"against {kind}, of some kind" for kind in kinds],
        np.stack([middle, middle - 0.1, middle + 0.1]).clip(0, 1),
        roc={
            name: [Curve("", x, x**0.5, x, x**0.3) for _ in kinds] for name in names[:3]
        },
        scores={
            name: {kind: RNG.normal(size=50) for kind in [*kinds, "B"]}
            for name in names[:3]
        },
        groups={"those of one kind": 0, **({"others": 2} if rows > 2 else {})},
        hollow=middle.T[::-1].T,
        hollow_name="others",
        references={"chance": 0.5, "solved": 0.95},
        xlabel="AUROC",
        score_label="score",
        title=TITLE,
        caption=CAPTION,
    )


def detection_dots():
    middle = RNG.random((5, 2))
    return plotting.detection_figure(
        [f"detector {k}" for k in range(5)],
        ["the whole point", "half of it"],
        np.stack([middle, middle - 0.1, middle + 0.1]).clip(0, 1),
        groups={"those of one kind": 0, "others": 3},
        references={"chance": 0.5, "solved": 0.95},
        xlabel="AUROC",
        title=TITLE,
        caption=CAPTION,
    )


def verdicts():
    return plotting.verdict_strip(
        [f"TMS-{k}" for k in range(1, 26)] + ["TMS-14c-hexagon"],
        ["supported", "inconclusive"] * 12 + ["not supported"] * 2,
        title=TITLE,
        caption=CAPTION,
    )


FIGURES = {
    "polygons": polygons,
    "polygons in three columns": lambda: polygons(columns=3),
    "groups": groups,
    "octahedron": octahedron,
    "grams": grams,
    "one gram": lambda: grams(count=1),
    "many features": lambda: grams(count=8, n=80),
    "one phase diagram": lambda: phases(1),
    "two phase diagrams": phases,
    "three phase diagrams": lambda: phases(3),
    "dimensions": dimensions,
    "scatter": lambda: scatter(with_graphs=False),
    "scatter with graphs": scatter,
    "curves": curves,
    "many curves": lambda: curves(8),
    "multiples": multiples,
    "points": points,
    "learning": learning,
    "learning without names": lambda: learning(named=False),
    "levels": levels,
    "paths": paths,
    "detection": detection,
    "dots of detectors alone": detection_dots,
    "detection of little": lambda: detection(rows=1, columns=1),
    "verdicts": verdicts,
}


def texts(figure: Figure) -> list[tuple[Text, Bbox]]:
    """All texts that are drawn, and where, after the layout."""
    figure.draw_without_rendering()
    # An axis keeps spare ticks outside its limits, and axes without a frame keep all of
    # theirs; none of these is drawn.
    hidden = set()
    for axes in figure.axes:
        for axis in axes._axis_map.values():
            shown = axis._update_ticks() if axes.axison else []
            for tick in [*axis.get_major_ticks(), *axis.get_minor_ticks()]:
                if tick not in shown:
                    hidden |= {tick.label1, tick.label2}
            if not axes.axison:
                hidden |= {axis.label, axis.offsetText}
    return [
        (item, item.get_window_extent())
        for item in figure.findobj(Text)
        if item.get_visible() and item.get_text().strip() and item not in hidden
    ]


@pytest.fixture(scope="module")
def drawn():
    """All figures with their texts, drawn once; drawing must leave no trace."""
    before = dict(matplotlib.rcParams)
    figures = {name: make() for name, make in FIGURES.items()}
    result = {name: (figure, texts(figure)) for name, figure in figures.items()}
    assert dict(matplotlib.rcParams) == before
    assert not _pylab_helpers.Gcf.figs
    return result


@pytest.mark.parametrize("name", FIGURES)
def test_no_text_passes_the_edge_of_the_figure(drawn, name):
    figure, items = drawn[name]
    for item, box in items:
        inside = (
            box.x0 >= -1
            and box.y0 >= -1
            and box.x1 <= figure.bbox.width + 1
            and box.y1 <= figure.bbox.height + 1
        )
        assert inside, f"{item.get_text()!r} reaches {box} in {figure.bbox}"


@pytest.mark.parametrize("name", FIGURES)
def test_no_text_covers_another(drawn, name):
    items = drawn[name][1]
    for k, (item, box) in enumerate(items):
        for other, there in items[k + 1 :]:
            width = min(box.x1, there.x1) - max(box.x0, there.x0)
            height = min(box.y1, there.y1) - max(box.y0, there.y0)
            # Extents include empty space above and below the letters.
            covers = width > 2 and height > 4
            assert not covers, f"{item.get_text()!r} covers {other.get_text()!r}"


@pytest.mark.parametrize("name", FIGURES)
def test_the_title_and_the_caption_are_those_of_the_caller(drawn, name):
    figure = drawn[name][0]
    assert figure.get_suptitle().split() == TITLE.split()
    assert CAPTION.split() in [item.get_text().split() for item in figure.texts]


@pytest.mark.parametrize("name", FIGURES)
def test_no_text_is_smaller_than_a_reader_needs(drawn, name):
    # Long names in the tiles of verdicts are the one exception; subscripts of formulas
    # are not counted here.
    smallest = 6.0 if name == "verdicts" else 9.9
    assert min(item.get_fontsize() for item, _ in drawn[name][1]) >= smallest


def test_saving_changes_no_global_setting_and_opens_no_pyplot_figure():
    before = dict(matplotlib.rcParams)
    assert plotting.png_bytes(multiples()).startswith(b"\x89PNG")
    assert dict(matplotlib.rcParams) == before
    assert not _pylab_helpers.Gcf.figs


def test_axis_labels_and_panel_titles_are_those_of_the_caller():
    figure = phases(2)
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["map 0", "map 1"]
    assert figure.axes[0].get_ylabel() == "feature probability"
    assert {axes.get_xlabel() for axes in figure.axes} == {"relative importance"}
    axes = curves().axes[0]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("1/(1−S)", "loss")


def test_no_module_imports_pyplot():
    for path in pathlib.Path(plotting.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import | ast.ImportFrom):
                assert "pyplot" not in ast.unparse(node), path.name


def test_the_style_is_undone_after_the_block_even_on_an_error():
    before = dict(matplotlib.rcParams)
    with pytest.raises(KeyError), plotting.style():
        assert matplotlib.rcParams["figure.dpi"] == 130
        raise KeyError
    assert dict(matplotlib.rcParams) == before


def test_a_users_settings_change_no_figure():
    expected = plotting.png_bytes(dimensions_of_fixed_numbers())
    with matplotlib.rc_context({"font.size": 30, "axes.grid": True}):
        assert plotting.png_bytes(dimensions_of_fixed_numbers()) == expected


def dimensions_of_fixed_numbers():
    return plotting.dimensions_per_feature(
        np.geomspace(1, 20, 4), np.ones((2, 4)), xlabel="x", ylabel="y"
    )


def test_equal_figures_have_equal_bytes(tmp_path):
    first = plotting.save_png(dimensions_of_fixed_numbers(), tmp_path / "a.png")
    second = plotting.save_png(dimensions_of_fixed_numbers(), tmp_path / "b.png")
    assert first.read_bytes() == second.read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.png", "b.png"]


def test_a_second_caption_replaces_the_first():
    figure = dimensions()
    plotting.set_caption(figure, "another")
    assert [item.get_text() for item in figure.texts] == [TITLE, "another"]


def test_the_caption_line_leaves_out_what_is_not_given():
    plain = plotting.caption_line(seeds=1, loss="sum", others={"n": 5})
    assert plain.replace("\u00a0", " ") == "1 seed · loss: sum · n: 5"


def test_a_diverged_run_leaves_a_gap_and_no_warning():
    W = np.stack([pentagon(), np.full((2, 5), np.nan)])
    gram = np.einsum("kdi,kdj->kij", W, W)
    nan = np.full((3, 4), np.nan)
    x = np.geomspace(1, 8, 4)
    for figure in (
        plotting.vector_panels(W, titles=["a", "b"]),
        plotting.gram_panels(
            gram, titles=["a", "b"], norms=gram[:, 0], interference=gram[:, 1]
        ),
        plotting.dimensions_per_feature(x, nan, xlabel="", ylabel=""),
        plotting.dimensionality_scatter(x, nan.T, xlabel="", ylabel=""),
        plotting.curve_figure(
            [over_seeds("a", x, nan)], xlabel="", ylabel="", yscale="log"
        ),
        plotting.learning_curves(x, nan.T, xlabel="", ylabel=""),
    ):
        assert plotting.png_bytes(figure)
