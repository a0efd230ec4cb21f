"""Stores the e-mail addresses of looked-up users in the registry."""

from __future__ import annotations

from collections.abc import Iterable

from vigil.compliance import facts as f
from vigil.compliance.channels import MAIL
from vigil.compliance.facts import Fact
from vigil.ledger.people import mailboxes
from vigil.service.run import Run


def note_mailboxes(run: Run, facts: Iterable[Fact]) -> None:
    """Store the mailboxes of the accounts among `facts`, if the site can send mail."""
    if MAIL not in run.channels:
        return
    wanted = {x.login: None if x.deleted else x.email for x in facts if isinstance(x, f.User)}
    with run.ledger.write() as connection:
        mailboxes.keep(connection, wanted, run.clock())
