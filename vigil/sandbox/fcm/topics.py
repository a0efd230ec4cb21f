"""Topics: who is subscribed, and which devices a topic or a condition means.

Two interfaces change them: the Instance ID service (`/iid/v1:batchAdd`, `:batchRemove`) and, in newer
clients, one request a token below `/v1/projects/{project}/registrations/`. Contract:
docs/contracts/fcm.md#topics.
"""

from __future__ import annotations

import re
from typing import Any

import orjson

from vigil.sandbox.fcm.answers import FcmAnswer, error, json_answer
from vigil.sandbox.fcm.devices import Devices, VirtualDevice

BATCH = 1_000
CONDITION_TOPICS = 5
_NAME = re.compile(r"[a-zA-Z0-9\-_.~%]+")
_TERM = re.compile(r"\s*(?:(?P<op>&&|\|\||!|\(|\))|'(?P<topic>[^']+)'\s+in\s+topics)")


class Topics:
    """Subscriptions by topic name."""

    def __init__(self, devices: Devices) -> None:
        self._devices = devices
        self._members: dict[str, dict[str, None]] = {}  # topic -> tokens, in order of subscription

    def members(self, topic: str) -> tuple[str, ...]:
        return tuple(self._members.get(topic, ()))

    def batch(self, body: bytes, add: bool) -> FcmAnswer:
        """One request to the Instance ID service. Partial: each token has its own result, in order."""
        try:
            asked: Any = orjson.loads(body)
            topic, tokens = asked["to"].removeprefix("/topics/"), list(asked["registration_tokens"])
        except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
            return json_answer(400, {"error": "InvalidRequest: `to` and `registration_tokens` are required"})
        if not _NAME.fullmatch(topic):
            return json_answer(400, {"error": "InvalidTopicName"})
        if not 0 < len(tokens) <= BATCH:
            return json_answer(400, {"error": "InvalidRequest: 1 to 1000 registration tokens"})
        return json_answer(200, {"results": [self._one(token, topic, add) for token in tokens]})

    def _one(self, token: object, topic: str, add: bool) -> dict[str, str]:
        if not isinstance(token, str) or not token:
            return {"error": "INVALID_ARGUMENT"}
        device = self._devices.get(token)
        if device is None or not device.registered:
            return {"error": "NOT_FOUND"}
        if add:
            self._members.setdefault(topic, {})[token] = None
        else:
            self._members.get(topic, {}).pop(token, None)
        return {}

    def subscribe(self, token: str, topic: str) -> FcmAnswer:
        """POST registrations/{token}/topicSubscriptions?topic_name=: 409 when it was subscribed already."""
        if not _NAME.fullmatch(topic):
            return error(400, "INVALID_ARGUMENT", "Malformed topic name.", code="INVALID_ARGUMENT")
        if token in self._members.get(topic, ()):
            return error(409, "ALREADY_EXISTS", "The registration is subscribed to this topic already.")
        return self._single(token, topic, add=True)

    def unsubscribe(self, token: str, topic: str, allow_missing: bool) -> FcmAnswer:
        if token not in self._members.get(topic, ()) and not allow_missing:
            return error(404, "NOT_FOUND", "The registration is not subscribed to this topic.")
        return self._single(token, topic, add=False)

    def _single(self, token: str, topic: str, add: bool) -> FcmAnswer:
        wrong = self._one(token, topic, add)
        if wrong.get("error") == "NOT_FOUND":
            return error(404, "NOT_FOUND", "Requested entity was not found.", code="UNREGISTERED")
        return json_answer(200, {"topicName": topic} if add else {})

    def audience(self, topic: str) -> list[VirtualDevice]:
        """Registered devices subscribed to the topic."""
        found = (self._devices.get(token) for token in self._members.get(topic, ()))
        return [d for d in found if d is not None and d.registered]

    def matching(self, condition: str) -> list[VirtualDevice]:
        """Devices for which the condition holds. Raises ValueError when it cannot be read."""
        test = _Condition(condition)
        tokens = dict.fromkeys(t for members in self._members.values() for t in members)
        found = []
        for token in tokens:
            device = self._devices.get(token)
            mine = frozenset(name for name, members in self._members.items() if token in members)
            if device is not None and device.registered and test.holds(mine):
                found.append(device)
        return found


class _Condition:
    """``'a' in topics && ('b' in topics || !('c' in topics))``, read once and tested for many."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._terms: list[tuple[str, str]] = []
        position = 0
        while position < len(text.rstrip()):
            match = _TERM.match(text, position)
            if match is None:
                raise ValueError(f"Invalid condition expression at character {position}: {text}")
            kind = "topic" if match["topic"] else match["op"]
            self._terms.append((kind, match["topic"] or ""))
            position = match.end()
        if not 0 < sum(1 for kind, _ in self._terms if kind == "topic") <= CONDITION_TOPICS:
            raise ValueError(f"Invalid condition expression: 1 to {CONDITION_TOPICS} topics: {text}")
        self.holds(frozenset())  # refuses what does not parse

    def holds(self, topics: frozenset[str]) -> bool:
        value, rest = self._or(0, topics)
        if rest != len(self._terms):
            raise ValueError(f"Invalid condition expression: {self._text}")
        return value

    def _or(self, at: int, topics: frozenset[str]) -> tuple[bool, int]:
        value, at = self._and(at, topics)
        while at < len(self._terms) and self._terms[at][0] == "||":
            right, at = self._and(at + 1, topics)
            value = value or right
        return value, at

    def _and(self, at: int, topics: frozenset[str]) -> tuple[bool, int]:
        value, at = self._not(at, topics)
        while at < len(self._terms) and self._terms[at][0] == "&&":
            right, at = self._not(at + 1, topics)
            value = value and right
        return value, at

    def _not(self, at: int, topics: frozenset[str]) -> tuple[bool, int]:
        kind, name = self._terms[at] if at < len(self._terms) else ("end", "")
        if kind == "!":
            value, at = self._not(at + 1, topics)
            return not value, at
        if kind == "(":
            value, at = self._or(at + 1, topics)
            if at < len(self._terms) and self._terms[at][0] == ")":
                return value, at + 1
        elif kind == "topic":
            return name in topics, at + 1
        raise ValueError(f"Invalid condition expression: {self._text}")
