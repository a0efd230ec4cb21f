"""The rules of benchmarks/evaluate.py by hand in Polars, as somebody would write these twenty and no others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import holidays
import polars as pl
from evaluate_estate import INSTANT, ZONE

from vigil.compliance import facts as f

GERMAN = sorted(holidays.country_holidays("DE", years=range(2024, 2032)))
ATTRS = ("status", "expires", "value", "owner", "signed at", "country", "risk", "review on")
NEVER = pl.lit(None, INSTANT)
c = pl.col


@dataclass(frozen=True)
class Out:
    """Findings (rule, workspace, occurrence, step, fire_at) and rule states (rule, workspace, outcome, since, next_check_at)."""

    findings: pl.DataFrame
    rule_states: pl.DataFrame


@dataclass(frozen=True)
class Hand:
    workspaces: pl.DataFrame
    documents: pl.DataFrame

    @classmethod
    def of(cls, facts: Sequence[f.Fact]) -> Hand:
        contracts = [x for x in facts if isinstance(x, f.Workspace)]
        documents = [x for x in facts if isinstance(x, f.Document)]
        columns: dict[str, pl.Series] = {
            "id": pl.Series([w.id for w in contracts], dtype=pl.Int64),
            "modified": pl.Series([w.modified for w in contracts], dtype=INSTANT),
        }
        for name in ATTRS:
            columns[name] = pl.Series([w.attrs[f"Contract.{name}"] for w in contracts], strict=False)
        columns["signed at"] = columns["signed at"].cast(INSTANT)
        columns["cost center"] = pl.Series([w.attrs["Finance.cost center"] for w in contracts])
        return cls(
            pl.DataFrame(columns),
            pl.DataFrame(
                {
                    "workspace": pl.Series([d.workspace for d in documents], dtype=pl.Int64),
                    "type": pl.Series([d.type for d in documents], dtype=pl.String),
                    "expires": pl.Series([d.expires for d in documents], dtype=pl.Date),
                }
            ),
        )

    def evaluate(
        self, after: datetime, as_of: datetime, before: pl.DataFrame | None, events: pl.DataFrame | None
    ) -> Out:
        today = as_of.date()  # noon in Berlin and UTC are the same day
        frame = self._with_documents(today)
        found: list[pl.LazyFrame] = []
        kept: list[pl.LazyFrame] = []
        for name, met, flip, length in _conditions(today, as_of):
            some, standing = _condition(frame, name, met, flip, length, as_of, before, after)
            found.append(some)
            kept.append(standing)
        for name, due, where, steps in _milestones():
            some, standing = _milestone(frame, name, due, where, steps, after, as_of)
            found.append(some)
            kept.append(standing)
        if events is not None:
            found += _transitions(frame, events.lazy())
        findings, rule_states = pl.collect_all([pl.concat(found), pl.concat(kept)])
        return Out(findings, rule_states)

    def _with_documents(self, today: date) -> pl.LazyFrame:
        kind, expires = c("type"), c("expires")
        insurance = kind == "Insurance certificate"
        alive = insurance & (expires >= today)
        states = (
            self.documents.lazy()
            .group_by("workspace")
            .agg(
                agreement=(kind == "Signed agreement").any(),
                insurance=insurance.any(),
                insured=(insurance & (expires.is_null() | (expires >= today))).any(),
                annex=(kind == "Annex").any(),
                insured_until=pl.when(alive).then(expires).min(),
            )
        )
        return (
            self.workspaces.lazy()
            .join(states, left_on="id", right_on="workspace", how="left")
            .with_columns(c("agreement", "insurance", "insured", "annex").fill_null(False))
        )


def midnight(day: pl.Expr) -> pl.Expr:
    return day.cast(pl.Datetime("us")).dt.replace_time_zone(ZONE).dt.convert_time_zone("UTC")


def eight(day: pl.Expr) -> pl.Expr:
    return (
        (day.cast(pl.Datetime("us")) + timedelta(hours=8))
        .dt.replace_time_zone(ZONE)
        .dt.convert_time_zone("UTC")
    )


def wall(shown: pl.Expr) -> pl.Expr:
    found = shown.dt.replace_time_zone(ZONE, ambiguous="earliest", non_existent="null")
    put_on = (shown.dt.truncate("1d") + timedelta(hours=3)).dt.replace_time_zone(ZONE)
    return found.fill_null(put_on).dt.convert_time_zone("UTC")


def _conditions(today: date, as_of: datetime) -> list[tuple[str, pl.Expr, pl.Expr, timedelta | None]]:
    status, value = c("status"), c("value")
    active = (status == "active").fill_null(False)
    ends = c("expires").dt.offset_by("-30d")
    stale = c("modified") + timedelta(days=330)
    two, one = timedelta(days=2), timedelta(days=1)
    high = (value >= 900000).fill_null(False)
    abroad = c("country").is_in(["IT", "FR"]).fill_null(False) | (c("risk") == "high").fill_null(False)
    lapses = midnight(c("insured_until").dt.offset_by("1d"))
    over = c("expires").dt.offset_by("1d")
    return [
        ("c01", status.is_in(["active", "renewing"]).fill_null(False) & c("owner").is_null(), NEVER, None),
        ("c02", active & c("cost center").is_null(), NEVER, two),
        ("c03", active & ~c("agreement"), NEVER, one),
        ("c04", active & ~c("insured"), lapses, None),
        ("c05", high & c("risk").is_null(), NEVER, None),
        (
            "c06",
            (status == "draft").fill_null(False) & (c("modified") <= as_of - timedelta(days=330)),
            pl.when(stale > as_of).then(stale),
            None,
        ),
        (
            "c07",
            (c("expires") <= today + timedelta(days=30)).fill_null(False) & active & c("review on").is_null(),
            midnight(pl.when(ends > today).then(ends)),
            None,
        ),
        ("c08", abroad & ~c("annex") & (value > 970000).fill_null(False), NEVER, None),
        (
            "c09",
            (c("expires") < today).fill_null(False) & (status == "renewing").fill_null(False),
            midnight(pl.when(c("expires") >= today).then(over)),
            one,
        ),
        (
            "c10",
            (c("country") != "DE").fill_null(True) & ~(c("insurance") | (value < 950000).fill_null(False)),
            NEVER,
            None,
        ),
    ]


def _condition(
    frame: pl.LazyFrame,
    name: str,
    met: pl.Expr,
    flip: pl.Expr,
    length: timedelta | None,
    as_of: datetime,
    before: pl.DataFrame | None,
    after: datetime,
) -> tuple[pl.LazyFrame, pl.LazyFrame]:
    now = pl.lit(as_of, INSTANT)
    rows = frame.select(workspace="id", met=met, flip=flip).filter(c("met") | c("flip").is_not_null())
    if before is None:
        rows = rows.with_columns(was=pl.lit(None, pl.String), since=NEVER)
    else:
        mine = before.lazy().filter((c("rule") == name) & (c("outcome") != "clear"))
        rows = rows.join(mine.select("workspace", was="outcome", since="since"), on="workspace", how="left")
    since = c("since").fill_null(now)
    ripe = since if length is None else since + length
    open_ = c("met") & (ripe <= now)
    rows = rows.with_columns(
        outcome=pl.when(open_)
        .then(pl.lit("finding"))
        .when(c("met"))
        .then(pl.lit("holding"))
        .otherwise(pl.lit("clear")),
        since=pl.when("met").then(since),
        ripe=ripe,
    )
    fresh = (c("outcome") == "finding") & (c("was").fill_null("") != "finding")
    found = rows.filter(fresh).select(
        rule=pl.lit(name),
        workspace="workspace",
        occurrence=c("since").dt.to_string("%Y-%m-%dT%H:%M:%SZ"),
        step=pl.lit(None, pl.String),
        fire_at=pl.when(c("ripe") > after).then("ripe").otherwise(now),
    )
    following = pl.when(c("outcome") == "holding").then(pl.min_horizontal("flip", "ripe")).otherwise("flip")
    kept = rows.select(
        rule=pl.lit(name), workspace="workspace", outcome="outcome", since="since", next_check_at=following
    )
    return found, kept.filter((c("outcome") != "clear") | c("next_check_at").is_not_null())


def _milestones() -> list[tuple[str, str, pl.Expr, list[tuple[str, int, pl.Expr]]]]:
    status, expires, review = c("status"), c("expires"), c("review on")
    last = expires.dt.add_business_days(-7, holidays=GERMAN, roll="forward")
    ask = review.dt.add_business_days(-3, holidays=GERMAN, roll="forward")
    # Wall time is kept: in the hour that comes twice the first one counts, one that is skipped is put on by an hour.
    signed = c("signed at").dt.convert_time_zone(ZONE).dt.replace_time_zone(None)
    later = [wall(signed.dt.offset_by(by)) for by in ("11mo", "1y")]
    return [
        (
            "m01",
            "expires",
            status.is_in(["active", "renewing"]),
            [
                ("early", 0, eight(expires.dt.offset_by("-90d"))),
                ("late", 0, eight(expires.dt.offset_by("-30d"))),
                ("last", 0, eight(last)),
            ],
        ),
        (
            "m02",
            "review on",
            pl.lit(True),
            [("soon", 0, eight(review.dt.offset_by("-14d"))), ("now", 0, eight(review))],
        ),
        ("m03", "signed at", status == "active", [("first", 0, later[0]), ("year", 0, later[1])]),
        (
            "m04",
            "expires",
            (status != "ended").fill_null(True),
            [("over", 0, eight(expires.dt.offset_by("1d")))],
        ),
        (
            "m05",
            "review on",
            (c("risk") == "high").fill_null(False),
            [("ask", k, eight(ask.dt.add_business_days(k, holidays=GERMAN))) for k in range(4)],
        ),
    ]


def _milestone(
    frame: pl.LazyFrame,
    name: str,
    due: str,
    where: pl.Expr,
    steps: list[tuple[str, int, pl.Expr]],
    after: datetime,
    as_of: datetime,
) -> tuple[pl.LazyFrame, pl.LazyFrame]:
    rows = frame.filter(c(due).is_not_null())
    moments = {f"at{n}": at for n, (_, _, at) in enumerate(steps)}
    if due != "signed at":  # dates are few: their moments are worked out once each
        rows = rows.join(rows.select(due).unique().with_columns(**moments), on=due)
        moments = {name: c(name) for name in moments}
    rows = rows.select("id", due=c(due), holds=where.fill_null(False), **moments)
    ahead = [pl.when(c(f"at{n}") > as_of).then(c(f"at{n}")) for n in range(len(steps))]
    kept = rows.select(
        rule=pl.lit(name),
        workspace="id",
        outcome=pl.lit("clear"),
        since=NEVER,
        next_check_at=pl.min_horizontal(ahead),
    ).filter(c("next_check_at").is_not_null())
    found = []
    day = c("due").dt.to_string("%Y-%m-%dT%H:%M:%SZ" if due == "signed at" else "%Y-%m-%d")
    for n, (step, k, _) in enumerate(steps):
        at = c(f"at{n}")
        found.append(
            rows.filter((at > after) & (at <= as_of) & c("holds")).select(
                rule=pl.lit(name),
                workspace="id",
                occurrence=pl.concat_str(day, pl.lit(f"#{k}")) if k else day,
                step=pl.lit(step),
                fire_at=at,
            )
        )
    return pl.concat(found), kept


def _transitions(frame: pl.LazyFrame, events: pl.LazyFrame) -> list[pl.LazyFrame]:
    kind = c("kind")
    rows = events.join(frame, left_on="workspace", right_on="id")
    picks = {
        "t01": (kind == "document_added") & (c("type") == "Signed agreement"),
        "t02": (kind == "attribute_changed")
        & (c("attr") == "Contract.status")
        & c("to").is_in(["active", "terminated"]),
        "t03": (kind == "version_added") & (c("status") == "active"),
        "t04": (kind == "comment_added") & (c("value") > 500000),
        "t05": kind.is_in(["document_added", "version_added"]) & ~c("insurance"),
    }
    return [
        rows.filter(pick).select(
            rule=pl.lit(name),
            workspace="workspace",
            occurrence="occurrence",
            step=pl.lit(None, pl.String),
            fire_at="at",
        )
        for name, pick in picks.items()
    ]
