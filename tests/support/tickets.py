"""The estate of a made-up helpdesk, as large and as full as those of real work: what tests of the simulator run on in a bare clone.

Tickets are opened one after the other; each is assigned, worked on in two steps of a process, and some are closed, commented
or given a document. The same seed gives the same estate.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.support.small_estate import Draft

START = datetime(2013, 1, 1, 8, tzinfo=UTC)
END = datetime(2013, 3, 1, 12, tzinfo=UTC)
"""By END every ticket was opened, and most of them have a step that waits."""
STATES = ("new", "assigned", "waiting", "resolved", "closed")
META = {
    "name": "tickets",
    "zone": "Europe/Rome",
    "start": START.isoformat(),
    "public_url": "https://ecm.example.org",
}
TICKET = {
    "type": "Ticket",
    "categories": [
        {
            "name": "Ticket",
            "attributes": [
                {"name": "status", "kind": "string", "values": list(STATES)},
                {"name": "due", "kind": "date"},
                {"name": "product", "kind": "string"},
            ],
        }
    ],
    "roles": ["assignee", "manager"],
    "required_documents": [],
}
Row = dict[str, Any]


@dataclass
class Tickets:
    """`count` tickets, for `agents` people who work on them and two supervisors."""

    count: int = 360
    agents: int = 18
    seed: int = 7
    users: list[Row] = field(default_factory=list)
    workspaces: list[Row] = field(default_factory=list)
    events: list[Row] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._dice = random.Random(self.seed)
        self.users = [_user(f"agent-{n:02}", "agents") for n in range(1, self.agents + 1)]
        self.users += [_user("supervisor-anna", "supervisors"), _user("supervisor-bruno", "supervisors")]
        for number in range(self.count):
            self._ticket(number, START + number * (END - START) / (self.count + 1))
        self.events.sort(key=lambda e: e["ts"])  # stable: what happens at one instant stays in its order

    def save(self, folder: Path) -> Path:
        """Write the estate's files into a folder, and give it."""
        return Draft(META, [TICKET], self.users, self.workspaces, self.events).save(folder)

    def _ticket(self, number: int, opened: datetime) -> None:
        workspace, agent = 100_001 + number, f"agent-{self._dice.randint(1, self.agents):02}"
        attrs = {
            "Ticket.status": "new",
            "Ticket.product": f"Product {number % 5}",
            "Ticket.due": "2013-03-22",
        }
        self.workspaces.append(
            {
                "id": workspace,
                "type": "Ticket",
                "name": f"Ticket {number + 1}",
                "created": opened.isoformat(),
                "attrs": attrs,
                "roles": {"assignee": [], "manager": ["supervisor-anna"]},
            }
        )
        self._event(opened, "workspace_created", workspace)
        at = self._later(opened)
        self._event(at, "attribute_changed", workspace, attr="Ticket.status", value="assigned", by=agent)
        self._event(at, "role_changed", workspace, role="assignee", members=[agent])
        process = 500_001 + number
        self._event(at, "step_assigned", workspace, process=process, step=1, title="Take in charge", to=agent)
        if self._dice.random() < 0.6:
            at = self._later(at)
            done = {"by": agent, "disposition": "resolved"}
            self._event(at, "step_completed", workspace, process=process, step=1, **done)
            self._event(at, "step_assigned", workspace, process=process, step=2, title="Resolve", to=agent)
            if self._dice.random() < 0.5:
                at = self._later(at)
                self._event(at, "step_completed", workspace, process=process, step=2, **done)
                self._event(
                    at, "attribute_changed", workspace, attr="Ticket.status", value="closed", by=agent
                )
        self._extras(number, workspace, agent, at)

    def _extras(self, number: int, workspace: int, agent: str, at: datetime) -> None:
        """A comment on every twentieth ticket; two documents in every thirtieth."""
        if number % 20 == 3:
            self._event(at, "comment_added", workspace, by=agent, text=f"The customer of {number} called")
        for n in range(2 if number % 30 == 4 else 0):
            document = {"id": 700_001 + 10 * number + n, "name": f"Report {n}.pdf", "type": "Report"}
            self._event(at, "document_added", workspace, **document, by=agent)

    def _later(self, at: datetime) -> datetime:
        return (at + timedelta(seconds=self._dice.randint(60, 3600))).replace(microsecond=0)

    def _event(self, at: datetime, kind: str, workspace: int, **more: Any) -> None:
        self.events.append({"ts": at.isoformat(), "kind": kind, "workspace": workspace, **more})


def _user(login: str, group: str) -> Row:
    name = login.replace("-", " ").title()
    devices = [{"token": f"{login}-android-0", "platform": "android"}]
    return {
        "login": login,
        "name": name,
        "email": f"{login}@example.org",
        "groups": [group],
        "devices": devices,
    }
