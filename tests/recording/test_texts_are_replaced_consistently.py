"""What becomes of names, texts, logins, hosts and secrets in requests and answers that are recorded."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from vigil.recording.hosts import has_host_or_url
from vigil.recording.kept import KEPT_KEYS
from vigil.recording.scrub import REMOVED, Scrubber
from vigil.recording.words import Words

KEY = b"a key of this test"
LISTS = "/v2/businessworkspaces"


@pytest.fixture
def words() -> Words:
    return Words(KEY)


@pytest.fixture
def scrub(words: Words) -> Scrubber:
    return Scrubber(words)


def test_the_same_text_has_one_replacement_and_another_key_gives_another(words: Words) -> None:
    assert words.text("Rossi Mario") == Words(KEY).text("Rossi Mario")
    assert words.text("Rossi Mario") != Words(b"another").text("Rossi Mario")
    assert words.text("Rossi Mario") != words.text("Rossi Maria")


def test_case_alone_stays_a_difference_in_case_alone(words: Words) -> None:
    assert words.text("Open") != words.text("open")
    assert words.text("Open").casefold() == words.text("open").casefold()


@pytest.mark.parametrize(
    "text", ["", " ", "17", "-3.5", "2020-02-29", "2020-02-29T08:30:00", "2020-02-29T08:30:00Z", "true"]
)
def test_numbers_dates_and_nothing_stay(words: Words, text: str) -> None:
    assert words.text(text) == text


@pytest.mark.parametrize("start", ["C", "Ca", "Cas", "cas", "C1 "])
def test_starts_of_names_stay_starts_of_their_replacements(words: Words, start: str) -> None:
    name = f"{start}{'e 1001'[: 9 - len(start)]}"
    assert words.text(name).startswith(words.start(start))
    assert words.start(start).casefold() != start.casefold()


def test_longer_starts_are_kept_where_somebody_asks_for_it() -> None:
    words = Words(KEY, starts=10)
    assert words.text("Contract 1001").startswith(words.start("Contract 1"))
    assert words.text("Contract 2001").startswith(words.start("Contract 2"))
    assert words.start("Contract 1")[:9] == words.start("Contract 2")[:9]


def test_a_text_that_made_trouble_still_makes_it(words: Words) -> None:
    assert "\0" in words.text("a\0b")
    assert "\ud800" in words.text("half a pair \ud800")
    assert len(words.text("x" * 5000)) == 5000
    assert words.text("ada@example.com").endswith("@example.org")


def test_a_name_is_the_same_in_answers_addresses_forms_and_errors(scrub: Scrubber) -> None:
    name = scrub.words.text("Zeta GmbH")
    assert (
        scrub.value({"results": [{"data": {"properties": {"name": "Zeta GmbH"}}}]})["results"][0]["data"][
            "properties"
        ]["name"]
        == name
    )
    assert scrub.value({"parent_id_expand": {"name": "Zeta GmbH", "id": 7}}, "parent_id_expand")[
        "parent_id_expand"
    ] == {
        "name": name,
        "id": 7,
    }
    assert scrub.parameters(LISTS, [("where_name", "contains_Zeta GmbH")]) == [
        ("where_name", f"contains_{name}")
    ]
    href = scrub.value({"href": "https://ecm.zeta.example/cs/cs/api/v2/nodes?where_name=Zeta+GmbH&limit=3"})[
        "href"
    ]
    assert href == f"/api/v2/nodes?where_name={name}&limit=3"
    assert scrub.value({"error": 'Sorry, the item "Zeta GmbH" could not be accessed.'}) == {
        "error": f'Sorry, the item "{name}" could not be accessed.'
    }


def test_a_filter_by_the_start_of_a_name_still_filters(scrub: Scrubber) -> None:
    [(_, value)] = scrub.parameters(LISTS, [("where_name", "startswith_Ze")])
    assert scrub.words.text("Zeta GmbH").startswith(value.removeprefix("startswith_"))
    [(_, login)] = scrub.parameters("/v2/members", [("where_name", "ada")])
    assert login == scrub.words.text("ada"), "people are looked up by their whole login"


@pytest.mark.parametrize(
    "query",
    [
        'OTSubType: 144 AND [QLREGION "OTModifyDate"] >= "20250523"',
        "modify_date <= 2020-03-20T08:20:00",
        "modify_date <= '2020-03-20'",
    ],
)
def test_queries_of_dates_and_types_stay(scrub: Scrubber, query: str) -> None:
    assert scrub.parameters("/v2/search", [("where", query)]) == [("where", query)]


def test_ids_and_fields_of_a_form_stay(scrub: Scrubber) -> None:
    body = '{"ids":[1,2],"fields":["properties{id}","categories","versions.element(0)"]}'
    asked = [("body", body), ("ids", "7"), ("fields", "properties{id,name}"), ("limit", "100")]
    assert scrub.parameters("/v2/nodes/list", asked) == asked


def test_texts_in_queries_are_replaced(scrub: Scrubber) -> None:
    query = 'OTName: rossi AND OTOwner = "Ada B" AND WNF_ATT_7 LIKE "Zeta*"'
    [(_, found)] = scrub.parameters("/v2/search", [("where", query)])
    assert found.startswith("OTName: ")
    assert " AND WNF_ATT_7 LIKE " in found
    assert not any(word in found for word in ("rossi", "Ada", "Zeta"))


def test_what_the_client_reads_by_stays(scrub: Scrubber) -> None:
    answer: dict[str, Any] = {
        "results": {
            "data": {
                "audit_event_types": [{"id": 10, "name": "Attribute Value Changed"}],
                "categories": {
                    "12_3": "secretly",
                    "12_4": 17,
                    "12_5": "2020-01-01T00:00:00",
                    "12_6": [None, ""],
                },
                "properties": {"status_key": "ontime", "type": 848, "type_name": "Business Workspace"},
            }
        }
    }
    found = scrub.value(answer)
    assert found["results"]["data"]["audit_event_types"] == answer["results"]["data"]["audit_event_types"]
    assert found["results"]["data"]["properties"] == answer["results"]["data"]["properties"]
    values = found["results"]["data"]["categories"]
    assert values == {**answer["results"]["data"]["categories"], "12_3": scrub.words.text("secretly")}


def test_a_free_text_in_the_place_of_a_word_is_replaced(scrub: Scrubber) -> None:
    long = "waits for a signature of Mrs Rossi in Rome before noon"
    assert "Rossi" not in scrub.value({"status": long})["status"]


HOSTS = (
    "10.20.30.40",
    "192.168.7.15:1521",
    "fe80::1:2ab",
    "[2001:db8::7]:443",
    "ecm7:8080",
    "db.zeta.example:1521",
)


def places_of_hosts(scrub: Scrubber, host: str) -> Iterator[str]:
    """What becomes of a host in each place of a recording where it may stand."""
    yield json.dumps(scrub.value({"server": {"host": host, "name": f"Node {host}", host: 1}}))
    yield json.dumps(scrub.value(dict.fromkeys(KEPT_KEYS, host)))
    yield json.dumps(scrub.value({"audit_event_types": [{"id": 1, "name": host}], "sort": {"value": host}}))
    yield json.dumps(scrub.value({"href": f"http://{host}/cs/cs/api/v2/nodes?fields={host}&sort={host}"}))
    yield json.dumps(scrub.value({"error": f"Could not access {host}, '{host}'", "fields": host}))
    yield scrub.sentence(f"<p>error:500 at https://{host}/cs, login failed on {host}.</p>")
    yield scrub.path(f"/v2/nodes/{host}")
    for name in ("where", "where_name", "where_column_query", "cache_id", "body", "options"):
        yield json.dumps(
            scrub.parameters(LISTS, [(name, host), (name, f'"{host}"'), (name, f"OTName: {host}")])
        )


@pytest.mark.parametrize("starts", [3, 20])
@pytest.mark.parametrize("host", HOSTS)
def test_no_host_is_left_in_a_recording(host: str, starts: int) -> None:
    scrub, bare = Scrubber(Words(KEY, starts)), host.strip("[]").partition("]")[0]
    for found in places_of_hosts(scrub, host):
        assert bare not in found and bare.partition(":8")[0] not in re.split(r"[^\w.-]+", found), found


@pytest.mark.parametrize("url", ["https://ecm.zeta.example/cs/cs", "ecm.zeta.example", "//zeta/share"])
def test_no_address_of_a_page_stays_under_a_key_of_the_products_words(scrub: Scrubber, url: str) -> None:
    assert "zeta" not in json.dumps(scrub.value(dict.fromkeys(KEPT_KEYS, url)))


@pytest.mark.parametrize(
    "text", ["2020-03-20T08:20", "2020-03-20 08:20:00", "08:20:00", "16.2.999", "1,234.5"]
)
def test_times_and_versions_are_no_hosts(scrub: Scrubber, text: str) -> None:
    assert not has_host_or_url(text)
    assert scrub.parameters("/v2/search", [("where", f"modify_date <= {text}")])[0][1].endswith(f"<= {text}")


def test_a_word_of_the_product_with_a_number_after_it_is_no_host(scrub: Scrubber) -> None:
    assert scrub.sentence("error:500") == "error:500"
    assert scrub.parameters("/v2/search", [("where", "OTSubType:144")]) == [("where", "OTSubType:144")]


def test_numbers_and_dates_of_an_unknown_column_or_parameter_are_replaced(scrub: Scrubber) -> None:
    asked = [
        ("where", 'OTPhone: 49301234 AND [QLREGION "Born"] >= "19700506"'),
        ("born", "1970-05-06"),
        ("limit", "7"),
    ]
    found = dict(scrub.parameters("/v2/search", asked))
    assert not any(
        text in json.dumps(found) for text in ("49301234", "19700506", "1970-05-06", "Born", "OTPhone")
    )
    assert found["limit"] == "7"


def test_what_is_behind_an_unknown_segment_of_a_path_is_replaced(scrub: Scrubber) -> None:
    assert scrub.path("/v2/nodes/7/versions/1") == "/v2/nodes/7/versions/1"
    found = scrub.path("/v2/nodes/7/versions/1/content/rossi/49301234")
    assert found.startswith("/v2/nodes/7/versions/1/")
    assert not any(text in found for text in ("rossi", "49301234"))


def test_keys_that_are_no_words_of_the_api_are_replaced(scrub: Scrubber) -> None:
    keys = ["ecm.zeta.example", "ada@zeta.example", "Rossi", "asc_Rossi", "+39 06 1234567", "0612345678"]
    found = scrub.value(dict.fromkeys(keys, 1))
    assert len(found) == len(keys) and not found.keys() & set(keys)
    kept = [
        "wnf_att_1f4_2",
        "12_3",
        "4711",
        "modify_date",
        "Work_DateDue_Max",
        "TASKID",
        "assigneeCount",
        "OTLocation",
    ]
    assert list(scrub.value(dict.fromkeys(kept, 1))) == kept


def test_everything_under_a_personal_key_is_hidden(scrub: Scrubber) -> None:
    found = scrub.value(
        {"telephone": 49301234, "mobileNumber": {"number": "49301234", "values": [30, {"n": 1234}]}}
    )
    assert found["telephone"] == 0 and found["mobileNumber"]["values"] == [0, {"n": 0}]
    assert "49301234" not in json.dumps(found)


def test_a_telephone_number_in_an_error_is_replaced_and_an_id_stays(scrub: Scrubber) -> None:
    found = scrub.sentence(
        "Could not get a member for 7060, +39 06 1234567 or 06 1234567, 2020-03-20 08:20:00"
    )
    assert found.startswith("Could not get a member for 7060, ") and found.endswith(", 2020-03-20 08:20:00")
    assert "1234567" not in found


@pytest.mark.parametrize(
    ("key", "name"),
    [("status", "Rossi Mario"), ("source", "Zeta"), ("type_name", "Case of Ada"), ("action", "a/b")],
)
def test_a_name_in_the_place_of_a_product_word_is_replaced(scrub: Scrubber, key: str, name: str) -> None:
    assert scrub.value({key: name})[key] == scrub.words.text(name) != name


@pytest.mark.parametrize(
    "text",
    [
        "The REST API URL could not be found in the mappings registry",
        "Could not get a member for 7060, Insufficient privileges",
        "Could not access task status",
        "An error has occurred, please try again later.",
    ],
)
def test_errors_in_the_words_of_extended_ecm_stay(scrub: Scrubber, text: str) -> None:
    assert scrub.value({"error": text}) == {"error": text}
    page = f"<html><head><title>Content Server Client Error</title></head><body>{text}</body></html>"
    assert scrub.body(page.encode()) == page


def test_pages_and_cut_answers_lose_their_names(scrub: Scrubber) -> None:
    page = scrub.body(b"<html><body><p>Dear Ada Rossi, ecm7.zeta.example says: Error</p></body></html>")
    assert page.startswith("<html><body><p>")
    assert not any(word in page for word in ("Ada", "Rossi", "ecm7", "zeta"))
    cut = scrub.body(b'{"results": [{"data": {"properties": {"name": "Zeta Gm')
    assert isinstance(cut, str)
    assert "Zeta" not in cut


def test_no_secret_is_kept(scrub: Scrubber) -> None:
    assert scrub.value({"ticket": "abc", "access_token": "x", "OTCSTicket": "y"}) == dict.fromkeys(
        ("ticket", "access_token", "OTCSTicket"), REMOVED
    )
    assert scrub.parameters("/v1/x", [("password", "p"), ("otcsticket", "t")]) == [
        ("password", REMOVED),
        ("otcsticket", REMOVED),
    ]
    href = scrub.value({"href": "/cs/cs/api/v1/nodes/7/content/Letter to Ada.pdf?OTCSTicket=abc"})["href"]
    assert "Ada" not in href
    assert "abc" not in href


def test_phone_numbers_and_addresses_are_no_numbers_that_stay(scrub: Scrubber) -> None:
    found = scrub.value(
        {"business_phone": 39061234, "cell_phone": "39 06 1234", "birth_date": "1970-05-06", "id": 7}
    )
    assert found["id"] == 7
    assert not any(part in json.dumps(found) for part in ("39061234", "1234", "1970"))


def test_values_of_sensitive_attributes_are_hidden_whenever_names_come() -> None:
    scrub = Scrubber(Words(KEY), ["Person.salary", "Person.Jobs.since"])
    values = {"categories": {"12_3": 90_000, "12_4": 5, "12_7_2_9": "2019-01-01T00:00:00"}}
    assert scrub.value(values) == values, "their keys are not known yet"
    scrub.value(
        {
            "12": {"name": "Person"},
            "12_3": {"name": "salary"},
            "12_4": {"name": "grade"},
            "12_7": {"name": "Jobs"},
            "12_7_x_9": {"name": "since"},
        }
    )
    hidden = scrub.sensitive.hidden(values)["categories"]
    assert (hidden["12_3"], hidden["12_4"], hidden["12_7_2_9"]) == (0, 5, "1970-01-01T00:00:00")
