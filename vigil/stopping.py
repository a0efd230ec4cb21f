"""Handles Ctrl-C and SIGTERM: a stopped command closes what is open, prints how to continue, and exits with 130 or 143.

In a command's own code the signal is an exception, as Ctrl-C is in every Python program. A flow runs in a second thread (`run`) and is
cancelled there: Prefect would install its own handler, which raises in whatever the event loop is doing at that moment, and may be
lost there.
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
    """A signal came. No `except Exception` catches it, and code that handles Ctrl-C lets it pass."""


@dataclass
class _Heard:
    """The state of signals in this process. `code` is the command's own exit code after its end."""

    came: signal.Signals | None = None
    how_to_go_on: str = SAFE
    work: _Beside[Any] | None = None
    starting: bool = False
    code: int | None = None


_heard = _Heard()


def hear() -> None:
    """Install the signal handlers. An ignored signal, as in the background of a shell, stays ignored."""
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
    """Exit at once: all work is done, and somebody waits for the exit of Python."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError, RuntimeError):  # a pipe that closed, or this flush interrupts one
            stream.flush()
    os._exit(code)


def came(number: int) -> None:
    """Handle a signal that other code received and reacted to. Raises Stopped."""
    _heard.came = signal.Signals(number)
    raise Stopped


@contextmanager
def going_on(how: str) -> Iterator[None]:
    """The sentence part on how to continue, if a signal stops the code within."""
    before, _heard.how_to_go_on = _heard.how_to_go_on, how
    yield
    _heard.how_to_go_on = before  # not where an exception goes through: it is what was stopped that counts


@contextmanager
def starting() -> Iterator[None]:
    """Defer signals to the end of the block, so that a started process is known to the code that must end it."""
    _heard.starting = True
    try:
        yield
    finally:
        _heard.starting = False
    if _heard.came is not None:
        raise Stopped


def over(code: int, command: str) -> tuple[int, str]:
    """The exit code of a command that ended with `code`, and the message about a signal. Further signals only hasten the end."""
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
    """As `asyncio.run`, in a second thread, while the main thread handles signals: the first one cancels the work, and Stopped is
    raised when that has ended; a second one does not wait for it.
    """
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
    """Work in its own event loop, in its own thread."""

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
