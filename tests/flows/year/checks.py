"""Holds what a year left against what it should have left: the outbox, the devices, and the chain of runs."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from tests.flows.year.reference import Key, Row
from vigil.compliance.evaluation.results import Why
from vigil.compliance.rules.model import DIGEST_NAME
from vigil.ledger import Ledger
from vigil.ledger.observed import runs
from vigil.ledger.outbox import queue

IN_DIGEST = "in digest "


def said(ledger: Ledger) -> dict[Key, Row]:
    """What the outbox holds, in the words of the reference; digests are left out. Raises where a key is there twice."""
    with ledger.read() as connection:
        rows = queue.rows(connection)
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
) -> Counter[tuple[str, str, int | datetime]]:
    """(device, rule, workspace) -> the notices that must have come; of a digest the tick stands in place of the workspace."""
    out: Counter[tuple[str, str, int | datetime]] = Counter()
    tokens: dict[str, list[str]] = defaultdict(list)
    for d in devices:
        tokens[d["owner"]].append(d["token"])
    for key, row in expected.items():
        if row.outcome == "sent":
            out.update((token, key.rule, key.workspace) for token in tokens[key.person])
    late = {(key.person, row.tick) for key, row in expected.items() if row.outcome == "digest"}
    out.update((token, DIGEST_NAME, tick) for person, tick in late for token in tokens[person])
    return out


def received(devices: Sequence[Mapping[str, Any]]) -> Counter[tuple[str, str, int | datetime]]:
    """The same as the devices have it."""
    out: Counter[tuple[str, str, int | datetime]] = Counter()
    for d in devices:
        for m in d["received"]:
            rule = m["data"]["rule"]
            at = datetime.fromisoformat(m["received_at"])
            out[d["token"], rule, at if rule == DIGEST_NAME else int(m["data"]["workspace"])] += 1
    return out


def seen_twice(devices: Sequence[Mapping[str, Any]]) -> int:
    """How many notices a device got more than once."""
    keys = Counter((d["token"], m["data"]["event_id"]) for d in devices for m in d["received"])
    return sum(n - 1 for n in keys.values())


def windows(ledger: Ledger) -> list[tuple[datetime, datetime]]:
    """The windows of the runs of `watch`, in order, by their accounts."""
    with ledger.read() as connection:
        accounts = [r["account"] for r in runs.latest(connection, "watch", limit=100_000)][::-1]
    pairs = [a["window"] for a in accounts]
    return [(datetime.fromisoformat(a), datetime.fromisoformat(b)) for a, b in pairs]


def unbalanced(ledger: Ledger) -> list[int]:
    """The runs whose account has a difference or a gap, or that did not end."""
    with ledger.read() as connection:
        found = runs.latest(connection, limit=100_000)
    return [r["id"] for r in found if r["state"] != "done" or r["account"]["difference"]]
