"""The `vigil` command in this process."""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable, Iterator

import pytest

from vigil.cli import app

Vigil = Callable[..., int]
"""The command with its arguments; gives its exit code."""


@pytest.fixture
def vigil(monkeypatch: pytest.MonkeyPatch) -> Vigil:
    """Run `vigil` with arguments; gives its exit code."""

    def run(*arguments: str) -> int:
        monkeypatch.setattr(sys, "argv", ["vigil", *arguments])
        with pytest.raises(SystemExit) as ended:
            app.main()
        return int(ended.value.code or 0)

    return run


@pytest.fixture
def nobody() -> Iterator[str]:
    """The API of a Prefect where nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: whoever connects is refused
        yield f"http://127.0.0.1:{taken.getsockname()[1]}/api"
