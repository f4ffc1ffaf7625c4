"""A question that is asked before the result is shown.

To commit to a guess and then to see it fail teaches more than to read the right answer;
so the result stays hidden until there is a guess.
"""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

from toymodels.config import SettingsError
from toymodels.lessons.note import Note
from toymodels.lessons.picture import shown


@dataclasses.dataclass(frozen=True)
class Prediction:
    """One question with a few options.

    The reader writes the letter of an option into a variable, which is None at first.

    Attributes:
        blank: name of that variable.
        question: Markdown.
        options: letter of each option and its text.
        right: letter of the right one.
        because: for every letter, what to say to a reader who chose it: why it is
            right, or what it overlooks.
    """

    blank: str
    question: str
    options: Mapping[str, str]
    right: str
    because: Mapping[str, str]

    def __post_init__(self):
        if self.right not in self.options:
            raise SettingsError(
                "right", self.right, f"one of {', '.join(self.options)}"
            )
        if set(self.because) != set(self.options):
            raise SettingsError(
                "because",
                ", ".join(self.because),
                f"an explanation of each of {', '.join(self.options)}",
            )

    @property
    def answer(self) -> str:
        """What a reader who knows writes into the blank."""
        return self.right

    @property
    def wrong_answers(self) -> list[str]:
        """All other letters."""
        return [letter for letter in self.options if letter != self.right]

    def ask(self) -> Note:
        """The question with its options."""
        options = "\n".join(f"- **{k}**: {v}" for k, v in self.options.items())
        where = f"Write your letter into `{self.blank}` in the next cell, then run it."
        return Note(f"**Predict.** {self.question}\n\n{options}\n\n{where}")

    def check(self, guess: Any) -> Note:
        """What to say to a guess.

        Args:
            guess: None, or a letter.
        """
        if guess is None:
            return Note(
                f"**No guess yet.** Set `{self.blank}` to one of "
                f"{self._letters()}. A wrong guess costs nothing.",
                "warn",
            )
        letter = guess.strip().lower() if isinstance(guess, str) else None
        if letter not in self.options:
            return Note(
                f"`{self.blank} = {guess!r}` is none of the options: write one of "
                f"{self._letters()}, with its quotation marks.",
                "warn",
            )
        if letter == self.right:
            return Note(f"**Yes.** {self.because[letter]}", "success", True)
        return Note(
            f"**Not quite.** {self.because[letter]}\n\n"
            f"The answer is **{self.right}**: {self.because[self.right]}",
            "danger",
            False,
            letter,
        )

    def reveal(self, guess: Any, result: Callable[[], Any]) -> Any:
        """The result, once there is a guess, right or wrong.

        Args:
            guess: what the reader wrote into the blank.
            result: makes what is shown; not called before. A figure becomes a
                `Picture`.
        """
        if self.check(guess).passed is None:
            return Note("The result appears here after your guess.", "warn")
        return shown(result)

    def _letters(self) -> str:
        return ", ".join(f'`"{letter}"`' for letter in self.options)
