"""Observations in memory: `vigil.ledger.observed.observations` for one short history.

The results equal the ledger's for the same facts: `tests/timeline/test_both_players_agree.py`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from vigil.compliance.evaluation.tables import Facts
from vigil.compliance.events import Change
from vigil.compliance.facts import Fact, Related, User, completed_from, lacks
from vigil.ledger.codec import encode, subject_of

Subject = tuple[str, str]


@dataclass(frozen=True, slots=True)
class _Newest:
    number: int
    fact: Fact | None  # None: the subject no longer exists
    workspace: int | None
    digest: bytes | None


class MemoryObservations:
    """Observations in order, numbered from 1, and the newest of each subject."""

    def __init__(self) -> None:
        self._log: list[Change] = []
        self._newest: dict[Subject, _Newest] = {}
        self._last: dict[Subject, Fact] = {}  # the last known fact of each subject, including deleted ones

    @property
    def last(self) -> int:
        """The number of the newest observation; 0 if there is none."""
        return len(self._log)

    def record(self, facts: Iterable[Fact], at: datetime, gone: Iterable[Subject] = ()) -> None:
        """Store the facts that changed, and that the subjects in `gone` no longer exist."""
        deleted = {subject for kind, subject in gone if kind == "workspace"}
        found = {
            (kind, subject): (workspace, fact)
            for fact in facts
            for kind, subject, workspace in [subject_of(fact)]
            if str(workspace) not in deleted
        }
        for key, (workspace, fact) in found.items():
            before = self._newest.get(key)
            if before is not None and before.fact is not None and lacks(fact):
                fact = completed_from(fact, before.fact)
            digest = encode(fact)[1]
            if before is None or before.digest != digest:
                self._append(key, _Newest(self.last + 1, fact, workspace, digest), at)
        for key in [k for k in self._deleted_now(gone, deleted) if k not in found]:
            self._append(key, _Newest(self.last + 1, None, self._newest[key].workspace, None), at)

    def _deleted_now(self, gone: Iterable[Subject], deleted: Collection[str]) -> list[Subject]:
        wanted = set(gone)
        there = sorted(self._newest.items(), key=lambda item: item[1].number)
        return [k for k, n in there if n.fact is not None and (k in wanted or str(n.workspace) in deleted)]

    def _append(self, key: Subject, new: _Newest, at: datetime) -> None:
        before = self._newest.get(key)
        was = None if before is None else before.fact
        once = None if was is not None else self._last.get(key)
        self._log.append(Change(*key, new.workspace, at, was, new.fact, before is None, once))
        if new.fact is not None:
            self._last[key] = new.fact
        self._newest[key] = new

    def current(self, workspaces: Collection[int], kind: str = "") -> Iterator[Fact]:
        """The newest facts of some workspaces, of one kind if given: by workspace, then in the order in which they were recorded."""
        found = [
            (n.workspace, n.number, n.fact)
            for (k, _), n in self._newest.items()
            if n.fact is not None and n.workspace in workspaces and (not kind or k == kind)
        ]
        for _, _, fact in sorted(found, key=lambda x: (x[0] or 0, x[1])):
            yield fact

    def facts(self, workspaces: Collection[int]) -> Facts:
        """The newest facts of some workspaces, and the attributes of their related workspaces."""
        found = list(self.current(workspaces))
        alone = Facts.of(found)
        beside = alone.beside()
        return Facts.of(found, self.current(beside, "workspace")) if beside else alone

    def users(self) -> Iterator[User]:
        """The accounts as of their last lookup."""
        return (n.fact for n in self._newest.values() if isinstance(n.fact, User))

    def looking_at(self, changed: Collection[int]) -> set[int]:
        """The workspaces that are related to one of `changed`."""
        there = (n.fact for (kind, _), n in self._newest.items() if kind == "related")
        return {
            r.workspace for r in there if isinstance(r, Related) and not set(r.others).isdisjoint(changed)
        }

    def known(self) -> set[int]:
        """The existing workspaces."""
        return {int(s) for (kind, s), n in self._newest.items() if kind == "workspace" and n.fact is not None}

    def changed(self, after: int, until: int) -> set[int]:
        """The workspaces with an observation in (after, until]."""
        return {c.workspace for c in self._log[after:until] if c.workspace is not None}

    def changes(self, workspaces: Collection[int], after: int, until: int) -> Sequence[Change]:
        """Each observation of some workspaces in (after, until] with the previous one of the same subject, in order."""
        return [c for c in self._log[after:until] if c.workspace in workspaces]
