"""The sandbox's own endpoints, beside those of the systems it plays: clock, devices, faults, requests.

POST /sandbox/clock    ``{"now": "2013-03-01T00:00:00Z"}``: forward only, 409 on a step back
POST /sandbox/events   one event as a line of events.jsonl has it; without "ts" it happens now, and always after all others
GET  /sandbox/devices  what each virtual device shows, and everything it received
POST /sandbox/devices  ``{"token": T, "do": "offline"}``, or online, dismiss, unregister, add (with "platform" and "owner")
POST /sandbox/faults   ``{"ecm": {...}, "fcm": {...}}``: see `quirks.EcmFaults.configure` and `fcm.faults`
GET  /sandbox/requests what both were asked
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from vigil.errors import BadInput
from vigil.sandbox.ecm.app import ecm_app
from vigil.sandbox.ecm.site import SimulatedEcm
from vigil.sandbox.estate.load import Estate
from vigil.sandbox.fcm.app import FcmApp
from vigil.sandbox.fcm.devices import Devices
from vigil.sandbox.json_lines import instant
from vigil.sandbox.quirks import EcmFaults
from vigil.sandbox.world.world import World

Json = dict[str, Any]
ACTIONS = ("offline", "online", "dismiss", "unregister", "add")


class Control:
    """Both simulators over one world. `fcm` is set once its address is known.

    `load` reads the world's estate again, with additional events, so that these are checked like an estate's. `clock` is one that the
    world follows; None: it stands still until it is moved.
    """

    def __init__(
        self,
        world: World,
        faults: EcmFaults | None = None,
        load: Callable[[Sequence[str]], Estate] | None = None,
        clock: Callable[[], datetime] | None = None,
    ) -> None:
        self.world, self._load, self._clock = world, load, clock
        self._added: list[str] = []
        self.devices = Devices(lambda: world.now)
        for user in world.estate.users.values():
            for device in user.devices:
                self.devices.add(device.token, device.platform, user.login)
        self.site = SimulatedEcm(world, faults)
        self.ecm = ecm_app(self.site, self._routes())
        self.fcm: FcmApp | None = None

    def _routes(self) -> list[Route]:
        table: dict[tuple[str, str], Callable[[Json], Json]] = {
            ("GET", "clock"): lambda body: {"now": self.world.now.isoformat()},
            ("POST", "clock"): self._move,
            ("POST", "events"): self._happen,
            ("GET", "devices"): lambda body: self.devices.to_json(),
            ("POST", "devices"): self._device,
            ("GET", "faults"): lambda body: self._show_faults(),
            ("POST", "faults"): self._set_faults,
            ("GET", "requests"): lambda body: self._requests(),
        }

        def route(method: str, name: str, act: Callable[[Json], Json]) -> Route:
            async def handle(request: Request) -> Response:
                return await _answer(act, request)

            return Route(f"/sandbox/{name}", handle, methods=[method])

        return [route(method, name, act) for (method, name), act in table.items()]

    def _move(self, body: Json) -> Json:
        now = instant(body.get("now"))
        if isinstance(now, str):
            raise ValueError(f"now: {now}")
        applied = self.world.move(now)
        return {"now": self.world.now.isoformat(), "applied": applied}

    def follow(self) -> None:
        """Move the world to the time of its own clock."""
        if self._clock is not None:
            self.world.move(max(self.world.now, self._clock()))

    def _happen(self, body: Json) -> Json:
        if self._load is None:
            raise ValueError("this world was not loaded from a folder")
        self.follow()
        line = orjson.dumps({"ts": self.world.now.isoformat(), **body}).decode()
        try:
            event = self._load([*self._added, line]).events[-1]
        except BadInput as refused:
            raise ValueError("; ".join(str(p) for p in refused.problems)) from None
        if event.ts > self.world.now:
            raise ValueError(f"an event does not lie ahead of the clock, {self.world.now.isoformat()}")
        self.world.add(event)
        self._added.append(line)
        return {"happened": event.kind, "ts": event.ts.isoformat()}

    def _device(self, body: Json) -> Json:
        token, action = str(body.get("token", "")), body.get("do")
        if action not in ACTIONS:
            raise ValueError(f"unknown action {action!r}; actions: {', '.join(ACTIONS)}")
        if action == "add":
            self.devices.add(token, str(body.get("platform")), body.get("owner"))
        elif self.devices.get(token) is None:
            raise ValueError(f"unknown device token {token!r}")
        else:
            getattr(self.devices, str(action))(token)
        found = self.devices.get(token)
        return found.to_json() if found else {}

    def _set_faults(self, body: Json) -> Json:
        for key in body:
            if key not in ("ecm", "fcm", "revoke_tickets"):
                raise ValueError(f"unknown key {key!r}; keys: ecm, fcm, revoke_tickets")
        # Tried on a spare first, so that a mistake in one half changes nothing in the other.
        EcmFaults().configure(body.get("ecm", {}))
        if "fcm" in body and self.fcm is not None:
            self.fcm.faults.apply(body["fcm"])
        if "ecm" in body:
            self.site.faults.configure(body["ecm"])
            self.site.quirks_changed()
        if body.get("revoke_tickets"):
            self.site.tickets.revoke()
        return self._show_faults()

    def _show_faults(self) -> Json:
        return {"ecm": self.site.faults.to_json(), "fcm": self.fcm.faults.to_json() if self.fcm else None}

    def _requests(self) -> Json:
        site = self.site
        ecm = {
            "total": sum(site.requests.values()),
            "bytes": site.sent,
            "by_endpoint": dict(site.requests),
            "by_status": {str(status): n for status, n in sorted(site.statuses.items())},
        }
        fcm = (
            {"total": sum(self.fcm.requests.values()), "by_endpoint": dict(self.fcm.requests)}
            if self.fcm
            else None
        )
        return {"ecm": ecm, "fcm": fcm}


async def _answer(act: Callable[[Json], Json], request: Request) -> Response:
    try:
        text = await request.body()
        body = orjson.loads(text) if text else {}
        if not isinstance(body, dict):
            raise ValueError("the body must be a JSON object")
        return _json(act(body))
    except orjson.JSONDecodeError as error:
        return _json({"error": f"the body is not JSON: {error}"}, 400)
    except (ValueError, TypeError) as error:
        return _json({"error": str(error)}, 409 if "forward only" in str(error) else 400)


def _json(body: Json, status: int = 200) -> Response:
    return Response(orjson.dumps(body), status, media_type="application/json")
