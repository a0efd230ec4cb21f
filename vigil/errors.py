"""The errors that people see. Each says what was wrong, where, and what to do.

VigilError
├── BadInput         a file that a person wrote is refused whole (file:line:column, the key, what is allowed)
├── BadRequest       a person asked for what does not exist, or makes no sense: a rule, a window, a site
└── (vigil.ecm.errors, vigil.delivery.errors and vigil.ledger.errors add their own below it)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from vigil.redaction import redacted

BRIEF = 60  # characters of a sentence that stand in the name of a run
_STOPS = (".", "?", "!", ";", ":")


class VigilError(Exception):
    """Base of every error meant for a person. Its text holds no secret, whatever it was made of."""

    def __init__(self, text: str = "") -> None:
        super().__init__(redacted(text))

    @property
    def brief(self) -> str:
        """What was wrong in a few words, for the name of a run: where a class has none of its own the sentence's beginning."""
        line = str(self).partition("\n")[0]
        return line if len(line) <= BRIEF else f"{line[:BRIEF].rsplit(' ', 1)[0]}…"


class BadRequest(VigilError):
    """What a person asked for does not exist or makes no sense. Nothing was done."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong in a file. Lines and columns count from 1; 0 where `file` names what nobody can open at a line."""

    file: str
    line: int
    column: int
    message: str  # what was found and what is allowed
    key: str = ""
    hint: str = ""  # "Did you mean ...?"

    def __str__(self) -> str:
        stop = "" if self.message.endswith(_STOPS) else "."
        hint = f"{stop} {self.hint}" if self.hint else ""
        place = f"{self.file}:{self.line}:{self.column} " if self.line else f"{self.file}:"
        return f"{place} {self.message}{hint}"


class BadInput(VigilError):
    """A file or folder was refused whole. `problems` lists everything that was wrong with it."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(p) for p in self.problems))

    @property
    def brief(self) -> str:
        return f"{self.problems[0].file} is refused" if self.problems else "a file is refused"
