"""A proxy's or firewall's answer in FCM's place is no word on the device: the notice waits, and its cause says who answered."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from tests.support.outgoing import message
from vigil.delivery import causes
from vigil.delivery.push.admin_sdk import FcmAdmin
from vigil.delivery.push.http_v1 import FcmHttp
from vigil.delivery.push.settings import FcmSettings
from vigil.sandbox.fcm.local import LocalFcm

HTML = b"<html><body>Access denied</body></html>"
WAF = b'{"message": "blocked by WAF"}'
LOGIN = b'{"name": "John Doe", "login": "required"}'
NO_TEXT = b"\xff\xfe"
ANSWERS = [
    (302, b""),
    (400, HTML),
    (401, HTML),
    (403, HTML),
    (404, HTML),
    (405, b""),
    (413, HTML),
    (418, WAF),
    (429, HTML),
    (502, HTML),
    (200, HTML),
    (200, b"[1]"),
    (200, NO_TEXT),
    (201, b'{"name": "projects/demo/messages/1"}'),
    (403, NO_TEXT),
]


@contextmanager
def between(status: int, body: bytes) -> Iterator[str]:
    """Something that answers every request alike: its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(status)
            if 300 <= status < 400:
                self.send_header("Location", "/login")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize("transport", [FcmHttp, FcmAdmin])
@pytest.mark.parametrize(("status", "body"), ANSWERS, ids=[f"{s}-{b[:6]!r}" for s, b in ANSWERS])
async def test_the_notice_waits_and_its_cause_says_that_something_in_between_answered(
    settings: Callable[..., FcmSettings], transport: type[FcmHttp | FcmAdmin], status: int, body: bytes
) -> None:
    with between(status, body) as address:
        async with transport(settings(endpoint=address)) as opened:
            [sent] = await opened.send([message()])
    assert (sent.outcome, sent.code) == ("retry" if 300 <= status < 500 else "unknown", f"HTTP_{status}")
    assert not sent.prune
    assert causes.cause(sent, "push") == f"a proxy or firewall in between answered {status}"


TOKENS = [
    b'{"access_token": 7, "expires_in": 3600}',
    b'{"access_token": "", "expires_in": 3600}',
    b'{"access_token": "two\\nlines", "expires_in": 3600}',
    b'{"access_token": "x", "expires_in": 1e300}',
    b'{"access_token": "x", "expires_in": "' + b"9" * 400 + b'"}',
    b'{"access_token": "x", "expires_in": "soon"}',
    b"[1]",
    LOGIN,
    NO_TEXT,
]


@pytest.mark.parametrize("transport", [FcmHttp, FcmAdmin])
@pytest.mark.parametrize("body", TOKENS, ids=lambda body: repr(body[:40]))
async def test_an_impostor_of_the_token_endpoint_gives_no_token_and_nothing_is_sent(
    fcm: LocalFcm, settings: Callable[..., FcmSettings], transport: type[FcmHttp | FcmAdmin], body: bytes
) -> None:
    account = settings().service_account_info
    assert isinstance(account, dict)
    with between(200, body) as address:
        async with transport(
            settings(service_account_info=account | {"token_uri": f"{address}/token"})
        ) as opened:
            [sent] = await opened.send([message()])
    assert (sent.outcome, sent.code, sent.attempted) == ("retry", "HELD_CREDENTIAL", False)
    assert "no token" in sent.detail
    assert fcm.app.requests["send"] == 0


@pytest.mark.parametrize("transport", [FcmHttp, FcmAdmin])
@pytest.mark.parametrize(
    "body", [WAF, LOGIN, b'{"name": "foo"}', b"{}", b'{"name": 7}', b'{"name": "projects/']
)
async def test_a_200_in_json_without_the_name_of_a_message_may_be_anybodys(
    settings: Callable[..., FcmSettings], transport: type[FcmHttp | FcmAdmin], body: bytes
) -> None:
    with between(200, body) as address:
        async with transport(settings(endpoint=address)) as opened:
            [sent] = await opened.send([message()])
    assert (sent.outcome, sent.code) == ("unknown", "UNREADABLE")
    assert "a proxy or firewall in between may have written it" in causes.cause(sent, "push")
