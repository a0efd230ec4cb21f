"""Topics in the flows and on the terminal: `watch` tells FCM what changed, `vigil devices topics` changes it and shows it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from typer.testing import CliRunner

from tests.flows.conftest import SITE, Watched
from vigil.cli.app import app
from vigil.ledger.people import devices, topics


def vigil(watched: Watched, *words: str) -> str:
    result = CliRunner().invoke(
        app, ["devices", "topics", *words], env={"VIGIL_LEDGER": watched.what.ledger_url}
    )
    assert result.exit_code == 0, result.output
    return result.output


def subscribed(watched: Watched, topic: str) -> int:
    with watched.ledger.read() as connection:
        return {t.name: t.subscribed for t in topics.every(connection)}[topic]


def reconciled(watched: Watched) -> list[dict[str, Any]]:
    from flows.reconcile import reconcile

    async def go() -> Any:
        await watched.save()
        state = await reconcile(site=SITE, as_of=watched.sandbox.now(), return_state=True)
        return await state.aresult()

    rows: list[dict[str, Any]] = asyncio.run(go())
    return [r for r in rows if r["check"] == "topics"]


def test_who_is_given_a_topic_has_it_on_every_device_after_the_next_run(watched: Watched) -> None:
    with watched.ledger.read() as connection:
        owners = {d["owner"] for d in watched.sandbox.devices()}
        mine = devices.of_people(connection, owners)
    first, second = sorted(mine, key=lambda p: -len(mine[p]))[:2]
    assert "2 people have been added to legal" in vigil(watched, "add", "/topics/legal", first, second)
    assert "legal" in vigil(watched, "list") and subscribed(watched, "legal") == 0
    assert next(r["what"] for r in reconciled(watched)) == "1 finding"
    watched.watch(watched.made.start)
    assert subscribed(watched, "legal") == len(mine[first]) + len(mine[second])
    assert [r["what"] for r in reconciled(watched)] == ["nothing wrong"]
    vigil(watched, "remove", "legal", first)
    assert f"{len(mine[first])} devices unsubscribed" in vigil(watched, "sync", "--site", SITE)
    assert subscribed(watched, "legal") == len(mine[second])
    assert "nothing to change" in vigil(watched, "sync", "--site", SITE)


@pytest.mark.parametrize("command", ["add", "remove"])
def test_a_name_that_fcm_would_refuse_is_wrong_usage(command: str) -> None:
    result = CliRunner().invoke(app, ["devices", "topics", command, "two words", "ada"])
    assert result.exit_code == 2
    assert "no name of a topic" in result.output
