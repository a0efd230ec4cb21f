"""The newest pyxecm in a process of its own: the environment of the tests has an older one, and holds only one.

Its few packages lie in a folder that is put before the environment's. Where it was not made yet, pip makes it from the package
registry, in some seconds.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from tests.shared import PROJECT, absent

WANTED = Path(__file__).with_suffix(".txt")
PATIENCE = 120.0  # seconds for pip

# A line of JSON for each call and each answer. Its own log goes to stderr, which nobody reads unless it fails.
_SERVE = """
import json, sys
from importlib.metadata import version
from pyxecm.otcs import OTCS
host, port, path, name, password = sys.argv[1:]
client = OTCS("http", host, int(port), username=name, password=password, base_path=path)
assert client.authenticate(), "no login"
print(json.dumps(version("pyxecm")), flush=True)
for line in sys.stdin:
    method, arguments = json.loads(line)
    found = getattr(client, method)(**arguments)
    if hasattr(found, "__next__"):
        found = list(found)
    print(json.dumps(found, default=str), flush=True)
"""


def packages() -> Path:
    """The folder of the packages. Skips the test where pip cannot reach a registry."""
    digest = hashlib.sha256(WANTED.read_bytes()).hexdigest()[:16]
    folder = PROJECT / ".pytest_cache" / f"pyxecm-{digest}-{sys.version_info[0]}.{sys.version_info[1]}"
    if folder.is_dir():
        return folder
    folder.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as made:
        pip = [
            sys.executable,
            "-m",
            "pip",
            "install",
            "--quiet",
            "--no-deps",
            "--require-hashes",
            "--only-binary",
            ":all:",
        ]
        try:
            done = subprocess.run(
                [*pip, "--target", f"{made}/it", "-r", str(WANTED)],
                capture_output=True,
                text=True,
                timeout=PATIENCE,
            )
        except subprocess.TimeoutExpired:
            absent(
                f"pip did not install {WANTED.name} within {PATIENCE:g} s: the newest pyxecm is NOT tested"
            )
        if done.returncode:
            said = (done.stderr.strip().splitlines() or ["pip said nothing"])[-1]
            absent(f"pip cannot install {WANTED.name} ({said}): the newest pyxecm is NOT tested")
        try:
            Path(made, "it").rename(folder)
        except OSError:
            assert folder.is_dir(), "another process made it meanwhile"
    return folder


class NewestPyxecm:
    """A client that is logged in to a sandbox from `with` on; `call` names a method of `pyxecm.OTCS`."""

    def __init__(self, ecm_url: str, name: str = "vigil", password: str = "vigil") -> None:
        url = urlsplit(ecm_url)
        self._arguments = [str(url.hostname), str(url.port), url.path, name, password]

    def __enter__(self) -> Self:
        environment = {**os.environ, "PYTHONPATH": str(packages())}
        self._stderr = tempfile.TemporaryFile()
        self._child = subprocess.Popen(
            [sys.executable, "-c", _SERVE, *self._arguments],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._stderr, env=environment, text=True,
        )  # fmt: skip
        self.version = self._line()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._child.stdin and self._child.stdout
        self._child.stdin.close()
        self._child.wait(10)
        self._child.stdout.close()
        self._stderr.close()

    def call(self, method: str, /, **arguments: Any) -> Any:
        """What a method gives; of an iterator all that it gives."""
        assert self._child.stdin
        self._child.stdin.write(json.dumps([method, arguments]) + "\n")
        self._child.stdin.flush()
        return self._line()

    def _line(self) -> Any:
        assert self._child.stdout
        line = self._child.stdout.readline()
        if not line:
            self._child.wait(10)
            self._stderr.seek(0)
            raise AssertionError(self._stderr.read().decode(errors="replace")[-3000:])
        return json.loads(line)
