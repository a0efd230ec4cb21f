"""The account of a run: every finding was sent or explained. A difference fails the run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any

from vigil.compliance.facts import Workspace
from vigil.compliance.notices import NoticeState
from vigil.compliance.rules.in_force import Revision
from vigil.ecm.model import Gap
from vigil.errors import VigilError
from vigil.ledger.observed import observations, runs
from vigil.ledger.outbox import counts, guard_holds, queue
from vigil.ledger.outbox.counts import ToCome, Waiting
from vigil.ledger.outbox.guard_holds import GuardHold
from vigil.ledger.values import RunState
from vigil.service import refused_rules
from vigil.service.run import Number, Run
from vigil.service.unsent import Unsent, unsent

NAMED = 3  # workspaces of one gap that are named
SHOWN = 20  # findings without anybody to tell, or gaps, that the page of an account lists


class Unexplained(VigilError):
    """A finding was neither sent nor explained. The ledger's numbers do not add up, and nothing may hide that."""

    brief = "the ledger's numbers do not add up"


@dataclass(frozen=True, slots=True)
class Account:
    """The results of one run.

    `numbers` are all counters of the run, by their names, with `routed` and `already_told`: rows for the outbox, and those that it
    already had. `rows` counts this run's outbox rows by outcome and reason, `sent_history` the rows of other runs that it finished, by
    state. `waits` are rows of any run that were due and not handed over at the end of the run's delivery, `later` the pending ones.
    `places` has the names of workspaces in the account. Instants are in `zone`, the site's.
    """

    run: int
    flow: str
    as_of: datetime
    ended_at: datetime
    numbers: Mapping[str, int]
    rows: Mapping[str, int]
    site: str = "default"
    zone: str = "UTC"
    gaps: tuple[str, ...] = ()
    routed: int = 0
    already_told: int = 0
    difference: int = 0
    waits: Waiting = field(default_factory=Waiting)
    later: ToCome = field(default_factory=ToCome)
    earlier: Mapping[NoticeState, int] = field(default_factory=dict)
    notices: tuple[Mapping[str, Any], ...] = field(default=(), repr=False)
    unseen: Mapping[int, int] = field(default_factory=dict)
    old: Mapping[int, int] = field(
        default_factory=dict
    )  # workspace -> events that were too old to count as new
    behind: Mapping[int, str] = field(default_factory=dict)  # workspaces that the next run evaluates, and why
    places: Mapping[int, str] = field(default_factory=dict, repr=False)
    holds: tuple[GuardHold, ...] = ()  # guards that stopped notices of this run
    delivers: bool = False  # whether the run sends due notices
    refused: tuple[str, ...] = ()  # credentials that a person must correct
    refused_rules: tuple[str, ...] = ()  # refused rules and templates, as sentences

    @property
    def state(self) -> RunState:
        return RunState.GAPS if self.gaps else RunState.DONE

    @property
    def waiting(self) -> int:
        """The number of rows of any run that were due and are not handed over."""
        return self.waits.total

    @property
    def given_up(self) -> int:
        """The number of rows of any run that this run ended without sending."""
        return self.rows.get(NoticeState.FAILED, 0) + self.earlier.get(NoticeState.FAILED, 0)

    @property
    def unsent(self) -> Mapping[Unsent, int]:
        """The causes of due notices that are not sent, for a run that sends."""
        return unsent(self.waits, self.later, self.given_up) if self.delivers else {}

    @property
    def undelivered(self) -> bool:
        """Whether any due notice is not handed over, for any reason. docs/states.md"""
        return bool(self.unsent)

    def place(self, workspace: int) -> str:
        """A workspace for people: its name, type and number, as far as they are known."""
        return self.places.get(workspace, f"workspace {workspace}")

    @property
    def quiet(self) -> bool:
        """Whether the run has no result and nothing else to report. Notices that still wait as before count as neither."""
        told = self.rows or self.earlier or self.already_told
        return not (told or self.waiting or self.gaps or self.behind or self.refused or self.unsent)


def account(run: Run, returned: Sequence[Revision] = ()) -> Account:
    """Close the run: count its rows in the ledger and prove that nothing is missing.

    `returned` are the rules that earlier runs left out and this one evaluated again, as its plan has them.

    Raises Unexplained, after the run was recorded as failed.
    """
    now = run.clock()
    with run.ledger.read() as connection:
        notices = [
            n | {"link": n["message"].link or run.site.link(n["workspace"])}
            for n in queue.rows(connection, run=run.id)
        ]
        unproven = queue.sent_without_proof(connection, run.id)
        # For a run that delivers, the state at the end of its delivery: rows that others queue later are theirs to send.
        waits = run.counters.waits or counts.waiting(connection, now, run.real(connection))
        later = counts.to_come(connection, now, run.id)
        stopped = tuple(guard_holds.of_run(connection, run.id))
    counted = replace(_made(run, notices, waits, now, stopped, returned), later=later)
    made = replace(counted, difference=counted.difference or unproven)
    close(run, RunState.FAILED if made.difference else made.state, made)
    if made.difference:
        raise Unexplained(
            f"run {run.id}: {counted.difference} findings are neither sent nor explained, {unproven} are marked as sent without an "
            f"accepted attempt. Look at `vigil why` for the workspaces of this run, and do not trust its account."
        )
    return made


def _made(
    run: Run,
    notices: Sequence[Mapping[str, Any]],
    waits: Waiting,
    now: datetime,
    holds: tuple[GuardHold, ...],
    returned: Sequence[Revision],
) -> Account:
    rows, numbers, places = Counter(_outcome(n) for n in notices), run.numbers(), _places(run, notices)
    # A person who answers while this run still sends gives its held rows to the run of the answer.
    released = sum(h.notices for h in holds if h.state == guard_holds.SENT)
    if released:
        numbers[Number.RELEASED.value] = released
    return Account(
        run=run.id,
        flow=run.flow,
        as_of=run.as_of,
        ended_at=now,
        numbers=numbers,
        rows=dict(rows),
        site=run.site.name,
        zone=run.site.zone,
        gaps=tuple(_gap(g, places) for g in run.counters.gaps),
        routed=run.counters.routed,
        already_told=run.counters.already_told,
        difference=run.counters.routed - run.counters.already_told - released - sum(rows.values()),
        waits=waits,
        earlier=dict(run.counters.earlier),
        notices=tuple(notices),
        unseen=dict(run.counters.unseen),
        old=dict(run.counters.old),
        behind=dict(run.counters.behind),
        places=places,
        delivers=run.counters.delivers,
        refused=tuple(run.counters.refused.values()),
        refused_rules=refused_rules.sentences(run, returned),
        holds=holds,
    )


def _places(run: Run, notices: Sequence[Mapping[str, Any]]) -> dict[int, str]:
    """The names of the workspaces that the account may mention."""
    untold = {n["workspace"] for n in notices if n["state"] == NoticeState.UNROUTABLE}
    unread = {w for g in run.counters.gaps for w in g.workspaces[:NAMED]}
    behind = sorted(run.counters.behind)[:SHOWN]
    wanted = sorted(untold | unread | run.counters.unseen.keys() | run.counters.old.keys() | set(behind))
    with run.ledger.read() as connection:
        known = list(observations.current(connection, wanted, ("workspace",)))
    return {w.id: f'{w.type} {w.id} "{w.name}"' for w in known if isinstance(w, Workspace)}


def _gap(gap: Gap, places: Mapping[int, str]) -> str:
    """The text of a gap: its workspaces, the call, and Extended ECM's message."""
    said = f"{gap.path}: {gap.error}"
    if not gap.workspaces:
        return said
    names = [places.get(w, f"workspace {w}") for w in gap.workspaces[:NAMED]]
    more = len(gap.workspaces) - NAMED
    return f"{', '.join(names)}{f' and {more:,} more' if more > 0 else ''} ({said})"


def _outcome(notice: Mapping[str, Any]) -> str:
    return (
        f"{notice['state']}: {notice['reason']}"
        if notice["state"] == NoticeState.SUPPRESSED
        else str(notice["state"])
    )


def close(run: Run, state: RunState, made: Account | None = None) -> None:
    """Record the end of the run."""
    body: dict[str, Any] = {"numbers": run.numbers()}
    if made is not None:
        body |= {
            k: v
            for k, v in asdict(made).items()
            if k in ("numbers", "rows", "gaps", "difference", "refused", "refused_rules")
        }
        body["earlier"] = {state.value: n for state, n in made.earlier.items()}
        body["unseen"] = {str(w): n for w, n in made.unseen.items()}
        body["old"] = {str(w): n for w, n in made.old.items()}
    with run.ledger.write() as connection:
        runs.end(connection, run.id, state, body, run.clock())
