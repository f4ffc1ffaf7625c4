"""What a model is: settings that build Flax modules and apply them purely."""

from toymodels.models.autoencoder import Autoencoder as Autoencoder
from toymodels.models.autoencoder import AutoencoderModule as AutoencoderModule
from toymodels.models.base import ModelSettings as ModelSettings
from toymodels.models.base import Params as Params
from toymodels.models.computation import ComputationModel as ComputationModel
from toymodels.models.computation import ComputationModule as ComputationModule
from toymodels.models.residual_denoiser import ResidualDenoiser as ResidualDenoiser
