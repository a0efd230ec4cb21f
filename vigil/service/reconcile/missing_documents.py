"""Compares Extended ECM's own list of missing documents with the ledger: a difference means that one of them sees less."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from vigil.compliance import facts as f
from vigil.ecm import Extractor, Needs
from vigil.ecm.model import ABSENT, ListedWorkspace
from vigil.ledger.observed import observations
from vigil.ledger.watermarks import WatermarkName
from vigil.service.reconcile.found import Checked, Discrepancy
from vigil.service.reconcile.scanning import next_slice
from vigil.service.run import Run

ONLY_MISSING = Needs(documents=False, types=False, steps=False, missing=True, expiry=False)

_BEHIND = (
    "run `watch`; if it stays, the document's classification or its rights are not what the service user sees"
)
_UNSEEN = (
    "look for a document that the service user may not read; what it cannot see it tells people is missing"
)


async def check(run: Run, fix: bool) -> Checked:
    """Read the lists of the next slice of workspaces, one request each."""
    if not run.needs.documents:
        return Checked(skipped="no rule looks at documents, so that the ledger has none to compare")
    with next_slice(run, WatermarkName.MISSING_DOCUMENTS, "workspace", run.site.verify_requests) as some:
        known = [w for w in some if isinstance(w, f.Workspace) and "documents" not in w.unread]
        rows = [ListedWorkspace(w.id, w.name, w.modified, w.type) for w in known]
        batch = await Extractor(run.client, ONLY_MISSING).read_workspaces(rows)
    absent = next((g for g in batch.gaps if g.path == ABSENT), None)
    if absent is not None:
        return Checked(skipped=f"Extended ECM gives no list of missing documents: {absent.error}")
    run.gap(batch.gaps)
    lists = {x.workspace: set(x.types) for x in batch.facts if isinstance(x, f.MissingDocuments)}
    ours = _ours(run, [w for w in known if w.id in lists])
    # A document of unknown type may be the one that is missing.
    theirs = {w: types for w, types in lists.items() if w in ours}
    found = [x for w in known if w.id in theirs for x in compare(w, ours[w.id], theirs[w.id])]
    return Checked(len(theirs), tuple(found))


def _ours(run: Run, workspaces: Sequence[f.Workspace]) -> Mapping[int, set[str]]:
    """The required types without a document in the ledger, by workspace; without workspaces with a document of unknown type."""
    with run.ledger.read() as connection:
        ids = [w.id for w in workspaces]
        held: dict[int, set[str]] = defaultdict(set)
        doubtful: set[int] = set()
        for d in observations.current(connection, ids, ("document",)):
            if isinstance(d, f.Document) and "type" in d.unknown:
                doubtful.add(d.workspace)
            elif isinstance(d, f.Document) and d.type is not None:
                held[d.workspace].add(d.type)
        required: dict[str, set[str]] = defaultdict(set)
        for r in observations.directory(connection, ("required",)):
            if isinstance(r, f.RequiredDocument) and r.required:
                required[r.workspace_type].add(r.type)
    return {w.id: required[w.type] - held[w.id] for w in workspaces if w.id not in doubtful}


def compare(workspace: f.Workspace, ours: set[str], theirs: set[str]) -> list[Discrepancy]:
    """The differences between the two lists of one workspace."""
    name = f"{workspace.type} {workspace.name}"
    return [
        Discrepancy(f"{name}: Extended ECM misses {t}, the ledger has one", _BEHIND, workspace.id)
        for t in sorted(theirs - ours)
    ] + [
        Discrepancy(f"{name}: the ledger has no {t}, Extended ECM does not miss it", _UNSEEN, workspace.id)
        for t in sorted(ours - theirs)
    ]
