"""The recorded answers of ../shared/contracts/recorded, found by the request that INDEX.md gives for each."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.shared import SHARED

FOLDERS = "contracts/recorded*"
"""Beside the known recordings others of the same kinds may lie, each folder with its INDEX.md."""

_ROW = re.compile(r"^\|\s*(?P<file>\S+\.json)\s*\|\s*`(?P<request>[^`]*)`")
_REQUEST = re.compile(r"(?P<method>GET|POST) (?P<path>/[^\s?:]*)")
_AS = re.compile(r"as (?P<file>[\w-]+)")


@dataclass(frozen=True, slots=True)
class Recording:
    """One answer: `path` without its query, `status` 200 unless the request names another."""

    name: str
    file: Path
    method: str
    path: str
    status: int

    @property
    def answer(self) -> dict[str, Any]:
        found = json.loads(self.file.read_text())
        assert isinstance(found, dict)
        return found


def recordings() -> list[Recording]:
    """Every recording; none where ../shared is absent. An index with a request that cannot be read fails."""
    return [one for folder in sorted(SHARED.glob(FOLDERS)) for one in _of(folder)]


def _of(folder: Path) -> Iterator[Recording]:
    requests = dict(_rows(folder / "INDEX.md"))
    for name, request in requests.items():
        if like := _AS.match(request):
            request = requests[f"{like['file']}.json"]
        found = _REQUEST.match(request)
        assert found is not None, f"{folder / 'INDEX.md'}: the request of {name} cannot be read: {request}"
        status = re.search(r"-> (\d+)", request)
        yield Recording(
            name.removesuffix(".json"),
            folder / name,
            found["method"],
            found["path"],
            int(status[1]) if status else 200,
        )


def _rows(index: Path) -> Iterator[tuple[str, str]]:
    for line in index.read_text().splitlines():
        if found := _ROW.match(line):
            yield found["file"], found["request"]
