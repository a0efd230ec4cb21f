"""Contact details of people: their addresses, and the preferences that apply when a notice is queued."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from vigil.compliance import facts as f
from vigil.compliance.channels import channel_of
from vigil.compliance.notices import Person
from vigil.compliance.notify.routing import Directory
from vigil.compliance.quiet_hours import QuietSpan
from vigil.compliance.rules.model import Rule
from vigil.delivery.channels import chosen, order_of
from vigil.delivery.quiet_hours import said_from
from vigil.ledger.values import NONE, Preferences, Registered


@dataclass(frozen=True, slots=True)
class Destination:
    """Where and when one person, or one group with an address of its own, gets a notice of one rule.

    `channels` are in order, `addresses` those of the first channel with any; none: the person has no address on any of them.
    `opens_at` is the first instant outside the quiet hours of the person and the rule. `digest`: the person asked for digests.
    """

    person: Person
    channels: tuple[str, ...]
    addresses: tuple[Registered, ...]
    opens_at: datetime
    digest: bool


@dataclass(frozen=True)
class Contacts:
    """For some people: every address in use, and the preferences of those who have any."""

    registered: Mapping[str, list[Registered]] = field(default_factory=dict)
    preferences: Mapping[str, Preferences] = field(default_factory=dict)

    def channels(self, person: str, there: Collection[str]) -> frozenset[str]:
        """Those of the channels in `there` on which a person, or a group, has an address."""
        known = {channel_of(d.address_kind).name for d in self.registered.get(person, ())}
        return frozenset(known.intersection(there))

    def destination(
        self,
        login: str,
        rule: Rule,
        directory: Directory,
        site_zone: str,
        there: Collection[str],
        at: datetime,
    ) -> Destination:
        """For a notice of `rule` that is due at `at`. `there`: the channels that the site has."""
        asked = self.preferences.get(login, NONE)
        person = self._person(login, asked, directory, site_zone)
        channels = order_of(rule.channels, asked.channels, there)
        return Destination(
            person=person,
            channels=channels,
            addresses=tuple(chosen(channels, self.registered.get(login, ()))),
            opens_at=said_from(at, asked, quiet_of(rule), person.zone, site_zone),
            digest=asked.digest,
        )

    def _person(self, login: str, asked: Preferences, directory: Directory, site_zone: str) -> Person:
        """The zone: from the preferences, else the app, else the site; the language also from the account."""
        user: f.User | None = directory.users.get(login)
        known = self.registered.get(login, ())
        zone = asked.zone or next((d.zone for d in known if d.zone), None)
        language = asked.language or next((d.language for d in known if d.language), None)
        return Person(
            login=login,
            name=user.name if user else login.removeprefix(f.GROUP),
            email=user.email if user else None,
            zone=zone or site_zone,
            language=language or (user and user.language) or "en",
        )


def quiet_of(rule: Rule) -> QuietSpan | None:
    """The quiet hours of a rule; None if it has none."""
    return None if rule.quiet is None else QuietSpan(rule.quiet.from_, rule.quiet.to)
