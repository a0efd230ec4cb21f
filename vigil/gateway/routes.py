"""The routes below /v1: devices, notices, preferences. Each takes its person from the token and returns only that person's data."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Path, Query, Response
from fastapi.responses import JSONResponse

from vigil.delivery.proofs import LIFE
from vigil.gateway.access import Login, Now, Opened
from vigil.gateway.errors import RequestRefused, documented, not_found, too_many
from vigil.gateway.models import (
    AcknowledgementOut,
    DeviceIn,
    DeviceOut,
    DevicesOut,
    InboxOut,
    NoticeOut,
    PendingOut,
    PreferencesBody,
)
from vigil.gateway.proving import Asked
from vigil.gateway.settings import MOST_DEVICES, Gateway
from vigil.ledger.outbox import acknowledgements, inbox
from vigil.ledger.people import preferences, registrations
from vigil.ledger.people.devices import NewDevice
from vigil.ledger.people.registrations import Held, Proven
from vigil.ledger.values import LARGEST_ID

router = APIRouter(prefix="/v1", responses=documented(401, 403, 408, 413, 422, 429, 503))

IN_USE = "The address is another person's device: let the app delete its FCM token, and register the new one that it gets."
_PENDING = documented(409) | {202: {"model": PendingOut, "description": "Another's: a proof was sent to it"}}

Id = Annotated[int, Path(ge=1, le=LARGEST_ID)]


@router.post("/devices", status_code=201, response_model=DeviceOut, responses=_PENDING, tags=["devices"])
def register_device(gateway: Opened, person: Login, now: Now, device: DeviceIn) -> DeviceOut | Response:
    """Register a device, or refresh it: an app calls this whenever it starts and whenever FCM gives it a new token."""
    with gateway.ledger.write() as connection:
        made = registrations.register(connection, _new(person, device), now, _proven(gateway, person, device))
        if registrations.count(connection, person) > MOST_DEVICES:
            raise RequestRefused(
                409, "too_many_devices", f"A person has at most {MOST_DEVICES} devices: remove one."
            )
    if isinstance(made, Held):
        return _prove(gateway, person, device, made, now)
    return DeviceOut.of(made)


@router.get("/devices", tags=["devices"])
def list_devices(gateway: Opened, person: Login) -> DevicesOut:
    """The person's devices in use, without their addresses."""
    with gateway.ledger.read() as connection:
        return DevicesOut(devices=[DeviceOut.of(r) for r in registrations.mine(connection, person)])


@router.put("/devices/{id}", response_model=DeviceOut, responses=documented(404) | _PENDING, tags=["devices"])
def refresh_device(
    gateway: Opened, person: Login, now: Now, id: Id, device: DeviceIn
) -> DeviceOut | Response:
    """Refresh a device, with its current address. With another address it gets another number."""
    with gateway.ledger.write() as connection:
        proven = _proven(gateway, person, device)
        made = registrations.replace(connection, person, id, _new(person, device), now, proven)
    if made is None:
        raise not_found()
    if isinstance(made, Held):
        return _prove(gateway, person, device, made, now)
    return DeviceOut.of(made)


@router.delete("/devices/{id}", status_code=204, responses=documented(404), tags=["devices"])
def unregister_device(gateway: Opened, person: Login, now: Now, id: Id) -> Response:
    """Retire a device, when its person logs out of the app."""
    with gateway.ledger.write() as connection:
        done = registrations.retire(connection, person, id, now)
    if not done:
        raise not_found()
    return Response(status_code=204)


@router.get("/notices", tags=["notices"])
def list_notices(
    gateway: Opened,
    person: Login,
    before: Annotated[int | None, Query(ge=1, le=LARGEST_ID, description="`next` of the last page")] = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 50,
) -> InboxOut:
    """The person's notices, newest first."""
    with gateway.ledger.read() as connection:
        items = inbox.page(connection, person, before, limit + 1)  # one more: is there a next page?
    more = len(items) > limit
    return InboxOut(
        notices=[NoticeOut.of(i) for i in items[:limit]], next=items[limit - 1].id if more else None
    )


@router.get("/notices/{id}", responses=documented(404), tags=["notices"])
def read_notice(gateway: Opened, person: Login, id: Id) -> NoticeOut:
    """One notice of the person's; its `link` opens the item."""
    with gateway.ledger.read() as connection:
        found = inbox.one(connection, person, id)
    if found is None:
        raise not_found()
    return NoticeOut.of(found)


@router.put("/notices/{id}/acknowledgement", responses=documented(404), tags=["notices"])
def acknowledge_notice(gateway: Opened, person: Login, now: Now, id: Id) -> AcknowledgementOut:
    """Acknowledge the notice. The first time counts; repeating it changes nothing."""
    with gateway.ledger.write() as connection:
        if inbox.one(connection, person, id) is None:
            raise not_found()
        acknowledgements.acknowledge(connection, id, person, now, "app")
        seen = acknowledgements.of_notices(connection, [id])[id]
    return AcknowledgementOut(notice=seen.notice, at=seen.at, how=seen.how)


@router.get("/preferences", tags=["preferences"])
def read_preferences(gateway: Opened, person: Login) -> PreferencesBody:
    """The person's preferences."""
    with gateway.ledger.read() as connection:
        found = preferences.of_people(connection, [person]).get(person, preferences.NONE)
    return PreferencesBody.of(found)


@router.put("/preferences", tags=["preferences"])
def set_preferences(gateway: Opened, person: Login, now: Now, wanted: PreferencesBody) -> PreferencesBody:
    """Replace the person's preferences. They do not affect queued notices, except for quiet hours."""
    with gateway.ledger.write() as connection:
        preferences.keep(connection, person, wanted.preferences(), now)
    return wanted


def _proven(gateway: Gateway, person: str, device: DeviceIn) -> Proven:
    return gateway.prover.proven(person, device.proof) if gateway.prover else lambda held: False


def _prove(gateway: Gateway, person: str, device: DeviceIn, held: Held, now: datetime) -> Response:
    """Ask the device that has the address to prove that it belongs to the person now: 202, or Refused."""
    if device.proof is not None:
        raise RequestRefused(
            409, "bad_proof", "The proof is not for this device, or too old: ask for a new one."
        )
    if gateway.prover is None:
        raise RequestRefused(409, "address_in_use", IN_USE)
    wait = gateway.proofs.take(person)
    if wait > 0:
        raise too_many(wait)
    asked = gateway.prover.ask(person, device.address, device.address_kind, held)
    if asked is Asked.UNAVAILABLE:
        raise RequestRefused(503, "unavailable", "The device cannot be asked now: try again.", 30)
    if asked is Asked.NO_DEVICE:
        raise RequestRefused(409, "no_device", "FCM does not know that address: let the app get a new one.")
    pending = PendingOut(until=now + LIFE)
    return JSONResponse(pending.model_dump(mode="json"), 202)


def _new(person: str, device: DeviceIn) -> NewDevice:
    return NewDevice(
        person,
        device.address,
        device.platform,
        device.address_kind,
        device.app,
        device.language,
        device.zone,
    )
