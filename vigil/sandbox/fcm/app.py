"""The FCM simulator: HTTP v1 send, OAuth tokens and topics, as a plain ASGI application.

It was written from docs/contracts/fcm.md and imports none of the clients that are tested with it. The send path has no routing, no
framework and one JSON parse, so that the simulator never limits a measurement (over 6,000 sends/s on one core under uvicorn with
httptools and uvloop).

    devices = Devices(clock)
    public = write_service_account(path, f"{url}/token", "demo")
    app = fcm_app(devices, project="demo", public_key=public)
    uvicorn.run(app, ...)

`app.faults`, `app.topics`, `app.tokens` and `app.requests` are for the control interface.
"""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections import Counter
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, unquote

import orjson

from vigil.sandbox.asgi import Receive, Scope, Send, header, lifespan, origin, read_body, reset
from vigil.sandbox.fcm import answers
from vigil.sandbox.fcm.answers import FcmAnswer
from vigil.sandbox.fcm.devices import Devices, VirtualDevice
from vigil.sandbox.fcm.faults import FcmFault, FcmFaults
from vigil.sandbox.fcm.oauth import TokenService, allowed_locations, write_service_account
from vigil.sandbox.fcm.quota import QuotaMeter
from vigil.sandbox.fcm.topics import Topics
from vigil.sandbox.fcm.validation import refusal

__all__ = ["FcmApp", "FcmFaults", "fcm_app", "write_service_account"]

log = logging.getLogger("vigil.sandbox.fcm.app")

_BEFORE = {  # faults answered instead of accepting
    "internal": lambda f: answers.internal(),
    "unavailable": lambda f: answers.unavailable(f.retry_after),
    "quota": lambda f: answers.quota(f.subject, f.retry_after),
    "unregistered": lambda f: answers.unregistered(),
    "sender_mismatch": lambda f: answers.sender_mismatch(),
    "apns_410": lambda f: answers.apns_410(),
    "invalid": lambda f: answers.invalid("message", "Request contains an invalid argument."),
    "unauthenticated": lambda f: answers.unauthenticated(),
    "third_party_auth": lambda f: answers.third_party_auth(),
    "permission_denied": lambda f: answers.permission_denied(
        "FCM API has not been used in this project before."
    ),
    "html": lambda f: FcmAnswer(
        502, b"<html><h1>502 Bad Gateway</h1></html>", ((b"content-type", b"text/html"),)
    ),
}
_REFUSED_DEVICE = {
    "SENDER_ID_MISMATCH": answers.sender_mismatch,
    "APNS_410": answers.apns_410,
    "UNREGISTERED": answers.unregistered,
}
_RESET = FcmAnswer(0, b"")  # not an answer: the connection is reset instead


def fcm_app(
    devices: Devices,
    *,
    project: str,
    public_key: str,
    faults: FcmFaults | None = None,
    seconds: Callable[[], float] = time.monotonic,
    token_lifetime: float = 3600,
) -> FcmApp:
    """The simulator of one project. `public_key` (PEM) is that of the account written by
    `write_service_account`.

    `seconds` is the clock of the quotas, `token_lifetime` that of OAuth tokens, both in real seconds; TTL of
    messages goes by the clock of `devices`.
    """
    tokens = TokenService(public_key, project, token_lifetime)
    return FcmApp(devices, project, tokens, faults or FcmFaults(), QuotaMeter(project, seconds))


class FcmApp:
    """See `fcm_app`. `requests` counts by endpoint: send, token, topics, allowedLocations, other."""

    def __init__(
        self, devices: Devices, project: str, tokens: TokenService, faults: FcmFaults, meter: QuotaMeter
    ) -> None:
        self.devices = devices
        self.project = project
        self.tokens = tokens
        self.faults = faults
        self.topics = Topics(devices)
        self.requests: Counter[str] = Counter()
        self.accepted = 0
        self._meter = meter
        self._send_path = f"/v1/projects/{project}/messages:send"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await lifespan(receive, send)
            return
        body = await read_body(receive)
        path = scope["path"]
        try:
            answer = (
                await self._send(scope, body)
                if path == self._send_path
                else await self._other(scope, path, body)
            )
        except Exception:
            log.exception("the simulator failed on %s", path)
            raise
        if self.faults.latency:
            await asyncio.sleep(self.faults.latency)
        if answer is _RESET:
            await reset(receive)
            return
        headers = [*answer.headers, (b"content-length", b"%d" % len(answer.body))]
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await send({"type": "http.response.body", "body": answer.body})

    async def _other(self, scope: Scope, path: str, body: bytes) -> FcmAnswer:
        if path == "/token":
            self.requests["token"] += 1
            fault = self.faults.pick("token", {}) if self.faults.active else None
            return await _faulty(fault, scope, body) or self.tokens.grant(body, f"{origin(scope)}/token")
        if path.endswith("/allowedLocations"):
            self.requests["allowedLocations"] += 1
            return allowed_locations()
        if path in ("/iid/v1:batchAdd", "/iid/v1:batchRemove") or "/topicSubscriptions" in path:
            self.requests["topics"] += 1
            fault = self.faults.pick("topics", {}) if self.faults.active else None
            return (
                await _faulty(fault, scope, body)
                or self._unauthorised(scope)
                or self._topics(scope, path, body)
            )
        self.requests["other"] += 1
        if path.endswith("/messages:send"):
            return self._unauthorised(scope) or answers.permission_denied(
                f"The account may not send for this project: {path.split('/')[3]}"
            )
        return answers.not_found(path)

    def _topics(self, scope: Scope, path: str, body: bytes) -> FcmAnswer:
        if path.startswith("/iid/"):
            if header(scope, b"access_token_auth") != b"true":
                return answers.json_answer(401, {"error": "Unauthorized"})
            return self.topics.batch(body, add=path.endswith("batchAdd"))
        parts = scope["raw_path"].decode().split("?")[0].split("/")  # tokens may hold an escaped slash
        query = parse_qs(scope["query_string"].decode())
        token = unquote(parts[5])
        if scope["method"] == "POST":
            return self.topics.subscribe(token, query.get("topic_name", [""])[0])
        return self.topics.unsubscribe(token, unquote(parts[7]), query.get("allow_missing") == ["true"])

    def _unauthorised(self, scope: Scope) -> FcmAnswer | None:
        may_send = self.tokens.check(header(scope, b"authorization"))
        if may_send:
            return None
        if may_send is None:
            return answers.unauthenticated()
        return answers.permission_denied("Request had insufficient authentication scopes.")

    async def _send(self, scope: Scope, body: bytes) -> FcmAnswer:
        """One send: may it, is it well formed, is a fault scripted, is there quota, whom is it for."""
        self.requests["send"] += 1
        if scope["method"] != "POST":
            return answers.not_found(self._send_path)
        denied = self._unauthorised(scope)
        if denied:
            return denied
        try:
            asked = orjson.loads(body)
        except orjson.JSONDecodeError as wrong:
            return answers.invalid("", f"Invalid JSON payload received. {wrong}")
        message: Any = asked.get("message") if isinstance(asked, dict) else None
        refused = refusal(message, len(body))
        if refused:
            return refused
        fault = self._fault(message) if self.faults.active else None
        if fault is not None:
            if fault.kind == "echo":
                return answers.echo(fault.status, _quoted(scope, body), fault.at)
            if fault.kind in _BEFORE:
                return _BEFORE[fault.kind](fault)
            if fault.kind == "reset_before":
                return _RESET
        address = message.get("token") or message.get("fid")
        if self.faults.quotas is not None:
            limited = self._meter.refusal(address or "", self.faults.quotas)
            if limited:
                return limited
        answer = (
            self._to_device(address, message, asked)
            if address
            else self._to_topic(message, bool(asked.get("validate_only")))
        )
        return answer if fault is None else await _after(fault, answer)

    def _fault(self, message: dict[str, Any]) -> FcmFault | None:
        address = message.get("token") or message.get("fid")
        device = self.devices.get(address) if address else None
        seen = {
            "token": address,
            "platform": device.platform if device else None,
            "owner": device.owner if device else None,
            "topic": message.get("topic"),
            "event_id": (message.get("data") or {}).get("event_id"),
            "title": (message.get("notification") or {}).get("title"),
        }
        return self.faults.pick("send", seen)

    def _to_device(self, address: str, message: dict[str, Any], asked: dict[str, Any]) -> FcmAnswer:
        device = self.devices.get(address)
        if device is None and any(c.isspace() for c in address):
            return answers.invalid(
                "message.token", "The registration token is not a valid FCM registration token"
            )
        if device is None or not device.registered:
            return answers.unregistered()
        if device.refused is not None:
            return _REFUSED_DEVICE[device.refused]()
        if asked.get("validate_only"):
            return self._named("fake_message_id")
        return self._accept([device], message)

    def _to_topic(self, message: dict[str, Any], validate_only: bool) -> FcmAnswer:
        try:
            found = (
                self.topics.audience(message["topic"])
                if "topic" in message
                else self.topics.matching(message["condition"])
            )
        except ValueError as wrong:
            return answers.invalid("message.condition", str(wrong))
        return self._named("fake_message_id") if validate_only else self._accept(found, message)

    def _accept(self, found: list[VirtualDevice], message: dict[str, Any]) -> FcmAnswer:
        self.accepted += 1
        answer = self._named(f"0:{self.accepted:012d}")
        name = f"projects/{self.project}/messages/0:{self.accepted:012d}"
        for device in found:
            self.devices.receive(device, message, name)
        return answer

    def _named(self, message_id: str) -> FcmAnswer:
        body = b'{\n  "name": "projects/%s/messages/%s"\n}\n' % (self.project.encode(), message_id.encode())
        return FcmAnswer(200, body, _JSON)


_JSON = ((b"content-type", b"application/json; charset=UTF-8"),)


def _quoted(scope: Scope, body: bytes) -> str:
    """The parts of a request that a server in debug mode shows: the device, the headers, the body."""
    device = re.search(rb'"token": ?"([^"]+)"', body)
    shown = [f"for {device[1].decode()}"] if device else []
    shown += [f"{n.decode()}: {v.decode('latin-1')}" for n, v in scope["headers"] if n == b"authorization"]
    shown += [f"{n.decode()}: {v.decode('latin-1')}" for n, v in scope["headers"] if n != b"authorization"]
    return "\n".join([*shown, body.decode("utf-8", "replace")])


async def _faulty(fault: FcmFault | None, scope: Scope, body: bytes) -> FcmAnswer | None:
    """The answer of a fault where nothing is accepted: on tokens and topics it comes before the work."""
    if fault is None:
        return None
    if fault.kind == "echo":
        return answers.echo(fault.status, _quoted(scope, body), fault.at)
    if fault.kind in _BEFORE:
        return _BEFORE[fault.kind](fault)
    if fault.kind == "slow":
        await asyncio.sleep(fault.seconds)
        return None
    return _RESET if fault.kind.startswith("reset") else await _after(fault, answers.internal())


async def _after(fault: FcmFault, answer: FcmAnswer) -> FcmAnswer:
    """The response that the sender gets although the message was accepted."""
    if fault.kind == "slow":
        await asyncio.sleep(fault.seconds)
        return answer
    if fault.kind == "reset_after":
        return _RESET
    return FcmAnswer(200, b"{}\n" if fault.kind == "nameless" else b'{"name": "proj', _JSON)
