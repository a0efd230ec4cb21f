"""The ledger's data about accounts: which address belongs to which login, and which accounts are deleted. Used to authenticate by
address.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlalchemy import Connection

from vigil.compliance import facts as f
from vigil.ledger import watermarks
from vigil.ledger.observed import observations
from vigil.ledger.watermarks import WatermarkName

"""When every account was last read. Before that an address may be two people's, of whom the ledger knows one."""


@dataclass(frozen=True, slots=True)
class Accounts:
    """`by_address` maps each `folded` address to the logins of accounts that are not deleted; it is empty until all accounts were
    read once.
    """

    deleted: frozenset[str] = frozenset()
    by_address: Mapping[str, frozenset[str]] = field(default_factory=dict)


def known(connection: Connection) -> Accounts:
    """The accounts as they were last read."""
    by_address: dict[str, set[str]] = defaultdict(set)
    deleted = set()
    for user in observations.directory(connection, ("user",)):
        if isinstance(user, f.User) and user.deleted:
            deleted.add(user.login)
        elif isinstance(user, f.User) and user.email:
            by_address[folded(user.email)].add(user.login)
    if watermarks.watermark(connection, WatermarkName.ACCOUNTS).at is None:
        by_address.clear()
    return Accounts(frozenset(deleted), {a: frozenset(logins) for a, logins in by_address.items()})


def folded(address: str) -> str:
    """An address for comparison: ASCII letters in lower case, all other characters unchanged.

    Unicode case folding would make different letters equal, such as a Kelvin sign and k. An attacker could register and verify such an
    address.
    """
    return address.lower() if address.isascii() else address
