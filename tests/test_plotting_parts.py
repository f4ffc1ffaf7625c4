"""The pieces of figures: colours, scales, cells, graphs, frames, verdicts."""

import io
import itertools

import matplotlib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure
from PIL import Image

import toymodels.plotting as plotting
from toymodels.plotting.graphs import graph_layout
from toymodels.plotting.marks import cell_edges, spread
from toymodels.plotting.palette import (
    AREAS,
    CYCLE,
    DIVERGING,
    dark_sequential,
    symmetric_norm,
)
from toymodels.plotting.summary import VERDICT_LOOKS

# Machado, Oliveira and Fernandes (2009), complete deficiency, for linear RGB.
DEUTERANOPIA = np.array(
    [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ]
)
PROTANOPIA = np.array(
    [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ]
)


def lab(color, deficiency) -> np.ndarray:
    """CIELAB coordinates (D65) of a colour as seen through the deficiency."""
    rgb = np.array(to_rgb(color))
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    linear = np.clip(deficiency @ linear, 0.0, 1.0)
    to_xyz = np.array(
        [
            [0.4124564, 0.3575761, 0.1804375],
            [0.2126729, 0.7151522, 0.0721750],
            [0.0193339, 0.1191920, 0.9503041],
        ]
    )
    ratio = to_xyz @ linear / np.array([0.95047, 1.0, 1.08883])
    f = np.where(ratio > 0.008856, np.cbrt(ratio), 7.787 * ratio + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def smallest_distance(colors, deficiency) -> float:
    seen = [lab(color, deficiency) for color in colors]
    return min(float(np.linalg.norm(a - b)) for a, b in itertools.combinations(seen, 2))


@pytest.mark.parametrize("deficiency", [np.eye(3), DEUTERANOPIA, PROTANOPIA])
@pytest.mark.parametrize(
    "colors",
    [CYCLE, AREAS, [look[1] for look in VERDICT_LOOKS.values()]],
    ids=["lines", "areas", "verdicts"],
)
def test_colours_stay_apart_for_the_colour_blind(colors, deficiency):
    # A difference of about 2 is just seen side by side.
    assert smallest_distance(colors, deficiency) > 14


def test_the_usual_red_and_green_would_fail_that_test():
    # The control: Matplotlib's former default cycle.
    red_and_green = matplotlib.color_sequences["tab10"][:6]
    assert smallest_distance(red_and_green, DEUTERANOPIA) < 14


def test_lines_are_dark_enough_on_white():
    pale = [color for color in CYCLE if lab(color, np.eye(3))[0] > 78]
    assert pale == []
    assert lab(dark_sequential()(0.0), np.eye(3))[0] < 82


def test_the_style_sheet_has_the_same_cycle():
    with plotting.style():
        cycle = matplotlib.rcParams["axes.prop_cycle"].by_key()["color"]
    assert [to_hex(color) for color in cycle] == [to_hex(color) for color in CYCLE]


@pytest.mark.parametrize("values", [[-0.2, 3.0], [-3.0, 1.0], [0.0, 0.0], [np.nan, 2]])
def test_signed_scales_are_symmetric_about_0(values):
    norm = symmetric_norm(np.array(values))
    assert norm.vmin == -norm.vmax and norm.vmax > 0
    assert DIVERGING(norm(0.0)) == DIVERGING(0.5)


def test_all_matrices_of_a_figure_share_one_symmetric_scale():
    gram = np.stack([np.eye(4), -3.0 * np.eye(4)])
    figure = plotting.gram_panels(
        gram, titles=["a", "b"], bias=np.zeros((2, 4)), norms=np.ones((2, 4))
    )
    limits = [image.get_clim() for axes in figure.axes for image in axes.images]
    assert limits == [(-3.0, 3.0)] * 4


def test_bars_stand_beside_the_rows_of_their_matrix():
    figure = plotting.gram_panels(
        np.eye(4)[None], titles=["a"], norms=np.array([[1.0, 0.5, 0.2, 0.0]])
    )
    figure.draw_without_rendering()
    matrix, bars = figure.axes[:2]
    for row, bar in enumerate(bars.patches):
        box = bar.get_window_extent()
        middle = matrix.transData.transform((0, row))[1]
        assert (box.y0 + box.y1) / 2 == pytest.approx(middle, abs=1.0)
        assert bar.get_width() == [1.0, 0.5, 0.2, 0.0][row]


def phase_colours(cells):
    axes = Figure().add_subplot()
    x = np.geomspace(0.1, 10, cells.shape[1])
    y = np.geomspace(0.01, 1, cells.shape[0])
    plotting.draw_phases(axes, x, y, cells)
    return axes.collections[0].get_array()


def test_phases_have_the_colours_of_their_classes_and_missing_ones_are_grey():
    colours = phase_colours(np.array([[0, 1], [2, -1]]))
    assert [to_hex(c) for c in colours[0]] == [AREAS[0].lower(), AREAS[1].lower()]
    assert to_hex(colours[1, 0]) == AREAS[2].lower()
    assert len(set(colours[1, 1])) == 1


def test_weights_of_classes_mix_their_colours():
    weights = np.array([[[0.5, 0.5, 0.0], [0.0, 0.0, 1.0], [np.nan] * 3]])
    colours = phase_colours(weights)
    expected = (np.array(to_rgb(AREAS[0])) + np.array(to_rgb(AREAS[1]))) / 2
    np.testing.assert_allclose(colours[0, 0], expected)
    assert to_hex(colours[0, 1]) == AREAS[2].lower()


def test_cell_edges_lie_halfway():
    np.testing.assert_allclose(
        cell_edges(np.array([1.0, 2.0, 4.0]), log=False), [0.5, 1.5, 3.0, 5.0]
    )
    np.testing.assert_allclose(
        cell_edges(np.array([1.0, 100.0]), log=True), [0.1, 10.0, 1000.0]
    )


@given(
    st.lists(st.floats(0, 1, allow_nan=False), min_size=1, max_size=8),
    st.floats(0.01, 0.3),
)
def test_labels_are_spread_no_further_than_they_must(positions, gap):
    positions = sorted(positions)
    placed = spread(positions, gap=gap)
    assert all(b - a >= gap - 1e-9 for a, b in itertools.pairwise(placed))
    if all(b - a >= gap for a, b in itertools.pairwise(positions)):
        assert placed == pytest.approx(positions)
    assert sum(placed) == pytest.approx(sum(positions))


def names_at_the_margin(figure):
    return [item.get_text() for item in figure.axes[0].texts]


def test_every_reference_line_is_named_at_the_margin():
    x = np.array([1.0, 2.0])
    figure = plotting.curve_figure(
        [plotting.Curve("a", x, x)],
        xlabel="x",
        ylabel="y",
        references={"far above": 9, "inside": 1.5},
    )
    assert sorted(names_at_the_margin(figure)) == ["far above", "inside"]
    assert figure.axes[0].get_ylim()[1] > 9


def test_named_fractions_are_those_of_the_polytopes():
    figure = plotting.dimensionality_scatter(
        np.array([1.0, 2.0]), np.ones((2, 3)), xlabel="x", ylabel="y"
    )
    heights = {line.get_ydata()[0] for line in figure.axes[0].lines[1:]}
    assert heights == {1.0, 3 / 4, 2 / 3, 1 / 2, 2 / 5, 3 / 8}
    assert len(names_at_the_margin(figure)) == 6


def test_every_feature_is_one_point_of_the_scatter_near_its_level():
    x = np.array([1.0, 2.0, 4.0])
    values = np.array([[1.0, 0.5, np.nan], [0.2, 0.4, 0.6], [0.1, 0.1, 0.1]])
    figure = plotting.dimensionality_scatter(x, values, xlabel="", ylabel="")
    points = figure.axes[0].lines[0]
    at_x, at_y = points.get_xdata(), points.get_ydata()
    assert sorted(at_y[np.isfinite(at_x)]) == sorted(values[np.isfinite(values)])
    nearest = np.abs(np.log(at_x[3:6])[:, None] - np.log(x)).argmin(axis=1)
    assert set(nearest) == {1}


def test_the_median_and_band_pass_over_runs_without_result():
    samples = np.array([[1.0, np.nan], [2.0, np.nan], [9.0, np.nan], [np.nan] * 2])
    curve = plotting.over_seeds("a", np.array([0.0, 1.0]), samples)
    np.testing.assert_array_equal(curve.y, [2.0, np.nan])
    np.testing.assert_array_equal(curve.low, [1.0, np.nan])
    np.testing.assert_array_equal(curve.high, [9.0, np.nan])


def test_a_pentagon_is_laid_out_as_a_pentagon():
    ring = np.roll(np.eye(5), 1, axis=0)
    positions = graph_layout(ring + ring.T)
    radius = np.linalg.norm(positions - positions.mean(axis=0), axis=1)
    assert np.ptp(radius) < 0.02 * radius.mean()


def test_components_of_a_graph_do_not_touch():
    sizes = [5, 4, 3, 3, 2, 2, 1, 1]
    linked = np.zeros((sum(sizes), sum(sizes)))
    start = 0
    boxes = []
    for size in sizes:
        linked[start : start + size, start : start + size] = 1 - np.eye(size)
        boxes.append(slice(start, start + size))
        start += size
    positions = graph_layout(linked)
    for one, other in itertools.combinations(boxes, 2):
        gap = positions[one][:, None] - positions[other][None]
        assert np.linalg.norm(gap, axis=-1).min() > 0.5


def moving(snaps=6):
    angle = np.linspace(0, 1, snaps)[:, None] + 2 * np.pi * np.arange(5) / 5
    W = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return {
        "W": np.stack([W, 0.5 * W], axis=1),
        "step": np.r_[0, np.geomspace(1, 1000, snaps - 1)],
        "loss_step": np.arange(1, 11) * 100,
        "loss": np.linspace(1, 0.1, 20).reshape(10, 2),
        "titles": ["dense", "sparse"],
        "loss_label": "loss",
        "step_label": "step",
        "title": "Training",
    }


def test_a_gif_has_one_frame_a_snapshot_and_the_same_bytes_each_time():
    before = dict(matplotlib.rcParams)
    content = plotting.training_gif(**moving(), colors=16, dpi=50)
    assert dict(matplotlib.rcParams) == before
    with Image.open(io.BytesIO(content)) as image:
        assert image.n_frames == 6
        assert image.info["loop"] == 0
        assert len(image.convert("RGB").getcolors()) <= 16
        assert image.convert("RGB").getpixel((1, 1)) == (255, 255, 255)
    assert plotting.training_gif(**moving(), colors=16, dpi=50) == content


def test_the_clock_of_a_gif_stands_where_it_is_told():
    def ink(**changes) -> np.ndarray:
        """Dark pixels of the upper and the lower half, at the left of the losses."""
        content = plotting.training_gif(**moving(), dpi=50, **changes)
        with Image.open(io.BytesIO(content)) as image:
            dark = np.asarray(image.convert("L"))[25:130, 290:400] < 100
        return np.array([half.sum() for half in np.array_split(dark, 2)])

    above, below = ink(clock_height=0.8), ink()
    assert above[0] > below[0] and above[1] < below[1]


def test_a_gif_needs_frames_of_one_size():
    with pytest.raises(ValueError, match="frames: got none"):
        plotting.gif_bytes([])
    with pytest.raises(ValueError, match="different sizes"):
        plotting.gif_bytes([plotting.new_figure(1.0), plotting.new_figure(2.0)])


def test_a_verdict_is_shown_by_symbol_and_text_and_counted():
    figure = plotting.verdict_strip(["A", "B"], ["supported", "not supported"])
    written = [item.get_text() for item in figure.axes[0].texts]
    assert written[:4] == ["✓", "A", "✗", "B"]
    assert "✓  supported: 1" in written and "?  inconclusive: 0" in written


def test_an_unknown_verdict_is_refused():
    with pytest.raises(ValueError, match="got 'proven', expected one of supported"):
        plotting.verdict_strip(["A"], ["proven"])
