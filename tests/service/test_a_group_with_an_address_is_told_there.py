"""A group that has a webhook gets one post for the group, from a whole run that reads, judges, queues and delivers."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from tests.support.delivery_runs import batch
from tests.support.plain_runs import watched
from tests.support.run_bench import HOUR, NOON, RunBench
from tests.support.webhooks import OLD, hook, settings
from vigil.compliance.channels import CHANNEL_NAMES, PUSH
from vigil.compliance.notices import NoticeState
from vigil.compliance.rules.loader import load_text
from vigil.delivery.webhook.transport import Webhooks
from vigil.ledger import Ledger
from vigil.ledger.outbox import queue
from vigil.ledger.people import devices
from vigil.sandbox.webhooks import LocalReceiver
from vigil.service import delivery, digest
from vigil.service.run import Run
from vigil.service.why import about_person

RULE = (
    "rule: closed\nsubject: {workspace_type: Case}\nkind: condition\n"
    "when: {field: attr.status, op: eq, value: closed}\nto: [group: Board]\n"
)
AT = 1.0  # hours after noon: workspace 1002 is closed since half past twelve
BOARD = "group:Board"


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunBench]:
    made = RunBench(tmp_path_factory.mktemp("bench"))
    yield made
    made.close()


@pytest.fixture
def receiver() -> Iterator[LocalReceiver]:
    with LocalReceiver([OLD]) as running:
        yield running


@pytest.fixture
def ledger(bench: RunBench, receiver: LocalReceiver) -> Ledger:
    """Everybody has a phone, and the Board a webhook."""
    found = bench.scratch.restore(bench.empty)
    with found.write() as connection:
        devices.register(connection, [hook(BOARD, f"{receiver.url}/board")], NOON - HOUR)
    return found


def watch(bench: RunBench, ledger: Ledger, more: str = "", channels: tuple[str, ...] = CHANNEL_NAMES) -> Run:
    bench.rules = load_text({"closed.yaml": RULE + more})
    run, client = bench.run("watch", ledger, AT)
    run.channels = channels
    asyncio.run(watched(run, client))
    return run


def rows(ledger: Ledger) -> list[dict[str, Any]]:
    with ledger.read() as connection:
        return queue.rows(connection)


def send(run: Run) -> None:
    async def all_of_it() -> None:
        async with run.sending(Webhooks(settings(), run.clock)):
            await delivery.deliver(run, batch, lambda waits: None)

    asyncio.run(all_of_it())


def test_it_gets_one_post_and_its_members_nothing(
    bench: RunBench, ledger: Ledger, receiver: LocalReceiver
) -> None:
    run = watch(bench, ledger)
    send(run)
    [row] = rows(ledger)
    assert (row["person"], row["state"], row["message"].channels) == (BOARD, NoticeState.SENT, CHANNEL_NAMES)
    [shown] = receiver.shown["/board"].values()
    assert (shown["recipient"], shown["rule"], shown["workspace"]) == (BOARD, "closed", 1002)
    assert shown["link"] == "https://ecm.example/cs/cs/app/nodes/1002"
    assert about_person(ledger, BOARD).told[0].attempts[0].device == "group:Board's webhook"


@pytest.mark.parametrize(
    ("more", "channels"),
    [("channels: [push]\n", CHANNEL_NAMES), ("", (PUSH,)), ("channels: [webhook]\n", (PUSH,))],
    ids=["the rule wants a push", "the site has no webhooks", "the rule wants what the site has not"],
)
def test_its_members_are_told_where_it_cannot_be_reached(
    bench: RunBench, ledger: Ledger, more: str, channels: tuple[str, ...]
) -> None:
    watch(bench, ledger, more, channels)
    assert sorted((r["person"], r["state"]) for r in rows(ledger)) == [("ada", "queued"), ("bob", "queued")]


def test_quiet_hours_of_a_rule_hold_its_post_back(bench: RunBench, ledger: Ledger) -> None:
    watch(bench, ledger, "quiet: {from: '12:00', to: '15:00'}\nchannels: [webhook]\n")
    [row] = rows(ledger)
    assert (row["person"], row["state"], row["due_at"]) == (
        BOARD,
        NoticeState.QUEUED,
        NOON + timedelta(hours=3),
    )


def test_a_digest_of_a_group_is_one_post(bench: RunBench, ledger: Ledger, receiver: LocalReceiver) -> None:
    watch(bench, ledger, "group: true\n")
    [waiting] = rows(ledger)
    assert (waiting["person"], waiting["state"]) == (BOARD, NoticeState.SUPPRESSED)
    run, _ = bench.run("digest", ledger, AT + 1)
    run.channels = CHANNEL_NAMES
    for some in digest.batches(run):
        digest.make_digests(run, some)
    send(run)
    [shown] = receiver.shown["/board"].values()
    assert (shown["rule"], shown["recipient"]) == ("digest", BOARD)


def test_a_webhook_of_a_member_is_that_persons_own(ledger: Ledger, bench: RunBench) -> None:
    with ledger.write() as connection:
        mine = [d.id for d in devices.of_people(connection, [BOARD])[BOARD]]
        devices.retire(connection, mine, "gone", NOON)
        devices.register(connection, [hook("bob", "https://hooks.example.org/bob")], NOON)
    watch(bench, ledger, "channels: [webhook, push]\n")
    assert sorted(r["person"] for r in rows(ledger)) == ["ada", "bob"]
