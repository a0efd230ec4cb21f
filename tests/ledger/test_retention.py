"""What may be forgotten is forgotten, and nothing else: any instant after the horizon reads as it did, and keys stay for ever."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from vigil.compliance import facts as f
from vigil.compliance.events import Looked, derive
from vigil.compliance.notices import NoticeState
from vigil.ledger import Ledger, watermarks
from vigil.ledger.maintenance import integrity, retention
from vigil.ledger.maintenance.retention import Forgets
from vigil.ledger.notice_message import EMPTY_MESSAGE, NoticeMessage
from vigil.ledger.observed import observations, runs
from vigil.ledger.outbox import acknowledgements, guard_holds, leases, manifests, queue
from vigil.ledger.outbox.leases import Settled, Tried
from vigil.ledger.people import deleted_accounts, devices, preferences, topics
from vigil.ledger.values import Entry, Preferences, RunState
from vigil.ledger.watermarks import Watermark, WatermarkName, list_of

T0 = datetime(2024, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
WAITING = frozenset({"it waits"})


def forget(ledger: Ledger, what: Forgets, horizon: datetime, evaluated: int = 10**9) -> int:
    """Forget everything of a kind, slice by slice. Returns how many rows."""
    count, after = 0, 0
    while True:
        with ledger.write() as connection:
            found = retention.find(connection, what, horizon, after, WAITING, evaluated)
            count += retention.forget(connection, what, found.rows)
        if found.following is None:
            return count
        after = found.following


def workspace(number: int, status: str) -> f.Workspace:
    return f.Workspace(number, "Contract", f"Contract {number}", T0, T0, {"Contract.status": status})


@pytest.fixture
def seen(ledger: Ledger) -> list[datetime]:
    """Forty days in which workspaces and documents come, change, move and go."""
    chance = random.Random(11)
    days = [T0 + n * DAY for n in range(40)]
    for at in days:
        with ledger.write() as connection:
            some: list[Any] = [workspace(chance.randrange(1, 9), chance.choice("abc")) for _ in range(3)]
            home = chance.randrange(1, 9)
            some += [f.Document(100 + chance.randrange(5), home, "d", None, T0, None, at)]
            gone = [("document", "102")] if chance.random() < 0.2 else []
            observations.record(connection, some, at, 1, gone)
    return days


def reading(ledger: Ledger, at: datetime) -> list[Any]:
    with ledger.read() as connection:
        return sorted(observations.as_of(connection, at), key=repr)


def test_every_instant_from_the_horizon_on_reads_as_before(
    ledger: Ledger, seen: list[datetime], monkeypatch: Any
) -> None:
    monkeypatch.setattr(retention, "SLICE", 7)  # so that it takes many
    horizon = seen[25]
    later = [at for at in seen if at >= horizon]
    before = {at: reading(ledger, at) for at in later}
    with ledger.read() as connection:
        every = list(range(1, 9))
        changes = observations.changes(connection, every, 0, observations.last_seq(connection))
        current = sorted(observations.current(connection, every), key=repr)
    assert forget(ledger, Forgets.OBSERVATIONS, horizon) > 20
    assert {at: reading(ledger, at) for at in later} == before
    with ledger.read() as connection:
        assert sorted(observations.current(connection, every), key=repr) == current
        mine = observations.changes(connection, every, 0, observations.last_seq(connection))
    young = [c for c in changes if c.seen_at > horizon]
    assert [c for c in mine if c.seen_at > horizon] == young, (
        "a change after the horizon lost what it is compared with"
    )
    assert forget(ledger, Forgets.OBSERVATIONS, horizon) == 0


def test_what_evaluation_has_not_taken_in_yet_is_kept(ledger: Ledger, seen: list[datetime]) -> None:
    with ledger.read() as connection:
        last = observations.last_seq(connection)
        pairs = observations.changes(connection, list(range(1, 9)), last // 2, last)
    assert forget(ledger, Forgets.OBSERVATIONS, seen[-1], evaluated=last // 2) > 0
    with ledger.read() as connection:
        kept = observations.changes(connection, list(range(1, 9)), last // 2, last)
    # What was known of a thing before it was gone is forgotten with what was replaced: of its return dates decide.
    assert kept == [replace(c, once=None) if k.once is None else c for c, k in zip(pairs, kept, strict=True)]


def queued(
    ledger: Ledger,
    at: datetime,
    state: NoticeState = NoticeState.QUEUED,
    reason: str = "",
    occurrence: str = "o",
) -> int:
    entry = Entry(
        "rule",
        1,
        f"{occurrence}{at:%m%d}",
        "",
        "ada",
        at,
        state,
        reason,
        NoticeMessage(title="words", key="k"),
    )
    with ledger.write() as connection:
        assert queue.enqueue(connection, [entry], at, 1) == 1
        return int(queue.rows(connection)[-1]["id"])


def send(ledger: Ledger, at: datetime) -> int:
    number = queued(ledger, at)
    with ledger.write() as connection:
        leases.claim(connection, "worker", at, DAY, 10)
        tried = Tried(number, 1, at, at, "accepted", 200)
        assert (
            leases.settle(connection, "worker", [tried], [Settled(number, NoticeState.SENT, tried_at=at)])
            == 1
        )
    return number


def test_words_and_attempts_of_what_is_done_go_and_the_key_stays(ledger: Ledger) -> None:
    old, new, waits = send(ledger, T0), send(ledger, T0 + 30 * DAY), queued(ledger, T0 + DAY)
    held = queued(ledger, T0 + 2 * DAY, NoticeState.SUPPRESSED, "it waits")
    told = queued(ledger, T0 + 3 * DAY, NoticeState.SUPPRESSED, "the person did it")
    assert forget(ledger, Forgets.ATTEMPTS, T0 + 20 * DAY) == 1
    assert forget(ledger, Forgets.TEXTS, T0 + 20 * DAY) == 2
    with ledger.read() as connection:
        rows = {r["id"]: r for r in queue.rows(connection)}
        assert set(queue.attempts(connection, list(rows))) == {new}
    assert {i for i, r in rows.items() if r["message"] == EMPTY_MESSAGE} == {old, told}
    assert EMPTY_MESSAGE not in (rows[waits]["message"], rows[held]["message"])
    again = Entry("rule", 1, f"o{T0:%m%d}", "", "ada", T0, NoticeState.QUEUED)
    with ledger.write() as connection:
        assert queue.enqueue(connection, [again], T0 + 400 * DAY, 9) == 0, (
            "a forgotten notice was queued again"
        )


def test_runs_that_ended_go_but_not_one_whose_guard_waits(ledger: Ledger) -> None:
    with ledger.write() as connection:
        ended, asking, running = (runs.begin(connection, "watch", T0, T0) for _ in range(3))
        for run in (ended, asking):
            runs.end(connection, run, RunState.DONE, {}, T0)
        young = runs.begin(connection, "watch", T0 + 30 * DAY, T0 + 30 * DAY)
        runs.end(connection, young, RunState.DONE, {}, T0 + 30 * DAY)
        hold = guard_holds.GuardHold(
            0, "r", asking, "", T0, T0 + DAY, 1, 1, 1, 1, ("much",), guard_holds.WAITING
        )
        guard_holds.keep(connection, hold)
    assert forget(ledger, Forgets.RUNS, T0 + 20 * DAY) == 1
    with ledger.read() as connection:
        assert {r["id"] for r in runs.latest(connection)} == {asking, running, young}


def test_old_manifests_go(ledger: Ledger) -> None:
    with ledger.write() as connection:
        old = manifests.keep(connection, [{"n": 1}], T0)
        new = manifests.keep(connection, [{"n": 2}], T0 + 30 * DAY)
    assert forget(ledger, Forgets.MANIFESTS, T0 + 20 * DAY) == 1
    with ledger.read() as connection:
        assert manifests.find(connection, old) is None and manifests.find(connection, new) is not None


def test_nothing_is_forgotten_of_a_ledger_that_was_never_evaluated(
    ledger: Ledger, seen: list[datetime]
) -> None:
    with ledger.write() as connection:
        assert watermarks.watermark(connection, WatermarkName.EVALUATED).seq == 0
        watermarks.set_watermark(connection, list_of("Contract"), Watermark(seq=5))
    assert forget(ledger, Forgets.OBSERVATIONS, seen[-1], evaluated=0) == 0


def comment(at: datetime, position: int = 0) -> f.AuditEvent:
    return f.AuditEvent(1, "Comment Added", at, "ada", f"words of {at:%d}", position)


def test_old_rows_of_the_audit_trail_go_whole_and_nothing_else(ledger: Ledger, monkeypatch: Any) -> None:
    monkeypatch.setattr(retention, "SLICE", 3)
    days = [T0 + n * DAY for n in range(10)]
    for at in days:
        with ledger.write() as connection:
            observations.record(connection, [workspace(1, f"{at:%d}"), comment(at)], at, 1)
    assert forget(ledger, Forgets.AUDIT, days[4], evaluated=8) == 4, "and what was not evaluated yet stays"
    assert forget(ledger, Forgets.AUDIT, days[4]) == 1
    with ledger.read() as connection:
        left = [x for x in observations.current(connection, [1]) if isinstance(x, f.AuditEvent)]
        assert sorted(x.at for x in left) == days[5:]
        faults, _, looked_at = integrity.newest(connection, ("", ""), 100)
        assert (faults, looked_at) == ([], 6)
        [then] = [x for x in observations.as_of(connection, days[7]) if isinstance(x, f.Workspace)]
        assert then.attrs == {"Contract.status": f"{days[7]:%d}"}
    assert forget(ledger, Forgets.AUDIT, days[4]) == 0


def test_a_forgotten_event_that_is_read_again_is_no_news(ledger: Ledger) -> None:
    with ledger.write() as connection:
        observations.record(connection, [comment(T0)], T0, 1)
    assert forget(ledger, Forgets.AUDIT, T0 + DAY) == 1
    with ledger.write() as connection:
        last = observations.last_seq(connection)
        observations.record(connection, [comment(T0)], T0 + 400 * DAY, 2)
        found = observations.changes(connection, [1], last, observations.last_seq(connection))
    assert found and derive(found, Looked(T0 + 399 * DAY), T0 + 400 * DAY) == []


def test_old_acknowledgements_go(ledger: Ledger) -> None:
    old, new = send(ledger, T0), send(ledger, T0 + 30 * DAY)
    with ledger.write() as connection:
        for number, at in ((old, T0), (new, T0 + 30 * DAY)):
            assert acknowledgements.acknowledge(connection, number, "ada", at, "app")
    assert forget(ledger, Forgets.ACKNOWLEDGEMENTS, T0 + 20 * DAY) == 1
    with ledger.read() as connection:
        assert set(acknowledgements.of_notices(connection, [old, new])) == {new}


def leave(ledger: Ledger, login: str, at: datetime) -> None:
    with ledger.write() as connection:
        observations.record(connection, [f.User(login, 1, login, deleted=True)], at, 1)


def test_of_people_who_left_long_ago_nothing_is_known_but_what_they_were_told(ledger: Ledger) -> None:
    number = send(ledger, T0)
    with ledger.write() as connection:
        for login in ("ada", "bob", "eve"):
            new = [devices.NewDevice(login, f"token-of-{login}", "android")]
            devices.register(connection, [*new, devices.NewDevice(login, f"{login}@x", "email", "email")], T0)
            preferences.keep(connection, login, Preferences(digest=True), T0)
            topics.join(connection, "legal", [login], T0)
        observations.record(connection, [f.User("eve", 3, "Eve")], T0, 1)
    leave(ledger, "ada", T0 + DAY)
    leave(ledger, "bob", T0 + 30 * DAY)
    with ledger.write() as connection:
        gone = deleted_accounts.devices_in_use(connection)
        devices.retire(connection, gone, "left", T0 + 30 * DAY)
    assert len(gone) == 4, "both addresses of both who left"
    assert forget(ledger, Forgets.PEOPLE, T0 + 20 * DAY) == 1
    with ledger.read() as connection:
        asked = preferences.of_people(connection, ["ada", "bob", "eve"])
        assert set(asked) == topics.people(connection) == {"bob", "eve"}
        found = connection.exec_driver_sql("SELECT person, address FROM device ORDER BY id").all()
        by_person = {p: sorted(a for q, a in found if q == p) for p in ("ada", "bob", "eve")}
        assert [a.startswith(deleted_accounts.FORGOTTEN) for a in by_person["ada"]] == [True, True]
        assert by_person["bob"] == ["bob@x", "token-of-bob"]
        called = set(devices.labels(connection, gone).values())
        assert {"ada's android", "ada's email"} <= called, "`vigil why` still names them"
        assert [r["id"] for r in queue.rows(connection, person="ada")] == [number]
    assert forget(ledger, Forgets.PEOPLE, T0 + 20 * DAY) == 0


def test_who_comes_back_is_known_again(ledger: Ledger) -> None:
    leave(ledger, "ada", T0)
    with ledger.write() as connection:
        preferences.keep(connection, "ada", Preferences(digest=True), T0)
        observations.record(connection, [f.User("ada", 1, "Ada")], T0 + DAY, 1)
        assert deleted_accounts.deleted(connection, ["ada"]) == set()
    assert forget(ledger, Forgets.PEOPLE, T0 + 400 * DAY) == 0
