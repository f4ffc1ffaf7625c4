"""Can one tell that a backdoor fired? Detectors, and how they are judged.

A detector is fitted to reference observations of one model and then scores others;
**higher is more anomalous**. `DETECTORS` has them all by name. `evaluate` lets them
score the scenarios of `SCENARIOS` in the worlds of a trained ensemble:

    worlds = planted_worlds(run.spec, run.params)
    found = evaluate(worlds, [make_detector("mahalanobis")])
    found.auroc  # (detectors, comparisons, runs); the first comparison is B∪B' vs C
"""

from toymodels.anomaly.attribution import Attribution as Attribution
from toymodels.anomaly.base import BOUNDS as BOUNDS
from toymodels.anomaly.base import DETECTORS as DETECTORS
from toymodels.anomaly.base import SEES as SEES
from toymodels.anomaly.base import Detector as Detector
from toymodels.anomaly.base import Fitted as Fitted
from toymodels.anomaly.base import detector as detector
from toymodels.anomaly.base import make_detector as make_detector
from toymodels.anomaly.checks import ReferenceWarning as ReferenceWarning
from toymodels.anomaly.comparisons import SCENARIOS as SCENARIOS
from toymodels.anomaly.comparisons import Comparison as Comparison
from toymodels.anomaly.comparisons import comparisons_of as comparisons_of
from toymodels.anomaly.data_leverage import Leverage as Leverage
from toymodels.anomaly.distinct import first_of_copies as first_of_copies
from toymodels.anomaly.ensemble import fit_each as fit_each
from toymodels.anomaly.ensemble import score_each as score_each
from toymodels.anomaly.evaluation import Evaluation as Evaluation
from toymodels.anomaly.evaluation import difference as difference
from toymodels.anomaly.evaluation import evaluate as evaluate
from toymodels.anomaly.evaluation import over_seeds as over_seeds
from toymodels.anomaly.gram_bounds import GramBounds as GramBounds
from toymodels.anomaly.likelihood_ratio import LikelihoodRatio as LikelihoodRatio
from toymodels.anomaly.linear_explanation import LinearExplanation as LinearExplanation
from toymodels.anomaly.linear_explanation import RandomSubspaces as RandomSubspaces
from toymodels.anomaly.mahalanobis import Mahalanobis as Mahalanobis
from toymodels.anomaly.neighbours import NearestNeighbours as NearestNeighbours
from toymodels.anomaly.norm import Norm as Norm
from toymodels.anomaly.observations import Context as Context
from toymodels.anomaly.observations import Labels as Labels
from toymodels.anomaly.observations import Observations as Observations
from toymodels.anomaly.observations import observe as observe
from toymodels.anomaly.planted import planted_share as planted_share
from toymodels.anomaly.planted import planted_worlds as planted_worlds
from toymodels.anomaly.planted import unplanted_twin as unplanted_twin
from toymodels.anomaly.probe import SupervisedProbe as SupervisedProbe
from toymodels.anomaly.random_score import RandomScore as RandomScore
from toymodels.anomaly.reconstruction import ReconstructionError as ReconstructionError
from toymodels.anomaly.reference import Reference as Reference
from toymodels.anomaly.reference import draw_reference as draw_reference
from toymodels.anomaly.roc import auroc as auroc
from toymodels.anomaly.roc import average_precision as average_precision
from toymodels.anomaly.roc import roc_curve as roc_curve
from toymodels.anomaly.roc import tpr_at_fpr as tpr_at_fpr
from toymodels.anomaly.scenarios import Backdoor as Backdoor
from toymodels.anomaly.scenarios import Combinations as Combinations
from toymodels.anomaly.scenarios import NearMisses as NearMisses
from toymodels.anomaly.scenarios import NoisyBackdoor as NoisyBackdoor
from toymodels.anomaly.scenarios import Normal as Normal
from toymodels.anomaly.scenarios import Scenario as Scenario
from toymodels.anomaly.scenarios import draw_scenario as draw_scenario
from toymodels.anomaly.scikit import IsolationForest as IsolationForest
from toymodels.anomaly.scikit import LocalOutlierFactor as LocalOutlierFactor
from toymodels.anomaly.scrubbing import CausalScrubbing as CausalScrubbing
from toymodels.anomaly.shifts import AlwaysOn as AlwaysOn
from toymodels.anomaly.shifts import NeverSeen as NeverSeen
from toymodels.anomaly.shifts import OverMany as OverMany
from toymodels.anomaly.sparse_code import OracleCode as OracleCode
from toymodels.anomaly.sparse_code import (
    OracleCodeWithBackdoor as OracleCodeWithBackdoor,
)
from toymodels.anomaly.sparse_code import code_cost as code_cost
from toymodels.anomaly.sparse_code import sparse_code as sparse_code
from toymodels.anomaly.spectral import QuantumEntropy as QuantumEntropy
from toymodels.anomaly.spectral import SpectralSignature as SpectralSignature
from toymodels.anomaly.world import World as World
