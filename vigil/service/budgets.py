"""How many requests the scans of one run may make: they read in turns what no list shows. docs/scaling.md

Where search and recycle bin are followed, they show most changes at once: the scans then only find what these lack, and a whole run
stays near the size that the site allows.
"""

from __future__ import annotations

from dataclasses import dataclass

NODES_A_REQUEST = 250

SHORT_COST = 4
"""The approximate number of calls for reading a workspace again."""

FEWER = 8
"""By how much the scans are smaller, at most, where search and recycle bin are followed."""

BESIDE = 16
"""The requests of such a run beside those that the site allows for scans: lists, search, and what changed."""

FOLDERS_EACH = 4
"""How many folders are looked up for each workspace or document: a folder's date shows what was added to it, and nothing else does."""

VALUES, RELATED, WORKFLOWS, ROLES = 2, 4, 6, 1
"""The part of what is left that a scan takes, as a divisor: a workflow may cost three requests. Roles come last, and take the rest."""


@dataclass(frozen=True, slots=True)
class Budget:
    """The limits of one run. `allowed` is the site's `verify_requests`; `follows` whether the search is followed."""

    allowed: int
    follows: bool

    @property
    def nodes(self) -> int:
        """Requests for the stamps of known workspaces and documents."""
        return min(self.allowed, max(2, self.allowed // FEWER)) if self.follows else self.allowed

    @property
    def folders(self) -> int:
        """Folders whose stamps are read. With search their documents are found by it, too."""
        return self.nodes * NODES_A_REQUEST // 2 * (1 if self.follows else 2 * FOLDERS_EACH)

    def room(self, used: int, share: int) -> int:
        """Requests for a scan of another kind, in a run that has made `used`: with search a share of what is left, at least a few."""
        if not self.follows:
            return self.allowed
        return max(self.allowed // FEWER, min(self.allowed, self.allowed + BESIDE - used) // share)
