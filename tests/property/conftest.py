"""How many cases: HYPOTHESIS_PROFILE=deep for a night's worth, `long` for `make soak`, else what fits into a minute of CI, or into a
person's patience.

HYPOTHESIS_PROFILE=quick shows the first failure as it was found, without making it smaller: that takes minutes.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings

from tests.shared import in_ci

_SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]

settings.register_profile("brief", max_examples=15, deadline=None, suppress_health_check=_SLOW)
settings.register_profile("ci", max_examples=50, deadline=None, suppress_health_check=_SLOW)
settings.register_profile("long", max_examples=300, deadline=None, suppress_health_check=_SLOW)
settings.register_profile("deep", max_examples=3000, deadline=None, suppress_health_check=_SLOW)
settings.register_profile(
    "quick",
    max_examples=200,
    deadline=None,
    suppress_health_check=_SLOW,
    phases=[Phase.generate],
    print_blob=True,
)
PROFILE = os.environ.get("HYPOTHESIS_PROFILE", "ci" if in_ci() else "brief")
settings.load_profile(PROFILE)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A deep search takes as long as it takes: the suite's time-out would end it as a failure of what it was just trying."""
    if PROFILE == "deep":
        for item in (i for i in items if i.path.parent == Path(__file__).parent):
            item.add_marker(pytest.mark.timeout(0))


def share(part: float, least: int = 10) -> settings:
    """The profile with a share of its cases, and at `least` so many: some properties cost more a case than others."""
    return settings(max_examples=max(least, int(settings().max_examples * part)))
