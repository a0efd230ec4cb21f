"""Which tests `make test` runs, in which order, and what needs ../shared.

`make test` is what a person waits for who tries Vigil: it needs nothing but Python and takes minutes. `make test-slow` is the rest,
and CI runs both at once: `make test ALL=1`. Slow is what is marked so, what needs PostgreSQL, and what needs a Prefect server or an
installed wheel, except for one test or two of each flow, which are marked `quick`.
`make soak` alone runs what is marked so: more of what CI runs a sample of.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any

import pytest

from tests.shared import SHARED, absent
from vigil import redaction

# The profile of Prefect that whoever runs the tests has set is none of their business.
os.environ["PREFECT_PROFILES_PATH"] = os.devnull + ".toml"

if find_spec("hypothesis"):  # the environment of `make test-oldest` is without
    from hypothesis import HealthCheck, settings

    # A busy machine is no fault of the code: no example has a deadline.
    settings.register_profile("any-machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
    settings.load_profile("any-machine")

COSTLY = {"prefect_url", "plain", "installed"}
"""Fixtures that take ten seconds or more before a test begins."""
DEPLOYED = {
    "tests/flows/test_a_backfill_asks_in_prefect.py",
    "tests/flows/test_a_guard_asks_in_prefect.py",
    "tests/flows/test_deployments.py",
}
"""The files that use the fixture `worker`."""
LONGEST = (
    "flows/test_the_first_day.py",
    "outside/test_trials.py",
    "flows/test_estates.py",
    "flows/test_no_secret_leaves.py",
    "flows/test_a_killed_worker_leaves_no_run_running.py",
    "flows/",
    "packaging/test_an_installed_vigil.py",
    "packaging/",
    "timeline/",
    "crash/",
    "property/",
    "gateway/",
)
"""First, so that no worker is left alone with them at the end. Those of the flows follow each other, and then their server ends."""


@pytest.hookimpl(tryfirst=True)  # before -m leaves some out
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if _is_slow(item):
            item.add_marker(pytest.mark.slow)
        if "worker" in getattr(item, "fixturenames", ()) and _file(item.nodeid) not in DEPLOYED:
            raise pytest.UsageError(f"{item.nodeid}: its file belongs into DEPLOYED, tests/conftest.py")
    items.sort(key=_place)


@pytest.hookimpl(optionalhook=True)  # the environment of `make test-oldest` is without xdist
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """What runs in one process, since its tests share what takes long to make: the tests of a file.

    The files whose runs a worker of Prefect executes share it and its deployments; the quick tests of the flows share one Prefect
    server. (The marks of xdist's `loadgroup` have no effect with pytest 9.2, which builds ids anew.)
    """
    from xdist.scheduler import LoadScopeScheduling

    quick = "not slow" in config.option.markexpr

    class Scheduling(LoadScopeScheduling):  # type: ignore[misc]
        def _split_scope(self, nodeid: str) -> str:
            file = _file(nodeid)
            if file in DEPLOYED or (quick and file.startswith("tests/flows/")):
                return "flows"
            return file

    return Scheduling(config, log)


def _is_slow(item: pytest.Item) -> bool:
    if item.get_closest_marker("soak") is not None:
        return True
    return _needs_what_is_costly(item) and item.get_closest_marker("quick") is None


def _needs_what_is_costly(item: pytest.Item) -> bool:
    parameters = getattr(item, "callspec", None)
    return bool(COSTLY.intersection(getattr(item, "fixturenames", ()))) or (
        parameters is not None and any(_is_postgresql(value) for value in parameters.params.values())
    )


def _is_postgresql(value: object) -> bool:
    return value == "postgresql" or (isinstance(value, tuple) and "postgresql" in value)


def _file(nodeid: str) -> str:
    return nodeid.partition("::")[0]


def _place(item: pytest.Item) -> int:
    path = item.path.as_posix()
    return next((n for n, part in enumerate(LONGEST) if f"tests/{part}" in path), len(LONGEST))


@pytest.fixture(autouse=True)
def signals() -> Iterator[None]:
    """The `vigil` command hears signals to the end of its process, which here is that of the tests."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture(scope="module", autouse=True)
def secrets_of_this_file() -> Iterator[None]:
    """What the tests of a file teach `vigil.redaction` is no secret in the next file, whose messages may have such words."""
    before, redaction._known = redaction._known, redaction._Known()
    yield
    redaction._known = before


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """A test marked `shared` fails in CI where ../shared is absent, and is skipped elsewhere. Pytest folds the skips into one line."""
    if item.get_closest_marker("shared") is None or SHARED.is_dir():
        return
    absent(f"{SHARED} is absent: what Vigil tells for estates of real work is NOT tested")
