"""How people can be reached and what they asked for: the devices, mailboxes and preferences that a notice is queued by."""

from __future__ import annotations

from collections.abc import Collection, Mapping
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


@dataclass(frozen=True)
class Reach:
    """Of some people: every address in use, and what those who asked for something asked for."""

    registered: Mapping[str, list[Registered]] = field(default_factory=dict)
    preferences: Mapping[str, Preferences] = field(default_factory=dict)

    def asked(self, login: str) -> Preferences:
        return self.preferences.get(login, NONE)

    def channels(self, login: str, rule: Rule, mail: bool) -> tuple[str, ...]:
        """The channels of a notice of `rule`, in order."""
        return order_of(rule.channels, self.asked(login).channels, mail)

    def addresses(self, login: str, order: Collection[str]) -> list[Registered]:
        """Where a notice with this order of channels goes."""
        return chosen(tuple(order), self.registered.get(login, ()))

    def person(self, login: str, directory: Directory, site_zone: str) -> Person:
        """Language and zone: what the person asked for, else what an app told, else the account's, else the site's."""
        user: f.User | None = directory.users.get(login)
        asked, known = self.asked(login), self.registered.get(login, ())
        zone = asked.zone or next((d.zone for d in known if d.zone), None) or (user and user.zone)
        language = asked.language or next((d.language for d in known if d.language), None)
        return Person(
            login=login,
            name=user.name if user else login,
            email=user.email if user else None,
            zone=zone or site_zone,
            language=language or (user and user.language) or "en",
        )

    def opens(self, at: datetime, person: Person, rule: Rule, site_zone: str) -> datetime:
        """When a notice that is due at `at` may be said: after the person's quiet hours and the rule's, by the person's clock."""
        return said_from(at, self.asked(person.login), quiet_of(rule), person.zone, site_zone)


def quiet_of(rule: Rule) -> Span | None:
    """The hours in which a rule says nothing."""
    return None if rule.quiet is None else Span(rule.quiet.from_, rule.quiet.to)
