"""An outbox with a row of every kind that an earlier program may have left open, and what must come of each."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from tests.support.draining import drain
from tests.support.schemas import Earlier
from vigil.delivery.push.http_v1 import FcmHttp
from vigil.delivery.push.settings import FcmSettings
from vigil.delivery.worker import Worker
from vigil.ledger import Ledger
from vigil.sandbox.fcm.local import LocalFcm

NOW = datetime.now(UTC).replace(microsecond=0)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
TOKENS = {1: "ada-phone", 2: "ada-tablet", 3: "ben-phone"}


@dataclass(frozen=True)
class Open:
    """A row as an earlier program left it. It must be told after `told`, to the phones that have not had it; None: not by itself."""

    state: str = "queued"
    person: str = "ben"
    told: timedelta | None = timedelta(0)
    due: timedelta | None = timedelta(0)
    lease: timedelta | None = None
    owner: str | None = None
    tries: int = 0
    reason: str = ""
    accepted: tuple[int, ...] = ()  # devices that took it
    retried: tuple[int, ...] = ()  # devices of which FCM said: later


ROWS = {
    "queued": Open(),
    "of two devices": Open(person="ada"),
    "held by a dead worker": Open(lease=-MINUTE, owner="dead", tries=1),
    "held by a living worker": Open(lease=4 * MINUTE, owner="alive", tries=1, told=HOUR),
    "waits for another try": Open(due=10 * MINUTE, lease=10 * MINUTE, tries=2, retried=(3,), told=HOUR),
    "half delivered": Open(person="ada", lease=-MINUTE, owner="dead", tries=1, accepted=(1,), retried=(2,)),
    "waits for the end of quiet hours": Open(due=8 * HOUR, told=DAY),
    "late, for the digest": Open("suppressed", reason="it was missed and goes into the digest", told=None),
    "grouped": Open("suppressed", reason="it goes into the digest", told=None),
    "held by a guard": Open(
        "suppressed", reason="its rule's guard stopped it, and it waits for a person's answer", told=None
    ),
    "unroutable": Open("unroutable", person="", due=None, told=None),
    "no device": Open("no_device", person="cleo", due=None, told=None),
    "told": Open("sent", due=None, tries=1, accepted=(3,), told=None),
    "refused": Open("failed", due=None, tries=1, told=None),
}
"""Every kind of row that an outbox may hold, in the words that its program wrote. Each is about a workspace of its own."""

NUMBERS = {name: n for n, name in enumerate(ROWS, start=1)}

OCCURRENCES = {
    "of two devices": "2026-03-31#2",
    "half delivered": "2026-03-31:resolved",
    "waits for another try": "2026-03-31#escalated1",
    "told": "step:5:6:assigned:2026-03-02T08:00:00Z:ada,ben",
    "refused": "Contract.Item #3@2026-03-02T08:00:00Z#escalated12",
}
"""What rows are about whose occurrence is not "2026-03-31"."""

WORDS = (
    '"title":"Contract ends on 31 March","body":"Supply of paper","link":"https://ecm.example.org/cs/cs/app/nodes/1",'
    '"severity":"normal"'
)
MESSAGES = {
    "unroutable": '{"why":["it ends"],"lacks":["role owner is empty"]}',
    "no device": '{"why":["it ends"],"date_withheld":true}',
    "grouped": '{"why":["it ends"],' + WORDS + ',"key":"KEY","zone":"UTC","digest":"it goes into the digest"}',
    "told": '{"why":["it ends"],' + WORDS + ',"ttl":86400,"key":"KEY","zone":"Europe/Berlin","quiet":["20:00:00","08:00:00"],'
    '"channels":["email","push"],"mail":{"title":"<b>T</b>","body":"B"}}',
    "refused": "{}",  # its texts are forgotten
}  # fmt: skip
"""The messages of rows that have more or less than the words alone, as they were stored."""

POSITIONS = {
    "evaluated": '{"complete":"2026-03-02T08:00:00+00:00","fresh":[],"parts":["steps","workspaces"],"types":["Contract"],'
    '"unread":[17],"unread processes":[5],"skew":[-1.5,2.0]}',
    "scan": '{"parts":["steps"]}',
    "changed:Contract": '{"listed":7}',
    "processes": '{"hashes":{"5":"00"}}',
    "verify": '{"workspace":"17","before":"2026-03-01T08:00:00+00:00","began":"2026-03-02T08:00:00+00:00"}',
    "accounts": "{}",
}  # fmt: skip


def fill(ledger: Earlier) -> None:
    """Rows of every kind, in every table that the schema has."""
    ledger.put("notice", [notice(name, row) for name, row in ROWS.items()])
    ledger.put("attempt", [a for name, row in ROWS.items() for a in attempts(name, row)])
    ledger.put("device", [device(token) for token in TOKENS.values()])
    ledger.put(
        "device",
        [device("ben-old-phone") | {"person": "ben", "retired_at": NOW, "retired_reason": "gone"}],
    )
    ledger.put("run", [run("done"), run("running")])
    ledger.put(
        "observation",
        [{"seq": 1, "kind": "workspace", "subject": "1", "workspace": 1, "seen_at": NOW, "body": "{}"}],
    )
    ledger.put("newest", [{"kind": "workspace", "subject": "1", "workspace": 1, "seq": 1, "checked_at": NOW}])
    ledger.put(
        "position",
        [{"name": name, "seq": 1, "at": NOW - HOUR, "data": data} for name, data in POSITIONS.items()],
    )
    standing = {
        "rule": "r",
        "workspace": 1,
        "outcome": "finding",
        "since": NOW - DAY,
        "next_check_at": NOW,
        "why": "[]",
    }
    ledger.put("verdict", [standing | {"as_of": NOW - DAY}])
    ledger.put("rulestate", [{"rule": "r", "first_at": NOW - DAY, "hash": "00"}])
    ledger.put("manifest", [{"id": "cafe", "created_at": NOW, "approved_at": None, "body": "[]"}])
    ledger.put("preference", [{"person": "ben", "digest": False, "channels": "", "updated_at": NOW}])
    ledger.put("acknowledgement", [{"notice": NUMBERS["told"], "person": "ben", "at": NOW, "how": "app"}])
    trip = {
        "rule": "r",
        "run": 1,
        "tripped_at": NOW,
        "until": NOW + DAY,
        "notices": 1,
        "findings": 1,
        "workspaces": 1,
    }
    ledger.put("guard_trip", [trip | {"known": 9, "reasons": "[]", "state": "waiting"}])
    ledger.put("topic_member", [{"topic": "all", "person": "ben", "since": NOW}])
    ledger.put("topic_subscription", [{"topic": "all", "device": 3, "at": NOW, "refused": ""}])
    ledger.put("relation", [{"workspace": 1, "other": 2}])
    ledger.put("site", [{"name": "default", "since": NOW}])
    text = {"rule": "r", "hash": "00", "text": "rule: r", "file": "r.yaml", "first_at": NOW, "last_at": NOW}
    ledger.put("rule_revision", [text | {"in_force": True}])
    ledger.fill_the_rest()


def notice(name: str, row: Open) -> dict[str, Any]:
    of = {
        "rule": "r",
        "workspace": NUMBERS[name],
        "occurrence": OCCURRENCES.get(name, "2026-03-31"),
        "step": "last",
        "person": row.person,
    }
    key = ":".join(str(v) for v in of.values())
    return of | {
        "fire_at": NOW - HOUR,
        "as_of": NOW - HOUR,
        "state": row.state,
        "reason": row.reason,
        "message": MESSAGES.get(name, "{" + WORDS + ',"key":"KEY"}').replace("KEY", key),
        "due_at": None if row.due is None or row.state != "queued" else NOW + row.due,
        "lease_until": None if row.lease is None else NOW + row.lease,
        "lease_owner": row.owner,
        "tries": row.tries,
        "first_tried_at": NOW - HOUR / 2 if row.tries else None,
        "run": 1,
    }


def attempts(name: str, row: Open) -> list[dict[str, Any]]:
    outcomes = [(d, "accepted", 200) for d in row.accepted] + [(d, "retry", 503) for d in row.retried]
    at = {"started_at": NOW - HOUR / 2, "ended_at": NOW - HOUR / 2}
    return [at | {"notice": NUMBERS[name], "device": d, "outcome": o, "status": s} for d, o, s in outcomes]


def device(token: str) -> dict[str, Any]:
    of = {
        "person": token.partition("-")[0],
        "address": token,
        "address_kind": "token",
        "platform": "android",
    }
    return of | {"registered_at": NOW - DAY, "refreshed_at": NOW - DAY}


def run(state: str) -> dict[str, Any]:
    return {"flow": "watch", "as_of": NOW, "started_at": NOW, "state": state, "account": "{}"}


def deliver(ledger: Ledger, fcm: LocalFcm, at: datetime) -> None:
    """What a run does with what is due."""
    settings = FcmSettings(
        project=fcm.project,
        service_account_info=orjson.loads(fcm.account.read_bytes()),
        endpoint=fcm.url,
        device_per_minute=None,
        device_per_hour=None,
    )

    async def go() -> None:
        async with FcmHttp(settings) as transport:
            await drain(Worker(ledger, transport, lambda: at, rng=random.Random(0), real=lambda _: at))

    asyncio.run(go())


def received(fcm: LocalFcm) -> Counter[tuple[str, str]]:
    """(device, replace key) -> how often it came."""
    return Counter((d.token, s.data["event_id"]) for d in fcm.devices for s in d.received)


def expected(at: timedelta) -> Counter[tuple[str, str]]:
    """What must have come by then: each open row that is to be told, once on each phone that has not had it."""
    return Counter(
        (token, orjson.loads(notice(name, row)["message"])["key"])
        for name, row in ROWS.items()
        for id, token in TOKENS.items()
        if row.told is not None and row.told <= at
        if token.startswith(row.person) and id not in row.accepted
    )
