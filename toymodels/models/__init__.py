"""What a model is: settings that build Flax modules and apply them purely."""

from toymodels.models.autoencoder import Autoencoder as Autoencoder
from toymodels.models.autoencoder import AutoencoderModule as AutoencoderModule
from toymodels.models.base import ModelSettings as ModelSettings
from toymodels.models.base import Params as Params
from toymodels.models.computation import ComputationModel as ComputationModel
from toymodels.models.computation import ComputationModule as ComputationModule
from toymodels.models.denoiser_scales import ScaleScan as ScaleScan
from toymodels.models.denoiser_scales import scan_grid as scan_grid
from toymodels.models.denoiser_scales import scan_scales as scan_scales
from toymodels.models.frozen_denoiser import FrozenDenoiser as FrozenDenoiser
from toymodels.models.pairwise_and import PairwiseAnd as PairwiseAnd
from toymodels.models.quadratic_and import QuadraticAnd as QuadraticAnd
from toymodels.models.residual_denoiser import ResidualDenoiser as ResidualDenoiser
from toymodels.models.universal_and import UniversalAnd as UniversalAnd
