"""A simulator over real HTTP for each test, and messages to send to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest

from vigil.delivery.settings import FcmSettings
from vigil.delivery.transport import Outgoing
from vigil.sandbox.fcm_local import LocalFcm


@pytest.fixture
def fcm(tmp_path: Path) -> Iterator[LocalFcm]:
    with LocalFcm(tmp_path) as running:
        for platform in ("android", "ios", "web"):
            running.devices.add(f"tok-{platform}", platform, owner="ada")
        yield running


@pytest.fixture
def settings(fcm: LocalFcm) -> Callable[..., FcmSettings]:
    def make(**changes: Any) -> FcmSettings:
        account = orjson.loads(fcm.account.read_bytes())
        return FcmSettings(
            **{"project": fcm.project, "service_account_info": account, "endpoint": fcm.url} | changes
        )

    return make


def message(token: str = "tok-android", **changes: Any) -> Outgoing:
    platform = token.split("-")[1] if token.startswith("tok-") and token.count("-") == 1 else "android"
    fields: dict[str, Any] = {
        "key": "contract-renewal:4711:2026-03-31:last:ada",
        "token": token,
        "address_kind": "token",
        "platform": platform if platform in ("android", "ios", "web") else "android",
        "title": "Contract ends on 31 March",
        "body": "Supply of paper, owner Ada",
        "link": "https://ecm.example.org/cs/cs/app/nodes/4711",
        "severity": "high",
        "ttl": timedelta(hours=8),
    }
    return Outgoing(**fields | changes)
