"""Runs a page of the documentation: every ``console`` block of it, in order, as a reader would who types it.

A line that begins with ``$ `` is a command, one that ends with a backslash goes on in the next; what follows is what it prints, in
which ``...`` stands for what varies, and any space for any other (doctest's ELLIPSIS and NORMALIZE_WHITESPACE). Commands share one
bash, as in one terminal. A block that begins with ```` ```console terminal=NAME ```` is another terminal: its command stays, and
its output is waited for. Such a block without a command tells what that terminal prints next.
"""

from __future__ import annotations

import doctest
import re
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
PATIENCE = 150.0  # seconds until something has been printed
_FENCE = re.compile(r"^```console(?: terminal=(\w+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)


class Mismatch(AssertionError):
    """A page says something else than what was printed. The message begins with file:line of the command."""


@dataclass(frozen=True, slots=True)
class Step:
    """A command (empty: none) of a page, the terminal that it belongs to (empty: the first), and what is to be printed."""

    line: int
    terminal: str
    command: str
    expected: str


def steps(text: str) -> list[Step]:
    """The commands of a page in order. Raises ValueError for output without a command, but in another terminal."""
    found = []
    for block in _FENCE.finditer(text):
        first = text.count("\n", 0, block.start()) + 2
        found += _steps_of(block[1] or "", block[2].splitlines(), first)
    return found


def _steps_of(terminal: str, lines: list[str], first: int) -> list[Step]:
    found: list[Step] = []
    goes_on = False
    for number, line in enumerate(lines, start=first):
        begin = line.startswith("$ ")
        if goes_on:
            last = found.pop()
            found.append(Step(last.line, terminal, f"{last.command}\n{line}", ""))
        elif begin:
            found.append(Step(number, terminal, line.removeprefix("$ "), ""))
        elif found:
            last = found.pop()
            found.append(Step(last.line, terminal, last.command, f"{last.expected}{line}\n"))
        elif terminal:
            found.append(Step(number, terminal, "", f"{line}\n"))
        else:
            raise ValueError(f"line {number}: output without a command")
        goes_on = (begin or goes_on) and line.endswith("\\")
    return found


def agrees(expected: str, got: str) -> bool:
    """Whether what was printed is what a page says."""
    return doctest.OutputChecker().check_output(expected.strip() + "\n", got.strip() + "\n", FLAGS)


class Terminal:
    """A bash that is typed into."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self._process = subprocess.Popen(
            ["bash", "--noprofile", "--norc"],
            cwd=folder,
            env=dict(environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self._printed, self._read = "", 0
        self._news = threading.Condition()
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            with self._news:
                self._printed += line
                self._news.notify_all()

    def start(self, command: str) -> None:
        """Type a command, and do not wait for it. It gets no input."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{{ {command}\n}} </dev/null\n")
        self._process.stdin.flush()

    def run(self, command: str) -> str:
        """Type a command, wait until it has ended, and give what it printed."""
        mark = f"ended-{time.monotonic_ns()}"
        self.start(command)
        self.start(f"echo {mark}")
        return self._until(lambda text: text if mark in text else None).partition(mark)[0]

    def shows(self, expected: str) -> None:
        """Wait until this has been printed, after what was waited for before."""

        def shortest(text: str) -> str | None:
            lines = text.splitlines(keepends=True)
            return next(
                (p for n in range(len(lines)) if agrees(expected, p := "".join(lines[: n + 1]))), None
            )

        self._until(shortest)

    def _until(self, found: Callable[[str], str | None]) -> str:
        """What `found` gives of the text that is not read yet. Raises TimeoutError with that text."""
        give_up = time.monotonic() + PATIENCE
        with self._news:
            while (part := found(self._printed[self._read :])) is None:
                left = give_up - time.monotonic()
                if left <= 0 or not self._news.wait(left):
                    raise TimeoutError(self._printed[self._read :])
            self._read += len(part)
            return part


class Page:
    """A page that is run in a folder. With the block everything ends that it started.

    `instead` has what stands for a text of the page, such as a free port for the one that it names, in commands and in what they
    print. Processes are known by `HOME`, which must be nobody else's.
    """

    def __init__(
        self,
        page: Path,
        folder: Path,
        environment: Mapping[str, str],
        instead: Mapping[str, str] | None = None,
    ) -> None:
        self._page, self._folder = page, folder
        self._environment, self._instead = environment, instead or {}
        self._terminals: dict[str, Terminal] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for stop in (psutil.Process.terminate, psutil.Process.kill):
            for process in (left := self.processes()):
                with suppress(psutil.NoSuchProcess):
                    stop(process)
            psutil.wait_procs(left, timeout=10)

    def processes(self) -> list[psutil.Process]:
        """What this page started and has not ended."""
        found = []
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                if process.environ().get("HOME") == self._environment["HOME"]:
                    found.append(process)
        return found

    def run(self, before: str = "") -> None:
        """Run every command, or those before a heading. Raises Mismatch at the first that prints something else than the page says."""
        text = self._page.read_text()
        for step in steps(text[: text.index(f"\n{before}\n")] if before else text):
            began = time.monotonic()
            self._step(step)
            print(f"{step.line:4} {time.monotonic() - began:5.1f} s  {step.command or 'waits'}", flush=True)

    def _step(self, step: Step) -> None:
        if step.terminal not in self._terminals:
            self._terminals[step.terminal] = Terminal(self._folder, self._environment)
        terminal, expected = self._terminals[step.terminal], self._here(step.expected)
        try:
            if not step.terminal:
                got = terminal.run(self._here(step.command))
                if not agrees(expected, got):
                    raise TimeoutError(got)
                return
            if step.command:
                terminal.start(self._here(step.command))
            if expected:
                terminal.shows(expected)
        except TimeoutError as other:
            where = f"{self._page.name}:{step.line}  {step.command or f'terminal {step.terminal}'}"
            raise Mismatch(f"{where}\nexpected:\n{expected}\ngot:\n{other}") from None

    def _here(self, text: str) -> str:
        for said, meant in self._instead.items():
            text = re.sub(rf"\b{re.escape(said)}\b", meant, text)
        return text
