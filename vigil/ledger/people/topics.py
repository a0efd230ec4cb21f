"""Topics: the people who should have each topic, and the subscriptions that FCM has confirmed. The difference is the work to do.

No code undoes subscriptions explicitly: a device that is refreshed with another address, retired, or given to another person is
another difference, which `outstanding` finds.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, and_, delete, func, or_, select

from vigil.ledger.engine import chunks, upsert
from vigil.ledger.tables import DeviceRow, TopicMemberRow, TopicSubscriptionRow, table
from vigil.ledger.values import APP_KINDS

_device = table(DeviceRow)
_member = table(TopicMemberRow)
_subscription = table(TopicSubscriptionRow)

_MEANT = and_(_member.c.topic == _subscription.c.topic, _member.c.person == _device.c.person)
_USABLE = and_(_device.c.retired_at.is_(None), _device.c.address_kind.in_(APP_KINDS))


@dataclass(frozen=True, slots=True)
class TopicChange:
    """Devices to report to FCM: `addresses` by device, to be subscribed to `topic` (`add`) or unsubscribed from it."""

    topic: str
    add: bool
    addresses: Mapping[int, str] = field(repr=False)  # addresses are secrets


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic: its people, and its devices that are subscribed, pending, or refused by FCM, by its code."""

    name: str
    people: tuple[str, ...]
    subscribed: int
    waiting: int
    refused: Mapping[str, int]


def join(connection: Connection, topic: str, people: Collection[str], now: datetime) -> int:
    """Give people a topic. Returns how many did not have it before."""
    before = _count(connection, topic)
    rows = [{"topic": topic, "person": p, "since": now} for p in set(people)]
    upsert(connection, _member, rows, ())
    return _count(connection, topic) - before


def leave(connection: Connection, people: Collection[str], topic: str | None = None) -> int:
    """Take a topic, or all topics, away from people. Returns how many memberships ended."""
    count = 0
    for some in chunks(sorted(people)):
        where: ColumnElement[bool] = _member.c.person.in_(some)
        if topic is not None:
            where = and_(where, _member.c.topic == topic)
        count += connection.execute(delete(_member).where(where)).rowcount
    return count


def people(connection: Connection) -> set[str]:
    """All people with a topic."""
    return set(connection.execute(select(_member.c.person).distinct()).scalars())


def outstanding(connection: Connection) -> list[TopicChange]:
    """The changes to report to FCM, by topic: first those to unsubscribe.

    A device that FCM refused is retried after its app has refreshed it.
    """
    known = and_(_subscription.c.topic == _member.c.topic, _subscription.c.device == _device.c.id)
    told = or_(
        _subscription.c.device.is_(None),
        and_(_subscription.c.refused != "", _device.c.refreshed_at > _subscription.c.at),
    )
    add = (
        select(_member.c.topic, _device.c.id, _device.c.address)
        .select_from(
            _member.join(_device, _device.c.person == _member.c.person).outerjoin(_subscription, known)
        )
        .where(_USABLE, told)
    )
    remove = (
        select(_subscription.c.topic, _device.c.id, _device.c.address)
        .select_from(
            _subscription.join(_device, _device.c.id == _subscription.c.device).outerjoin(_member, _MEANT)
        )
        .where(or_(_device.c.retired_at.is_not(None), _member.c.person.is_(None)))
    )
    changes = []
    for query, adds in ((remove, False), (add, True)):
        by_topic: dict[str, dict[int, str]] = defaultdict(dict)
        for topic, id, address in connection.execute(query.order_by(_device.c.id)):
            by_topic[topic][id] = address
        changes += [TopicChange(topic, adds, by_topic[topic]) for topic in sorted(by_topic)]
    return changes


def record_answer(
    connection: Connection, change: TopicChange, refused: Mapping[int, str], now: datetime
) -> None:
    """Record FCM's answer to a change. `refused` has its code for each device that it did not subscribe."""
    devices = sorted(change.addresses)
    if change.add:
        rows = [
            {"topic": change.topic, "device": d, "at": now, "refused": refused.get(d, "")} for d in devices
        ]
        upsert(connection, _subscription, rows, ("at", "refused"))
        return
    for some in chunks(devices):
        where = and_(_subscription.c.topic == change.topic, _subscription.c.device.in_(some))
        connection.execute(delete(_subscription).where(where))


def every(connection: Connection) -> list[Topic]:
    """Every topic with members, or with a device that is still subscribed."""
    members: dict[str, list[str]] = defaultdict(list)
    for topic, person in connection.execute(
        select(_member.c.topic, _member.c.person).order_by(_member.c.person)
    ):
        members[topic].append(person)
    found: dict[str, dict[str, int]] = defaultdict(dict)
    counted = select(_subscription.c.topic, _subscription.c.refused, func.count())
    for topic, refused, n in connection.execute(
        counted.group_by(_subscription.c.topic, _subscription.c.refused)
    ):
        found[topic][refused] = n
    waiting: dict[str, int] = defaultdict(int)
    for change in outstanding(connection):
        waiting[change.topic] += len(change.addresses)
    return [
        Topic(
            name,
            tuple(members.get(name, ())),
            found.get(name, {}).get("", 0),
            waiting.get(name, 0),
            {word: n for word, n in sorted(found.get(name, {}).items()) if word},
        )
        for name in sorted({*members, *found})
    ]


def _count(connection: Connection, topic: str) -> int:
    return int(connection.execute(select(func.count()).where(_member.c.topic == topic)).scalar_one())
