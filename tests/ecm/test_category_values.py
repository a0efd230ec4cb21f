"""Values of categories: three containers, many forms of unset, days and moments."""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from vigil.compliance.facts import Value
from vigil.ecm import parse
from vigil.ecm.categories import (
    Category,
    Definition,
    OddValue,
    attributes,
    definitions,
    digest,
    flat,
    has_empty,
    schema,
    unknown,
    user_ids,
)

INDIA = ZoneInfo("Asia/Kolkata")


def value(raw: object, kind: str = "string", multiple: bool = False) -> Value:
    """What is read of one attribute whose value is `raw`; a missing one is ``...``."""
    values = {"7_1": "x"} | ({} if raw is ... else {"7_2": raw})
    named = Definition("7_1", "other", "string"), Definition("7_2", "it", kind, multiple)
    known = {7: Category(7, "C", {one.key: one for one in named}, {})}
    return attributes(values, known, INDIA, lambda number: f"login-{number}")["C.it"]


@pytest.mark.parametrize("multiple", [False, True])
@pytest.mark.parametrize("kind", ["string", "date", "datetime", "integer", "boolean", "user"])
@pytest.mark.parametrize("raw", [None, "", [], ..., [None], [None, None], [""]])
def test_every_form_of_unset_is_none(raw: object, kind: str, multiple: bool) -> None:
    assert value(raw, kind, multiple) is None


@pytest.mark.parametrize(
    ("raw", "read"),
    [
        ("2016-02-10T00:00:00", date(2016, 2, 10)),
        ("2016-02-10", date(2016, 2, 10)),
        ("2016-02-10T00:00:00Z", date(2016, 2, 10)),
        ("1995-08-25T12:00:00", datetime(1995, 8, 25, 6, 30, tzinfo=UTC)),
        ("1995-08-25T12:00:00Z", datetime(1995, 8, 25, 12, tzinfo=UTC)),
        ("1995-08-25T12:00:00+02:00", datetime(1995, 8, 25, 10, tzinfo=UTC)),
    ],
)
def test_a_date_is_a_day_at_midnight_and_a_moment_at_any_other_time(raw: str, read: Value) -> None:
    assert value(raw, "date") == read
    assert value([raw, None], "date", multiple=True) == (read,)


@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Kolkata", "Pacific/Kiritimati"])
@pytest.mark.parametrize(
    ("raw", "bound"),
    [
        ("9999-12-31T23:59:59", parse.LATEST),
        ("9999-12-31T23:59:59Z", parse.LATEST),
        ("9999-12-31T23:59:59-11:00", parse.LATEST),
        ("0001-01-01T00:00:01+13:00", parse.EARLIEST),
    ],
)
def test_a_date_at_the_end_of_the_calendar_is_one_that_every_zone_has(
    zone: str, raw: str, bound: datetime
) -> None:
    read = parse.day_or_instant(raw, ZoneInfo(zone))
    assert read == bound
    for other in ("Pacific/Kiritimati", "Pacific/Niue"):
        assert bound.astimezone(ZoneInfo(other))


@pytest.mark.parametrize("kind", ["date", "datetime"])
@pytest.mark.parametrize("raw", [1772445600, 1.5, True, [20260302]])
def test_a_date_that_is_a_number_is_refused_by_the_attributes_name(raw: object, kind: str) -> None:
    with pytest.raises(OddValue, match=r"^C\.it$"):
        value(raw, kind)


def test_a_user_is_a_login() -> None:
    assert value(12, "user") == "login-12"
    assert value([12, "13"], "user", multiple=True) == ("login-12", "login-13")

    assert value({"id": 12, "name": "Ada L"}, "user") == "login-12"
    assert value([{"id": "13"}, 12], "user", multiple=True) == ("login-13", "login-12")
    known = {7: Category(7, "C", {"7_2": Definition("7_2", "it", "user", True)}, {})}
    assert user_ids({"7_2": [{"id": 13, "name": "Bob"}, 12]}, known) == {12, 13}


@pytest.mark.parametrize(
    ("raw", "read"),
    [(raw, True) for raw in (True, 1, 1.0, "1", "true", "TRUE", "yes", "on", "On")]
    + [(raw, False) for raw in (False, 0, 0.0, "0", "false", "no", "off", "OFF")],
)
def test_a_boolean_is_read_in_whatever_form_it_is_written(raw: object, read: bool) -> None:
    assert value(raw, "boolean") is read


@pytest.mark.parametrize(
    ("raw", "kind"),
    [
        ("wahr", "boolean"),
        (2, "boolean"),
        ({"value": True}, "boolean"),
        ({"name": "Ada L"}, "user"),
        ({"x": 1}, "string"),
        ([["a"]], "string"),
        ({"x": 1}, "integer"),
    ],
)
def test_a_value_of_an_unknown_form_is_refused_and_not_guessed(raw: object, kind: str) -> None:
    with pytest.raises(OddValue, match=r"^C\.it$"):
        value(raw, kind)


@pytest.mark.parametrize(
    ("written", "multiple"), [("false", False), ("true", True), (0, False), (None, False)]
)
def test_whether_an_attribute_has_several_values_is_read_in_any_form(written: object, multiple: bool) -> None:
    field = {"name": "it", "type_name": "String", "multi_value": written}
    answer = {"results": {"metadata": {"categories": {"7": {"name": "C"}, "7_2": field}}}}
    assert definitions(answer)[7].attributes["7_2"].multiple is multiple


TWINS = {
    "11": {"name": "C"},
    "11_2": {"name": "status", "type_name": "String", "valid_values": ["a", "b"]},
    "11_4_x_1": {"name": "it", "type_name": "String"},
    "11_4": {"name": "Set", "persona": "set"},
    "12": {"name": "C"},
    "12_2": {"name": "status", "type_name": "String", "valid_values": ["b", "c"]},
    "12_3": {"name": "count", "type_name": "String"},
    "12_4_x_1": {"name": "it", "type_name": "String"},
    "12_4": {"name": "Set", "persona": "set"},
    "12_7": {"name": "count", "type_name": "Integer"},
}
"""Two categories of one name, with attributes of one name; one of them has two of one name, of different kinds."""


def of_twins(**values: object) -> dict[str, Value]:
    given = {name.removeprefix("a"): one for name, one in values.items()}
    answer = {"results": {"metadata": {"categories": TWINS}}}
    return attributes({"11_2": "", "12_2": "", **given}, definitions(answer), INDIA, str)


@pytest.mark.parametrize("unset", [None, "", [""]])
def test_of_attributes_with_one_name_the_one_that_has_a_value_counts(unset: object) -> None:
    assert of_twins(a11_2="a", a12_2=unset)["C.status"] == "a"
    assert of_twins(a11_2=unset, a12_2="a")["C.status"] == "a"
    assert of_twins(a11_2="a", a12_2="a")["C.status"] == "a"
    assert of_twins(a11_2=unset, a12_2=unset)["C.status"] is None
    assert of_twins(a12_3="x", a12_7=unset)["C.count"] == "x"
    assert of_twins(a11_4_1_1=unset, a12_4_1_1="x")["C.Set.it"] == ("x",)


@pytest.mark.parametrize(
    ("values", "name"),
    [
        ({"a11_2": "a", "a12_2": "b"}, "C.status"),
        ({"a12_3": "", "a12_7": 5}, "C.count"),
        ({"a11_4_1_1": "x", "a12_4_1_1": "y"}, "C.Set.it"),
    ],
)
def test_values_of_one_name_that_differ_are_refused_by_it(values: dict[str, object], name: str) -> None:
    with pytest.raises(OddValue, match=rf"^{name}$") as raised:
        of_twins(**values)
    assert "have this name" in raised.value.why


def test_the_schema_has_each_name_once_with_the_values_of_all() -> None:
    answer = {"results": {"metadata": {"categories": TWINS}}}
    every = schema(definitions(answer).values())
    found = {one.key: one for one in every}
    assert len(found) == len(every)
    assert found["C.status"].values == ("a", "b", "c")
    assert (found["C.count"].kind, found["C.Set.it"].multiple) == ("string", True)


def test_the_containers_are_the_same_values() -> None:
    values = {"7_2": "x", "7_3_1_4": ["y"]}
    containers: list[object] = [[values], {"7": values}, values, [{"data": {"categories": values}}]]
    assert [flat({"categories": container}) for container in containers] == [values] * 4
    assert has_empty({"categories": [values, {}]})
    assert has_empty({"categories": {"7": values, "8": {}}})
    assert not has_empty({"categories": {}})


@pytest.mark.parametrize("container", ["none", 7, [7], {"7": 7}.keys()])
def test_a_container_that_is_none_raises(container: object) -> None:
    with pytest.raises(TypeError):
        flat({"categories": container})


@pytest.mark.parametrize(
    "container",
    [
        {"7": {"data": {"7_2": "x", "8_2": "y"}}},
        {"7": {"data": {"7_2": "x"}}, "8": {"categories": [{"8_2": "y"}]}},
        [{"7": {"7_2": "x"}}, {"8": {"8_2": "y"}}],
        [{"data": {"7_2": "x"}}, {"category": {"8_2": "y"}}],
        [{"data": {"categories": [{"7_2": "x"}, {"8_2": "y"}]}, "metadata": {"7_2": {"name": "it"}}}],
        {"7": {"7_2": "x"}, "8": {"8_2": "y"}, "metadata": {"count": 2}},
        [{"7_2": "x", "links": {"href": "/a"}}, {"8_2": "y"}, {"metadata_token": ""}],
    ],
)
def test_a_container_inside_another_is_read(container: object) -> None:
    assert flat({"categories": container}) == {"7_2": "x", "8_2": "y"}


@pytest.mark.parametrize(
    "container",
    [
        {"Case": {"status": "open"}},
        [{"id": 7, "attributes": [{"key": "7_2", "value": "x"}]}],
        [{"7_2": "x"}, {"id": 8, "attributes": [{"key": "8_2", "value": "y"}]}],
        {"7": {"7_2": "x"}, "8": {"status": "open"}},
        {"status": "open"},
        [{"7_2": "x", "7_3": [{"7_3_1_4": "a"}, {"7_3_1_4": "b"}]}],
    ],
)
def test_a_category_with_something_and_no_readable_key_has_not_no_values(container: object) -> None:
    for read in (flat, digest):
        with pytest.raises(TypeError):
            read({"categories": container})


SET = {"7_3": "Set"}


@pytest.mark.parametrize(
    "rows",
    [
        [{"7_3_1_4": "a", "7_3_1_5": "c"}, {"7_3_2_4": "b"}],
        [{"7_3_x_4": "a", "7_3_x_5": "c"}, {"7_3_x_4": "b"}],
    ],
)
def test_a_set_is_read_from_a_list_of_its_rows(rows: object) -> None:
    expected = {"7_2": "x", "7_3_1_4": "a", "7_3_1_5": "c", "7_3_2_4": "b"}
    assert flat({"categories": [{"7_2": "x", "7_3": rows}]}) == expected
    assert flat({"categories": {"7_2": "x", "7_3": {"7_3_1_4": "a"}}}) == {"7_2": "x", "7_3_1_4": "a"}


@pytest.mark.parametrize("rows", [[{"4": "a"}], {"1": {"name": "a"}}, "a"])
def test_rows_of_a_set_that_cannot_be_read_are_refused_by_the_sets_name(rows: object) -> None:
    known = {7: Category(7, "C", {"7_3_x_4": Definition("7_3_x_4", "in", "string", set="Set")}, SET)}
    with pytest.raises(OddValue, match=r"^C\.Set$"):
        attributes(flat({"categories": [{"7_2": "x", "7_3": rows}]}), known, INDIA, str)
    empty: list[object] = [None, "", [], [{}], {}]
    for unset in empty:
        assert attributes(flat({"categories": [{"7_3": unset}]}), known, INDIA, str) in ({}, {"C.Set.in": ()})


def test_what_is_no_attribute_among_them_is_left_out() -> None:
    assert flat({"categories": [{"7_2": "x", "metadata_token": "", "name": "y"}]}) == {"7_2": "x"}


@pytest.mark.parametrize("inside", [False, True])
def test_definitions_lie_beside_their_category_or_inside_it(inside: bool) -> None:
    own = {"name": "C", "persona": "category"}
    fields = {"7_2": {"name": "it", "type_name": "String"}, "7_3": {"name": "Set", "persona": "set"}}
    fields["7_3_x_4"] = {"name": "in", "type_name": "Date"}
    shaped = {"7": {"7": own, **fields}} if inside else {"7": own, **fields}
    answer = {"metadata": {"categories": shaped}}
    for results in (answer, [answer]):
        found = definitions({"results": results})[7]
        assert (found.name, sorted(found.attributes), found.sets) == ("C", ["7_2", "7_3_x_4"], {"7_3": "Set"})
    assert unknown({"7_2": "x", "7_3_1_4": None}, definitions({"results": answer})) == set()
