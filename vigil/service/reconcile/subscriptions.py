"""Topic subscriptions that FCM refused, or that could not be sent although runs delivered since."""

from __future__ import annotations

from vigil.ledger.people import topics
from vigil.service.reconcile.found import Checked, Discrepancy
from vigil.service.run import Run
from vigil.wording import counted


async def check(run: Run, fix: bool) -> Checked:
    """List the changes that `watch` should have sent and could not."""
    with run.ledger.read() as connection:
        every = topics.every(connection)
    found = []
    for t in every:
        if t.waiting:
            what = f"{counted(t.waiting, 'device waits', 'devices wait')} to be subscribed to topic {t.name}, or unsubscribed from it"
            found.append(
                Discrepancy(what, f"`vigil devices topics sync --site {run.site.name}` says why it fails")
            )
        found += [
            Discrepancy(
                f"FCM refused {counted(n, 'device')} for topic {t.name}: {word}",
                "their apps register them anew when opened",
            )
            for word, n in t.refused.items()
        ]
    return Checked(sum(t.subscribed + t.waiting for t in every), tuple(found))
