"""Topic subscriptions at Google's Instance ID service, a thousand devices a request. Contract: docs/contracts/fcm.md#topics."""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import StrEnum
from typing import Any, NewType

import aiohttp
import orjson

from vigil.delivery.errors import CredentialRefused, TopicsUnavailable
from vigil.delivery.push.firebase import FirebaseClient

BATCH = 1_000
PREFIX = "/topics/"
NAME = re.compile(r"[a-zA-Z0-9\-_.~%]{1,900}")

AGAIN = frozenset({"INTERNAL", "UNAVAILABLE", "RESOURCE_EXHAUSTED", "UNREADABLE"})
"""Answers for a device that say nothing about the device: its change is sent again."""


class TopicChanged(StrEnum):
    """What became of the change of one device's topic."""

    SUBSCRIBED = "subscribed"
    UNSUBSCRIBED = "unsubscribed"
    AGAIN = "told again later"


TopicRefused = NewType("TopicRefused", str)
"""The same for a device that the topic service refuses, with its word: `refused` makes it."""

TopicOutcome = TopicChanged | TopicRefused


def refused(word: str) -> TopicRefused:
    """The outcome of a change that the topic service refused with a word of its own."""
    return TopicRefused(f"refused: {word}")


def topic_name(text: str) -> str:
    """A topic without ``/topics/`` before it. Raises ValueError for an invalid name."""
    name = text.removeprefix(PREFIX)
    if not NAME.fullmatch(name):
        raise ValueError(f"{text!r} is no name of a topic: letters, digits and -_.~%, at most 900 of them")
    return name


class TopicClient(FirebaseClient):
    """Subscribes and unsubscribes devices. Open it with ``async with`` in the event loop that uses it."""

    async def change(self, topic: str, addresses: Sequence[str], add: bool) -> list[str]:
        """Subscribe or unsubscribe devices: one answer for each, in order, empty for success.

        At most `BATCH` devices. Raises TopicsUnavailable if the service could not make the change now, and CredentialRefused and
        CredentialUnavailable; then the state of all of them is unknown, and repeating the call does no harm.
        """
        body = orjson.dumps({"to": PREFIX + topic, "registration_tokens": list(addresses)})
        bearer = await self._credential.bearer()
        status, answer = await self._post(body, add, bearer)
        if status == 401:
            status, answer = await self._post(body, add, await self._credential.renew(bearer))
        if status in (401, 403):
            hint = f"check that it may manage messaging in project {self._settings.project}"
            raise CredentialRefused(self._credential.name, f"HTTP {status} from the topic service; {hint}")
        if status != 200:
            raise TopicsUnavailable(
                f"the topic service answered HTTP {status} for topic {topic}: try again later"
            )
        return _words(answer, len(addresses))

    async def _post(self, body: bytes, add: bool, bearer: str) -> tuple[int, bytes]:
        url = f"{self._settings.topics_url}/iid/v1:{'batchAdd' if add else 'batchRemove'}"
        headers = {"Authorization": bearer, "access_token_auth": "true"}
        try:
            async with self._http.post(url, data=body, headers=headers, allow_redirects=False) as response:
                return response.status, await response.read()
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            # The error's own text may hold the proxy's password.
            raise TopicsUnavailable(f"the topic service cannot be reached ({type(error).__name__})") from None


def _words(answer: bytes, count: int) -> list[str]:
    try:
        results: Any = orjson.loads(answer)["results"]
        words = [str(result.get("error", "")) for result in results]
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
        words = []
    return words if len(words) == count else ["UNREADABLE"] * count
