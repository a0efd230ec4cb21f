"""Results come as DataFrames whose columns, dtypes and words are those of docs/tables.md, also where there is nothing."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.shared import PROJECT
from tests.support.samples import T0, workspace
from tests.support.tables import AT, finding, findings
from vigil.ledger import Ledger
from vigil.ledger.observed import observations
from vigil.service.reports import frames
from vigil.service.reports.frames import About, Dtype, FrameColumn, FrameTable

BERLIN = About(site="default", zone="Europe/Berlin", as_of=AT)
PAGE = PROJECT / "docs" / "tables.md"
TABLES = [table for table in vars(frames).values() if isinstance(table, FrameTable)]


def documented(table: FrameTable) -> list[tuple[str, str, str]]:
    """(name, dtype, what it says) of a table's columns, as docs/tables.md lists them."""
    section = PAGE.read_text().partition(f"\n## {table.name}\n")[2].partition("\n## ")[0]
    return re.findall(r"^\| `(\w+)` \| `([^`]+)` \| (.+) \|$", section, flags=re.MULTILINE)


@pytest.mark.parametrize("table", TABLES, ids=lambda t: t.name)
def test_the_page_lists_every_column_with_its_dtype(table: FrameTable) -> None:
    assert documented(table) == [(c.name, c.dtype.value, c.says) for c in table.columns]


@pytest.mark.parametrize("table", TABLES, ids=lambda t: t.name)
def test_a_table_without_rows_has_the_same_columns_and_dtypes(table: FrameTable) -> None:
    made = frames.frame(table, [], BERLIN)
    assert made.empty and list(made.columns) == [c.name for c in table.columns]
    assert {n: str(d) for n, d in made.dtypes.items() if n not in states(table)} == {
        c.name: c.dtype.value.replace("ZONE", "Europe/Berlin") for c in table.columns if not c.states
    }
    for name, column in states(table).items():
        assert list(made[name].cat.categories) == list(column.states)


def states(table: FrameTable) -> dict[str, FrameColumn]:
    return {c.name: c for c in table.columns if c.dtype is Dtype.STATE}


def test_rows_do_not_change_the_dtypes_and_what_is_not_there_is_missing() -> None:
    empty, made = (
        findings(),
        findings(finding(), finding(person="", outcome="open already", since=AT, step=None)),
    )
    assert made.dtypes.equals(empty.dtypes)
    assert made["person"].tolist() == ["ada", pd.NA]
    assert made["step"].isna().tolist() == [False, True]
    assert made["since"].isna().tolist() == [True, False]


@example(datetime(1999, 10, 31), 0)  # noqa: DTZ001 - the hour that came twice
@given(st.datetimes(datetime(1, 1, 3), datetime(9999, 12, 30)), st.integers(-14, 14))  # noqa: DTZ001 - hypothesis adds the zone below
def test_an_instant_is_the_same_instant_in_the_zone_of_the_site(naive: datetime, hours: int) -> None:
    at = (naive - timedelta(hours=hours)).replace(tzinfo=UTC)
    [found] = findings(finding(since=at))["since"]
    # In UTC: Python takes two instants for different ones in an hour that comes twice.
    assert found.tz_convert("UTC").to_pydatetime() == at
    assert str(found.tzinfo) == "Europe/Berlin"


def test_a_state_that_the_table_does_not_know_is_refused_and_not_lost() -> None:
    with pytest.raises(ValueError, match="outcome cannot be 'lost'"):
        findings(finding(outcome="lost"))


@pytest.mark.parametrize("row", [finding(more=1), {k: v for k, v in finding().items() if k != "why"}])
def test_a_row_with_other_columns_is_refused(row: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="a row of findings has"):
        findings(row)


def test_control_characters_of_names_are_in_no_table() -> None:
    [name] = findings(finding(name="a\x1b[31m\x00\u202eb\ud800\tc\nd"))["name"]
    assert name == "a\ufffd[31m\ufffd\ufffdb\ufffd\tc\nd"


def test_a_frame_says_what_it_is_of_in_values_that_json_has() -> None:
    made = findings(finding(), manifest="ab12", said="1 finding")
    assert json.loads(json.dumps(made.attrs)) == {
        "table": "findings",
        "site": "default",
        "zone": "Europe/Berlin",
        "as_of": "2026-03-02T09:00:00+01:00",
        "scope": "Contract; all rules",
        "dry_run": True,
        "manifest": "ab12",
        "said": "1 finding",
    }
    about = About.of(made.head(0))
    assert (about.as_of, about.site, about.dry_run) == (AT, "default", True)


def test_a_frame_of_somebody_else_is_of_nothing_and_in_utc() -> None:
    assert About.of(pd.DataFrame({"a": [1]})) == About(site="", zone="UTC")


def test_the_account_of_a_run_comes_out_of_its_table() -> None:
    made = findings(finding())
    made.attrs["account"] = {"outcome": {"sent": 3}, "number": {"requests": 7}, "check": {"difference": 0}}
    account = frames.account(made)
    assert account.to_dict("list") == {
        "kind": ["outcome", "number", "check"],
        "what": ["sent", "requests", "difference"],
        "number": [3, 7, 0],
    }
    assert frames.account(findings()).empty


def test_a_workspace_is_called_as_last_read_also_when_it_is_gone(tmp_path: Path) -> None:
    ledger = Ledger.open(f"sqlite:///{tmp_path}/ledger.sqlite")
    with ledger.write() as connection:
        observations.record(connection, [workspace(1, name="Old"), workspace(2, name="Two")], T0, 1)
    with ledger.write() as connection:
        observations.record(connection, [workspace(1, name="New")], T0 + timedelta(hours=1), 2)
    with ledger.write() as connection:
        observations.record(connection, [], T0 + timedelta(hours=2), 3, [("workspace", "2")])
    with ledger.read() as connection:
        names = observations.names(connection, {1, 2, 3})
    assert names == {1: "New", 2: "Two"}
    assert [frames.name_of(id, names) for id in (1, 2, 3, 0)] == ["New", "Two", "3", "several workspaces"]
