"""The order of the suite: what takes longest first, so that no worker is left alone with it at the end. And what needs ../shared."""

from __future__ import annotations

import os

import pytest

from tests.shared import SHARED

# The profile of Prefect that whoever runs the tests has set is none of their business.
os.environ["PREFECT_PROFILES_PATH"] = os.devnull + ".toml"

LONGEST = ("flows/test_estates.py", "flows/", "timeline/", "crash/", "property/", "gateway/")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=_place)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """A test marked `shared` fails in CI where ../shared is absent, and is skipped elsewhere. Pytest folds the skips into one line."""
    if item.get_closest_marker("shared") is None or SHARED.is_dir():
        return
    said = f"{SHARED} is absent: what Vigil tells for estates of real work is NOT tested"
    (pytest.fail if os.environ.get("CI") else pytest.skip)(said)


def _place(item: pytest.Item) -> int:
    path = item.path.as_posix()
    return next((n for n, part in enumerate(LONGEST) if f"tests/{part}" in path), len(LONGEST))
