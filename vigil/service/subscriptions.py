"""Updates FCM's topic subscriptions to match the registry, whatever changed: devices, their people, accounts."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable
from datetime import datetime

from vigil.delivery.errors import DeliveryError
from vigil.delivery.push.topics import AGAIN, BATCH, TopicChanged, TopicClient, TopicOutcome, refused
from vigil.ledger import Ledger
from vigil.ledger.engine import chunks
from vigil.ledger.people import deleted_accounts, topics
from vigil.ledger.people.topics import TopicChange
from vigil.service.run import Run

log = logging.getLogger("vigil.subscriptions")


def outstanding(ledger: Ledger) -> list[TopicChange]:
    """The changes to send to FCM. Deleted accounts lose their topics."""
    with ledger.read() as connection:
        found = topics.outstanding(connection)
        gone = deleted_accounts.deleted(connection, topics.people(connection))
    if not gone:
        return found
    with ledger.write() as connection:
        topics.leave(connection, gone)
        return topics.outstanding(connection)


async def send_changes(
    ledger: Ledger, client: TopicClient, clock: Callable[[], datetime]
) -> Counter[TopicOutcome]:
    """Send all pending changes to FCM, one request at a time, each recorded before the next one.

    Returns the number of devices by outcome: subscribed, unsubscribed, "refused: WORD", or "told again later". If it is killed, the
    next call does the rest: repeating a change does no harm. Raises what `TopicClient.change` raises.
    """
    done: Counter[TopicOutcome] = Counter()
    for change in outstanding(ledger):
        for devices in chunks(change.addresses, BATCH):
            addresses = {d: change.addresses[d] for d in devices}
            said = await client.change(change.topic, list(addresses.values()), change.add)
            words = dict(zip(devices, said, strict=True))
            settled = {d: addresses[d] for d, word in words.items() if word not in AGAIN}
            turned_down = {d: words[d] for d in settled if words[d] and change.add}
            with ledger.write() as connection:
                topics.record_answer(
                    connection, TopicChange(change.topic, change.add, settled), turned_down, clock()
                )
            done[TopicChanged.AGAIN] += len(addresses) - len(settled)
            changed = TopicChanged.SUBSCRIBED if change.add else TopicChanged.UNSUBSCRIBED
            done[changed] += len(settled) - len(turned_down)
            done.update(refused(word) for word in turned_down.values())
    return +done


async def subscribe(run: Run) -> None:
    """Update the subscriptions at the end of a delivery. A failure does not fail the run: the next run repeats it."""
    if run.topics is None or not outstanding(run.ledger):
        return
    try:
        async with run.topics() as client:
            done = await send_changes(run.ledger, client, run.clock)
    except DeliveryError as error:
        log.warning("run %d: topics wait for the next run: %s", run.id, error)
        return
    run.counters.subscriptions.update(done)
