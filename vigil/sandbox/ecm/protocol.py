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


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks. `login` None is the service user, who may read all."""

    login: str | None
    id: int


@dataclass(frozen=True, slots=True)
class ListPage:
    limit: int
    number: int
    pages: int
    total: int
    start: int
    end: int

    def to_json(self) -> Json:
        return {
            "limit": self.limit,
            "page": self.number,
            "page_total": self.pages,
            "range_max": self.end,
            "range_min": min(self.start + 1, self.end),
            "total_count": self.total,
        }
