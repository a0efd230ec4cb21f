"""The errors for people. Each says what was wrong, where, and what to do.

VigilError
├── BadInput         a file that a person wrote is refused completely (file:line:column, the key, the allowed values)
├── BadRequest       a person asked for something that does not exist or makes no sense: a rule, a window, a site
└── (vigil.ecm.errors, vigil.delivery.errors and vigil.ledger.errors add their own below it)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from vigil.redaction import redacted

BRIEF = 60  # characters of a sentence that stand in the name of a run
_STOPS = (".", "?", "!", ";", ":")


class VigilError(Exception):
    """Base of every error meant for a person. Its text contains no secret, whatever its source."""

    def __init__(self, text: str = "") -> None:
        super().__init__(redacted(text))

    @property
    def brief(self) -> str:
        """The error in a few words, for the name of a run: by default the beginning of the sentence."""
        line = str(self).partition("\n")[0]
        return line if len(line) <= BRIEF else f"{line[:BRIEF].rsplit(' ', 1)[0]}…"


class BadRequest(VigilError):
    """A person asked for something that does not exist or makes no sense. Nothing was done."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One problem in a file. Lines and columns count from 1; 0 if `file` is not a file with lines."""

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
    """A file or folder was refused completely. `problems` lists everything that was wrong with it."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(p) for p in self.problems))

    @property
    def brief(self) -> str:
        return f"{self.problems[0].file} is refused" if self.problems else "a file is refused"
