"""The `vigil` command in this process."""

from __future__ import annotations

import sys
from collections.abc import Callable

import pytest

from vigil import cli


@pytest.fixture
def vigil(monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """Run `vigil` with arguments; gives its exit code."""

    def run(*arguments: str) -> int:
        monkeypatch.setattr(sys, "argv", ["vigil", *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        return int(ended.value.code or 0)

    return run
