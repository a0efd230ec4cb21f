"""What a trial found, and by what it is judged: who should have been shown what, when, against what the devices show."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from tests.outside.estate import DEVICES
from tests.outside.sandbox import Shown
from tests.outside.story import Expected

OWNER = {token: person for person, tokens in DEVICES.items() for token in tokens}
GRACE = 1  # clean ticks after the first possible one in which a notice is not late
NAMED = re.compile(r"([\d,]+) notices? (?:waits?|is being sent|are being sent)\b")


@dataclass(slots=True)
class Found:
    """What was wrong in one trial, or in many: each thing as a line. `kills` counts the runs that were killed, and those of them of
    which a device had shown something already.
    """

    kills: int = 0
    kills_in_sending: int = 0
    runs: int = 0
    notices: int = 0
    lost: list[str] = field(default_factory=list)
    twice: list[str] = field(default_factory=list)
    late: list[str] = field(default_factory=list)
    wrong_green: list[str] = field(default_factory=list)
    wrong_red: list[str] = field(default_factory=list)
    told_wrongly: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)  # a command hung, or ended in a traceback

    def wrongs(self) -> dict[str, list[str]]:
        """What was wrong, by its name in the report."""
        return {
            "lost": self.lost,
            "twice": self.twice,
            "late": self.late,
            "wrong green": self.wrong_green,
            "wrong red": self.wrong_red,
            "sent to the wrong person": self.told_wrongly,
            "broken": self.broken,
        }

    @property
    def well(self) -> bool:
        return not any(self.wrongs().values())

    def add(self, other: Found) -> None:
        self.kills += other.kills
        self.kills_in_sending += other.kills_in_sending
        self.runs += other.runs
        self.notices += other.notices
        for name, lines in self.wrongs().items():
            lines.extend(other.wrongs()[name])


@dataclass(frozen=True, slots=True)
class Look:
    """A tick that is over: whether it was clean, and where the sandbox's and Vigil's clocks stood."""

    clean: bool
    now: datetime
    as_of: datetime


class Judge:
    """Follows what the devices of a trial show, tick by tick."""

    def __init__(self) -> None:
        self.expected: list[Expected] = []
        self.gone: set[str] = set()  # devices whose app was removed
        self.looks: list[Look] = []
        self._seen: dict[Shown, int] = {}  # when first: the number of the tick
        self._screens: Sequence[Shown] = ()

    def see(self, screens: Sequence[Shown]) -> None:
        """Take note of what the devices show, in the tick that is under way."""
        self._screens = screens
        for shown in screens:
            self._seen.setdefault(shown, len(self.looks))

    def missing(self, some: Iterable[Expected]) -> list[str]:
        """The notices of these that a device of their person never showed: `person: what`."""
        return [
            f"{person}: {e.said}"
            for e in some
            for person in sorted(e.people)
            for shown in self._due(e, person)
            if shown not in self._seen
        ]

    def may_be_green(self, some: Iterable[Expected], account: str) -> str:
        """Why a run should not have been green: what is missing of these and does not wait by name; empty when all is well.

        What waits is named by its number: "3 notices wait for another try". A notice is one person's, on all of their devices.
        """
        missing = sorted(set(self.missing(some)))
        named = sum(int(n.replace(",", "")) for n in NAMED.findall(account))
        return "; ".join(missing) if len(missing) > named else ""

    def judge(self, found: Found) -> None:
        """Add what is wrong at the end."""
        for e in self.expected:
            found.notices += len(e.people)
            deadline = self._deadline(e)
            if deadline is None:
                continue
            for person in sorted(e.people):
                for shown in self._due(e, person):
                    at = self._seen.get(shown)
                    if at is None:
                        found.lost.append(f"{person} on {shown.device}: {e.said}, due {e.at:%H:%M:%S}")
                    elif at > deadline:
                        found.late.append(
                            f"{person} on {shown.device}: {e.said}, in tick {at} and not {deadline}"
                        )
        found.twice += [
            f"{OWNER[s.device]} on {s.device}: {s.said}" for s, n in Counter(self._screens).items() if n > 1
        ]
        found.told_wrongly += [
            f"{OWNER[s.device]} on {s.device}: {s.said}" for s in self._seen if not self._meant(s)
        ]

    def _due(self, e: Expected, person: str) -> list[Shown]:
        return [Shown(device, e.said) for device in DEVICES[person] if device not in self.gone]

    def _meant(self, shown: Shown) -> bool:
        return any(e.said == shown.said and OWNER[shown.device] in e.people for e in self.expected)

    def _deadline(self, e: Expected) -> int | None:
        """The last tick that is in time; None where the trial did not go on for so long."""
        clean = [n for n, look in enumerate(self.looks) if look.clean]
        possible = [n for n in clean if (self.looks[n].as_of if e.moment else self.looks[n].now) >= e.at]
        return possible[GRACE] if len(possible) > GRACE else None


def happened_by(expected: Collection[Expected], as_of: datetime) -> list[Expected]:
    """What of these a run that speaks of this instant and starts now has to tell."""
    return [e for e in expected if e.at <= as_of]
