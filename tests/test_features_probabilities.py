"""Power-law and geometric feature probabilities."""

import numpy as np
import pytest

from toymodels.config import SettingsError
from toymodels.features import geometric_probability, power_law_probability


def test_power_law_by_hand():
    np.testing.assert_allclose(
        power_law_probability(3, 1.0, peak=0.6), [0.6, 0.3, 0.2], rtol=1e-12
    )
    by_mean = power_law_probability(100, 1.1, mean=0.01)
    np.testing.assert_allclose(by_mean.mean(), 0.01, rtol=1e-12)
    slope = np.diff(np.log(by_mean)) / np.diff(np.log(np.arange(1, 101)))
    np.testing.assert_allclose(slope, -1.1, rtol=1e-9)
    np.testing.assert_allclose(power_law_probability(4, 0, mean=0.3), 0.3)


def test_geometric_by_hand():
    np.testing.assert_allclose(
        geometric_probability(3, 0.8, 0.5), [0.8, 0.4, 0.2], rtol=1e-12
    )


@pytest.mark.parametrize(
    ("field", "build"),
    [
        ("n", lambda: power_law_probability(0, 1.0, peak=0.5)),
        ("exponent", lambda: power_law_probability(3, -1.0, peak=0.5)),
        ("peak", lambda: power_law_probability(3, 1.0, peak=1.5)),
        ("mean", lambda: power_law_probability(3, 1.0, mean=0.9)),
        ("mean", lambda: power_law_probability(3, 1.0, mean=float("nan"))),
        ("peak, mean", lambda: power_law_probability(3, 1.0)),
        ("peak, mean", lambda: power_law_probability(3, 1.0, peak=0.1, mean=0.1)),
        ("first", lambda: geometric_probability(3, 0.0, 0.5)),
        ("ratio", lambda: geometric_probability(3, 0.5, 1.5)),
        ("ratio", lambda: geometric_probability(300, 0.5, 0.5)),
    ],
)
def test_bad_input_names_the_field(field, build):
    with pytest.raises(SettingsError) as error:
        build()
    assert error.value.field == field
