"""The words of the REST API that all of the simulated ECM shares: its JSON, its refusals, who asks, and a page of a list."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]


class EcmRefusal(Exception):
    """An answer other than 200, in ECM's own form ``{"error": text}``."""

    def __init__(self, status: int, message: str) -> None:
        self.status = status
        self.message = message
        super().__init__(message)


def unknown_url() -> EcmRefusal:
    """Of a path that no module which is installed has."""
    return EcmRefusal(400, "The REST API URL could not be found in the mappings registry")


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks. `login` None is the service user, who may read all."""

    login: str | None
    id: int


@dataclass(frozen=True, slots=True)
class ListPage:
    """`last`: the last page that is offered, before `pages` where a list ends at the wall. `start` and `end` bound the rows."""

    limit: int
    number: int
    pages: int
    last: int
    total: int
    start: int
    end: int

    def to_json(self, *, by_page: bool = False) -> Json:
        """`by_page`: the range counts from the page's first row, not from the list's."""
        first = self.start if by_page else 0
        return {
            "limit": self.limit,
            "page": self.number,
            "page_total": self.pages,
            "range_max": self.end - first,
            "range_min": min(self.start + 1, self.end) - first if self.end > first else 0,
            "total_count": self.total,
        }
