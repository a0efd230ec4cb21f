"""The base of the clients of Firebase."""

from __future__ import annotations

from types import TracebackType

from vigil.delivery.http_session import HttpClient
from vigil.delivery.push.credentials import Credential
from vigil.delivery.push.settings import FcmSettings


class FirebaseClient(HttpClient[FcmSettings]):
    """Base of the clients of Firebase, with the service account's credential."""

    def __init__(self, settings: FcmSettings) -> None:
        super().__init__(settings)
        self._credential = Credential(settings)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await super().__aexit__(kind, error, trace)
        await self._credential.close()
