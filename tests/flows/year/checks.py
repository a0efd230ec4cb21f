"""Holds what a year left against what it should have left: the outbox, the devices, and the chain of runs."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from tests.flows.year.reference import Key, Row
from vigil.compliance.rules import DIGEST as DIGEST_NAME
from vigil.compliance.verdicts import Why
from vigil.ledger import Ledger, outbox, runs

IN_DIGEST = "in digest "


def said(ledger: Ledger) -> dict[Key, Row]:
    """What the outbox holds, in the words of the reference; digests are left out. Raises where a key is there twice."""
    with ledger.read() as connection:
        rows = outbox.rows(connection)
        ticks = {r["id"]: r["as_of"] for r in runs.latest(connection, limit=100_000)}
    out: dict[Key, Row] = {}
    for r in rows:
        if r["rule"] == DIGEST_NAME:
            continue
        key = _key(r)
        assert key not in out, f"{key} twice"
        out[key] = Row(r["fire_at"], ticks[r["run"]], *_outcome(r))
    return out


def _key(r: Mapping[str, Any]) -> Key:
    due, _, repeat = r["occurrence"].partition("#")
    named: date | datetime = datetime.fromisoformat(due) if "T" in due else date.fromisoformat(due)
    return Key(r["rule"], r["workspace"], named, int(repeat or 0), r["step"], r["person"])


def _outcome(r: Mapping[str, Any]) -> tuple[str, str]:
    if r["state"] != "suppressed":
        return r["state"], ""
    if r["reason"].startswith(IN_DIGEST):
        return "digest", ""
    return "suppressed", Why(r["reason"]).name.lower()


def differences(expected: Mapping[Key, Row], got: Mapping[Key, Row]) -> list[str]:
    """What is missing, too many or otherwise, a line each."""
    lost = [f"missing {key}: {expected[key]}" for key in expected.keys() - got.keys()]
    more = [f"too many {key}: {got[key]}" for key in got.keys() - expected.keys()]
    both = expected.keys() & got.keys()
    other = [f"other {key}: {got[key]}, not {expected[key]}" for key in both if expected[key] != got[key]]
    return sorted(lost) + sorted(more) + sorted(other)


def told_by_device(
    expected: Mapping[Key, Row], devices: Sequence[Mapping[str, Any]]
) -> Counter[tuple[str, int]]:
    """(device, workspace) -> the notices that must have come, without digests."""
    out: Counter[tuple[str, int]] = Counter()
    for key, row in expected.items():
        if row.outcome == "sent":
            out.update((d["token"], key.workspace) for d in devices if d["owner"] == key.person)
    return out


def received(devices: Sequence[Mapping[str, Any]]) -> tuple[Counter[tuple[str, int]], int]:
    """The same as the devices have it, and how many notices came more than once."""
    out: Counter[tuple[str, int]] = Counter()
    twice = 0
    for d in devices:
        keys = Counter(m["data"]["event_id"] for m in d["received"])
        twice += sum(n - 1 for n in keys.values())
        out.update((d["token"], w) for m in d["received"] if (w := _workspace(m["data"])) is not None)
    return out, twice


def _workspace(data: Mapping[str, str]) -> int | None:
    return None if "workspace" not in data else int(data["workspace"])


def windows(ledger: Ledger) -> list[tuple[datetime, datetime]]:
    """The windows of the runs that evaluated, in order."""
    with ledger.read() as connection:
        accounts = runs.latest(connection, "watch", limit=100_000)[::-1]
    pairs = [a["account"]["window"] for a in accounts if "window" in a["account"]]
    return [(datetime.fromisoformat(a), datetime.fromisoformat(b)) for a, b in pairs]


def holes(chain: Sequence[tuple[datetime, datetime]]) -> list[str]:
    """Where a window does not begin at the instant at which the one before it ended."""
    pairs = zip(chain, chain[1:], strict=False)
    return [f"{a[1].isoformat()} to {b[0].isoformat()}" for a, b in pairs if a[1] != b[0]]


__all__ = ["differences", "holes", "json", "received", "said", "told_by_device", "windows"]
