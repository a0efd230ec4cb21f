"""Artifacts: the account, the findings with links, a chart, progress of what is long; and nothing secret anywhere."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from flows.support import artifacts
from tests.flows.conftest import SITE, Watched
from tests.flows.deployed import DATA, artifact, artifacts_of, downloaded, embedded, table
from tests.support.tables import finding, findings
from vigil.service.reports import frames
from vigil.service.reports.frames import About, Frame


def sweep(watched: Watched, **scope: Any) -> Frame:
    from flows.sweep import SweepScope, sweep

    async def go() -> Any:
        await watched.save()
        return await sweep(site=SITE, scope=SweepScope(**scope), as_of=watched.sandbox.now())

    found: Frame = asyncio.run(go())
    return found


def test_a_watch_leaves_its_account_its_findings_with_links_and_a_chart(watched: Watched) -> None:
    watched.past(0)
    watched.watch(watched.made.start + timedelta(days=2))
    assert "| **difference** | 0 |" in artifact("watch-account")
    rows = table("watch-findings")
    assert len(rows) > 20
    assert list(rows[0])[:2] == ["name", "why"]
    called = {w.name for w in watched.estate.workspaces.values()}
    for r in rows:
        name = re.fullmatch(r"\[(.+)\]\(https://ecm\.example\.org/cs/cs/app/\S+\)", r["name"])
        assert name is not None and name[1] in called
    kind, picture = embedded(artifact("notices-by-day"))
    assert kind == "image/svg+xml"
    assert b"contract-status" in picture


def test_a_sweep_leaves_a_table_with_links_its_csv_and_a_page_to_forward(watched: Watched) -> None:
    watched.past(0)
    watched.sandbox.move(watched.made.start + timedelta(days=2))
    found = sweep(watched, types=["Contract"])
    assert not found.empty
    shown = table("sweep-findings")
    assert [r["person"] for r in shown] == found["person"].fillna("").tolist()
    assert shown[0]["name"] == f"[{found['name'][0]}]({found['link'][0]})"
    read = pd.DataFrame(downloaded("sweep-files"))
    for column in ("rule", "name", "link"):
        assert read[column].tolist() == found[column].tolist()
    page = artifact("sweep-summary")
    assert "Scope: Contract; all rules." in page
    assert f"**{len(found)} findings in" in page


def test_who_calls_a_flow_gets_its_table_with_its_account(watched: Watched) -> None:
    state = watched.watch(watched.made.start + timedelta(days=2))
    told = asyncio.run(state.aresult())
    assert sorted(
        zip(told["rule"], told["workspace"], told["person"].fillna(""), told["outcome"], strict=True)
    ) == sorted((r["rule"], r["workspace"], r["person"], r["state"]) for r in watched.rows())
    assert told.dtypes.equals(frames.frame(frames.NOTICES, [], About(SITE, watched.estate.zone.key)).dtypes)
    watched.sandbox.move(watched.made.start + timedelta(days=3))
    found = sweep(watched)
    assert (found.attrs["table"], found.attrs["zone"], found.attrs["dry_run"]) == (
        "findings",
        watched.estate.zone.key,
        True,
    )
    account = frames.account(found)
    assert account[account["kind"] == "check"].to_dict("list")["number"] == [0]
    assert dict(zip(account["what"], account["number"], strict=True))["requests"] > 0


def test_a_scope_narrows_by_attribute_and_by_which_findings(watched: Watched) -> None:
    watched.past(0)
    watched.sandbox.move(watched.made.start + timedelta(days=2))
    everything = sweep(watched)
    new = sweep(watched, findings="new ones only")
    old = sweep(watched, findings="open ones only")
    assert len(new) + len(old) == len(everything)
    assert len(new) and new["since"].isna().all() and old["since"].notna().all()
    active = sweep(watched, attributes=[{"attribute": "Contract.status", "value": "Active"}])
    assert 0 < len(active) < len(everything)
    with pytest.raises(Exception, match=r"no such attribute: Contract\.stats"):
        sweep(watched, attributes=[{"attribute": "Contract.stats", "value": "x"}])
    with pytest.raises(Exception, match="no such workspace type: Contracts"):
        sweep(watched, types=["Contracts"])


def test_a_long_reading_shows_how_far_it_is_and_ends_at_all_of_it(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(artifacts, "LONG", 10)
    monkeypatch.setattr(artifacts, "EVERY", 0.2)
    watched.watch(watched.made.start)
    assert artifact("watch-reading") == 100.0
    assert artifact("watch-evaluating") == 100.0


def test_a_short_reading_shows_no_progress(watched: Watched) -> None:
    since = datetime.now(UTC)
    watched.watch(watched.made.start)
    assert not [a for a in asyncio.run(artifacts_of(since)) if a.type == "progress"]


def test_what_is_long_is_cut_and_says_so(prefect_url: str) -> None:
    frame = findings(*[finding()] * (artifacts.ROWS + 5))
    asyncio.run(artifacts.table("long-table", frame, ("name", "since"), "Findings"))
    asyncio.run(artifacts.files("long-files", frame, "Findings"))
    assert len(table("long-table")) == artifacts.SHOWN
    assert f"The first {artifacts.SHOWN} of {len(frame):,} rows." in artifact("long-table")
    assert len(downloaded("long-files")) == artifacts.ROWS
    assert f"The first {artifacts.ROWS:,} of {len(frame):,} rows." in artifact("long-files")


def test_nothing_of_a_run_holds_a_secret(watched: Watched) -> None:
    """Logs, artifacts, parameters, states, events and task runs of every kind of run, also of those that fail."""
    since = datetime.now(UTC)
    watched.watch(watched.made.start)
    watched.password = "not-the-password-7f3a"
    assert watched.watch(watched.made.start).is_failed()
    watched.password = ""
    watched.sandbox.faults(fcm={"add": [{"kind": "permission_denied"}]})
    assert watched.watch(watched.made.start + timedelta(days=1)).is_failed()
    watched.sandbox.faults(fcm={"clear": True})
    watched.sandbox.faults(
        ecm={"script": [{"endpoint": "GET /v2/nodes/*/nodes", "what": "500", "times": 1000}]}
    )
    watched.watch(watched.made.start + timedelta(days=2))
    with pytest.raises(Exception, match="gaps"):
        sweep(watched)
    said = asyncio.run(everything_said(since))
    assert len(said) > 10_000
    for what, secret in secrets(watched).items():
        assert secret not in said, f"{what} is in what Prefect keeps of a run"


def secrets(watched: Watched) -> dict[str, str]:
    account = json.loads(Path(watched.sandbox.service_account).read_text())
    key = account["private_key"].replace("-----BEGIN PRIVATE KEY-----", "").split()
    found = {f"the private key, part {n}": part for n, part in enumerate(key) if len(part) > 30}
    found |= {
        "the key's id": account["private_key_id"],
        "an access token of FCM": "ya29.",
        "a password": "not-the-password-7f3a",
    }
    # The simulator makes its tickets so: each of these it gave, or may have given.
    found |= {f"ticket {n}": hashlib.sha256(f"ticket 0 {n}".encode()).hexdigest() for n in range(300)}
    for u in watched.estate.users.values():
        found |= {f"a device of {u.login}": d.token for d in u.devices}
    return found


async def everything_said(since: datetime) -> str:
    """All that the server keeps of the runs since then, as one text."""
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import (
        FlowRunFilter,
        FlowRunFilterStartTime,
        LogFilter,
        LogFilterTimestamp,
    )

    async with get_client() as client:
        where = FlowRunFilter(start_time=FlowRunFilterStartTime(after_=since))
        runs = await client.read_flow_runs(flow_run_filter=where)
        tasks = await client.read_task_runs(flow_run_filter=where, limit=200)
        logs = await client.read_logs(LogFilter(timestamp=LogFilterTimestamp(after_=since)), limit=200)
        answer = await client._client.post(
            "/events/filter", json={"filter": {"occurred": {"since": since.isoformat()}}, "limit": 50}
        )
    artifacts = [str(a.data) + str(a.description) for a in await artifacts_of(since)]
    decoded = [base64.b64decode(m[2]).decode() for a in artifacts for m in DATA.finditer(a)]
    texts = [x.model_dump_json() for x in (*runs, *tasks, *logs)]
    return "\n".join([*texts, *artifacts, *decoded, answer.text])
