"""Workspaces without any roles that had some, or are new and of a type that has some. Vigil accepts this after several runs in a row
read the same.

A server that hides the roles of a workspace may answer with an empty list; accepting it at once would notify the fallback instead of
the owner, and report all of its people as added when the roles are shown.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from vigil.compliance import facts as f
from vigil.ecm.model import FactBatch, Gap
from vigil.ledger import watermarks
from vigil.ledger.observed import observations
from vigil.ledger.watermarks import Watermark, WatermarkName
from vigil.service import snapshot
from vigil.service.run import Run

Told = dict[int, tuple[int, str]]
"""By workspace: how many runs in a row read no roles, and the instant of the last of them."""

RUNS = 3
"""The number of runs in a row that must read no roles."""


def doubted(run: Run, batch: FactBatch) -> FactBatch:
    """The batch with a gap in place of each empty list of roles that is not accepted yet."""
    roles = {x.workspace: x for x in batch.facts if isinstance(x, f.Roles)}
    empty = [w for w, x in roles.items() if not x.members]
    with run.ledger.read() as connection:
        known = tuple(observations.current(connection, sorted(empty), ("roles", "workspace")))
        schema = snapshot.read(watermarks.watermark(connection, WatermarkName.SCHEMA).data if empty else {})
        told = _told(watermarks.watermark(connection, WatermarkName.BARE))
    had = _expected(empty, known, batch.facts, schema)
    if not had and not told.keys() & roles.keys():
        return batch
    if run.records:
        with run.ledger.write() as connection:
            told = _counted(
                _told(watermarks.watermark(connection, WatermarkName.BARE)),
                roles.keys(),
                had.keys(),
                run.as_of.isoformat(),
            )
            watermarks.set_watermark(
                connection, WatermarkName.BARE, Watermark(at=run.as_of, data={"told": list(told.items())})
            )
    unsure = {w for w in had if told.get(w, (0, ""))[0] < RUNS}
    gaps = [Gap(roles[w].source, f"no roles at all, where {had[w]}", (w,)) for w in sorted(unsure)]
    facts = tuple(x for x in batch.facts if not (isinstance(x, f.Roles) and x.workspace in unsure))
    return replace(batch, facts=facts, gaps=(*batch.gaps, *gaps))


def _expected(
    empty: Collection[int],
    known: Collection[f.Fact],
    read: Collection[f.Fact],
    schema: Collection[f.WorkspaceType],
) -> dict[int, str]:
    """Why some workspaces should have roles: they had some, or are of a type that has some, and their roles were never read."""
    before = {x.workspace: len(x.members) for x in known if isinstance(x, f.Roles)}
    type_of = {x.id: x.type for x in (*known, *read) if isinstance(x, f.Workspace)}
    of_type = {type.name: len(type.roles) for type in schema}
    found: dict[int, str] = {}
    for workspace in empty:
        type = type_of.get(workspace, "")
        if number := before.get(workspace, 0):
            found[workspace] = f"there were {number} before"
        elif workspace not in before and (number := of_type.get(type, 0)):
            found[workspace] = f"a new {type} has {number}"
    return found


def _told(mark: Watermark) -> Told:
    return {workspace: (times, at) for workspace, (times, at) in mark.data.get("told", ())}


def _counted(told: Told, read: Collection[int], bare: Collection[int], at: str) -> Told:
    """The counts including this run, for the workspaces that are `bare` in it, and without those that it `read` with roles."""
    kept = {w: entry for w, entry in told.items() if w not in read or w in bare}
    for workspace in bare:
        times, last = kept.get(workspace, (0, ""))
        kept[workspace] = (times + (last != at), at)
    return kept
