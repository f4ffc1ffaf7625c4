"""What is asked of a trained model: each probe takes a function, not a model."""

from toymodels.probes.adversarial import harm as harm
from toymodels.probes.adversarial import strongest_harm as strongest_harm
from toymodels.probes.adversarial import tied_attacks as tied_attacks
from toymodels.probes.subject import Subject as Subject
