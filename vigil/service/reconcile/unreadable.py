"""Known workspaces that can no longer be read. In time `watch` records them as deleted; this check names them."""

from __future__ import annotations

from vigil.compliance.facts import Workspace
from vigil.ecm.model import Stamp
from vigil.ledger.watermarks import WatermarkName
from vigil.service.budgets import NODES_A_REQUEST
from vigil.service.reconcile.found import Checked, Discrepancy
from vigil.service.reconcile.scanning import next_slice
from vigil.service.run import Run

_DO = "if it was deleted, nothing: `watch` takes it as gone. If not, give the service user its right back before it does"


async def check(run: Run, fix: bool) -> Checked:
    """Read the next slice of known workspaces by id, 250 in a request."""
    limit = run.site.verify_requests * NODES_A_REQUEST
    with next_slice(run, WatermarkName.READABLE, "workspace", limit) as some:
        known = {w.id: w for w in some if isinstance(w, Workspace)}
        verified = await run.extractor.verify({w.id: Stamp(w.modified, w.size) for w in known.values()})
    run.gap(verified.gaps)
    unasked = {i for gap in verified.gaps for i in gap.workspaces}
    if known and unasked >= known.keys():
        return Checked(skipped=verified.gaps[0].error)
    found = [
        Discrepancy(f"{known[i].type} {known[i].name} cannot be read any more", _DO, i)
        for i in sorted(verified.gone)
    ]
    return Checked(len(known.keys() - unasked), tuple(found))
