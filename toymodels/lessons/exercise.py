"""Exercises that check themselves and say what is wrong.

The reader fills in a blank: a value, or a function. `check` compares it with the right
one, and a wrong one with the mistakes that people make: each has a name, an explanation
and, like the solution, a value or function of its own. So a test can put every mistake
into the blank and see that it gets its explanation.
"""

import dataclasses
import inspect
import textwrap
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from toymodels.config import shorten
from toymodels.lessons.note import Fold, Note
from toymodels.lessons.picture import shown


@dataclasses.dataclass(frozen=True)
class Mistake:
    """A wrong answer that people give.

    Attributes:
        name: short, such as "rows and columns are swapped".
        explanation: one or two sentences that lead on, without the solution.
        wrong: the value or function that comes of it.
    """

    name: str
    explanation: str
    wrong: Any


@dataclasses.dataclass(frozen=True)
class Exercise:
    """One blank, its right answer, and the mistakes that are recognised.

    Attributes:
        blank: name of the variable or function that the reader fills in.
        answer: the right value, or a function that the reader's must agree with.
        cases: for a function, the positional arguments of each call to compare; where
            its mistakes differ, so must their results on some case.
        mistakes: looked for in this order.
        hints: Markdown, from the gentlest to the plainest.
        explanation: Markdown shown below a right answer and with the solution.
        tolerance: largest absolute and relative difference that counts as equal.
        code: the solution as text; read when the exercise is made, while the cell that
            holds it is surely the one that runs.
    """

    blank: str
    answer: Any
    cases: Sequence[tuple] = ()
    mistakes: Sequence[Mistake] = ()
    hints: Sequence[str] = ()
    explanation: str = ""
    tolerance: float = 1e-4
    code: str = dataclasses.field(init=False)

    def __post_init__(self):
        code = _source(self.answer) if callable(self.answer) else self._assignment()
        object.__setattr__(self, "code", code)

    @property
    def asks_for_function(self) -> bool:
        """Whether the blank is a function."""
        return callable(self.answer)

    def check(self, given: Any) -> Note:
        """What to say to an answer.

        Args:
            given: what the reader filled in; None, `...`, or a function that returns
                one of them in every case, is no answer yet.

        Returns:
            A note with `passed`, and `mistake` where one was recognised. Nothing that
            the reader's function raises gets out.
        """
        if given is None or given is ...:
            return self._unanswered()
        if not self.asks_for_function:
            return self._judged(given, given, self.answer)
        if not callable(given):
            return self._wrong(
                f"`{self.blank}` is {_kind(given)}, and should be a function."
            )
        results = []
        for case in self.cases:
            try:
                # Arrays of the case are copied: a function that writes into its
                # argument would spoil the comparison.
                results.append(given(*_copied(case)))
            except Exception as error:
                return self._wrong(
                    f"`{self.blank}{_call(case)}` raised "
                    f"`{type(error).__name__}: {shorten(str(error), 160)}`."
                )
        empty = [result is None or result is ... for result in results]
        if all(empty):
            return self._unanswered()
        if any(empty):
            # One way through the function has lost its `return`.
            call = _call(self.cases[empty.index(True)])
            return self._wrong(f"`{self.blank}{call}` returned nothing.")
        expected = [self.answer(*_copied(case)) for case in self.cases]
        for case, result, right in zip(self.cases, results, expected, strict=True):
            if not self._equal(result, right):
                return self._judged(results, result, right, _call(case))
        return self._right()

    def reveal(self, given: Any, result: Callable[[], Any]) -> Any:
        """What would give the answer away, once there is an attempt, right or wrong.

        Args:
            given: what the reader filled in.
            result: makes what is shown; not called before. A figure becomes a
                `Picture`.
        """
        if self.check(given).passed is None:
            return Note("The result appears here after your attempt.", "warn")
        return shown(result)

    def help(self) -> Fold:
        """The hints and the solution, each of which unfolds."""
        many = len(self.hints) > 1
        parts = {
            f"Hint {k}" if many else "Hint": hint
            for k, hint in enumerate(self.hints, start=1)
        }
        solved = f"```python\n{self.code}\n```\n\n{self.explanation}"
        parts["Solution"] = solved.rstrip()
        return Fold(parts)

    def _assignment(self) -> str:
        return f"{self.blank} = {np.array2string(np.asarray(self.answer), precision=5)}"

    def _unanswered(self) -> Note:
        how = " (it has to `return` its result)" if self.asks_for_function else ""
        return Note(
            f"**Not answered yet.** Fill in `{self.blank}` above{how} and run "
            "the cell.",
            "warn",
        )

    def _right(self) -> Note:
        return Note(f"**Right.** {self.explanation}".rstrip(), "success", True)

    def _wrong(self, what: str, mistake: str = "") -> Note:
        return Note(f"**Not yet.** {what}", "danger", False, mistake)

    def _judged(self, given: Any, result: Any, right: Any, call: str = "") -> Note:
        """Right, or the most helpful that can be said of a wrong answer.

        Args:
            given: the value, or all results of the function.
            result: the value, or the first result that is wrong.
            right: what it should have been.
            call: arguments of the function that gave it.
        """
        if self._equal(result, right):
            return self._right()
        for mistake in self.mistakes:
            wrong = mistake.wrong
            if self.asks_for_function:
                wrong = [wrong(*_copied(case)) for case in self.cases]
                same = all(map(self._equal, given, wrong))
            else:
                same = self._equal(given, wrong)
            if same:
                name = mistake.name[:1].upper() + mistake.name[1:]
                return self._wrong(f"*{name}.* {mistake.explanation}", mistake.name)
        words = [self.answer(*_copied(case)) for case in self.cases] or [right]
        return self._wrong(_difference(f"`{self.blank}{call}`", result, right, words))

    def _equal(self, one: Any, other: Any) -> bool:
        one, other = _as_array(one), _as_array(other)
        if one is None or other is None or one.shape != other.shape:
            return False
        if _is_text(one) or _is_text(other):
            return bool(np.all(one == other))
        return np.allclose(
            one, other, rtol=self.tolerance, atol=self.tolerance, equal_nan=False
        )


def _as_array(value: Any) -> np.ndarray | None:
    """Numbers, truth values or text as an array; None for anything else."""
    try:
        array = np.asarray(value)
    except Exception:  # a ragged list, or whatever the reader's object does
        return None
    if _is_text(array):
        return array
    return array.astype(float) if array.dtype.kind in "biuf" else None


def _difference(name: str, result: Any, right: Any, answers: Sequence[Any]) -> str:
    """How a wrong result differs from the right one, without giving it away.

    Args:
        name: of what gave the result.
        result: the wrong one.
        right: what it should have been.
        answers: the right ones of all cases; of words they are the choice.
    """
    array, goal = _as_array(result), _as_array(right)
    if array is None or goal is None or _is_text(array) != _is_text(goal):
        return f"{name} is {_kind(result)}, and should be {_kind(right)}."
    if array.shape != goal.shape:
        should = "be a single number" if goal.shape == () else f"have {goal.shape}"
        return f"{name} has shape {array.shape}, and should {should}."
    if _is_text(array):
        return f"{name} is `{shorten(result)}`, {_wrong_words(array, goal, answers)}."
    if np.asarray(right).dtype.kind == "b" and array.ndim == 0:
        if array not in (0, 1):
            return f"{name} is {float(array):.4g}, and should be True or False."
        return f"{name} is {bool(array)}, and should be {bool(goal)}."
    if not np.array_equal(np.isfinite(array), np.isfinite(goal)):
        if np.isfinite(goal).all():
            return f"{name} is not finite: is there a division by zero?"
        return f"{name} is finite where it should not be."
    if np.allclose(array, -goal, rtol=1e-3):
        return f"{name} has the opposite sign."
    ratio = _common_ratio(array, goal)
    if ratio is not None:
        return f"{name} is {ratio:.3g} times what it should be."
    way = "large" if np.mean(array) > np.mean(goal) else "small"
    if array.ndim == 0:
        return f"{name} is {float(array):.4g}, which is too {way}."
    far = int(np.sum(~np.isclose(array, goal, rtol=1e-3, atol=1e-4)))
    same = np.isclose(np.mean(array), np.mean(goal), rtol=1e-3, atol=1e-4)
    mean = "" if same else f"; its mean is too {way}"
    return f"{name} is wrong in {far} of {array.size} entries{mean}."


def _wrong_words(array: np.ndarray, goal: np.ndarray, answers: Sequence[Any]) -> str:
    """What is wrong with text."""
    if np.array_equal(np.char.lower(np.char.strip(array)), np.char.lower(goal)):
        return "which differs from the right word only in capitals or spaces"
    choice = sorted({str(word) for answer in answers for word in np.ravel(answer)})
    if len(choice) > 1 and not set(np.ravel(array).tolist()) <= set(choice):
        return f"which is none of {', '.join(f'`{word!r}`' for word in choice)}"
    return "which is not right here"


def _common_ratio(array: np.ndarray, goal: np.ndarray) -> float | None:
    """The factor between two arrays of several numbers, if there is one."""
    there = goal != 0
    if there.sum() < 2 or np.any(array[~there] != 0) or not np.isfinite(goal).all():
        return None
    ratios = array[there] / goal[there]
    return float(ratios[0]) if np.allclose(ratios, ratios[0], rtol=1e-3) else None


def _is_text(array: np.ndarray) -> bool:
    return array.dtype.kind in "US"


def _kind(value: Any) -> str:
    array = _as_array(value)
    if array is None:
        return f"of type `{type(value).__name__}`"
    if _is_text(array):
        return "text"
    if isinstance(value, bool | np.bool_):
        return "a truth value"
    return "a number" if array.ndim == 0 else f"an array of shape {array.shape}"


def _call(case: tuple) -> str:
    """The arguments of a call in few words."""
    words = []
    for value in case:
        shape = np.shape(value)
        words.append(f"array of shape {shape}" if shape else shorten(value, 30))
    return f"({', '.join(words)})"


def _copied(case: tuple) -> tuple:
    return tuple(np.array(v) if isinstance(v, np.ndarray) else v for v in case)


def _source(function: Callable) -> str:
    try:
        return textwrap.dedent(inspect.getsource(function)).strip()
    except OSError:  # typed into a prompt that keeps no source
        return f"# {getattr(function, '__name__', 'the solution')} has no source here"
