import numpy as np
import pytest

from toymodels.plotting import Surface, png_bytes, surface_panels

AXIS = np.linspace(-1.0, 1.0, 21)
BOWL = AXIS**2 + AXIS[:, None] ** 2


def draw(**options):
    surfaces = {
        "bowl": Surface(
            BOWL,
            {"ends": np.zeros((3, 2)), "optimum": np.zeros((1, 2))},
            np.zeros((2, 5, 2)) + AXIS[:5, None],
        ),
        "higher": Surface(BOWL + 0.1),
    }
    return surface_panels(
        AXIS,
        AXIS,
        surfaces,
        xlabel="x",
        ylabel="y",
        value_label="height",
        path_label="descent",
        title="Two bowls",
        caption="caption",
        **{"limit": 1.0} | options,
    )


def test_one_scale_and_one_legend_for_all_panels():
    figure = draw()
    panels = [axes for axes in figure.axes if axes.get_title(loc="left")]
    assert [axes.get_title(loc="left") for axes in panels] == ["bowl", "higher"]
    (legend,) = figure.legends
    names = [text.get_text() for text in legend.get_texts()]
    assert names == ["descent", "ends", "optimum"]
    assert png_bytes(figure) == png_bytes(draw())


def test_the_lowest_ground_sets_the_colours():
    bar = draw().axes[-1]
    assert bar.get_xlim() == pytest.approx((0.0, 1.0))


def test_a_limit_below_everything_is_refused():
    with pytest.raises(ValueError, match="limit: got -1"):
        draw(limit=-1.0)
