"""Registers an address of another person's device, if the device itself proves that it changed hands."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime
from enum import StrEnum
from threading import BoundedSemaphore

from vigil.delivery.errors import DeliveryError, InvalidMessage
from vigil.delivery.proofs import LIFE, Proofs
from vigil.delivery.push.http_v1 import FcmHttp
from vigil.delivery.push.settings import FcmSettings
from vigil.delivery.responses import ParsedResponse
from vigil.ledger.people.registrations import Held, Proven

log = logging.getLogger("vigil.gateway")

AT_ONCE = 4  # concurrent messages: each blocks a thread, and threads serve all callers
KIND = "device-proof"  # what a message says in data.vigil; its proof is in data.proof


class Asked(StrEnum):
    """The outcome of the message with a proof."""

    SENT = "it is on its way"
    NO_DEVICE = "FCM knows no device of that address"
    UNAVAILABLE = "FCM cannot be asked now"


class Prover:
    """Sends proofs by FCM and verifies them. Used by many threads; each message has its own event loop."""

    def __init__(self, fcm: FcmSettings, proofs: Proofs, clock: Callable[[], datetime]) -> None:
        self._fcm = fcm
        self._proofs = proofs
        self._clock = clock
        self._places = BoundedSemaphore(AT_ONCE)

    def proven(self, person: str, proof: str | None) -> Proven:
        """Whether `proof` shows that the person has a device."""
        return lambda held: proof is not None and self._proofs.proves(proof, person, held)

    def ask(self, person: str, address: str, address_kind: str, held: Held) -> Asked:
        """Send the device the proof that it must return to become the person's."""
        if not self._places.acquire(blocking=False):
            return Asked.UNAVAILABLE
        try:
            return self._ask(person, address, address_kind, held)
        finally:
            self._places.release()

    def _ask(self, person: str, address: str, address_kind: str, held: Held) -> Asked:
        data = {"vigil": KIND, "proof": self._proofs.proof(person, held)}
        try:
            reading = asyncio.run(self._send(address, address_kind, data))
        except InvalidMessage:
            return Asked.NO_DEVICE
        except DeliveryError as error:  # about the credential
            log.error("a device cannot be asked who holds it: %s", error)
            return Asked.UNAVAILABLE
        if reading.outcome == "rejected":
            return Asked.NO_DEVICE
        return Asked.UNAVAILABLE if reading.outcome == "retry" else Asked.SENT

    async def _send(self, address: str, address_kind: str, data: dict[str, str]) -> ParsedResponse:
        async with FcmHttp(self._fcm, self._clock) as fcm:
            return await fcm.hand(address, address_kind, data, LIFE)
