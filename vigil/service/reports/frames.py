"""Results as pandas DataFrames: the columns of each table, their dtypes and descriptions. docs/tables.md has the same for readers.

Evaluation uses Polars (decision 0006); results are returned in pandas, which is imported with the first table: commands such as `vigil
validate` do not need it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypeAlias
from zoneinfo import ZoneInfo

from vigil import safe_text
from vigil.compliance.evaluation.results import Why
from vigil.compliance.notices import NoticeState
from vigil.compliance.notify.guards import GuardWhy
from vigil.ledger.notice_message import NoticeMessage
from vigil.ledger.observed import observations
from vigil.ledger.people.devices import label
from vigil.service import account_text
from vigil.service.accounting import Account
from vigil.service.backfill import Line, ManifestStatus
from vigil.service.digest import SEVERAL
from vigil.service.reasons import in_words, of_row
from vigil.service.run import Run
from vigil.service.sweep import SweepOutcome

if TYPE_CHECKING:
    import pandas as pd

Frame: TypeAlias = "pd.DataFrame"
FrameRow = Mapping[str, Any]

SEVERAL_NAMED = "several workspaces"
"""The name column of a digest about several workspaces."""


class Dtype(StrEnum):
    """The content of a column, as its pandas dtype. An absent value is missing (`pd.NA`, `pd.NaT`), never empty."""

    TEXT = "string"
    ID = "Int64"
    INSTANT = "datetime64[us, ZONE]"  # in the zone that the table names
    STATE = "category"
    YES = "boolean"


class CountKind(StrEnum):
    """What a line of an account counts."""

    OUTCOME = "outcome"
    NUMBER = "number"
    CHECK = "check"


@dataclass(frozen=True, slots=True)
class FrameColumn:
    """A column of a table. `states` are the categories of a STATE, in order."""

    name: str
    dtype: Dtype
    says: str
    states: tuple[str, ...] = ()

    def pandas(self, zone: str) -> Any:
        """The dtype, in a table whose instants are in `zone`."""
        import pandas as pd

        if self.dtype is Dtype.STATE:
            return pd.CategoricalDtype([str(s) for s in self.states])
        return self.dtype.value.replace("ZONE", zone)


@dataclass(frozen=True, slots=True)
class FrameTable:
    """A kind of result: its name in `attrs["table"]`, and its columns in order."""

    name: str
    columns: tuple[FrameColumn, ...]


_NAME = FrameColumn("name", Dtype.TEXT, "Name of the workspace, as last read")
_RULE = FrameColumn("rule", Dtype.TEXT, "Name of the rule")
_WHY = FrameColumn("why", Dtype.TEXT, "What decided, as sentences")
_PERSON = FrameColumn("person", Dtype.TEXT, "Login of the recipient; missing if the finding has none")
_STEP = FrameColumn("step", Dtype.TEXT, "Step of the rule, if it has steps")
_TITLE = FrameColumn("title", Dtype.TEXT, "First line of the notice")
_FIRE_AT = FrameColumn("fire_at", Dtype.INSTANT, "The instant that the notice is about")
_OCCURRENCE = FrameColumn(
    "occurrence", Dtype.TEXT, "The occurrence: the key of a notice, with rule, workspace, step and person"
)
_WORKSPACE = FrameColumn(
    "workspace", Dtype.ID, "Id of the workspace in Extended ECM; 0 for a digest about several"
)
_LINK = FrameColumn("link", Dtype.TEXT, "Address of the item in Smart View")

SWEPT = (*SweepOutcome, *map(in_words, (*Why, *GuardWhy)))
"""What may become of a finding of a sweep."""

FINDINGS = FrameTable(
    "findings",
    (
        _NAME,
        _RULE,
        _WHY,
        FrameColumn("person", Dtype.TEXT, "Login of the recipient; missing if the finding has none or is already open"),
        FrameColumn("outcome", Dtype.STATE, f"{' · '.join(SweepOutcome)} · or a reason of docs/reasons.md", SWEPT),
        FrameColumn("since", Dtype.INSTANT, "Since when the finding is open; missing if it is new"),
        FrameColumn("type", Dtype.TEXT, "Type of the workspace"),
        _STEP,
        _WORKSPACE,
        _LINK,
    ),
)  # fmt: skip
"""What a sweep found: a row for each finding and person."""

NOTICES = FrameTable(
    "notices",
    (
        _NAME,
        _WHY,
        _PERSON,
        FrameColumn("outcome", Dtype.STATE, " · ".join(NoticeState), tuple(NoticeState)),
        FrameColumn("reason", Dtype.TEXT, "Why it was not sent, in the words of docs/reasons.md and docs/delivery.md"),
        _TITLE,
        _RULE,
        _STEP,
        _FIRE_AT,
        FrameColumn("as_of", Dtype.INSTANT, "The `as_of` of the run that queued it"),
        _OCCURRENCE,
        FrameColumn("notice", Dtype.ID, "Number of the notice in the ledger"),
        FrameColumn("run", Dtype.ID, "Number of the run in the ledger"),
        _WORKSPACE,
        _LINK,
    ),
)  # fmt: skip
"""The notices of a run: a row for each."""

MANIFEST = FrameTable(
    "manifest",
    (
        _NAME,
        _WHY,
        _PERSON,
        FrameColumn("standing", Dtype.STATE, " · ".join(ManifestStatus), tuple(ManifestStatus)),
        FrameColumn("sends", Dtype.YES, "Whether an approval sends it"),
        FrameColumn("reason", Dtype.TEXT, "The reason for the standing, if it needs one"),
        _TITLE,
        _RULE,
        _STEP,
        _FIRE_AT,
        FrameColumn("due", Dtype.TEXT, "The date that a milestone's notice is about, as ISO 8601"),
        _OCCURRENCE,
        _WORKSPACE,
        _LINK,
    ),
)
"""What a past window should have sent: a row for each notice."""

CHANGED = FrameTable(
    "changed",
    (
        _NAME,
        FrameColumn("changed", Dtype.TEXT, "What has changed since the manifest was shown"),
        _PERSON,
        _TITLE,
        _RULE,
        _WORKSPACE,
        _LINK,
    ),
)
"""The notices of an approved manifest that are about something that changed since the manifest was shown."""

ACCOUNT = FrameTable(
    "account",
    (
        FrameColumn("kind", Dtype.STATE, "outcome: of notices; number: a counter of the run; check: must be 0", tuple(CountKind)),
        FrameColumn("what", Dtype.TEXT, "What was counted"),
        FrameColumn("number", Dtype.ID, "How many"),
    ),
)  # fmt: skip
"""What a run counted."""

DEVICES = FrameTable(
    "devices",
    (
        FrameColumn("person", Dtype.TEXT, "Login of its person"),
        FrameColumn("platform", Dtype.TEXT, "android, ios, web, email or webhook"),
        FrameColumn("label", Dtype.TEXT, "Its name in `vigil why`; its address is shown nowhere"),
        FrameColumn("since", Dtype.INSTANT, "When it was first registered"),
        FrameColumn("refreshed", Dtype.INSTANT, "When its app last refreshed it"),
        FrameColumn("accepted", Dtype.INSTANT, "When a message for it was last accepted"),
        FrameColumn("retired", Dtype.INSTANT, "When it was retired"),
        FrameColumn("reason", Dtype.TEXT, "Why it was retired"),
        FrameColumn("device", Dtype.ID, "Number of the device in the ledger"),
    ),
)
"""The registry of devices."""


@dataclass(frozen=True, slots=True)
class About:
    """The description of a table. A frame has it in its `attrs`, as JSON values, and every writer includes it."""

    site: str
    zone: str
    as_of: datetime | None = None
    flow: str = ""
    run: int | None = None
    scope: str = ""  # the scope, in words
    dry_run: bool | None = None
    manifest: str = ""  # the id by which it is approved
    said: str = ""  # the result in a sentence
    account: Mapping[str, Mapping[str, int]] | None = None  # kind -> what -> number

    @classmethod
    def run_of(cls, run: Run, **more: Any) -> About:
        """The description of a run's tables."""
        return cls(run.site.name, run.site.zone, run.as_of, run.flow, run.id, **more)

    @classmethod
    def of(cls, frame: Frame) -> About:
        """The description of a frame. One that Vigil did not make has none, and its instants are in UTC."""
        known = {f.name: frame.attrs[f.name] for f in fields(cls) if f.name in frame.attrs}
        about = cls(**{"site": "", "zone": "UTC"} | known)
        return replace(about, as_of=datetime.fromisoformat(known["as_of"])) if about.as_of else about

    def attrs(self) -> dict[str, Any]:
        """The non-empty fields; the instant in the table's zone."""
        at = self.as_of and self.as_of.astimezone(ZoneInfo(self.zone)).isoformat(timespec="seconds")
        said = {f.name: getattr(self, f.name) for f in fields(self)} | {"as_of": at}
        return {name: value for name, value in said.items() if value is not None and value != ""}


def frame(table: FrameTable, rows: Iterable[FrameRow], about: About) -> Frame:
    """Rows as a frame with the table's columns and dtypes, also without rows. "" and None become missing.

    Control characters in texts, which come from people, become U+FFFD. Raises ValueError for a row with other columns, and for an
    unknown state.
    """
    import pandas as pd

    rows, names = list(rows), {c.name for c in table.columns}
    for row in rows:
        if row.keys() != names:
            raise ValueError(f"a row of {table.name} has {sorted(row)}, and should have {sorted(names)}")
    made = pd.DataFrame(
        {c.name: _column(c, [row[c.name] for row in rows], about.zone) for c in table.columns}
    )
    made.attrs.update(table=table.name)
    made.attrs.update(about.attrs())
    return made


def _column(column: FrameColumn, values: Sequence[Any], zone: str) -> pd.Series[Any]:
    import pandas as pd

    made: pd.Series[Any]
    values = [None if v == "" else v for v in values]
    if column.dtype is Dtype.INSTANT:
        utc = [None if v is None else v.astimezone(UTC).replace(tzinfo=None) for v in values]
        made = pd.Series(utc, dtype="datetime64[us]").dt.tz_localize("UTC").dt.tz_convert(zone)
        return made
    if column.dtype is Dtype.STATE and (unknown := set(values) - {None, *column.states}):
        raise ValueError(f"{column.name} cannot be {', '.join(sorted(map(repr, unknown)))}")
    if column.dtype is Dtype.TEXT:
        values = [None if v is None else safe_text.table_cell(str(v)) for v in values]
    made = pd.Series(values, dtype=column.pandas(zone))
    return made


def findings(run: Run, rows: Iterable[FrameRow], **more: Any) -> Frame:
    """The result of `sweep.sweep`, as FINDINGS."""
    return frame(FINDINGS, rows, About.run_of(run, **more))


def notices(rows: Sequence[FrameRow], names: Mapping[int, str], about: About) -> Frame:
    """Rows of the outbox as NOTICES; `names` are those of their workspaces."""
    return frame(NOTICES, (_notice(row, names) for row in rows), about)


def _notice(row: FrameRow, names: Mapping[int, str]) -> FrameRow:
    message: NoticeMessage = row["message"]
    return {
        "name": name_of(row["workspace"], names),
        "why": "; ".join(message.why),
        "person": row["person"],
        "outcome": row["state"],
        "reason": of_row(row),
        "title": message.title or None,
        "rule": row["rule"],
        "step": row["step"],
        "as_of": row["as_of"],
        **_when(row["fire_at"], row["occurrence"], message),
        "notice": row["id"],
        "run": row["run"],
        "workspace": row["workspace"],
        "link": row.get("link") or message.link or None,
    }


def _when(fire_at: datetime, occurrence: str, message: NoticeMessage) -> FrameRow:
    """The columns for the time of a notice; missing where they would reveal a sensitive date."""
    withheld = message.date_withheld
    return {"fire_at": None if withheld else fire_at, "occurrence": None if withheld else occurrence}


def name_of(workspace: int, names: Mapping[int, str]) -> str:
    """The workspace of a notice, by its name, or by its id if it was never read."""
    return names.get(workspace) or (SEVERAL_NAMED if workspace == SEVERAL else str(workspace))


def of_account(run: Run, made: Account, first: int | None = None, said: str = "") -> Frame:
    """The notices of an ended run, with the run's account; only the `first` ones if given."""
    rows = made.notices[:first]
    with run.ledger.read() as connection:
        names = observations.names(connection, {n["workspace"] for n in rows})
    return ended(notices(rows, names, About.run_of(run, said=said or account_text.sentence(made))), made)


def manifest(run: Run, lines: Sequence[Line], **more: Any) -> Frame:
    """The lines of a backfill's manifest as MANIFEST."""
    with run.ledger.read() as connection:
        names = observations.names(connection, {line.entry.workspace for line in lines})
    return frame(MANIFEST, (_line(line, names) for line in lines), About.run_of(run, **more))


def _line(line: Line, names: Mapping[int, str]) -> FrameRow:
    entry = line.entry
    return {
        "name": name_of(entry.workspace, names),
        "why": "; ".join(entry.message.why),
        "person": entry.person,
        "standing": line.standing.value,
        "sends": line.sends,
        "reason": line.reason,
        "title": entry.message.title or None,
        "rule": entry.rule,
        "step": entry.step,
        "due": "" if entry.message.date_withheld else line.due,
        **_when(entry.fire_at, entry.occurrence, entry.message),
        "workspace": entry.workspace,
        "link": entry.message.link or None,
    }


def changed(run: Run, rows: Sequence[FrameRow], **more: Any) -> Frame:
    """The result of `manifest_diff.changes`, as CHANGED."""
    with run.ledger.read() as connection:
        names = observations.names(connection, {row["workspace"] for row in rows})
    named = (
        {**r, "name": name_of(r["workspace"], names), "link": run.site.link(r["workspace"])} for r in rows
    )
    return frame(CHANGED, named, About.run_of(run, **more))


def device_list(rows: Iterable[FrameRow], about: About) -> Frame:
    """Rows of the registry as DEVICES, without addresses."""
    return frame(DEVICES, map(_device, rows), about)


def _device(row: FrameRow) -> FrameRow:
    return {
        "person": row["person"],
        "platform": row["platform"],
        "label": label(row["person"], row["platform"]),
        "since": row["registered_at"],
        "refreshed": row["refreshed_at"],
        "accepted": row["last_accepted_at"],
        "retired": row["retired_at"],
        "reason": row["retired_reason"],
        "device": row["id"],
    }


def ended(made: Frame, account: Account) -> Frame:
    """The same table, with the account of its run. The data is shared."""
    counted = {
        CountKind.OUTCOME.value: dict(account.rows),
        CountKind.NUMBER.value: dict(account.numbers)
        | {"gaps": len(account.gaps), "waiting": account.waiting},
        CountKind.CHECK.value: {"difference": account.difference},
    }
    out = made.copy(deep=False)
    out.attrs["account"] = counted
    return out


def account(of: Frame) -> Frame:
    """The account of a table's run, as ACCOUNT. Empty if the table has no run, or its run has not ended."""
    about = About.of(of)
    counted = (about.account or {}).items()
    return frame(
        ACCOUNT,
        ({"kind": k, "what": w, "number": n} for k, some in counted for w, n in some.items()),
        about,
    )
