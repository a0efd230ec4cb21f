"""The order of the suite: what takes longest first, so that no worker is left alone with it at the end."""

from __future__ import annotations

import os

import pytest

# The profile of Prefect that whoever runs the tests has set is none of their business.
os.environ["PREFECT_PROFILES_PATH"] = os.devnull + ".toml"

LONGEST = ("flows/test_estates.py", "flows/", "timeline/", "crash/", "property/", "gateway/")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=_place)


def _place(item: pytest.Item) -> int:
    path = item.path.as_posix()
    return next((n for n, part in enumerate(LONGEST) if f"tests/{part}" in path), len(LONGEST))
