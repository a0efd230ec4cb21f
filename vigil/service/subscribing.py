"""Keeping FCM's subscriptions to topics as the registry wants them, whatever changed since: devices, their owners, people."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable
from datetime import datetime

from vigil.delivery.errors import DeliveryError
from vigil.delivery.topics import AGAIN, BATCH, TopicClient
from vigil.ledger import Ledger, leavers, topics
from vigil.ledger.engine import chunks
from vigil.ledger.topics import Change
from vigil.service.run import Run

log = logging.getLogger("vigil.subscribing")


def outstanding(ledger: Ledger) -> list[Change]:
    """What FCM has to be told. Who was deleted in Extended ECM has no topics from now on."""
    with ledger.read() as connection:
        found = topics.outstanding(connection)
        gone = leavers.deleted(connection, topics.people(connection))
    if not gone:
        return found
    with ledger.write() as connection:
        topics.leave(connection, gone)
        return topics.outstanding(connection)


async def tell(ledger: Ledger, client: TopicClient, clock: Callable[[], datetime]) -> Counter[str]:
    """Tell FCM everything that is outstanding, a request at a time, each noted before the next one.

    Gives devices by what became of them: subscribed, unsubscribed, "refused: WORD", or "told again later". Killed anywhere, the
    next one does the rest: what FCM has been told twice it has done once. Raises what `TopicClient.change` raises.
    """
    done: Counter[str] = Counter()
    for change in outstanding(ledger):
        for devices in chunks(change.addresses, BATCH):
            addresses = {d: change.addresses[d] for d in devices}
            said = await client.change(change.topic, list(addresses.values()), change.add)
            words = dict(zip(devices, said, strict=True))
            settled = {d: addresses[d] for d, word in words.items() if word not in AGAIN}
            refused = {d: words[d] for d in settled if words[d] and change.add}
            with ledger.write() as connection:
                topics.told(connection, Change(change.topic, change.add, settled), refused, clock())
            done["told again later"] += len(addresses) - len(settled)
            done["subscribed" if change.add else "unsubscribed"] += len(settled) - len(refused)
            done.update(f"refused: {word}" for word in refused.values())
    return +done


async def subscribe(run: Run) -> None:
    """What a run that delivers does for topics. That FCM cannot be told now fails no run: the next one tells it."""
    if run.topics is None or not outstanding(run.ledger):
        return
    try:
        async with run.topics() as client:
            done = await tell(run.ledger, client, run.clock)
    except DeliveryError as error:
        log.warning("run %d: topics wait for the next run: %s", run.id, error)
        return
    run.tally.numbers.update({f"devices {what}": n for what, n in done.items()})
