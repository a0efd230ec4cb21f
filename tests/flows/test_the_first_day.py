"""docs/first-day.md is true: each command prints what the page says, against a server, a worker and the sandbox.

The page names the ports 4200, 8081 and 8082; here three that are free take their places. Its home, Prefect's and Vigil's are
temporary, the terminals have 100 columns, and the worker asks for runs each second.
"""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

import pytest

from tests.shared import PROJECT
from tests.support.console_pages import Page

PAGE = PROJECT / "docs" / "first-day.md"
OURS = ("PREFECT_", "VIGIL_", "GIT_")

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.mark.parametrize(
    "before",
    ["## Let it run by itself", pytest.param("", marks=pytest.mark.soak)],
    ids=["morning", "the whole day"],
)
def test_each_command_of_the_page_prints_what_the_page_says(tmp_path: Path, before: str) -> None:
    ports = dict(zip(("4200", "8081", "8082"), _free_ports(3), strict=True))
    with Page(PAGE, tmp_path, _environment(tmp_path), ports) as page:
        page.run(before)
    assert page.processes() == []


def _free_ports(count: int) -> list[str]:
    listeners = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    try:
        return [str(listener.getsockname()[1]) for listener in listeners]
    finally:
        for listener in listeners:
            listener.close()


def _environment(home: Path) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(OURS)}
    return kept | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(home),
        "COLUMNS": "100",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_WORKER_QUERY_SECONDS": "1",
    }
