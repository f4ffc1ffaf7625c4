"""What the lessons in the folder `lessons/` are made of.

    from toymodels.lessons import Exercise, Mistake, Prediction, lesson_scale, text

Everything here works without marimo; with it, the same objects show as its callouts and
accordions. Only the widgets, `show_features` and `show_training`, need the extra
`lessons`.
"""

from toymodels.lessons.exercise import Exercise as Exercise
from toymodels.lessons.exercise import Mistake as Mistake
from toymodels.lessons.note import Fold as Fold
from toymodels.lessons.note import Note as Note
from toymodels.lessons.note import hint as hint
from toymodels.lessons.note import solution as solution
from toymodels.lessons.note import text as text
from toymodels.lessons.picture import Picture as Picture
from toymodels.lessons.picture import picture as picture
from toymodels.lessons.prediction import Prediction as Prediction
from toymodels.lessons.scale import Scale as Scale
from toymodels.lessons.scale import lesson_scale as lesson_scale
from toymodels.lessons.widget import show_features as show_features
from toymodels.lessons.widget import show_training as show_training
