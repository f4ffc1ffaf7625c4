"""Making a trained ensemble: settings in, `Run` out."""

from toymodels.training.checkpoint import CheckpointError as CheckpointError
from toymodels.training.checkpoint import Checkpoints as Checkpoints
from toymodels.training.checkpoint import (
    DamagedCheckpointWarning as DamagedCheckpointWarning,
)
from toymodels.training.checkpoint import checkpointed_chunks as checkpointed_chunks
from toymodels.training.memory import check_memory as check_memory
from toymodels.training.memory import check_need as check_need
from toymodels.training.memory import estimate_bytes as estimate_bytes
from toymodels.training.memory import memory_need as memory_need
from toymodels.training.mesh import runs_mesh as runs_mesh
from toymodels.training.objective import Objective as Objective
from toymodels.training.optimiser import Optimiser as Optimiser
from toymodels.training.optimiser import Preset as Preset
from toymodels.training.optimiser import preset as preset
from toymodels.training.parts import join as join
from toymodels.training.parts import part as part
from toymodels.training.parts import parts_of as parts_of
from toymodels.training.run import ChunkReport as ChunkReport
from toymodels.training.run import DivergedWarning as DivergedWarning
from toymodels.training.run import History as History
from toymodels.training.run import Run as Run
from toymodels.training.run import Snapshots as Snapshots
from toymodels.training.run import finish as finish
from toymodels.training.run import is_complete as is_complete
from toymodels.training.run import run_chunks as run_chunks
from toymodels.training.run import train as train
from toymodels.training.spec import TrainSpec as TrainSpec
from toymodels.training.spec import linear_steps as linear_steps
from toymodels.training.spec import log_spaced_steps as log_spaced_steps
from toymodels.training.state import TrainState as TrainState
from toymodels.training.status import BUDGET_SPENT as BUDGET_SPENT
from toymodels.training.status import CONVERGED as CONVERGED
from toymodels.training.status import NON_FINITE as NON_FINITE
from toymodels.training.status import STATUS_NAMES as STATUS_NAMES
from toymodels.training.weights import Weights as Weights
from toymodels.training.weights import WeightsError as WeightsError
from toymodels.training.weights import load_weights as load_weights
from toymodels.training.weights import save_weights as save_weights
