"""The shipped rules with their timelines."""

from __future__ import annotations

import pytest

from tests.shared import PROJECT
from vigil.timeline.load import Suite, read_suite


@pytest.fixture(scope="module")
def shipped() -> Suite:
    return read_suite(PROJECT / "rules")
