"""The sandbox, over HTTP: its clock, what happens in it, its faults, and what its devices show."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterable
from contextlib import closing
from datetime import datetime
from typing import Any, NamedTuple
from urllib.parse import urlsplit

Json = dict[str, Any]


class Shown(NamedTuple):
    """One notice on one device."""

    device: str
    said: str


class Sandbox:
    """A running one, by the line that it printed when it was ready."""

    def __init__(self, ready: str) -> None:
        said: Json = json.loads(ready)
        self.ecm_url, self.fcm_url = said["ecm"], said["fcm"]
        self.service_account = said["service_account"]
        self._control = urlsplit(said["control"]).netloc

    def move(self, now: datetime) -> None:
        """Move the clock. It goes forward only."""
        self._ask("POST", "clock", {"now": now.isoformat()})

    def happen(self, event: Json) -> None:
        """Let an event happen now."""
        self._ask("POST", "events", event)

    def disturb(self, faults: Json) -> None:
        """Set what goes wrong from now on: {"ecm": {...}, "fcm": {...}}."""
        self._ask("POST", "faults", faults)

    def mend(self, layout: Json) -> None:
        """Nothing goes wrong any more; Extended ECM lies as `layout` says, in switches of the sandbox."""
        self.disturb({"ecm": {"clear": True, "quirks": layout}, "fcm": {"clear": True}})

    def unregister(self, token: str) -> None:
        """The app is removed from a device."""
        self._ask("POST", "devices", {"token": token, "do": "unregister"})

    def shows(self) -> list[Shown]:
        """What is on the devices' screens now; the same twice when a device shows it twice."""
        devices: Iterable[Json] = self._ask("GET", "devices")["devices"]
        return [Shown(d["token"], n["body"]) for d in devices for n in d["shows"]]

    def asked(self) -> list[str]:
        """The endpoints of Extended ECM that somebody asked so far."""
        return sorted(self._ask("GET", "requests")["ecm"]["by_endpoint"])

    def _ask(self, method: str, path: str, body: Json | None = None) -> Json:
        text = None if body is None else json.dumps(body)
        # A connection for each call: between two of them a run may take longer than the sandbox keeps an idle one.
        with closing(http.client.HTTPConnection(self._control, timeout=60)) as connection:
            connection.request(method, f"/sandbox/{path}", text)
            response = connection.getresponse()
            found: Json = json.loads(response.read())
        if response.status != 200:
            raise RuntimeError(f"{method} /sandbox/{path} {text}: {found.get('error', response.status)}")
        return found
