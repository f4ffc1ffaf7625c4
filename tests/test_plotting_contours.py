"""Contours in a quadrant, and exponents with their intervals."""

import numpy as np

import toymodels.plotting as plotting

PHI = np.linspace(0, np.pi / 2, 9)


def test_contours_are_drawn_over_their_axis_radii_with_the_ellipse():
    radii = np.array([[2.0] * 9, [np.nan] * 4 + [3.0] * 5])
    figure = plotting.contour_panels(
        {
            "a: p = 2.50": plotting.ContourSet(PHI, radii, 2.5),
            "b": plotting.ContourSet(PHI, radii[:1], np.nan, color=1),
        },
        xlabel="u",
        ylabel="v",
        title="title",
        caption="caption",
    )
    first, second = figure.axes
    round_one = first.lines[0].get_xydata()
    np.testing.assert_allclose(np.hypot(*round_one.T), 1)
    ellipse, fitted = (line.get_xydata() for line in first.lines[-2:])
    np.testing.assert_allclose((ellipse**2).sum(axis=1), 1)
    np.testing.assert_allclose((fitted**2.5).sum(axis=1), 1, rtol=1e-6)
    assert len(second.lines) == 2  # no curve of an exponent that is none
    assert first.get_aspect() == 1.0
    figure.draw_without_rendering()


def test_dots_are_medians_with_their_range_and_what_is_nan_is_left_out():
    values = np.array([[1.0, np.nan], [2.0, np.nan], [4.0, np.nan]])
    figure = plotting.exponent_intervals(
        ["first", "second"],
        {"features": values, "random": values + 1},
        xlabel="p",
        shares={"features": 0 * values + 0.25},
        share_label="share",
        references={"quadratic": 2.0},
        groups=(1,),
        xscale="log",
        title="title",
        caption="caption",
    )
    dots, shares = figure.axes
    x, y = dots.lines[1].get_data()
    assert x[0] == 2.0 and np.isnan(x[1]) and y[0] < 0 < dots.lines[2].get_ydata()[0]
    line = dots.collections[0].get_segments()[0]
    np.testing.assert_allclose(line[:, 0], [1, 4])
    np.testing.assert_allclose(shares.lines[0].get_xdata()[0], 0.25)
    labels = [label.get_text() for label in figure.legends[0].get_texts()]
    assert labels == ["features", "random"]
    assert dots.get_xscale() == "log" and dots.get_ylim() == (1.5, -0.5)
    figure.draw_without_rendering()
