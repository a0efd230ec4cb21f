"""An estate that runs read, over real HTTP or not, and a ledger in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from tests.support.run_bench import RunBench
from tests.support.small_estate import Draft, Threaded
from vigil.ledger import Ledger
from vigil.ledger.in_memory import InMemoryLedger


@pytest.fixture
def ledger() -> Ledger:
    return InMemoryLedger().fresh()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[[Draft], Threaded]]:
    with ExitStack() as stack:
        yield lambda draft: stack.enter_context(closing(Threaded(draft.save(tmp_path / "estate"))))


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunBench]:
    made = RunBench(tmp_path_factory.mktemp("estate"))
    yield made
    made.close()
