"""The mail transport: SMTP over aiosmtplib, with the same four outcomes as a push.

| what happened | outcome |
|---|---|
| 2xx after the message | accepted |
| 4xx anywhere | retry: the server's own "later", as greylisting says it |
| 5xx anywhere | rejected |
| the connection did not stand, or was lost before the message went out | retry |
| it was lost, or nothing was heard, after that | unknown: sent again with the same Message-ID |
| the login was refused, or there is no TLS where it must be | a person has to replace it: CredentialRefused |
"""

from __future__ import annotations

import asyncio
import logging
import re
import ssl
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from email.message import EmailMessage
from functools import partial
from types import TracebackType
from typing import Self

from aiosmtplib import (
    SMTP,
    SMTPAuthenticationError,
    SMTPException,
    SMTPNotSupported,
    SMTPResponseException,
    SMTPServerDisconnected,
)

from vigil.connections import of_connection
from vigil.delivery.codes import HELD_CREDENTIAL
from vigil.delivery.email.message import compose, message_id, recipient
from vigil.delivery.email.settings import SmtpSettings
from vigil.delivery.errors import CredentialRefused, InvalidMessage
from vigil.delivery.transport import Outgoing, SendOutcome, Sent

log = logging.getLogger("vigil.delivery.email")

LATER = 300.0  # seconds after a 4xx: greylisting needs some minutes, and one minute is usually too early
_ENHANCED = re.compile(r"^([245]\.\d{1,3}\.\d{1,3})\b")
_Numbered = Iterator[tuple[int, Outgoing]]


class Smtp:
    """A `Transport` for addresses of kind email. `now` dates the attempts and the mails."""

    def __init__(
        self, settings: SmtpSettings, now: Callable[[], datetime] = partial(datetime.now, UTC)
    ) -> None:
        self._settings = settings
        self._now = now
        self._sender = settings.address
        self._refused: CredentialRefused | None = None

    async def __aenter__(self) -> Self:
        self._refused = None
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Connections live for one batch: a server drops the ones that idle."""

    async def send(self, batch: Sequence[Outgoing]) -> list[Sent]:
        """See `Transport.send`."""
        results: dict[int, Sent] = {}
        work = iter(list(enumerate(batch)))
        async with asyncio.TaskGroup() as group:
            for _ in range(min(self._settings.connections, len(batch))):
                group.create_task(self._some(work, results))
        sent = [results[index] for index in range(len(batch))]
        if self._refused is not None:
            raise CredentialRefused(self._refused.credential, self._refused.why, sent)
        return sent

    async def probe(self) -> Sent | None:
        """Connect, log in and disconnect without sending. None if that works, else the outcome that a mail would have.

        Raises CredentialRefused.
        """
        opened = await self._connect()
        if self._refused is not None:
            raise self._refused
        if isinstance(opened, Sent):
            return opened
        await _quit(opened)
        return None

    async def _some(self, work: _Numbered, results: dict[int, Sent]) -> None:
        """Send mails one after another over one connection, which is opened again when it ends."""
        client: SMTP | None = None
        carried = 0
        unreachable: Sent | None = None  # one connection attempt for each batch if the server is down
        try:
            for index, out in work:
                if client is None or not client.is_connected or carried >= self._settings.per_connection:
                    await _quit(client)
                    opened = unreachable or await self._connect()
                    if isinstance(opened, Sent):
                        results[index] = unreachable = opened
                        continue
                    client, carried = opened, 0
                results[index] = await self._post(client, out)
                carried += 1
        finally:
            await _quit(client)

    async def _connect(self) -> SMTP | Sent:
        """A logged-in connection, or the outcome of the mails without one."""
        started = self._now()
        if self._refused is not None:
            return self._held(started)
        client = self._client()
        try:
            await client.connect()
        except (SMTPAuthenticationError, SMTPNotSupported) as error:
            if isinstance(error, SMTPAuthenticationError) and error.code < 500:
                return self._answered(error, started)
            return self._refuse(error, started)
        except SMTPResponseException as error:
            return self._answered(error, started)
        except (SMTPException, OSError) as error:
            if "STARTTLS" in str(error):
                return self._refuse(error, started)
            s = self._settings
            log.warning("no connection to %s port %d: %s", s.host, s.number, of_connection(error))
            return self._no_connection(error, started)
        return client

    def _client(self) -> SMTP:
        s = self._settings
        return SMTP(
            hostname=s.host,
            port=s.number,
            username=s.username,
            password=None if s.password is None else s.password.get_secret_value(),
            timeout=s.timeout,
            use_tls=s.security == "tls",
            start_tls=s.security == "starttls",
            tls_context=None if s.security == "none" else ssl.create_default_context(cafile=s.ca_file),
        )

    async def _post(self, client: SMTP, out: Outgoing) -> Sent:
        """Send one mail, whatever happens. An invalid message ends here and never affects its batch."""
        started = self._now()
        try:
            return await self._mail(client, out, started)
        except Exception as wrong:  # noqa: BLE001  its text may quote the mail, and its batch must not end with it
            log.error("a mail ended in an unforeseen way and counts as unknown: %s", type(wrong).__name__)
            client.close()
            return Sent.unforeseen(wrong, started, self._now())

    async def _mail(self, client: SMTP, out: Outgoing, started: datetime) -> Sent:
        try:
            to = recipient(out)
            links, notice = self._settings.links, out.data.get("notice")
            acknowledge = links.link(int(notice)) if links and notice else None
            mail = compose(out, to, self._sender, acknowledge, started)
        except InvalidMessage as invalid:
            return Sent(
                outcome="rejected",
                status=None,
                code=invalid.code,
                name="",
                retry_after=None,
                started_at=started,
                ended_at=self._now(),
                detail=str(invalid),
            )
        try:
            await client.mail(self._sender.addr_spec)
            await client.rcpt(to.addr_spec)
        except SMTPResponseException as error:
            return await self._refused_mail(client, error, started)
        except (SMTPException, OSError) as error:
            client.close()
            return self._no_connection(error, started)
        return await self._data(client, out, mail, started)

    async def _data(self, client: SMTP, out: Outgoing, mail: EmailMessage, started: datetime) -> Sent:
        """Send the message itself: from here on a lost connection leaves it unknown whether the server accepted it."""
        try:
            answer = await client.data(bytes(mail))
        except SMTPResponseException as error:
            return await self._refused_mail(client, error, started)
        except (SMTPException, OSError) as error:
            client.close()
            code = "RESET" if isinstance(error, SMTPServerDisconnected) else "TIMEOUT"
            return Sent("unknown", None, code, "", None, started, self._now())
        name = message_id(out.key, self._sender.domain)
        return Sent("accepted", answer.code, "", name, None, started, self._now())

    async def _refused_mail(self, client: SMTP, error: SMTPResponseException, started: datetime) -> Sent:
        """The outcome of a refused mail. The connection continues with the next one."""
        try:
            await client.rset()
        except (SMTPException, OSError):
            client.close()
        return self._answered(error, started)

    def _no_connection(self, error: Exception, started: datetime) -> Sent:
        return Sent(
            outcome="retry",
            status=None,
            code="CONNECT",
            name="",
            retry_after=None,
            started_at=started,
            ended_at=self._now(),
            detail=of_connection(error),
        )

    def _answered(self, error: SMTPResponseException, started: datetime) -> Sent:
        outcome, retry_after = _meaning(error.code)
        found = _ENHANCED.match(error.message)
        code = f"SMTP_{error.code}" + (f"_{found[1]}" if found else "")
        # The server's sentence may quote the address: it is not stored.
        return Sent(outcome, error.code, code, "", retry_after, started, self._now())

    def _refuse(self, error: SMTPException | OSError, started: datetime) -> Sent:
        s = self._settings
        if isinstance(error, SMTPAuthenticationError):
            named, why = (
                f"the login {s.username} at the SMTP server {s.host}",
                f"{error.code}; check its password",
            )
        else:
            named, why = (
                f"the SMTP server {s.host} port {s.number}",
                f"it offers no {s.security} or no login: check `security`",
            )
        self._refused = CredentialRefused(named, why)
        return self._held(started)

    def _held(self, started: datetime) -> Sent:
        why = "" if self._refused is None else str(self._refused)
        return Sent(
            outcome="retry",
            status=None,
            code=HELD_CREDENTIAL,
            name="",
            retry_after=None,
            started_at=started,
            ended_at=self._now(),
            detail=why,
        )


def _meaning(code: int) -> tuple[SendOutcome, float | None]:
    """The outcome of a reply code, and the seconds to wait. RFC 5321, section 4.2.1: the first digit decides."""
    if 400 <= code < 500:
        return "retry", LATER
    if 500 <= code < 600:
        return "rejected", None
    return "unknown", None  # not a reply of the protocol: the mail may have been accepted


async def _quit(client: SMTP | None) -> None:
    if client is None or not client.is_connected:
        return
    try:
        await client.quit()
    except (SMTPException, OSError):
        client.close()
