"""Kinds of differences between servers that once lost something, each by itself: whole runs over a small estate, in this process."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.support.played_estates import Played, Tick, played
from tests.support.small_estate import Draft
from vigil.compliance.rules.loader import load_text
from vigil.sandbox.estate.load import load

START = datetime(2024, 1, 10, 8, tzinfo=UTC)
HOUR = timedelta(hours=1)
EVENTS = (
    "attribute_changed", "comment_added", "document_added", "role_changed", "step_assigned", "step_completed", "version_added",
    "workspace_created",
)  # fmt: skip
RULES = load_text(
    {
        f"{event}.yaml": f"rule: {event}\nkind: transition\nsubject: {{workspace_type: Case}}\nevents: [{event}]\nto: [user: ada]\n"
        for event in EVENTS
    }
)


def at(hours: float) -> str:
    return (START + hours * HOUR).isoformat()


@pytest.fixture
def draft() -> Draft:
    """A case that was there before the first run."""
    made = Draft()
    made.meta |= {"zone": "UTC", "start": at(-48)}
    made.case(100, created=at(-40))
    return made


def story(draft: Draft, folder: Path, runs: list[Tick], dialect: str = "", **quirks: Any) -> Played:
    return played(load(draft.save(folder)), RULES, runs, dialect, quirks)


def told(found: Played) -> Counter[tuple[str, int]]:
    return Counter((row.rule, row.workspace) for row in found.rows.elements())


def hourly(runs: int, faults: Mapping[int, Mapping[str, Any]] | None = None) -> list[Tick]:
    return [Tick(START + n * HOUR, (faults or {}).get(n, {})) for n in range(runs)]


@pytest.mark.parametrize("form", ["form", "none"])
def test_a_changed_value_is_told_where_it_moves_no_date(draft: Draft, tmp_path: Path, form: str) -> None:
    draft.case(101, created=at(-40))
    draft.event(at(0.5), "attribute_changed", workspace=100, attr="Case.status", value="closed", by="ada")
    draft.event(at(1.5), "attribute_changed", workspace=100, attr="Case.status", value="open", by="ada")
    found = story(draft, tmp_path, hourly(4), attribute_touches=False, nodes_list_fields=form)
    assert told(found) == {("attribute_changed", 100): 2}


@pytest.mark.parametrize("form", ["form", "none"])
def test_unchanged_values_cause_no_reading(draft: Draft, tmp_path: Path, form: str) -> None:
    draft.case(101, created=at(-40), attrs={"Case.tags": ["a", "b"], "Case.lead": "bob"})
    found = story(draft, tmp_path, hourly(4), nodes_list_fields=form)
    assert found.read == [2, 0, 0, 0]


def test_a_step_is_told_that_was_read_before_the_list_showed_its_workspace(
    draft: Draft, tmp_path: Path
) -> None:
    draft.case(101, created=at(0.3))
    draft.event(at(0.4), "step_assigned", workspace=101, process=7, step=1, title="look", to="ada")
    refused = {"script": [{"endpoint": "GET /v2/businessworkspaces", "what": "400", "times": 99}]}
    clear = {"clear": True}
    found = story(draft, tmp_path, hourly(4, {1: refused, 2: clear}))
    assert any(gap.path == "/v2/businessworkspaces" for gap in found.gaps)
    assert told(found) == {("workspace_created", 101): 1, ("step_assigned", 101): 1}


def test_attributes_are_read_where_the_probe_of_their_form_failed(draft: Draft, tmp_path: Path) -> None:
    draft.event(at(24.5), "attribute_changed", workspace=100, attr="Case.status", value="closed", by="ada")
    # The first requests of the day's first run are those of the probe.
    wrong = {"script": [{"endpoint": "POST /v2/nodes/list", "what": "500", "times": 6}]}
    runs = [Tick(START), Tick(START + 25 * HOUR, wrong), Tick(START + 25.1 * HOUR)]
    found = story(draft, tmp_path, runs, "2016")
    assert told(found) == {("attribute_changed", 100): 1}
    assert found.dialect.nodes == "none"


def test_a_search_that_takes_no_fields_is_followed(
    draft: Draft, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    document = {"workspace": 100, "name": "a paper", "type": None, "by": "ada"}
    draft.event(at(-30), "document_added", id=500, **document)
    draft.event(at(0.5), "version_added", workspace=100, id=500, by="ada")
    found = story(draft, tmp_path, hourly(3), "strict")
    assert found.dialect.search is not None
    assert not found.dialect.search.fields
    assert told(found) == {("version_added", 100): 1}
    assert "/v2/search" not in caplog.text


@pytest.mark.parametrize("search", [True, False], ids=["with search", "without search"])
def test_nodes_whose_clocks_are_an_hour_apart_lose_nothing(
    draft: Draft, tmp_path: Path, search: bool
) -> None:
    draft.case(101, created=at(-40))
    # The probe of the search needs a document that it knows.
    draft.event(at(-30), "document_added", workspace=100, id=500, name="old", type=None, by="ada")
    expected: Counter[tuple[str, int]] = Counter()
    for n in range(1, 5):
        for workspace, minutes in ((100, 10), (101, 30)):
            when = START + (n - 1) * HOUR + timedelta(minutes=minutes, seconds=n)
            more = {"workspace": workspace, "by": "ada"}
            number = workspace * 10 + n
            draft.event(when.isoformat(), "document_added", id=number, name=f"{number}", type=None, **more)
            draft.event(when.isoformat(), "comment_added", text=f"comment {n}", **more)
            if n > 1:
                draft.event(when.isoformat(), "version_added", id=number - 1, **more)
            expected += Counter({("document_added", workspace): 1, ("comment_added", workspace): 1})
            expected += Counter({("version_added", workspace): int(n > 1)})
    draft.events.sort(key=lambda event: event["ts"])
    # In each interval another node writes, and yet another one answers.
    runs = hourly(5, {
        0: {"clocks": [{"endpoint": "event *", "ahead": 3600}, {"endpoint": "GET *", "ahead": -3600}]},
        1: {"clocks": [{"endpoint": "event *", "ahead": 3600}, {"endpoint": "GET *", "ahead": -3600}]},
        2: {"clocks": [{"endpoint": "event *", "ahead": 0}, {"endpoint": "POST *", "ahead": 3600}]},
        3: {"clocks": [{"endpoint": "event comment_added", "ahead": 3600}]},
        4: {"clocks": [{"endpoint": "event document_added", "ahead": 3600}]},
    })  # fmt: skip
    runs += [Tick(START + n * HOUR, {"clocks": []}) for n in (7, 8)]
    quirks: dict[str, Any] = {"folders": 2} if search else {"folders": 2, "modules_absent": ("search",)}
    found = story(draft, tmp_path, runs, **quirks)
    assert (found.dialect.search is not None) == search
    assert told(found) == expected


def test_of_250_ids_a_poisonous_one_loses_itself_alone(draft: Draft, tmp_path: Path) -> None:
    for number in range(101, 349):
        draft.case(number, created=at(-40))
    for number in range(100, 349):
        draft.event(
            at(0.5), "attribute_changed", workspace=number, attr="Case.status", value="closed", by="ada"
        )
    found = story(draft, tmp_path, hourly(2), nodes_list_drops=False, unreadable=(200,))
    assert told(found) == {("attribute_changed", number): 1 for number in range(100, 349) if number != 200}
