"""A command that is stopped by Ctrl-C or SIGTERM closes what is open, says how to go on, and ends with 130 or 143.

Where a command works by itself the signal is an exception, as Ctrl-C is in every Python program. A flow is run beside the main thread
(`run`) and cancelled there: Prefect would put a handler of its own in place of ours, which raises in whatever the event loop does at
that moment, and may be lost there.
"""

from __future__ import annotations

import asyncio
import os
import select
import signal
import socket
import sys
import threading
from collections.abc import Coroutine, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from contextvars import copy_context
from dataclasses import dataclass, field
from types import FrameType
from typing import Any, Generic, TypeVar

T = TypeVar("T")

BY = {signal.SIGINT: "Ctrl-C", signal.SIGTERM: "SIGTERM"}
SAFE = "running it again is safe"


class Stopped(KeyboardInterrupt):
    """A signal came. No `except Exception` keeps it, and what knows Ctrl-C lets it pass."""


@dataclass
class _Heard:
    """What is known of signals in this process. `code` is the command's own once it is over."""

    came: signal.Signals | None = None
    how_to_go_on: str = SAFE
    work: _Beside[Any] | None = None
    starting: bool = False
    code: int | None = None


_heard = _Heard()


def hear() -> None:
    """From now on the signals are heard. One that is ignored, as in the background of a shell, still is."""
    global _heard
    _heard = _Heard()
    for number in BY:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _take)


def _take(number: int, frame: FrameType | None) -> None:
    again = _heard.came is not None
    _heard.came = _heard.came or signal.Signals(number)
    if _heard.code is not None:
        _exit_now(_heard.code)
    if _heard.starting:
        return
    if _heard.work is None or again:
        raise Stopped
    _heard.work.cancel()


def _exit_now(code: int) -> None:
    """All is done and said: only Python's own end is left, and somebody is waiting for it."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError, RuntimeError):  # a pipe that closed, or this flush interrupts one
            stream.flush()
    os._exit(code)


def came(number: int) -> None:
    """A signal was taken by somebody else, who ended what it did. Raises Stopped."""
    _heard.came = signal.Signals(number)
    raise Stopped


@contextmanager
def going_on(how: str) -> Iterator[None]:
    """What is said of going on, in a sentence's part, where a signal stops what is within."""
    before, _heard.how_to_go_on = _heard.how_to_go_on, how
    yield
    _heard.how_to_go_on = before  # not where an exception goes through: it is what was stopped that counts


@contextmanager
def starting() -> Iterator[None]:
    """A signal within is heard at the end: so that a process that was started is known to whoever must end it."""
    _heard.starting = True
    try:
        yield
    finally:
        _heard.starting = False
    if _heard.came is not None:
        raise Stopped


def over(code: int, command: str) -> tuple[int, str]:
    """The exit code of a command that ended with `code`, and what to say of a signal. From now on one only hastens the end."""
    said = ""
    if _heard.came is not None or code == 128 + signal.SIGINT:
        number = _heard.came or signal.SIGINT
        code, said = 128 + number, f"{command} was stopped by {BY[number]}: {_heard.how_to_go_on}"
    _heard.code = code
    for each in BY:
        if signal.getsignal(each) is not signal.SIG_IGN:
            signal.signal(each, _take)
    return code, said


def run(work: Coroutine[Any, Any, T]) -> T:
    """As `asyncio.run`, beside the main thread, which hears signals: the first one cancels the work, and is raised as Stopped once
    that has ended; another one does not wait for it."""
    if _heard.came is not None:  # and was lost, in an import or where Python frees what it no longer needs
        work.close()
        raise Stopped
    beside = _Beside(work)
    _heard.work = beside
    try:
        return beside.result()
    finally:
        _heard.work = None
        if _heard.came is not None:
            raise Stopped


@dataclass
class _Beside(Generic[T]):
    """Work in an event loop of its own, in a thread of its own."""

    work: Coroutine[Any, Any, T]
    _done: Future[T] = field(default_factory=Future)
    _cancelled: bool = False
    _running: tuple[asyncio.AbstractEventLoop, asyncio.Task[Any]] | None = None

    def result(self) -> T:
        here, there = socket.socketpair()
        with here, there:
            self._done.add_done_callback(lambda _: there.close())
            # A daemon: whoever is stopped a second time does not wait for it.
            threading.Thread(target=copy_context().run, args=(self._run,), daemon=True).start()
            # No lock: polars hears SIGINT in a way that lets a wait for one go on, and only a select always ends by a signal.
            select.select([here], [], [])
            return self._done.result()

    def cancel(self) -> None:
        self._cancelled = True
        if self._running is not None:
            loop, task = self._running
            with suppress(RuntimeError):  # the loop is closed: the work has ended by itself
                loop.call_soon_threadsafe(task.cancel)

    def _run(self) -> None:
        try:
            self._done.set_result(asyncio.run(self._cancellable()))
        except BaseException as error:  # noqa: BLE001 - whoever waits for the result gets it
            self._done.set_exception(error)

    async def _cancellable(self) -> T:
        task = asyncio.current_task()
        assert task is not None
        self._running = asyncio.get_running_loop(), task
        if self._cancelled:
            task.cancel()
        return await self.work
