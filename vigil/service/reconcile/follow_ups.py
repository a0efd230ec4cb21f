"""Extended ECM's own overdue reminders without any notice about their workspace."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, time, timedelta, tzinfo
from zoneinfo import ZoneInfo

from vigil.compliance.facts import Document
from vigil.compliance.notices import NoticeState
from vigil.ecm import followups
from vigil.ecm.followups import FollowUp
from vigil.ledger.outbox import audits
from vigil.ledger.outbox.audits import LatestNotice
from vigil.ledger.watermarks import WatermarkName
from vigil.service.reconcile.found import Checked, Discrepancy
from vigil.service.reconcile.scanning import next_slice
from vigil.service.run import Run

BEFORE = timedelta(days=90)
"""A notice to the reminder's own people counts if it was sent at most this long before the reminder's date."""

AROUND = timedelta(days=1)
"""A notice to other people counts if it was sent at most this long before: rules may name other people than ECM reminds."""

_UNTOLD = "if it should have been said: is there a rule for it, and does it name these people? `vigil why {workspace}` tells"
_UNSENT = "`vigil why {workspace}` tells why it was not sent"


async def check(run: Run, fix: bool) -> Checked:
    """Read the reminders of the next slice of documents, one request each."""
    if not run.needs.documents:
        return Checked(skipped="no rule looks at documents, so that the ledger knows none to ask for")
    with next_slice(run, WatermarkName.FOLLOW_UPS, "document", run.site.verify_requests) as some:
        documents = {d.id: d for d in some if isinstance(d, Document)}
        read = await followups.read(run.client, list(documents))
    if read.absent:
        return Checked(skipped=f"Extended ECM gives no follow-ups: {read.absent}")
    zone = ZoneInfo(run.site.zone)
    overdue = [x for x in read.found if x.node in documents and ends(x, zone) <= run.as_of]
    about = {documents[x.node].workspace for x in overdue}
    since = min((ends(x, zone) for x in overdue), default=run.as_of) - BEFORE
    with run.ledger.read() as connection:
        said = audits.said_about(connection, about, since)
    return Checked(len(read.found), tuple(unsaid(overdue, documents, said, zone)))


def ends(of: FollowUp, zone: tzinfo) -> datetime:
    """The instant at which a reminder is overdue: its own, or the end of its day in the site's zone."""
    if isinstance(of.due, datetime):
        return of.due
    return datetime.combine(of.due + timedelta(days=1), time(), zone)


def unsaid(
    overdue: Sequence[FollowUp], documents: Mapping[int, Document], said: Sequence[LatestNotice], zone: tzinfo
) -> list[Discrepancy]:
    """The overdue reminders without a notice. One without assignees is left to its owner."""
    found = []
    for x in overdue:
        workspace = documents[x.node].workspace
        here = [s for s in said if s.workspace == workspace]
        told = [s for s in here if s.state == NoticeState.SENT and s.as_of >= ends(x, zone) - _early(s, x)]
        if told or not (x.assignees or x.others):
            continue
        states = sorted({s.state for s in here if s.person in x.assignees and s.state != NoticeState.SENT})
        why = f"its people's notices are {', '.join(states)}" if states else "no notice was sent"
        day = x.due.astimezone(zone).date() if isinstance(x.due, datetime) else x.due
        what = f"{x.description or 'a follow-up'}, due {day:%Y-%m-%d}: {why}"
        do = (_UNSENT if states else _UNTOLD).format(workspace=workspace)
        found.append(Discrepancy(what, do, workspace, ", ".join((*x.assignees, *x.others))))
    return found


def _early(said: LatestNotice, of: FollowUp) -> timedelta:
    return BEFORE if said.person in of.assignees else AROUND
