"""Requests and responses. Strict: no additional field, no converted value. No response contains an address."""

from __future__ import annotations

from datetime import datetime, time
from typing import TYPE_CHECKING, Annotated, Literal, Self, cast

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from vigil.compliance.calendar import zones
from vigil.compliance.channels import CHANNELS, ChannelName
from vigil.compliance.notices import NoticeState
from vigil.ledger.outbox.inbox import Item
from vigil.ledger.people.preferences import Preferences
from vigil.ledger.people.registrations import Registration

# Those of vigil.ledger.outbox.inbox.SHOWN.
Shown = Literal[NoticeState.QUEUED, NoticeState.SENT, NoticeState.NO_DEVICE, NoticeState.FAILED]

_OF_APPS = tuple(c for c in CHANNELS if c.by_app)
if TYPE_CHECKING:
    AppPlatform = str
    AppAddressKind = str
else:
    AppPlatform = Literal[tuple(platform for c in _OF_APPS for platform in c.platforms)]
    AppAddressKind = Literal[tuple(kind for c in _OF_APPS for kind in c.address_kinds)]

Address = Annotated[
    str,
    Field(
        min_length=8,
        max_length=2048,
        pattern=r"^[A-Za-z0-9_:.~%/+=-]+$",
        description="The FCM token, or the installation id. A secret: it is in no answer",
    ),
]
Language = Annotated[
    str, Field(max_length=35, pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}$", examples=["de-AT"])
]
ClockText = Annotated[str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$", examples=["22:00"])]


def _known(zone: str) -> str:
    if zone not in zones():
        raise ValueError("not a time zone that is known here; write one such as Europe/Berlin")
    return zone


Zone = Annotated[str, AfterValidator(_known), Field(json_schema_extra={"enum": sorted(zones())})]


class RequestBody(BaseModel):
    """A request's body."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class DeviceIn(RequestBody):
    """A device, from its app. Registering again refreshes it.

    An address of another person's device becomes this person's with the `proof` that was sent to it.
    """

    address: Address
    platform: AppPlatform
    address_kind: AppAddressKind = _OF_APPS[0].address_kinds[0]
    app: Annotated[str, Field(max_length=100, pattern=r"^[A-Za-z0-9._-]*$")] = ""
    language: Language | None = None
    zone: Zone | None = None
    proof: Annotated[str, Field(max_length=300, pattern=r"^[A-Za-z0-9_.=-]*$")] | None = Field(
        default=None, description="What the message said that a 202 speaks of: `data.proof`"
    )


class DeviceOut(BaseModel):
    """A device without its address."""

    id: int
    platform: str
    address_kind: str
    app: str
    language: str | None
    zone: str | None
    registered_at: datetime
    refreshed_at: datetime

    @classmethod
    def of(cls, r: Registration) -> Self:
        return cls.model_validate(r, from_attributes=True)


class PendingOut(BaseModel):
    """The address is another person's device. An invisible message to it contains a proof: register again with it."""

    pending: Literal["proof"] = "proof"
    until: datetime = Field(description="The proof is taken until then")


class DevicesOut(BaseModel):
    devices: list[DeviceOut]


class AcknowledgementOut(BaseModel):
    """When the notice was first acknowledged, in the app or by the link of a mail."""

    notice: int
    at: datetime
    how: Literal["app", "link"]


class NoticeOut(BaseModel):
    """One notice. `link` opens the item in Extended ECM, which requires a login and the right to read."""

    id: int
    rule: str
    workspace: int
    step: str
    fire_at: datetime = Field(description="The instant that the notice is about")
    state: Shown
    title: str
    body: str
    link: str
    severity: str
    acknowledgement: AcknowledgementOut | None

    @classmethod
    def of(cls, i: Item) -> Self:
        seen = i.acknowledged
        return cls(
            id=i.id,
            rule=i.rule,
            workspace=i.workspace,
            step=i.step,
            fire_at=i.fire_at,
            state=cast(Shown, i.state),
            title=i.title,
            body=i.body,
            link=i.link,
            severity=i.severity,
            acknowledgement=seen and AcknowledgementOut(notice=seen.notice, at=seen.at, how=seen.how),
        )


class InboxOut(BaseModel):
    """A page of notices, newest first. `next` is the `before` of the next page, null on the last."""

    notices: list[NoticeOut]
    next: int | None


class PersonalQuietHours(BaseModel):
    """No push between these times of the person's own day; over midnight if `from` is the later one."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, populate_by_name=True)

    from_: ClockText = Field(alias="from")
    to: ClockText

    @model_validator(mode="after")
    def _some(self) -> Self:
        if self.from_ == self.to:
            raise ValueError("quiet hours end at another time than they begin; send null for none")
        return self


class PreferencesBody(RequestBody):
    """All preferences of a person. null: the default of the account or the device."""

    quiet: PersonalQuietHours | None = None
    digest: bool = Field(default=False, description="Collect what is not urgent into one notice a day")
    language: Language | None = None
    zone: Zone | None = None
    channels: list[ChannelName] = Field(
        default=[],
        max_length=len(CHANNELS),
        json_schema_extra={"uniqueItems": True},
        description="The first of these that the person can be reached on is used; empty for the site's own order",
    )

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        if len(set(self.channels)) != len(self.channels):
            raise ValueError("each channel once")
        return self

    def preferences(self) -> Preferences:
        quiet = self.quiet
        return Preferences(
            quiet_from=None if quiet is None else time.fromisoformat(quiet.from_),
            quiet_to=None if quiet is None else time.fromisoformat(quiet.to),
            digest=self.digest,
            language=self.language,
            zone=self.zone,
            channels=tuple(self.channels),
        )

    @classmethod
    def of(cls, p: Preferences) -> Self:
        quiet = None
        if p.quiet_from is not None and p.quiet_to is not None:
            quiet = PersonalQuietHours(from_=f"{p.quiet_from:%H:%M}", to=f"{p.quiet_to:%H:%M}")
        return cls(
            quiet=quiet,
            digest=p.digest,
            language=p.language,
            zone=p.zone if p.zone in zones() else None,  # zone data may have lost one since
            channels=list(p.channels),
        )


class Health(BaseModel):
    status: Literal["ok"]
