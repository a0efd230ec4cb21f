"""Fixtures of the simulator's tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.small_estate import Draft, Ecm, Running, Threaded
from vigil.errors import BadInput
from vigil.sandbox.estate.load import load

Start = Callable[[Draft], Running]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts a sandbox over a draft; all that were started end with the test."""
    started: list[Threaded] = []

    def begin(draft: Draft) -> Running:
        sandbox = Threaded(draft.save(tmp_path / f"estate-{len(started)}"))
        started.append(sandbox)
        return Running(sandbox, Ecm(sandbox))

    yield begin
    for sandbox in started:
        sandbox.close()


@pytest.fixture
def draft() -> Draft:
    return Draft()


@pytest.fixture
def refusals(tmp_path: Path) -> Callable[[Draft], list[str]]:
    """The problems of a draft as ``events.jsonl:3:20 message``, without the folder."""

    def read(draft: Draft) -> list[str]:
        with pytest.raises(BadInput) as refused:
            load(draft.save(tmp_path / "bad"))
        return [str(p).replace(f"{tmp_path}/bad/", "") for p in refused.value.problems]

    return read
