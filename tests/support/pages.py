"""The repository's files and pages: what is in a clone, and which anchors a page has."""

from __future__ import annotations

import re
import subprocess
from fnmatch import fnmatch
from functools import cache
from pathlib import PurePosixPath

from tests.shared import PROJECT

FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
ANCHOR = re.compile(r'<a id="([\w-]+)"></a>')


@cache
def files() -> tuple[str, ...]:
    """Every file of a clone, by its path from the root."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=True).stdout.split(
        "\n"
    )
    return tuple(sorted({name for name in listed if (PROJECT / name).is_file()}))


@cache
def tree() -> frozenset[str]:
    """Every file and folder of a clone, from its root on."""
    return frozenset(str(p) for name in files() for p in (PurePosixPath(name), *PurePosixPath(name).parents))


def exists(path: str) -> bool:
    """Whether a path from the root is in a clone. It may hold ``*``, and a decision may be named by its number."""
    wanted = path.rstrip("/")
    patterns = [wanted, f"{wanted}-*.md"] if re.search(r"/\d{4}$", wanted) else [wanted]
    return any(fnmatch(known, pattern) for known in tree() for pattern in patterns)


@cache
def anchors(page: str) -> frozenset[str]:
    """What a link into a page may name: its headings, as GitHub writes them, and its own anchors."""
    text = FENCE.sub("", (PROJECT / page).read_text())
    headings = {re.sub(r"[^\w\- ]", "", h.strip().lower()).replace(" ", "-") for h in HEADING.findall(text)}
    return frozenset({*headings, *ANCHOR.findall(text)})
