"""The explorer: a page in the browser that trains, shows and probes small models."""

from toymodels.explorer.controls import Controls as Controls
from toymodels.explorer.trainer import Frame as Frame
from toymodels.explorer.trainer import LiveTrainer as LiveTrainer
