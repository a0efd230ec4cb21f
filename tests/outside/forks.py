"""Runs console scripts in forked processes, so that a command costs what it does and not what it imports.

`python -m tests.outside.forks SCRIPT FD` serves the Unix socket FD: a request is JSON of `arguments`, `environment` and `learn`, with
the file descriptor that becomes the command's output. It answers with the process id, and when that ends with its exit code.
A command that is to `learn` from leaves the names of the modules it loaded; this process then loads them, too, for those to come.
"""

from __future__ import annotations

import ctypes
import gc
import importlib
import json
import os
import select
import signal
import socket
import sys
import tempfile
import threading
from contextlib import suppress
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

Json = dict[str, Any]
PR_SET_PDEATHSIG = 1
LONGEST = 65_536


class Server:
    """Serves one client until it hangs up; then all that still runs is killed."""

    def __init__(self, script: EntryPoint, client: socket.socket) -> None:
        self._script, self._client = script, client
        self._running: dict[
            int, tuple[int, Path | None]
        ] = {}  # pidfd -> (process, where it leaves its modules)
        self._poll = select.poll()
        self._poll.register(client, select.POLLIN)

    def serve(self) -> None:
        while True:
            for descriptor, _ in self._poll.poll():
                if descriptor != self._client.fileno():
                    self._ended(descriptor)
                elif not self._asked():
                    for process, _ in self._running.values():
                        os.kill(process, signal.SIGKILL)
                    return

    def _asked(self) -> bool:
        text, outputs, _, _ = socket.recv_fds(self._client, LONGEST, 1)
        if not text:
            return False
        asked: Json = json.loads(text)
        names = Path(tempfile.mkstemp(prefix="modules-")[1]) if asked.get("learn") else None
        process = os.fork()
        if process == 0:
            self._become(asked, outputs[0], names)
        os.close(outputs[0])
        descriptor = os.pidfd_open(process)
        self._running[descriptor] = process, names
        self._poll.register(descriptor, select.POLLIN)
        self._answer({"started": process})
        return True

    def _become(self, asked: Json, output: int, names: Path | None) -> None:
        """Run the script as a process of its own would. Ends the process as the script does."""
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        self._client.close()
        for descriptor in self._running:
            os.close(descriptor)
        for stream in (1, 2):
            os.dup2(output, stream)
        os.environ.update(asked.get("environment", {}))
        sys.argv = [self._script.name, *asked["arguments"]]
        try:
            self._script.load()()
        finally:
            if names is not None:
                names.write_text(json.dumps({"path": sys.path, "modules": list(sys.modules)}))

    def _ended(self, descriptor: int) -> None:
        process, names = self._running.pop(descriptor)
        self._poll.unregister(descriptor)
        os.close(descriptor)
        _, status = os.waitpid(process, 0)
        if names is not None:
            _load(json.loads(names.read_text() or "{}"))
            names.unlink()
        self._answer({"ended": process, "code": os.waitstatus_to_exitcode(status)})

    def _answer(self, said: Json) -> None:
        with suppress(
            BrokenPipeError, ConnectionResetError
        ):  # the client has gone: the next look ends this process
            self._client.sendall(json.dumps(said).encode() + b"\n")


def _load(learned: Json) -> None:
    """Load what a command has loaded. A module that loads only there is left to the commands."""
    sys.path[:] = learned.get("path", sys.path)
    for name in learned.get("modules", ()):
        if name not in sys.modules:
            with suppress(ImportError, AttributeError):
                importlib.import_module(name)
    if threading.active_count() > 1:
        raise SystemExit(f"cannot fork: loading started {threading.enumerate()[1:]}")
    gc.collect()
    gc.freeze()


def main() -> None:
    (script,) = entry_points(group="console_scripts", name=sys.argv[1])
    client = socket.socket(fileno=int(sys.argv[2]))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # an interrupt at the terminal is the client's to handle
    Server(script, client).serve()


if __name__ == "__main__":
    main()
