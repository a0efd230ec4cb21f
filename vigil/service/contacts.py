"""Contact details and preferences of people: devices, mailboxes, and the preferences that apply when a notice is queued."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from vigil.compliance import facts as f
from vigil.compliance.notices import Person
from vigil.compliance.quiet import Span
from vigil.compliance.routing import Directory
from vigil.compliance.rules import Rule
from vigil.delivery.channels import chosen, order_of
from vigil.delivery.quiet_hours import said_from
from vigil.ledger.values import NONE, Preferences, Registered


@dataclass(frozen=True, slots=True)
class Destination:
    """Where and when one person gets a notice of one rule.

    `channels` are in order, `addresses` those of the first channel with any; none: the person has neither device nor mailbox.
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

    def destination(
        self, login: str, rule: Rule, directory: Directory, site_zone: str, mail: bool, at: datetime
    ) -> Destination:
        """The destination of a notice of `rule` that is due at `at`. `mail`: whether the site can send e-mail."""
        asked = self.preferences.get(login, NONE)
        person = self._person(login, asked, directory, site_zone)
        channels = order_of(rule.channels, asked.channels, mail)
        return Destination(
            person=person,
            channels=channels,
            addresses=tuple(chosen(channels, self.registered.get(login, ()))),
            opens_at=said_from(at, asked, quiet_of(rule), person.zone, site_zone),
            digest=asked.digest,
        )

    def _person(self, login: str, asked: Preferences, directory: Directory, site_zone: str) -> Person:
        """Language and zone: from the preferences, else the app, else the account, else the site."""
        user: f.User | None = directory.users.get(login)
        known = self.registered.get(login, ())
        zone = asked.zone or next((d.zone for d in known if d.zone), None) or (user and user.zone)
        language = asked.language or next((d.language for d in known if d.language), None)
        return Person(
            login=login,
            name=user.name if user else login,
            email=user.email if user else None,
            zone=zone or site_zone,
            language=language or (user and user.language) or "en",
        )


def quiet_of(rule: Rule) -> Span | None:
    """The quiet hours of a rule; None if it has none."""
    return None if rule.quiet is None else Span(rule.quiet.from_, rule.quiet.to)
