"""The ledger's tables. They decide nothing; migrations/ is made from them.

Three tables are append-only and are the source of truth: `observation` (what was read), `attempt` (what was sent) and `run` (the
runs). `newest`, `verdict` and `position` can be recomputed from them. `notice` is the outbox: its unique key proves that no notice is
sent twice, so its rows are never deleted while their rule can fire.
"""

from __future__ import annotations

from datetime import UTC, datetime, time
from typing import Any, Literal, cast

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Dialect,
    FromClause,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    Time,
    UniqueConstraint,
    literal_column,
    text,
)
from sqlalchemy.types import DateTime, TypeDecorator
from sqlmodel import Field, SQLModel

from vigil.compliance.notices import NoticeState

BigId = BigInteger().with_variant(Integer, "sqlite")  # SQLite assigns numbers only to an INTEGER key
Bytewise = String().with_variant(String(collation="C"), "postgresql")
"""Text that both databases compare byte by byte: ranges of subjects must not depend on the language of the database."""


class Instant(TypeDecorator[datetime]):
    """An aware datetime, stored in UTC. SQLite has no zones: its naive values are made aware here."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"the ledger stores instants with a zone, and this one has none: {value!r}")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class _StateText(TypeDecorator[NoticeState]):
    """The state of a notice, kept as its text. What is no state is refused, on its way in and out."""

    impl = String
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        return None if value is None else NoticeState(value).value

    def process_result_value(self, value: str | None, dialect: Dialect) -> NoticeState | None:
        return None if value is None else NoticeState(value)


def _instant(nullable: bool = False, index: bool = False) -> Any:
    return Field(sa_column=Column(Instant, nullable=nullable, index=index), default=None)


def _id() -> Any:
    return Field(default=None, sa_column=Column(BigId, primary_key=True, autoincrement=True))


def _subject(primary_key: bool = False) -> Any:
    return Field(sa_column=Column(Bytewise, primary_key=primary_key, nullable=False))


def _big(nullable: bool = False, index: bool = False) -> Any:
    return Field(default=None, sa_column=Column(BigInteger, nullable=nullable, index=index))


class ObservationRow(SQLModel, table=True):
    """A subject as it was read. `body` is None if it was deleted; `prev` is the previous observation of the same subject."""

    __tablename__ = "observation"

    __table_args__ = (
        Index("ix_observation_workspace", "workspace", "seq"),
        Index("ix_observation_subject", "kind", "subject"),
    )

    # Assigned by the writer whose turn it is, without gaps: see vigil.ledger.engine.in_turn.
    seq: int = Field(default=None, sa_column=Column(BigId, primary_key=True, autoincrement=False))
    kind: str
    subject: str = _subject()
    workspace: int | None = _big(nullable=True)
    seen_at: datetime = _instant()
    hash: bytes | None = Field(default=None, sa_column=Column(LargeBinary, nullable=True))
    body: str | None = Field(default=None, sa_column=Column(Text, nullable=True))
    prev: int | None = _big(nullable=True)
    run: int | None = _big(nullable=True)


class NewestRow(SQLModel, table=True):
    """An index: the newest observation of each subject, with its stamp from ECM's node lists."""

    __tablename__ = "newest"

    __table_args__ = (
        Index("ix_newest_workspace", "workspace", "kind"),
        Index(
            "ix_newest_gone", "seq", sqlite_where=text("hash IS NULL"), postgresql_where=text("hash IS NULL")
        ),
    )

    kind: str = Field(primary_key=True)
    subject: str = _subject(primary_key=True)
    workspace: int | None = _big(nullable=True)
    seq: int = _big()
    hash: bytes | None = Field(default=None, sa_column=Column(LargeBinary, nullable=True))
    checked_at: datetime = _instant()


class RelationRow(SQLModel, table=True):
    """An index: `workspace` is related to `other`, by the newest observation of its relations."""

    __tablename__ = "relation"

    __table_args__ = (Index("ix_relation_other", "other"),)

    workspace: int = Field(default=None, sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    other: int = Field(default=None, sa_column=Column(BigInteger, primary_key=True, autoincrement=False))


class WatermarkRow(SQLModel, table=True):
    """A watermark of extraction or evaluation."""

    __tablename__ = "position"

    name: str = Field(primary_key=True)
    seq: int | None = _big(nullable=True)
    at: datetime | None = _instant(nullable=True)
    data: str = Field(default="{}", sa_column=Column(Text, nullable=False))


class RuleStateRow(SQLModel, table=True):
    """The remembered state of a rule for a workspace: an open condition, or the next instant at which the state may change."""

    __tablename__ = "verdict"

    # The workspace comes first: queries ask for every rule of some workspaces.
    workspace: int = Field(default=None, sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    rule: str = Field(primary_key=True)
    outcome: str  # holding | finding | not_evaluated | clear
    since: datetime | None = _instant(nullable=True)
    next_check_at: datetime | None = _instant(nullable=True, index=True)
    why: str = Field(default="[]", sa_column=Column(Text, nullable=False))
    as_of: datetime = _instant()


class EvaluatedRuleRow(SQLModel, table=True):
    """When a rule was first evaluated, and the hash of the last evaluated text."""

    __tablename__ = "rulestate"

    rule: str = Field(primary_key=True)
    first_at: datetime = _instant()
    hash: str


def _only(state: NoticeState) -> Any:
    """A partial index of the rows in one state; it fits statements that use `in_state`."""
    where = text(f"state = '{state}'")
    return {"sqlite_where": where, "postgresql_where": where}


class NoticeRow(SQLModel, table=True):
    """The outbox: one row per (rule, workspace, occurrence, step, person), for ever. '' stands for no step and no person."""

    __tablename__ = "notice"

    __table_args__ = (
        # The proof. It begins with the workspace, so that it also serves queries by workspace.
        UniqueConstraint("workspace", "rule", "occurrence", "step", "person", name="uq_notice_once"),
        # Only the few waiting rows, however many were ever sent: for due rows, and for those that must not be overtaken.
        Index("ix_notice_due", "due_at", "id", **_only(NoticeState.QUEUED)),
        Index("ix_notice_order", "person", "workspace", "id", **_only(NoticeState.QUEUED)),
        # Rows that wait for a digest or for a guard's answer: few reasons among many.
        Index("ix_notice_suppressed", "reason", "person", **_only(NoticeState.SUPPRESSED)),
    )

    id: int = _id()
    rule: str
    workspace: int = _big()
    occurrence: str
    step: str = ""
    person: str = Field(default="", index=True)
    fire_at: datetime = _instant()
    as_of: datetime = _instant()
    state: NoticeState = Field(sa_column=Column(_StateText, nullable=False))
    reason: str = ""
    message: str = Field(default="{}", sa_column=Column(Text, nullable=False))
    due_at: datetime | None = _instant(nullable=True)
    expires_at: datetime | None = _instant(nullable=True)  # the end of its time to live
    lease_until: datetime | None = _instant(nullable=True)
    lease_owner: str | None = None
    first_tried_at: datetime | None = _instant(nullable=True)  # when its first request was made
    tries: int = 0  # claims with a request, including the current one
    run: int | None = _big(nullable=True, index=True)


class AttemptRow(SQLModel, table=True):
    """One request for one device. Every attempt is stored, whatever its outcome."""

    __tablename__ = "attempt"

    id: int = _id()
    notice: int = _big(index=True)
    device: int = _big()
    started_at: datetime = _instant()
    ended_at: datetime = _instant()
    outcome: str  # accepted | rejected | retry | unknown
    status: int | None = None
    code: str = ""
    name: str = ""  # the message name from FCM


class DeviceRow(SQLModel, table=True):
    """The registry. Contract: docs/contracts/fcm.md#devices. `address` is a secret: it is never logged."""

    __tablename__ = "device"

    __table_args__ = (UniqueConstraint("address_kind", "address", name="uq_device_address"),)

    id: int = _id()
    person: str = Field(index=True)
    address: str
    address_kind: str = "token"  # token | fid | email | webhook
    platform: str  # android | ios | web | email | webhook
    app: str = ""
    language: str | None = None
    zone: str | None = None
    registered_at: datetime = _instant()
    refreshed_at: datetime = _instant()
    last_accepted_at: datetime | None = _instant(nullable=True)
    retired_at: datetime | None = _instant(nullable=True)
    retired_reason: str | None = None


class SiteRow(SQLModel, table=True):
    """The site that this ledger belongs to: one row, from the first time that a site opened it."""

    __tablename__ = "site"

    name: str = Field(primary_key=True)
    since: datetime = _instant()


class TopicMemberRow(SQLModel, table=True):
    """That a person should receive what is sent to a topic, on all the person's devices."""

    __tablename__ = "topic_member"

    topic: str = Field(primary_key=True)
    person: str = Field(primary_key=True, index=True)
    since: datetime = _instant()


class TopicSubscriptionRow(SQLModel, table=True):
    """FCM's last answer about a topic and a device: subscribed, or refused with its code. No row: neither."""

    __tablename__ = "topic_subscription"

    topic: str = Field(primary_key=True)
    device: int = Field(
        default=None, sa_column=Column(BigInteger, primary_key=True, autoincrement=False, index=True)
    )
    at: datetime = _instant()
    refused: str = ""


class ManifestRow(SQLModel, table=True):
    """The manifest of a backfill, as it was shown for approval. `id` is the hash of its rows."""

    __tablename__ = "manifest"

    id: str = Field(primary_key=True)
    created_at: datetime = _instant()
    approved_at: datetime | None = _instant(nullable=True)
    body: str = Field(sa_column=Column(Text, nullable=False))


class RuleVersionRow(SQLModel, table=True):
    """A text of a rule that was in force: its file, and the first and last evaluation with it.

    `in_force`: it was not edited, retired or deleted since. At most one text of a rule is in force.
    """

    __tablename__ = "rule_revision"

    rule: str = Field(primary_key=True)
    hash: str = Field(primary_key=True)
    text: str = Field(sa_column=Column(Text, nullable=False))
    file: str  # relative to the folder of rules
    first_at: datetime = _instant()
    last_at: datetime = _instant()
    in_force: bool


class RunRow(SQLModel, table=True):
    """One run of a flow and its account."""

    __tablename__ = "run"

    id: int = _id()
    flow: str
    as_of: datetime = _instant()
    started_at: datetime = _instant()
    ended_at: datetime | None = _instant(nullable=True)
    state: str = "running"  # running | done | gaps | failed
    account: str = Field(default="{}", sa_column=Column(Text, nullable=False))


class PreferenceRow(SQLModel, table=True):
    """A person's preferences. No row: the account's own language and zone, no quiet hours, no digest, push before e-mail."""

    __tablename__ = "preference"

    person: str = Field(primary_key=True)
    quiet_from: time | None = Field(
        default=None, sa_column=Column(Time, nullable=True)
    )  # in the person's own day
    quiet_to: time | None = Field(default=None, sa_column=Column(Time, nullable=True))
    digest: bool = Field(default=False, sa_column=Column(Boolean, nullable=False))
    language: str | None = None
    zone: str | None = None
    channels: str = ""  # in order, separated by spaces: "email push"; empty for the site's own order
    updated_at: datetime = _instant()


class AcknowledgementRow(SQLModel, table=True):
    """The acknowledgement of a notice by its person: one row for each notice, the first acknowledgement."""

    __tablename__ = "acknowledgement"

    notice: int = Field(default=None, sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    person: str
    at: datetime = _instant()
    how: str  # app | link


class GuardHoldRow(SQLModel, table=True):
    """A guard hold: the notices of one rule in one run that its guard stopped. They are the run's suppressed rows with that reason."""

    __tablename__ = "guard_trip"

    id: int = _id()
    rule: str
    run: int = _big()
    flow_run: str = Field(default="", index=True)  # the Prefect run that asks; empty if no run asks
    tripped_at: datetime = _instant()
    until: datetime = _instant()
    notices: int
    findings: int
    workspaces: int
    known: int
    reasons: str = Field(default="[]", sa_column=Column(Text, nullable=False))
    state: str = "waiting"  # waiting | sent | dropped | expired
    answered_at: datetime | None = _instant(nullable=True)
    answered_by: str = ""


class BehindRow(SQLModel, table=True):
    """A workspace that is not read or evaluated as far as the others: see `vigil.ledger.observed.behind`."""

    __tablename__ = "behind"

    workspace: int = Field(default=None, sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    type: str
    seq: int = _big()
    after: datetime | None = _instant(nullable=True)
    complete: datetime | None = _instant(nullable=True)
    fresh: str = Field(sa_column=Column(Text, nullable=False))
    why: str = Field(sa_column=Column(Text, nullable=False))
    unread: bool
    tries: int
    tried_at: datetime = _instant()


class ShortListRow(SQLModel, table=True):
    """A workspace whose lists showed fewer items than its containers count: see `vigil.ledger.observed.short_lists`."""

    __tablename__ = "short_list"

    workspace: int = Field(default=None, sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    lacking: int
    looked_at: datetime = _instant()


class FolderRow(SQLModel, table=True):
    """The stamp of a folder of a workspace, as it was when its list was last read: see `vigil.ledger.observed.folders`."""

    __tablename__ = "folder"

    id: int = Field(default=None, sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    workspace: int = Field(sa_column=Column(BigInteger, nullable=False, index=True))
    items: int
    modified: datetime | None = _instant(nullable=True)


def in_state(
    notice: FromClause, state: Literal[NoticeState.QUEUED, NoticeState.SUPPRESSED]
) -> ColumnElement[bool]:
    """Whether rows of `notice` are in a state. The state is a literal in the statement, so that a partial index of that state fits."""
    condition: ColumnElement[bool] = notice.c.state == literal_column(f"'{state}'", String)
    return condition


def has_state(notice: FromClause, *states: NoticeState) -> ColumnElement[bool]:
    """Whether rows of `notice` are in one of some states. No partial index fits: `in_state` is for those."""
    column: ColumnElement[NoticeState] = notice.c.state
    return column == states[0] if len(states) == 1 else column.in_(sorted(states))


def set_state(state: NoticeState, **others: Any) -> dict[str, Any]:
    """The values of an UPDATE of notices that gives them a state, and `others` by the names of their columns."""
    return {"state": state, **others}


def table(model: type[SQLModel]) -> Table:
    """The SQLAlchemy table of a model, for bulk statements."""
    return cast(Table, model.__table__)  # type: ignore[attr-defined]


__all__ = [
    "AcknowledgementRow",
    "AttemptRow",
    "BehindRow",
    "DeviceRow",
    "EvaluatedRuleRow",
    "GuardHoldRow",
    "Instant",
    "ManifestRow",
    "NewestRow",
    "NoticeRow",
    "ObservationRow",
    "PreferenceRow",
    "RuleStateRow",
    "RuleVersionRow",
    "RunRow",
    "SiteRow",
    "TopicMemberRow",
    "TopicSubscriptionRow",
    "WatermarkRow",
    "has_state",
    "in_state",
    "set_state",
    "table",
]
