"""Workspaces that suddenly have no roles. Vigil accepts this after several runs in a row read the same.

A server that hides the roles of a workspace may answer with an empty list; accepting it at once would notify the fallback instead of
the owner.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from vigil.compliance import facts as f
from vigil.ecm.model import FactBatch, Gap
from vigil.ledger import watermarks
from vigil.ledger.observed import observations
from vigil.ledger.watermarks import Watermark, WatermarkName
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
        known = observations.current(connection, empty, ("roles",)) if empty else ()
        had = {x.workspace: len(x.members) for x in known if isinstance(x, f.Roles) and x.members}
        told = _told(watermarks.watermark(connection, WatermarkName.BARE))
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
    gaps = [
        Gap(roles[w].source, f"no roles at all, where there were {had[w]} before", (w,))
        for w in sorted(unsure)
    ]
    facts = tuple(x for x in batch.facts if not (isinstance(x, f.Roles) and x.workspace in unsure))
    return replace(batch, facts=facts, gaps=(*batch.gaps, *gaps))


def _told(mark: Watermark) -> Told:
    return {workspace: (times, at) for workspace, (times, at) in mark.data.get("told", ())}


def _counted(told: Told, read: Collection[int], bare: Collection[int], at: str) -> Told:
    """The counts including this run, for the workspaces that are `bare` in it, and without those that it `read` with roles."""
    kept = {w: entry for w, entry in told.items() if w not in read or w in bare}
    for workspace in bare:
        times, last = kept.get(workspace, (0, ""))
        kept[workspace] = (times + (last != at), at)
    return kept
