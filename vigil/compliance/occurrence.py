"""The occurrence of a finding: the part of a notice's key that distinguishes findings of one rule about one workspace.

Only this module parses and writes the text of an occurrence, as the ledger stores it::

    2026-03-31               the finding itself, by what it is about: a date, an instant, the name of an event
    2026-03-31#2             its second repeat
    2026-03-31:resolved      its end
    2026-03-31#escalated1    the first escalation of its rule
    step:5:6:assigned:2026-03-02T08:15:00Z:group:Team #2;    a name at its end that would read as one of these is closed
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Self

_RESOLVED, _REPEAT, _ESCALATED = ":resolved", "#", "#escalated"
_CLOSED = ";"
_NUMBER = "([1-9][0-9]{0,8})"
_MARKED = re.compile(f"(.*)(?:{_REPEAT}{_NUMBER}|({_RESOLVED})|{_ESCALATED}{_NUMBER})", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Occurrence:
    """The subject of a finding, and which of its notices it is: the first one, a repeat, the resolved notice or an escalation.

    Raises ValueError if it is more than one of these, or if its text would be ambiguous.
    """

    base: str
    repeat: int = 0  # 1 for the first repeat; 0: none
    resolved: bool = False
    escalation: int = 0  # 1 for the first escalation of the rule; 0: none

    def __post_init__(self) -> None:
        numbers = self.repeat, self.escalation
        if sum(map(bool, (*numbers, self.resolved))) > 1 or min(numbers) < 0 or max(numbers) >= 10**9:
            raise ValueError(f"no such occurrence: {numbers}, resolved: {self.resolved}")
        if self.is_first and _MARKED.fullmatch(self.base):
            raise ValueError(f"{self.base!r} is the text of a repeat, an end or an escalation: use `parse`")

    @classmethod
    def parse(cls, text: str) -> Self:
        """The occurrence of a text in the ledger. Every text is valid."""
        found = _MARKED.fullmatch(text)
        if found is None:
            return cls(text)
        base, repeat, resolved, escalation = found.groups()
        return cls(base, int(repeat or 0), resolved is not None, int(escalation or 0))

    @classmethod
    def first(cls, text: str) -> Self:
        """The first occurrence of what `text` names. A text that reads as a repeat, an end or an escalation is closed with a ``;``."""
        return cls(f"{text}{_CLOSED}" if _MARKED.fullmatch(text) else text)

    @property
    def is_first(self) -> bool:
        """Whether it is neither a repeat nor a resolved notice nor an escalation."""
        return not (self.repeat or self.resolved or self.escalation)

    def __str__(self) -> str:
        if self.repeat:
            return f"{self.base}{_REPEAT}{self.repeat}"
        if self.escalation:
            return f"{self.base}{_ESCALATED}{self.escalation}"
        return f"{self.base}{_RESOLVED}" if self.resolved else self.base


__all__ = ["Occurrence"]
