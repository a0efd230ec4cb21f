"""Numbers for what an estate does not number: users, groups, roles, categories, classifications, folders.

By construction: a block of 100 million ids for each family, above every id of the estate, so that an id tells its family
and its place in it without a table, and the same estate always gives the same ids.
"""

from __future__ import annotations

from enum import IntEnum

from vigil.sandbox.estate.model import Estate

BLOCK = 100_000_000


class Family(IntEnum):
    STRUCTURE = 0
    USER = 1
    GROUP = 2
    ROLE = 3
    ATTACHMENTS = 4
    SHORTCUT = 5
    VERSION = 6
    PROCESS = 7
    FOLLOWUP = 8
    FOLDER = 9


# Places within STRUCTURE.
VOLUME, TYPE_FOLDER, TEMPLATE, CATEGORY, CLASSIFICATION, MAP, BIN_FOLDER = (
    0,
    1_000_000,
    2_000_000,
    3_000_000,
    4_000_000,
    5_000_000,
    6_000_000,
)
CLASSIFICATIONS = VOLUME + 1  # the volume of classifications
CATEGORIES = 100  # category numbers set aside for each workspace type
VALIDITY = 0  # the category on documents that holds the expiration date
DEEPEST = 5  # levels of folders within a workspace
TYPE_ID = 1  # workspace types count from here: they are no nodes


class IdPlan:
    """`of(family, place)` gives the id, `read(id)` its family and place, None for an id of the estate."""

    def __init__(self, estate: Estate) -> None:
        highest = max(estate.workspaces, default=0)
        for event in estate.events:
            highest = max(highest, event.data.get("id") or 0, event.data.get("process") or 0)
        self.roles = max((len(kind.roles) for kind in estate.types.values()), default=0)  # for each workspace
        self.base = (highest // (10 * BLOCK) + 1) * 10 * BLOCK

    def of(self, family: Family, place: int) -> int:
        return self.base + family * BLOCK + place

    def read(self, number: int) -> tuple[Family, int] | None:
        family, place = divmod(number - self.base, BLOCK)
        return (Family(family), place) if 0 <= family < len(Family) else None
