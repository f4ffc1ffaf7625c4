"""Toy models of superposition: train them, look at their geometry, probe them.

    import toymodels as tm

Axis letters, used everywhere: `runs` the ensemble axis (seeds × members), n features,
d hidden dimensions, `batch` samples. Samples are columns, x: (n, batch); feature i is
column i of W: (d, n).
"""

from toymodels.config import SettingsError as SettingsError
from toymodels.features import *  # noqa: F403 (one reviewed list, in features/)
from toymodels.models import Autoencoder as Autoencoder
from toymodels.models import ComputationModel as ComputationModel
from toymodels.training import DivergedWarning as DivergedWarning
from toymodels.training import Objective as Objective
from toymodels.training import Optimiser as Optimiser
from toymodels.training import Run as Run
from toymodels.training import TrainSpec as TrainSpec
from toymodels.training import linear_steps as linear_steps
from toymodels.training import log_spaced_steps as log_spaced_steps
from toymodels.training import preset as preset
from toymodels.training import train as train
