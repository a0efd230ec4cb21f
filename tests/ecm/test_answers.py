"""What one HTTP answer means, where the simulator has no way to give it."""

from __future__ import annotations

import pytest

from vigil.ecm import EcmError, Malformed, NotReadable, Refused, Unavailable
from vigil.ecm.answers import read
from vigil.ecm.retry import Retryable

PATH = "/v2/nodes/1"
JSON = {"content-type": "application/json"}
HTML = {"content-type": "text/html"}


def judged(status: int, body: bytes, headers: dict[str, str] = JSON) -> tuple[type[EcmError], bool]:
    """The error, and whether the call may be repeated."""
    with pytest.raises((EcmError, Retryable)) as raised:
        read(PATH, status, headers, body)
    if isinstance(raised.value, Retryable):
        return type(raised.value.error), True
    assert isinstance(raised.value, EcmError)
    return type(raised.value), False


def test_a_404_in_html_is_a_server_that_restarts_and_no_deleted_node() -> None:
    assert judged(404, b"<html>Not Found</html>", HTML) == (Unavailable, True)
    assert judged(404, b'{"error": "no such node"}') == (NotReadable, False)


def test_a_redirect_is_a_login_page_in_between_and_not_followed() -> None:
    assert judged(302, b"", {"location": "https://sso.example.org"}) == (Malformed, False)


def test_a_refusal_of_ecm_concerns_the_item_and_one_of_a_proxy_the_connection() -> None:
    assert judged(403, b'{"error": "insufficient permissions"}') == (NotReadable, False)
    assert judged(403, b"<html>Forbidden</html>", HTML) == (Refused, False)


def test_json_that_is_no_object_is_malformed() -> None:
    assert judged(200, b"[1, 2]") == (Malformed, True)
    assert judged(200, b"") == (Malformed, True)


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("7", 7.0),
        ("900", 60.0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 60.0),
        ("soon", None),
        ("", None),
        ("\u00b2", None),
    ],
)
def test_the_servers_own_waiting_time_is_kept_within_reason(written: str, seconds: float | None) -> None:
    with pytest.raises(Retryable) as again:
        read(PATH, 503, {"retry-after": written}, b"")
    assert again.value.after == seconds


def test_a_message_is_ecms_own_and_cut_to_a_readable_length() -> None:
    with pytest.raises(NotReadable) as failed:
        read(PATH, 400, JSON, b'{"error": "' + b"x" * 5000 + b'"}')
    assert len(failed.value.message) == 300


def test_a_web_page_is_told_by_its_title_and_not_by_its_markup() -> None:
    page = b"<html><head><title>503 Service\n Unavailable &amp; busy</title></head><body>" + b"x" * 500
    with pytest.raises(Retryable) as again:
        read("/v2/nodes/1", 503, HTML, page)
    assert again.value.error.message == 'a web page "503 Service Unavailable & busy"'
    with pytest.raises(Retryable) as again:
        read("/v2/nodes/1", 503, HTML, b"<p>down")
    assert again.value.error.message == "a web page"
