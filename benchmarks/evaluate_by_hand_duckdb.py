"""The rules of benchmarks/evaluate.py by hand in SQL, as somebody would write these twenty and no others."""

from __future__ import annotations

import tempfile
from datetime import date, datetime, timedelta
from typing import Any

import duckdb
import polars as pl
from evaluate_by_hand_polars import GERMAN, Hand
from evaluate_estate import ZONE

WORKSPACES = """
create or replace temp view w as
with d as (
  select workspace,
         bool_or(type = 'Signed agreement') as agreement,
         bool_or(type = 'Insurance certificate') as insurance,
         bool_or(type = 'Insurance certificate' and (expires is null or expires >= getvariable('today'))) as insured,
         bool_or(type = 'Annex') as annex,
         min(expires) filter (type = 'Insurance certificate' and expires >= getvariable('today')) as insured_until
  from documents group by workspace)
select ws.*, coalesce(agreement, false) as agreement, coalesce(insurance, false) as insurance,
       coalesce(insured, false) as insured, coalesce(annex, false) as annex, insured_until
from ws left join d on ws.id = d.workspace
"""

STANDINGS = """
create or replace temp table conditions as
with met as (
  select 'c01' as rule, id, (status in ('active', 'renewing') and owner is null) is true as met,
         null::timestamptz as flip, interval 0 hour as length from w
  union all select 'c02', id, (status = 'active' and "cost center" is null) is true, null, interval 48 hour from w
  union all select 'c03', id, (status = 'active' and not agreement) is true, null, interval 24 hour from w
  union all select 'c04', id, (status = 'active' and not insured) is true,
                   timezone($zone, (insured_until + 1)::timestamp), interval 0 hour from w
  union all select 'c05', id, (value >= 900000 and risk is null) is true, null, interval 0 hour from w
  union all select 'c06', id, (status = 'draft' and modified <= $as_of - interval 7920 hour) is true,
                   case when modified + interval 7920 hour > $as_of then modified + interval 7920 hour end,
                   interval 0 hour from w
  union all select 'c07', id, (expires <= $today + 30 and status = 'active' and "review on" is null) is true,
                   case when expires - 30 > $today then timezone($zone, (expires - 30)::timestamp) end,
                   interval 0 hour from w
  union all select 'c08', id,
                   ((country in ('IT', 'FR') or risk = 'high') and not annex and value > 970000) is true,
                   null, interval 0 hour from w
  union all select 'c09', id, (expires < $today and status = 'renewing') is true,
                   case when expires >= $today then timezone($zone, (expires + 1)::timestamp) end,
                   interval 24 hour from w
  union all select 'c10', id,
                   (country is distinct from 'DE' and not (insurance or coalesce(value < 950000, false))) is true,
                   null, interval 0 hour from w)
select met.rule, id as workspace, was.outcome as was, met, flip,
       case when met then coalesce(was.since, $as_of) end as since, coalesce(was.since, $as_of) + length as ripe,
       case when met and coalesce(was.since, $as_of) + length <= $as_of then 'finding'
            when met then 'holding' else 'clear' end as outcome
from met left join remembered was on was.rule = met.rule and was.workspace = met.id
where met or flip is not null
"""

MOMENTS = """
create or replace temp table moments as
with days as (
  select id, rule, step, k, strftime(due, '%Y-%m-%d') || case when k > 0 then '#' || k else '' end as occurrence, holds,
         timezone($zone, day + time '08:00') as fires
  from (
    select id, 'm01' as rule, unnest(['early', 'late']) as step, 0 as k, expires as due,
           status in ('active', 'renewing') as holds, unnest([expires - 90, expires - 30]) as day from w
    union all
    select id, 'm01', 'last', 0, expires, status in ('active', 'renewing'), target.day
    from w join calendar on calendar.day = w.expires join business target on target.n = calendar.before - 7
    union all
    select id, 'm02', unnest(['soon', 'now']), 0, "review on", true, unnest(["review on" - 14, "review on"]) from w
    union all
    select id, 'm04', 'over', 0, expires, status is distinct from 'ended', expires + 1 from w
    union all
    select id, 'm05', 'ask', k.k, "review on", coalesce(risk = 'high', false), target.day
    from w join calendar on calendar.day = w."review on" cross join (select unnest([0, 1, 2, 3]) as k) k
    join business target on target.n = calendar.before - 3 + k.k))
select * from days where fires is not null
union all
select id, 'm03', step, 0, strftime(timezone('UTC', "signed at"), '%Y-%m-%dT%H:%M:%SZ'), status = 'active',
       -- in the hour that comes twice the first one counts; one that is skipped is put on to the next that exists
       case when timezone($zone, timezone($zone, later)) <> later then date_trunc('hour', timezone($zone, later))
            else least(timezone($zone, later), timezone($zone, later - interval 1 hour) + interval 1 hour) end
from (select id, status, "signed at", unnest(['first', 'year']) as step,
             unnest([timezone($zone, "signed at") + interval 11 month,
                     timezone($zone, "signed at") + interval 1 year]) as later
      from w where "signed at" is not null)
"""

KEPT = """
create or replace temp table rule_states as
select rule, workspace, outcome, since, case when outcome = 'holding' then least(flip, ripe) else flip end as next_check_at
from conditions where outcome <> 'clear' or flip is not null
union all
select rule, id, 'clear', null, min(fires) from moments where fires > $as_of group by rule, id
"""

FOUND = """
create or replace temp table found as
select rule, workspace, strftime(timezone('UTC', since), '%Y-%m-%dT%H:%M:%SZ') as occurrence, null as step,
       case when ripe > $after then ripe else $as_of end as fire_at
from conditions where outcome = 'finding' and was is distinct from 'finding'
union all
select rule, id, occurrence, step, fires from moments where holds and fires > $after and fires <= $as_of
union all select 't01', workspace, occurrence, null, "at" from happened
  where kind = 'document_added' and type = 'Signed agreement'
union all select 't02', workspace, occurrence, null, "at" from happened
  where kind = 'attribute_changed' and attr = 'Contract.status' and "to" in ('active', 'terminated')
union all select 't03', h.workspace, occurrence, null, "at" from happened h join w on w.id = h.workspace
  where kind = 'version_added' and status = 'active'
union all select 't04', h.workspace, occurrence, null, "at" from happened h join w on w.id = h.workspace
  where kind = 'comment_added' and value > 500000
union all select 't05', h.workspace, occurrence, null, "at" from happened h join w on w.id = h.workspace
  where kind in ('document_added', 'version_added') and not insurance
"""


class Sql:
    """A database in memory with the tables of the benchmark."""

    def __init__(self, hand: Hand, events: pl.DataFrame) -> None:
        self._db = duckdb.connect()
        self._db.execute("set threads to 2; set timezone to 'UTC'")
        calendar, business = _business_days()
        tables = {"ws": hand.workspaces, "documents": hand.documents, "events": events}
        with tempfile.TemporaryDirectory() as folder:
            for name, frame in {**tables, "calendar": calendar, "business": business}.items():
                frame.write_parquet(f"{folder}/{name}.parquet")
                self._db.execute(f"create table {name} as select * from '{folder}/{name}.parquet'")
        for n in (0, 1):
            self._db.execute(
                f"create table remembered_{n} (rule text, workspace bigint, outcome text, since timestamptz)"
            )

    def evaluate(self, after: datetime, as_of: datetime) -> None:
        """Work out the tables `found` and `rule_states`. A second look remembers what `remember` kept of the first."""
        later = int(after < as_of)
        given = {"today": as_of.date(), "as_of": as_of, "after": after, "zone": ZONE}
        self._db.execute("set variable today = $today", {"today": as_of.date()})
        self._db.execute(f"create or replace temp view remembered as select * from remembered_{later}")
        happened = "select * from events" if later else "select * from events where false"
        self._db.execute(f"create or replace temp view happened as {happened}")
        for statement in (WORKSPACES, STANDINGS, MOMENTS, KEPT, FOUND):
            names = [name for name in given if f"${name}" in statement]
            self._db.execute(statement, {name: given[name] for name in names})

    def remember(self) -> None:
        self._db.execute(
            "insert into remembered_1 select rule, workspace, outcome, since from rule_states where outcome <> 'clear'"
        )

    def rows(self, table: str) -> list[Any]:
        return self._db.execute(f"select * from {table}").fetchall()


def _business_days() -> tuple[pl.DataFrame, pl.DataFrame]:
    """Each day with the number of business days before it, and the business days by number."""
    rows: list[tuple[date, int]] = []
    business: list[tuple[date, int]] = []
    day = date(2024, 1, 1)
    while day < date(2031, 1, 1):
        rows.append((day, len(business)))
        if day.weekday() < 5 and day not in GERMAN:
            business.append((day, len(business)))
        day += timedelta(days=1)
    return (
        pl.DataFrame(rows, schema=["day", "before"], orient="row"),
        pl.DataFrame(business, schema=["day", "n"], orient="row"),
    )
