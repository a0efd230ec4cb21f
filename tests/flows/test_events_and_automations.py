"""Events have the names that docs/events.md promises, and the shipped automations fire on them."""

from __future__ import annotations

import asyncio
import re
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.flows.conftest import SITE, Watched
from tests.shared import PROJECT

AUTOMATIONS = PROJECT / "automations"
WITHIN = 10
"""Seconds after which the dead man's switch fires here: Prefect allows no less."""


async def events(since: datetime, *names: str) -> list[Any]:
    """The events of these names that the server has taken in since then, oldest first."""
    from prefect.client.orchestration import get_client
    from prefect.events.filters import EventFilter, EventNameFilter, EventOccurredFilter

    where = EventFilter(
        event=EventNameFilter(name=list(names), prefix=None), occurred=EventOccurredFilter(since=since)
    )
    async with get_client() as client:
        answer = await client._client.post(
            "/events/filter", json={"filter": where.model_dump(mode="json"), "limit": 50}
        )
    return sorted(answer.json()["events"], key=lambda e: e["occurred"])


def until(found: Callable[[], Any], patience: float = 60.0) -> Any:
    """Wait for what the server does in its own time."""
    give_up = time.monotonic() + patience
    while not (seen := found()):
        assert time.monotonic() < give_up, "it did not happen"
        time.sleep(0.3)  # between two looks
    return seen


def vigil_events(since: datetime, enough: int) -> list[Any]:
    from flows.support.events import Signal

    names = [s.value for s in Signal]

    def found() -> list[Any]:
        seen = asyncio.run(events(since, *names))
        return seen if len(seen) >= enough else []

    return list(until(found))


def test_a_run_with_nothing_wrong_emits_that_it_completed_and_nothing_else(watched: Watched) -> None:
    since = datetime.now(UTC)
    watched.watch(watched.made.start)
    (one,) = vigil_events(since, 1)
    assert one["event"] == "vigil.watch.completed"
    assert one["resource"]["prefect.resource.id"] == f"vigil.site.{SITE}"
    assert datetime.fromisoformat(one["payload"]["as_of"]) == watched.made.start
    roles = {r["prefect.resource.role"] for r in one["related"]}
    assert {"flow", "flow-run"} <= roles, "the event does not lead to its run"


def test_gaps_undelivered_and_unroutable_each_have_their_event(watched: Watched) -> None:
    watched.watch(watched.made.start)
    since = datetime.now(UTC)
    watched.sandbox.faults(
        ecm={"script": [{"endpoint": "GET /v2/nodes/*/nodes", "what": "500", "times": 1000}]},
        fcm={"add": [{"kind": "unavailable"}]},
    )
    watched.watch(watched.made.start + timedelta(days=2))
    rows = Counter(r["state"] for r in watched.rows())
    seen = vigil_events(since, 4)
    by_name = {e["event"]: e for e in seen}
    assert set(by_name) == {
        "vigil.watch.completed",
        "vigil.run.gaps",
        "vigil.delivery.failing",
        "vigil.finding.unroutable",
    }
    failing = by_name["vigil.delivery.failing"]["payload"]
    assert failing["waiting"] == rows["queued"] > 0
    assert failing["why"][0].startswith("FCM answered 503 UNAVAILABLE")
    assert (
        sum(e["payload"]["findings"] for e in seen if e["event"] == "vigil.finding.unroutable")
        == rows["unroutable"]
        > 0
    )
    assert by_name["vigil.finding.unroutable"]["resource"]["prefect.resource.id"].startswith(
        f"vigil.rule.{SITE}."
    )


def test_the_documented_names_are_the_names_that_are_emitted() -> None:
    from flows.support.events import Signal

    documented = set(
        re.findall(r"^\| `(vigil\.[a-z.]+)`", (PROJECT / "docs" / "events.md").read_text(), re.MULTILINE)
    )
    assert documented == {s.value for s in Signal}


def test_automations_are_installed_once_however_often(prefect_url: str) -> None:
    from flows.support.automations import install

    site = f"site-{uuid4().hex[:6]}"
    first = asyncio.run(install(AUTOMATIONS, site, None))
    assert {done for _, done in first} == {"created"}
    assert len(first) == len(list(AUTOMATIONS.glob("*.yaml"))) >= 4
    assert {done for _, done in asyncio.run(install(AUTOMATIONS, site, None))} == {"as it was"}
    assert asyncio.run(_named(site)) == sorted(name for name, _ in first)


async def _named(site: str) -> list[str]:
    from prefect.client.orchestration import get_client

    async with get_client() as client:
        return sorted(a.name for a in await client.read_automations() if site in a.name)


def test_automations_notify_through_the_named_block_and_refuse_a_missing_one(
    prefect_url: str,
) -> None:
    from prefect.blocks.notifications import SlackWebhook

    from flows.support.automations import NoSuchBlock, install

    site = f"site-{uuid4().hex[:6]}"
    asyncio.run(install(AUTOMATIONS, site, None))
    SlackWebhook(url="http://127.0.0.1:9/hook").save("ops", overwrite=True)
    done = dict(asyncio.run(install(AUTOMATIONS, site, "slack-webhook/ops")))
    silent = f"Vigil {site}: a run gives no sign of life"  # it acts; that somebody hears of it is the business of another
    assert done.pop(silent) == "as it was"
    assert set(done.values()) == {"changed"}
    with pytest.raises(NoSuchBlock, match="slack-webhook/nobody"):
        asyncio.run(install(AUTOMATIONS, site, "slack-webhook/nobody"))


def test_the_dead_mans_switch_fires_when_watch_is_silent_and_not_while_it_runs(
    prefect_url: str, tmp_path: Path
) -> None:
    from flows.support.automations import install
    from flows.support.events import Signal, emit

    site, since = f"site-{uuid4().hex[:6]}", datetime.now(UTC)
    text = (AUTOMATIONS / "watch-is-silent.yaml").read_text()
    assert "within: 2700" in text
    (tmp_path / "silent.yaml").write_text(text.replace("within: 2700", f"within: {WITHIN}"))
    asyncio.run(install(tmp_path, site, None))

    def fired() -> list[Any]:
        found = asyncio.run(events(since, "prefect.automation.triggered"))
        return [e for e in found if site in e["resource"]["prefect.resource.name"]]

    def taken_in(after: datetime) -> bool:
        return any(site in str(e["resource"]) for e in asyncio.run(events(after, Signal.WATCHED.value)))

    # A watch that runs again and again, each after the server took in the one before, for longer than the switch waits.
    began = time.monotonic()
    while time.monotonic() < began + 1.5 * WITHIN:
        emitted = datetime.now(UTC)
        emit(Signal.WATCHED, site, {})
        until(partial(taken_in, emitted))
    assert not fired(), "it fired though watch had completed"
    until(fired)


def test_a_tripped_guard_fires_its_automation_for_its_own_site_only(prefect_url: str) -> None:
    from flows.support.automations import install
    from flows.support.events import Signal, emit

    one, other, since = f"site-{uuid4().hex[:6]}", f"site-{uuid4().hex[:6]}", datetime.now(UTC)
    asyncio.run(install(AUTOMATIONS, one, None))
    asyncio.run(install(AUTOMATIONS, other, None))
    emit(Signal.TRIPPED, one, {"reasons": ["too many"]}, rule="stuck")
    triggered = until(lambda: asyncio.run(events(since, "prefect.automation.triggered")))
    names = {e["resource"]["prefect.resource.name"] for e in triggered}
    assert names == {f"Vigil {one}: a guard waits for an answer"}


def test_unroutable_findings_fire_once_a_day_for_each_rule(
    prefect_url: str,
) -> None:
    from flows.support.automations import install
    from flows.support.events import Signal, emit

    site, since = f"site-{uuid4().hex[:6]}", datetime.now(UTC)
    asyncio.run(install(AUTOMATIONS, site, None))
    for rule in ("late", "late", "stuck", "late", "stuck"):
        emit(Signal.UNROUTABLE, site, {"findings": 1, "workspaces": [7]}, rule=rule)
    emit(Signal.TRIPPED, site, {"reasons": ["the last one"]}, rule="late")

    def fired() -> Counter[str]:
        found = asyncio.run(events(since, "prefect.automation.triggered"))
        return Counter(
            e["resource"]["prefect.resource.name"]
            for e in found
            if site in e["resource"]["prefect.resource.name"]
        )

    # Events are taken in one after another: once the last one has fired, so have those before it.
    until(lambda: fired()[f"Vigil {site}: a guard waits for an answer"])
    assert fired()[f"Vigil {site}: findings that nobody can be told of"] == 2
