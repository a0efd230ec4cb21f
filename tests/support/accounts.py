"""Accounts of a run, made of the rows that it left."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from vigil.ledger.notice_message import NoticeMessage
from vigil.service.accounting import Account

AT = datetime(2026, 3, 2, 8, 15, tzinfo=UTC)


def row(state: str, person: str | None = "ada", reason: str = "", **more: Any) -> dict[str, Any]:
    usual = {"workspace": 4711, "rule": "renewal", "lease_until": None, "lease_owner": None, "due_at": None}
    message = NoticeMessage(lacks=tuple(more.pop("lacks", ())))
    return {**usual, "state": state, "person": person, "reason": reason, "message": message, **more}


def account(*notices: dict[str, Any], numbers: dict[str, int] | None = None, **given: Any) -> Account:
    rows: dict[str, int] = {}
    for n in notices:
        key = f"{n['state']}: {n['reason']}" if n["state"] == "suppressed" else n["state"]
        rows[key] = rows.get(key, 0) + 1
    usual = {
        "run": 7,
        "flow": "watch",
        "as_of": AT,
        "ended_at": AT,
        "zone": "Europe/Berlin",
        "delivers": True,
    }
    return Account(**{**usual, **given}, numbers=numbers or {}, rows=rows, notices=notices)
