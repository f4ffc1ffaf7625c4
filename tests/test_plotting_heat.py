"""Heat maps say their numbers."""

import numpy as np
import pytest

from toymodels.plotting import heat_maps, png_bytes

X, Y = np.array([10, 20, 1000]), np.array([2, 4])
CELLS = np.array([[0.0, 0.5, 1.0], [0.25, np.nan, 0.75]])


def draw(**options):
    maps = {"one": CELLS, "half": CELLS / 2}
    return heat_maps(X, Y, maps, xlabel="T", ylabel="d", label="loss", **options)


def test_every_finite_number_is_written_into_its_cell():
    first, second, bar = draw().axes
    shown = {t.get_position(): t.get_text() for t in first.texts}
    assert shown == {
        (0, 0): "0.00", (1, 0): "0.50", (2, 0): "1.00", (0, 1): "0.25", (2, 1): "0.75",
    }  # fmt: skip
    assert [t.get_text() for t in first.get_xticklabels()] == ["10", "20", "1,000"]
    assert second.texts[-1].get_text() == "0.38"
    # One scale for both.
    assert bar.get_xlim() == pytest.approx((0.0, 1.0))


def test_numbers_can_be_read_on_their_colour():
    dark, *_, bright = sorted(draw().axes[0].texts, key=lambda t: float(t.get_text()))
    assert dark.get_color() == "white"
    assert bright.get_color() == "black"


def test_numbers_may_be_left_out_and_ends_be_given():
    figure = draw(number_format="", limits=(-1, 1))
    assert not figure.axes[0].texts
    assert figure.axes[-1].get_xlim() == pytest.approx((-1.0, 1.0))
    assert png_bytes(figure) == png_bytes(draw(number_format="", limits=(-1, 1)))
