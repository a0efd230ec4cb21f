"""The sandbox as a child process, which is always ended. For `vigil run-estate`, `vigil demo` and tests."""

from __future__ import annotations

import http.client
import json
import os
import selectors
import subprocess
import sys
import tempfile
import threading
import time
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from vigil.errors import BadInput, Problem, VigilError

Json = dict[str, Any]


class SandboxError(VigilError):
    """The sandbox did not start, or refused a request."""


class SandboxClient:
    """The control endpoints of a running sandbox. Safe for threads: calls are made one at a time, over one connection.

    `ecm_url` ends in ``/cs/cs``; `service_account` is the path of the account that the FCM simulator believes in.
    """

    ecm_url: str
    fcm_url: str
    service_account: str
    control: str

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._connection: http.client.HTTPConnection | None = None

    def connect(self, ready: Json) -> None:
        """Take the addresses of the ready line."""
        self.ecm_url, self.fcm_url = ready["ecm"], ready["fcm"]
        self.service_account, self.control = ready["service_account"], ready["control"]

    def disconnect(self) -> None:
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _epitaph(self) -> str:
        """The known facts about the end of a sandbox that does not answer."""
        return ""

    def move(self, now: datetime) -> int:
        """Move the sandbox's clock forward to `now`; give the number of events that happened. Raises SandboxError on a step back."""
        return int(self._ask("POST", "/sandbox/clock", {"now": now.isoformat()})["applied"])

    def now(self) -> datetime:
        return datetime.fromisoformat(self._ask("GET", "/sandbox/clock")["now"])

    def devices(self) -> list[Json]:
        """Each virtual device: token, platform, owner (login), what it `shows` now and everything it `received`."""
        found: list[Json] = self._ask("GET", "/sandbox/devices")["devices"]
        return found

    def device(self, token: str, action: str, **more: Any) -> Json:
        """Do something to a device: offline, online, dismiss, unregister, or add (with platform and owner)."""
        return self._ask("POST", "/sandbox/devices", {"token": token, "do": action, **more})

    def faults(
        self, ecm: Json | None = None, fcm: Json | None = None, *, revoke_tickets: bool = False
    ) -> Json:
        """Set quirks, latency and scripted faults; see `quirks.EcmFaults.configure` and `fcm.faults`. Gives all that is set then."""
        body: Json = {k: v for k, v in (("ecm", ecm), ("fcm", fcm)) if v is not None}
        if revoke_tickets:
            body["revoke_tickets"] = True
        return self._ask("POST", "/sandbox/faults", body)

    def requests(self) -> Json:
        """What was asked so far: ``{"ecm": {"total", "bytes", "by_endpoint", "by_status"}, "fcm": {"total", "by_endpoint"}}``."""
        return self._ask("GET", "/sandbox/requests")

    def _ask(self, method: str, path: str, body: Json | None = None) -> Json:
        text = json.dumps(body).encode() if body is not None else None
        with self._lock:
            status, answer = self._exchange(method, path, text)
        found: Json = json.loads(answer)
        if status != 200:
            raise SandboxError(f"{method} {path}: {found.get('error', status)}")
        return found

    def _exchange(self, method: str, path: str, text: bytes | None) -> tuple[int, bytes]:
        kept = self._connection is not None
        connection = self._connection or http.client.HTTPConnection(urlsplit(self.control).netloc, timeout=60)
        self._connection = connection
        try:
            connection.request(method, path, text, {"content-type": "application/json"} if text else {})
            response = connection.getresponse()
            return response.status, response.read()
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            self._connection = None
            # A connection that lay idle was closed by the server: it has not seen this request.
            if kept and isinstance(error, ConnectionError):
                return self._exchange(method, path, text)
            raise SandboxError(f"{method} {path}: {error}{self._epitaph()}") from error


class SandboxProcess(SandboxClient):
    """A running sandbox, from `with` on. It ends with the block, and also when this process is killed."""

    def __init__(
        self,
        estate: str | Path,
        *,
        start: datetime | None = None,
        faults: Json | None = None,
        dialect: str = "",
        ecm_port: int = 0,
        fcm_port: int = 0,
        patience: float = 60.0,
        log_requests: Path | None = None,
    ) -> None:
        """`start`: where the clock stands at first, the estate's own by default. `faults`: of ECM, as `faults()` takes them.
        `dialect`: a name of vigil.sandbox.dialects.
        `patience`: seconds to be ready. `log_requests`: a file for the requests to ECM, which `request_log.from_file` reads.
        """
        self._command = [
            sys.executable, "-m", "vigil.sandbox", "--estate", str(estate), "--until-stdin-closes",
            "--ecm-port", str(ecm_port), "--fcm-port", str(fcm_port),
        ]  # fmt: skip
        if start is not None:
            self._command += ["--start", start.isoformat()]
        if dialect:
            self._command += ["--dialect", dialect]
        if faults is not None:
            self._command += ["--faults", json.dumps(faults)]
        if log_requests is not None:
            self._command += ["--log-requests", str(log_requests)]
        self._patience = patience
        super().__init__()
        self._child: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        # stderr goes to a file: a pipe that nobody reads would stop the child when it is full.
        self._stderr = tempfile.TemporaryFile()
        self._child = subprocess.Popen(
            self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._stderr
        )
        try:
            self.connect(json.loads(self._first_line(self._child)))
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the child and wait for it. Does nothing when it has ended."""
        self.disconnect()
        child, self._child = self._child, None
        if child is None:
            return
        for pipe in (child.stdin, child.stdout):
            if pipe is not None:
                pipe.close()
        try:
            child.wait(timeout=5)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        self._stderr.close()

    def _first_line(self, child: subprocess.Popen[bytes]) -> bytes:
        assert child.stdout is not None
        deadline, text = time.monotonic() + self._patience, b""
        with selectors.DefaultSelector() as selector:
            selector.register(child.stdout, selectors.EVENT_READ)
            while not text.endswith(b"\n"):
                left = deadline - time.monotonic()
                if left <= 0 or not selector.select(left):
                    raise SandboxError(
                        f"the sandbox was not ready within {self._patience:.0f} s\n{self._said()}"
                    )
                part = os.read(child.stdout.fileno(), 65536)
                if not part:
                    raise self._ended(child.wait())
                text += part
        return text

    def _ask(self, method: str, path: str, body: Json | None = None) -> Json:
        if self._child is None:
            raise SandboxError("the sandbox is not running: use it inside `with SandboxProcess(...)`")
        return super()._ask(method, path, body)

    def _epitaph(self) -> str:
        code = self._child.poll() if self._child else None
        return "" if code is None else f"; the sandbox ended with code {code}\n{self._said()}"

    def _ended(self, code: int) -> VigilError:
        said = self._said()
        if code == 3:  # the estate was refused; its problems are lines of file:line:column  message
            return BadInput([_problem(line) for line in said.splitlines()])
        return SandboxError(f"the sandbox ended with code {code} before it was ready\n{said}")

    def _said(self) -> str:
        self._stderr.seek(0)
        return self._stderr.read().decode(errors="replace").strip()


def _problem(line: str) -> Problem:
    place, _, message = line.partition("  ")
    file, _, numbers = place.partition(":") if place.count(":") < 2 else (place.rsplit(":", 2)[0], "", place)
    parts = numbers.rsplit(":", 2)[-2:]
    digits = [int(p) if p.isdigit() else 1 for p in parts]
    return Problem(file, digits[0], digits[-1], message or line)
