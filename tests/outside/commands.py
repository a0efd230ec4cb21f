"""The `vigil` command as processes that can be killed at any instant."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from concurrent.futures import Future
from contextlib import suppress
from types import MappingProxyType, TracebackType
from typing import Any, Self

SCRIPT = "vigil"
PATIENCE = 180.0  # seconds for a command, beyond which it hangs

OUTPUT = 1 << 20  # bytes that a command may print before somebody reads them


class Hangs(AssertionError):
    """A command did not end."""


class Command:
    """One that runs, or has ended."""

    def __init__(self, process: int, output: int) -> None:
        self.process = process
        self.began = time.monotonic()
        self._output = os.fdopen(output, "r", encoding="utf-8", errors="replace")
        self._code: Future[int] = Future()

    def line(self) -> str:
        """The next line of its output; empty at the end."""
        return self._output.readline()

    def ends_within(self, seconds: float) -> bool:
        """Whether it ends in this time: waits for it."""
        with suppress(TimeoutError):
            self._code.result(seconds)
        return self._code.done()

    def kill(self) -> bool:
        """Kill it; give whether it still ran."""
        if self._code.done():
            return False
        with suppress(ProcessLookupError):  # it ended this very moment
            os.kill(self.process, signal.SIGKILL)
        return self.code() == -signal.SIGKILL

    def stop(self) -> None:
        """Ask it to end, and wait until it has."""
        if not self._code.done():
            os.kill(self.process, signal.SIGTERM)
            self.code()
        self._output.close()

    def code(self, patience: float = PATIENCE) -> int:
        """Its exit code once it has ended; -9 when it was killed. Raises Hangs."""
        try:
            return self._code.result(patience)
        except TimeoutError:
            os.kill(self.process, signal.SIGKILL)
            raise Hangs(f"a command did not end within {patience:.0f} s") from None

    def said(self) -> str:
        """What it printed since the last line that was taken, once it has ended."""
        with self._output:
            return self._output.read()

    def ended(self, code: int) -> None:
        self._code.set_result(code)


class Commands:
    """Starts commands in processes forked from one that has loaded what they need. Safe for threads."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            self._server = subprocess.Popen(
                [sys.executable, "-m", "tests.outside.forks", SCRIPT, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                env=dict(environment),
                stdin=subprocess.DEVNULL,
            )
        self._socket, self._lock = ours, threading.Lock()
        self._running: dict[int, Command] = {}
        self._started: Future[int] = Future()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._server.wait(10)

    def start(
        self, *arguments: str, environment: Mapping[str, str] = MappingProxyType({}), learn: bool = False
    ) -> Command:
        """Start the command, with this beside the environment of all of them.

        Those after one that was to `learn` from begin with its modules loaded.
        """
        output, its_output = os.pipe()
        fcntl.fcntl(output, fcntl.F_SETPIPE_SZ, OUTPUT)
        command = Command(0, output)
        asked = {"arguments": arguments, "environment": dict(environment), "learn": learn}
        with self._lock:
            self._started, self._next = Future(), command
            socket.send_fds(self._socket, [json.dumps(asked).encode()], [its_output])
            os.close(its_output)
            command.process = self._started.result(PATIENCE)
        return command

    def run(self, *arguments: str, **environment: str) -> tuple[int, str]:
        """Run the command to its end: its exit code, and what it printed."""
        command = self.start(*arguments, environment=environment)
        code = command.code()
        return code, command.said()

    def _read(self) -> None:
        with self._socket.makefile("r") as answers:
            for line in answers:
                said: dict[str, Any] = json.loads(line)
                if "started" in said:
                    self._running[said["started"]] = self._next
                    self._started.set_result(said["started"])
                else:
                    self._running.pop(said["ended"]).ended(said["code"])
