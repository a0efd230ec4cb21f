"""What the client of Extended ECM asked and got, for whoever observes it in this process."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

Form = Mapping[str, str | Sequence[str]]


@dataclass(frozen=True, slots=True)
class Exchange:
    """One HTTP request and its whole response, as sent and received. It may hold secrets: an observer keeps none."""

    method: str
    url: str
    form: Form | None = field(repr=False)
    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


Observer = Callable[[Exchange], None]
_observers: list[Observer] = []


@contextmanager
def observed(observer: Observer) -> Iterator[None]:
    """Inside the block the observer gets every exchange of this process, whichever client makes it."""
    _observers.append(observer)
    try:
        yield
    finally:
        _observers.remove(observer)


def tell(
    method: str, url: str, form: Form | None, status: int, headers: Mapping[str, str], body: bytes
) -> None:
    """Tell the observers of an exchange that is no login; nothing is done without one."""
    for observer in _observers:
        observer(Exchange(method, url, form, status, headers, body))
