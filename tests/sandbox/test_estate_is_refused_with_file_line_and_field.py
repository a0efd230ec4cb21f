"""A malformed estate is refused whole: every problem with its file, line, column, field and what is allowed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.small_estate import Draft
from vigil.errors import BadInput
from vigil.sandbox.estate.load import load

Refusals = Callable[[Draft], list[str]]
STEP = {"workspace": 100, "process": 7, "step": 1}
DOC = {"workspace": 100, "id": 900, "name": "a.pdf", "type": "Contract", "by": "ada"}


def only(problems: list[str]) -> str:
    assert len(problems) == 1, problems
    return problems[0]


def column(draft: Draft, number: int, text: str) -> int:
    return json.dumps(draft.events[number]).index(text) + 1


@pytest.mark.parametrize(
    ("kind", "data", "field", "says"),
    [
        ("workspace_created", {"workspace": 101}, "101", "unknown workspace 101"),
        ("attribute_changd", {"workspace": 100}, '"attribute_changd"', 'Did you mean "attribute_changed"?'),
        ("attribute_changed", {"workspace": 100, "attr": "Case.stauts", "value": "open", "by": "ada"},
         '"Case.stauts"', 'Did you mean "Case.status"?'),
        ("attribute_changed", {"workspace": 100, "attr": "Case.status", "value": "opened", "by": "ada"},
         '"opened"', '"opened" is not a value of status (open, waiting, closed)'),
        ("attribute_changed", {"workspace": 100, "attr": "Case.amount", "value": "12", "by": "ada"},
         '"12"', "amount is of kind integer"),
        ("attribute_changed", {"workspace": 100, "attr": "Case.amount", "value": True, "by": "ada"},
         "true", "amount is of kind integer"),
        ("attribute_changed", {"workspace": 100, "attr": "Case.urgent", "value": 1, "by": "ada"},
         '1, "by"', "urgent is of kind boolean"),
        ("attribute_changed", {"workspace": 100, "attr": "Case.due", "value": "2024-02-30", "by": "ada"},
         '"2024-02-30"', "is not a date that exists"),
        ("attribute_changed", {"workspace": 100, "attr": "Case.due", "value": "1 March", "by": "ada"},
         '"1 March"', "write it as 2024-03-01"),
        ("attribute_changed", {"workspace": 100, "attr": "Case.heard at", "value": "2024-03-01T10:00:00", "by": "ada"},
         '"2024-03-01T10:00:00"', "no offset from UTC"),
        ("attribute_changed", {"workspace": 100, "attr": "Case.lead", "value": "aad", "by": "ada"},
         '"aad"', "no login or group of users.jsonl"),
        ("attribute_changed", {"workspace": 100, "attr": "Case.status", "value": "open", "by": "adam"},
         '"adam"', 'Did you mean "ada"?'),
        ("role_changed", {"workspace": 100, "role": "case manger", "members": []},
         '"case manger"', 'Did you mean "case manager"?'),
        ("role_changed", {"workspace": 100, "role": "clerk", "members": ["bob", "clarks"]},
         '"clarks"', 'Did you mean "clerks"?'),
        ("role_changed", {"workspace": 100, "role": "clerk", "members": "bob"}, '"bob"', "must be a list"),
        ("version_added", {"workspace": 100, "id": 900, "by": "ada"}, "900", "unknown document 900"),
        ("document_deleted", {"workspace": 100, "id": 900}, "900", "unknown document 900"),
        ("document_added", DOC | {"id": 100}, "100, \"name\"", "id 100 is taken: workspace of workspaces.jsonl:1"),
        ("document_added", DOC | {"id": "9"}, '"9"', "must be an integer of at least 1"),
        ("document_added", DOC | {"expires": "soon"}, '"soon"', "`expires`"),
        ("step_completed", STEP | {"by": "ada", "disposition": "ok"}, "1, \"by\"", "was never assigned"),
        ("step_assigned", STEP | {"title": "Check", "to": "nobody"}, '"nobody"', "no login or group"),
        ("step_assigned", STEP | {"title": "Check", "to": "ada", "due": "2024-01-05T10:00:00"},
         '"2024-01-05T10:00:00"', "no offset from UTC"),
        ("user_deleted", {"login": "adda"}, '"adda"', 'Did you mean "ada"?'),
        ("comment_added", {"workspace": 100, "by": "ada", "text": 7}, '7}', "must be a text, not 7"),
    ],
)  # fmt: skip
def test_an_event_is_refused_at_the_column_of_the_field(
    draft: Draft, refusals: Refusals, kind: str, data: dict[str, Any], field: str, says: str
) -> None:
    draft.case()
    draft.event("2024-01-01T08:00:00Z", "workspace_created", workspace=100)
    draft.event("2024-01-02T08:00:00Z", kind, **data)
    problem = only(refusals(draft))
    assert problem.startswith(f"events.jsonl:2:{column(draft, 1, field)}  "), problem
    assert says in problem


@pytest.mark.parametrize(
    ("ts", "says"),
    [
        ("2024-01-02T08:00:00", "has no offset from UTC; end it with Z or an offset such as +01:00"),
        ("yesterday", "is not a time; write it as 2024-03-01T09:00:00+01:00"),
        ("2024-13-02T08:00:00Z", "is not a time that exists"),
        ("20240102T080000Z", "is not a time"),
        (1704182400, "is not a time"),
        ("2023-12-31T08:00:00Z", "is before workspace 100 was created"),
    ],
)
def test_a_time_is_refused(draft: Draft, refusals: Refusals, ts: Any, says: str) -> None:
    draft.case()
    draft.event(ts, "comment_added", workspace=100, by="ada", text="x")
    problem = only(refusals(draft))
    assert problem.startswith("events.jsonl:1:8  ") and says in problem


def test_events_out_of_order_are_refused_with_the_line_they_should_precede(
    draft: Draft, refusals: Refusals
) -> None:
    draft.case()
    draft.event("2024-01-03T10:00:00+01:00", "comment_added", workspace=100, by="ada", text="x")
    draft.event("2024-01-03T08:59:59Z", "comment_added", workspace=100, by="ada", text="y")
    assert "events.jsonl:2:8  is before the event of line 1" in only(refusals(draft))


def test_events_of_the_same_instant_in_different_offsets_are_in_order(draft: Draft, tmp_path: Path) -> None:
    draft.case()
    draft.event("2024-01-03T10:00:00+01:00", "comment_added", workspace=100, by="ada", text="x")
    draft.event("2024-01-03T09:00:00Z", "comment_added", workspace=100, by="ada", text="y")
    assert [e.data["text"] for e in load(draft.save(tmp_path)).events] == ["x", "y"]


def test_a_deleted_document_gets_no_version_and_its_id_is_not_used_again(
    draft: Draft, refusals: Refusals
) -> None:
    draft.case()
    draft.event("2024-01-02T08:00:00Z", "document_added", **DOC)
    draft.event("2024-01-02T09:00:00Z", "document_deleted", workspace=100, id=900, by="ada")
    draft.event("2024-01-02T10:00:00Z", "version_added", workspace=100, id=900, by="ada")
    draft.event("2024-01-02T11:00:00Z", "document_added", **DOC)
    late, again = refusals(draft)
    assert "events.jsonl:3:" in late and "document 900 was deleted in line 2" in late
    assert "events.jsonl:4:" in again and "id 900 is taken: document of events.jsonl:1" in again


def test_a_step_is_completed_once(draft: Draft, refusals: Refusals) -> None:
    draft.case()
    draft.event("2024-01-02T08:00:00Z", "step_assigned", **STEP, title="Check", to="ada")
    draft.event("2024-01-02T09:00:00Z", "step_completed", **STEP, by="ada", disposition="ok")
    draft.event("2024-01-02T10:00:00Z", "step_completed", **STEP, by="ada", disposition="ok")
    assert "events.jsonl:3:" in (problem := only(refusals(draft))) and "is completed already" in problem


def test_a_missing_key_is_refused_with_the_misspelt_one_as_hint(draft: Draft, refusals: Refusals) -> None:
    draft.case()
    draft.event("2024-01-02T08:00:00Z", "comment_added", wokspace=100, by="ada", text="x")
    problems = refusals(draft)
    assert any('unknown key "wokspace"' in p and 'Did you mean "workspace"?' in p for p in problems)
    assert any('"workspace" is missing' in p for p in problems)


def test_a_key_that_is_nothing_like_a_known_one_is_let_be(draft: Draft, tmp_path: Path) -> None:
    draft.case(remark="imported")
    draft.event("2024-01-02T08:00:00Z", "comment_added", workspace=100, by="ada", text="x", seq=17)
    assert len(load(draft.save(tmp_path)).events) == 1


def test_a_misspelt_optional_key_is_refused(draft: Draft, refusals: Refusals) -> None:
    draft.case()
    draft.event("2024-01-02T08:00:00Z", "document_added", **DOC, expire="2024-05-01")
    problem, at = only(refusals(draft)), column(draft, 0, '"expire"')
    assert problem.startswith(f"events.jsonl:1:{at}  ")
    assert 'unknown key "expire"' in problem and 'Did you mean "expires"?' in problem


def test_every_problem_of_every_file_is_listed(draft: Draft, refusals: Refusals) -> None:
    draft.meta["zone"] = "Europe/Roma"
    draft.types[0]["categories"][0]["attributes"][1]["kind"] = "dat"
    draft.users[1]["devices"] = [{"token": "ada-1", "platform": "fax"}]
    draft.users.append({"login": "ada", "name": "Other"})
    draft.case(created="2024-01-01")
    draft.case(100, type="Cases")
    draft.case(101, attrs={"Case.satus": "open"}, roles={"boss": ["ada"]})
    problems = refusals(draft)
    starts = [p.split("  ")[0].rsplit(":", 1)[0] for p in problems]
    assert starts == ["meta.json:1", "types.jsonl:1", "users.jsonl:2", "users.jsonl:2", "users.jsonl:4",
                      "workspaces.jsonl:1", "workspaces.jsonl:2", "workspaces.jsonl:3", "workspaces.jsonl:3"]  # fmt: skip
    assert 'Did you mean "Europe/Rome"?' in problems[0]
    assert (
        'unknown kind "dat" (string, date, datetime, integer, boolean, user). Did you mean "date"?'
        in problems[1]
    )
    assert 'Did you mean "Case"?' in problems[6]


def test_two_workspaces_with_one_id_are_refused(draft: Draft, refusals: Refusals) -> None:
    draft.case(100)
    draft.case(100)
    assert "workspaces.jsonl:2:8  id 100 is taken: workspace of workspaces.jsonl:1" in only(refusals(draft))


def test_a_creation_at_another_instant_than_created_is_refused(draft: Draft, refusals: Refusals) -> None:
    draft.case()
    draft.event("2024-01-05T08:00:00Z", "workspace_created", workspace=100)
    assert "has `created` 2024-01-01T08:00:00+00:00: another instant" in only(refusals(draft))


def test_text_that_is_not_json_is_refused_at_its_column(draft: Draft, tmp_path: Path) -> None:
    draft.case()
    folder = draft.save(tmp_path)
    with (folder / "events.jsonl").open("a") as file:
        file.write('{"ts": "2024-01-02T08:00:00Z", "kind": }\n[1]\n{"a": 1, "a": 2}\n')
    with pytest.raises(BadInput) as refused:
        load(folder)
    first, second, third, *_ = refused.value.problems
    assert (first.line, first.column) == (1, 40) and "is not JSON" in first.message
    assert (second.line, second.column) == (2, 1) and "must be an object" in second.message
    assert third.line == 3 and 'key "a" is given twice' in third.message


def test_text_that_is_not_utf_8_is_refused(draft: Draft, tmp_path: Path) -> None:
    folder = draft.save(tmp_path)
    (folder / "users.jsonl").write_bytes(b'{"login": "ada",\n "name": "\xff"}\n')
    with pytest.raises(BadInput, match=r"users.jsonl:2:11  is not UTF-8"):
        load(folder)


def test_missing_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput) as refused:
        load(tmp_path / "nowhere")
    names = {Path(p.file).name for p in refused.value.problems}
    assert names == {"meta.json", "types.jsonl", "users.jsonl", "workspaces.jsonl", "events.jsonl"}


def test_the_line_and_column_of_a_meta_file_over_several_lines(draft: Draft, tmp_path: Path) -> None:
    folder = draft.save(tmp_path)
    (folder / "meta.json").write_text(json.dumps(draft.meta | {"start": "2024-01-01"}, indent=1))
    with pytest.raises(BadInput, match=r"meta.json:4:11  `start`: "):
        load(folder)


def test_a_problem_names_its_field(draft: Draft, tmp_path: Path) -> None:
    draft.case(attrs={"Case.amount": "x"})
    with pytest.raises(BadInput) as refused:
        load(draft.save(tmp_path))
    assert [p.key for p in refused.value.problems] == ["attrs.Case.amount"]


@pytest.mark.parametrize(
    "address", ["javascript:alert(1)", "ecm.example.org", "ftp://ecm.example.org", "https://a b"]
)
def test_the_public_address_of_an_estate_is_one_of_the_web(
    draft: Draft, refusals: Refusals, address: str
) -> None:
    draft.meta["public_url"] = address
    said = only(refusals(draft))
    assert (
        said.startswith("meta.json:1:")
        and "is no address of the web; write it as https://ecm.example.org" in said
    )


@pytest.mark.parametrize(
    "at",
    [
        "0001-01-01T00:00:00+01:00",
        "9999-12-31T23:59:59-01:00",
        "1899-12-31T00:00:00Z",
        "9900-01-01T00:00:00Z",
    ],
)
@pytest.mark.parametrize("where", ["start", "created", "ts", "due"])
def test_an_instant_off_the_calendar_is_refused(
    draft: Draft, refusals: Refusals, where: str, at: str
) -> None:
    match where:
        case "start":
            draft.meta["start"] = at
        case "created":
            draft.case(105, created=at)
        case "ts":
            draft.events.append(
                {"ts": at, "kind": "comment_added", "workspace": 100, "by": "ada", "text": "x"}
            )
        case _:
            draft.case()
            assigned = {"ts": "2024-03-05T10:00:00Z", "kind": "step_assigned", "title": "t", "to": "ada"}
            draft.events.append({**assigned, **STEP, "process": 9, "due": at})
    assert any(at in said and "lies off the calendar" in said for said in refusals(draft))


@pytest.mark.parametrize("at", ["0001-01-01T00:00:00+01:00", "9999-12-31T23:59:59-01:00"])
def test_a_value_that_is_no_day_in_some_zone_is_refused(draft: Draft, refusals: Refusals, at: str) -> None:
    draft.case(106, attrs={"Case.heard at": at})
    assert "lies off the calendar" in only(refusals(draft))
