"""Can one tell that a backdoor fired? Detectors, and how they are judged.

A detector is fitted to reference observations of one model and then scores others;
**higher is more anomalous**. `DETECTORS` has them all by name.
"""

from toymodels.anomaly.base import BOUNDS as BOUNDS
from toymodels.anomaly.base import DETECTORS as DETECTORS
from toymodels.anomaly.base import SEES as SEES
from toymodels.anomaly.base import Detector as Detector
from toymodels.anomaly.base import Fitted as Fitted
from toymodels.anomaly.base import detector as detector
from toymodels.anomaly.base import make_detector as make_detector
from toymodels.anomaly.checks import ReferenceWarning as ReferenceWarning
from toymodels.anomaly.ensemble import fit_each as fit_each
from toymodels.anomaly.ensemble import score_each as score_each
from toymodels.anomaly.norm import Norm as Norm
from toymodels.anomaly.observations import Context as Context
from toymodels.anomaly.observations import Labels as Labels
from toymodels.anomaly.observations import Observations as Observations
from toymodels.anomaly.observations import observe as observe
from toymodels.anomaly.random_score import RandomScore as RandomScore
