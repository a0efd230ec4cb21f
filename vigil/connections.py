"""Describes failed connections in Vigil's own words: a client's text may quote an address with its password, or a response."""

from __future__ import annotations

import errno
import socket
import ssl
from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

REFUSED, NO_ROUTE, CUT = "connection refused", "there is no route to it", "the connection was cut"
ERRNOS = {errno.ECONNREFUSED: REFUSED, errno.EHOSTUNREACH: NO_ROUTE, errno.ENETUNREACH: NO_ROUTE}
CONNECTIONS: Mapping[type[BaseException], str] = {
    socket.gaierror: "its name could not be resolved",
    ssl.SSLCertVerificationError: "its certificate is not trusted",
    TimeoutError: "it did not answer in time",
    ConnectionResetError: CUT,
}


def of_connection(error: BaseException) -> str:
    """Why a connection failed or broke: the text for the first known error of the chain."""
    for one in chain(error):
        if isinstance(one, OSError) and one.errno in ERRNOS:
            return ERRNOS[one.errno]
        for kind, said in CONNECTIONS.items():
            if isinstance(one, kind):
                return said
    return CUT


def chain(error: BaseException | None) -> Iterator[BaseException]:
    """An error and its causes: clients wrap the socket's own error, some of them as an argument or as `reason`."""
    todo, seen = [error], set[int]()
    while todo:
        one = todo.pop(0)
        if isinstance(one, BaseException) and id(one) not in seen:
            seen.add(id(one))
            yield one
            todo += [
                getattr(one, "os_error", None),
                getattr(one, "reason", None),
                *one.args,
                one.__cause__,
                one.__context__,
            ]


def address(url: str) -> str:
    """Host and port of a URL, without its login."""
    parts = urlsplit(url)
    return f"{parts.hostname or url}{f':{parts.port}' if parts.port else ''}"
