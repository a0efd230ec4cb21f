"""The account of a run: everything that was found was sent or explained. A difference fails the run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from vigil.errors import VigilError
from vigil.ledger import counts, outbox, runs
from vigil.service import refusals
from vigil.service.run import Run


class Unexplained(VigilError):
    """A finding was neither sent nor explained. The ledger's numbers do not add up: nothing may hide that."""


@dataclass(frozen=True, slots=True)
class Account:
    """What one run did. `rows` counts this run's outbox rows by outcome and reason; `queued` are yet to be delivered."""

    run: int
    flow: str
    as_of: datetime
    numbers: Mapping[str, int]
    rows: Mapping[str, int]
    gaps: tuple[str, ...] = ()
    difference: int = 0
    waiting: int = 0  # rows of any run that should be delivered by now and wait for another try
    notices: tuple[Mapping[str, Any], ...] = field(default=(), repr=False)
    unseen: Mapping[int, int] = field(default_factory=dict)
    delivers: bool = False  # whether the run is one that sends what is due
    refused: tuple[str, ...] = ()  # credentials without which some of it cannot be delivered
    refused_rules: tuple[
        str, ...
    ] = ()  # what of the rules and templates is not as it is written, in sentences

    @property
    def state(self) -> str:
        return "gaps" if self.gaps else "done"

    @property
    def undelivered(self) -> bool:
        """Whether notices wait for another try, and not one could be delivered, or a person has to mend a credential first."""
        if not self.delivers or not self.waiting:
            return False
        return bool(self.refused) or not self.numbers.get("attempts accepted", 0)

    def sentence(self) -> str:
        """The account in one line, for a log and for the name of a state."""
        said = ", ".join(f"{n} {name}" for name, n in sorted(self.rows.items())) or "nothing to say"
        gaps = f"; {len(self.gaps)} gaps" if self.gaps else ""
        waiting = f"; {self.waiting} wait for another try" if self.waiting else ""
        refused = "".join(f"; {why}" for why in self.refused)
        told = self.numbers.get("already told", 0)
        return f"{self.numbers.get('routed', 0)} routed: {said}, {told} already told{gaps}{waiting}{refused}"

    def markdown(self) -> str:
        """The account as a page, for the Prefect UI."""
        lines = [
            f"## {self.flow} as of {self.as_of:%Y-%m-%d %H:%M %Z}",
            "",
            f"**{self.sentence()}**",
            "",
            "| what | number |",
            "|---|---|",
        ]
        lines += [f"| {name} | {n} |" for name, n in sorted(self.numbers.items())]
        lines += [f"| **{name}** | {n} |" for name, n in sorted(self.rows.items())]
        lines += [f"| **difference** | {self.difference} |"]
        if self.unseen:
            lines += ["", "## Changes that came and went between two runs", ""]
            lines += [f"- workspace {w}: {n} by its audit trail" for w, n in self.unseen.items()]
        if self.refused:
            lines += [
                "",
                "### Credentials that somebody has to mend",
                "",
                *(f"- {why}" for why in self.refused),
            ]
        if self.refused_rules:
            lines += ["", "### Rules and templates that somebody has to mend", ""]
            lines += [f"- {said}" for said in self.refused_rules]
        if self.gaps:
            lines += ["", "### What could not be read", "", *(f"- {g}" for g in self.gaps)]
        return "\n".join(lines)


def account(run: Run) -> Account:
    """Close the run: count what the ledger holds of it and prove that nothing is missing.

    Raises Unexplained, after the run was written as failed.
    """
    with run.ledger.read() as connection:
        notices = [
            n | {"link": n["message"].get("link") or run.site.link(n["workspace"])}
            for n in outbox.rows(connection, run=run.id)
        ]
        unproven = outbox.sent_without_proof(connection, run.id)
        waiting = counts.waiting(connection, run.clock())
    rows = Counter(_outcome(n) for n in notices)
    numbers = run.numbers()
    difference = numbers.get("routed", 0) - numbers.get("already told", 0) - sum(rows.values())
    gaps = tuple(f"{g.path}: {g.error}" for g in run.tally.gaps)
    made = Account(
        run.id,
        run.flow,
        run.as_of,
        numbers,
        dict(rows),
        gaps,
        difference or unproven,
        waiting,
        tuple(notices),
        dict(run.tally.unseen),
        run.tally.delivers,
        tuple(run.tally.refused.values()),
        refusals.sentences(run),
    )
    close(run, "failed" if made.difference else made.state, made)
    if made.difference:
        raise Unexplained(
            f"run {run.id}: {difference} findings are neither sent nor explained, {unproven} are marked as sent without an "
            f"accepted attempt. Look at `vigil why` for the workspaces of this run, and do not trust its account."
        )
    return made


def _outcome(notice: Mapping[str, Any]) -> str:
    return (
        f"{notice['state']}: {notice['reason']}" if notice["state"] == "suppressed" else str(notice["state"])
    )


def close(run: Run, state: str, made: Account | None = None) -> None:
    """Write how the run ended."""
    body: dict[str, Any] = {"numbers": run.numbers()}
    if made is not None:
        body = {
            k: v
            for k, v in asdict(made).items()
            if k in ("numbers", "rows", "gaps", "difference", "refused", "refused_rules")
        }
        body["unseen"] = {str(w): n for w, n in made.unseen.items()}
    with run.ledger.write() as connection:
        runs.end(connection, run.id, state, body, run.clock())
