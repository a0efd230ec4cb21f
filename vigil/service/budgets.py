"""How many requests the scans of one run may make: they read in turns what no list shows. docs/scaling.md

Where search and recycle bin are followed, they show most changes at once: the scans then only find what these lack, and a whole run
stays near the size that the site allows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil

NODES_A_REQUEST = 250

LOOKUPS = 64
"""The requests that a site allows for scans if it says nothing else."""

SHORT_COST = 4
"""The approximate number of calls for reading a workspace again."""

FEWER = 8
"""By how much the scans are smaller, at most, where search and recycle bin are followed."""

LEAST = 32
"""By how much a scan is smaller, at most, in a run with many changes: they come first, and scans go on slowly."""

BESIDE = 12
"""The requests of such a run beside those that the site allows for scans: lists, search, and what changed."""

FOLDERS_EACH = 4
"""How many folders are looked up for each workspace or document: a folder's date shows what was added to it, and nothing else does."""

LISTS, LIST_ROUND = 4, 16
"""Lists that are not sorted are read with this part of the allowed requests, as a divisor, where the search shows what changed; with
more where they would need more runs than that. What no run had seen for a day counts as old (decision 0019).
"""

LEAST_PART = 2
"""Pages of a list: each part begins with the last page of the one before."""

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

    @property
    def new_workspaces(self) -> int:
        """New workspaces that the search shows, each of which is asked for its type in a request of its own."""
        return max(1, self.allowed // LISTS)

    def list_parts(self, pages: Mapping[str, int]) -> dict[str, int]:
        """By type the pages that a run reads of each list that is not sorted; those that are not longer than that are left out.

        `pages` are those of the whole lists. Without search nothing is read in parts.
        """
        every = sum(pages.values())
        if not self.follows or not every:
            return {}
        most = max(self.allowed // LISTS, ceil(every / LIST_ROUND))
        parts = {type: max(LEAST_PART, ceil(most * n / every)) for type, n in pages.items()}
        return {type: part for type, part in parts.items() if part < pages[type]}

    def room(self, used: int, share: int) -> int:
        """Requests for a scan of another kind, in a run that has made `used`: with search a share of what is left, at least a few."""
        if not self.follows:
            return self.allowed
        return max(1, self.allowed // LEAST, min(self.allowed, self.allowed + BESIDE - used) // share)
