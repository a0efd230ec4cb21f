"""A simulator over real HTTP for each test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.support.delivery_bench import DeliveryBench, opened
from tests.support.postgres import DATABASES
from vigil.delivery.push.settings import FcmSettings
from vigil.sandbox.fcm.local import LocalFcm

Settings = Callable[..., FcmSettings]
"""Settings for the simulator, each of which can be given."""


@pytest.fixture
def fcm(tmp_path: Path) -> Iterator[LocalFcm]:
    with LocalFcm(tmp_path) as running:
        for platform in ("android", "ios", "web"):
            running.devices.add(f"tok-{platform}", platform, owner="ada")
        yield running


@pytest.fixture
def settings(fcm: LocalFcm) -> Settings:
    def make(**changes: Any) -> FcmSettings:
        account = orjson.loads(fcm.account.read_bytes())
        return FcmSettings(
            **{"project": fcm.project, "service_account_info": account, "endpoint": fcm.url} | changes
        )

    return make


@pytest.fixture(params=DATABASES)
def bench(
    request: pytest.FixtureRequest, tmp_path: Path, fcm: LocalFcm, settings: Settings
) -> Iterator[DeliveryBench]:
    """On each database, with ada and her android."""
    with opened(request.param, tmp_path, fcm, settings, "ada") as made:
        yield made
