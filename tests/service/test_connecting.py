"""What `vigil connect` makes of a site: what is not given stays, and what changes is shown without a secret."""

from __future__ import annotations

import json
from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from tests.support.webhooks import NEW, OLD
from vigil.cli.app import app
from vigil.service.connecting.changes import Around, NotConnected, Values, Wanted, changes, connected, fields
from vigil.service.connecting.forms import FORMS, is_secret, option_of

ACCOUNT = json.dumps({"project_id": "a-project", "private_key": "of the account"})
OTHER_ACCOUNT = json.dumps({"project_id": "b-project", "private_key": "of the other account"})
SECRET = "0123456789abcdef0123456789abcdef"

DEFAULTS: Wanted = {("ledger", "url"): "sqlite:////var/sites/a/ledger.sqlite", ("site", "rules"): "/rules"}
FIRST: Wanted = {
    ("ecm", "url"): "https://ecm.example.org/cs/cs",
    ("ecm", "username"): "vigil",
    ("ecm", "password"): "of the user",
    ("fcm", "service_account"): ACCOUNT,
    ("smtp", "host"): "smtp.example.org",
    ("smtp", "sender"): "v@example.org",
    ("webhook", "secrets"): OLD,
}

# What is typed for each field of each form, beside what must be typed with it, and what is kept.
SAMPLES: dict[tuple[str, str], tuple[str | list[str], Wanted, Any]] = {
    ("ecm", "url"): ("https://other.example.org/cs/cs", {}, "https://other.example.org/cs/cs"),
    ("ecm", "username"): ("other", {}, "other"),
    ("ecm", "password"): ("of another", {}, "of another"),
    ("ecm", "domain"): ("world", {}, "world"),
    ("ecm", "otds_login"): ("https://otds.example.org/c", {}, "https://otds.example.org/c"),
    ("ecm", "otds_url"): ("https://otds.example.org/t", {}, "https://otds.example.org/t"),
    ("ecm", "otds_client"): (
        "client",
        {("ecm", "username"): "", ("ecm", "otds_url"): "https://o/t", ("ecm", "otds_secret"): "x"},
        "client",
    ),
    ("ecm", "otds_secret"): (
        "of the client",
        {("ecm", "username"): "", ("ecm", "otds_url"): "https://o/t", ("ecm", "otds_client"): "x"},
        "of the client",
    ),
    ("ecm", "zone"): ("Europe/Berlin", {}, "Europe/Berlin"),
    ("ecm", "ca"): ("/etc/ca.pem", {}, "/etc/ca.pem"),
    ("ecm", "proxy"): ("http://me:hidden@proxy:3128", {}, "http://me:hidden@proxy:3128"),
    ("ecm", "concurrency"): ("8", {}, 8),
    ("ecm", "requests_per_second"): ("2.5", {}, 2.5),
    ("ecm", "timeout"): ("10", {}, 10.0),
    ("ecm", "total_timeout"): ("60", {}, 60.0),
    ("ecm", "retries"): ("0", {}, 0),
    ("ecm", "overlap"): ("5", {}, 5.0),
    ("fcm", "project"): ("c-project", {}, "c-project"),
    ("fcm", "service_account"): (OTHER_ACCOUNT, {}, OTHER_ACCOUNT),
    ("fcm", "endpoint"): ("http://127.0.0.1:9", {}, "http://127.0.0.1:9"),
    ("fcm", "concurrency"): ("7", {}, 7),
    ("fcm", "ca"): ("/etc/ca.pem", {}, "/etc/ca.pem"),
    ("fcm", "proxy"): ("http://me:hidden@proxy:3128", {}, "http://me:hidden@proxy:3128"),
    ("ledger", "url"): ("postgresql://vigil:hidden@db/v", {}, "postgresql://vigil:hidden@db/v"),
    ("smtp", "host"): ("mail.example.org", {}, "mail.example.org"),
    ("smtp", "sender"): ("w@example.org", {}, "w@example.org"),
    ("smtp", "security"): ("tls", {}, "tls"),
    ("smtp", "port"): ("2525", {}, 2525),
    ("smtp", "username"): ("mailer", {("smtp", "password"): "x"}, "mailer"),
    ("smtp", "password"): ("of the mailer", {("smtp", "username"): "mailer"}, "of the mailer"),
    ("smtp", "gateway"): ("https://vigil.example.org", {}, "https://vigil.example.org"),
    ("smtp", "link_secrets"): (SECRET, {}, SECRET),
    ("smtp", "ca"): ("/etc/ca.pem", {}, "/etc/ca.pem"),
    ("webhook", "secrets"): (f"{OLD} {NEW}", {}, f"{OLD} {NEW}"),
    ("webhook", "ca"): ("/etc/ca.pem", {}, "/etc/ca.pem"),
    ("webhook", "proxy"): ("http://me:hidden@proxy:3128", {}, "http://me:hidden@proxy:3128"),
    ("site", "ecm"): ("shared", {}, "shared"),
    ("site", "fcm"): ("shared", {}, "shared"),
    ("site", "ledger"): ("shared", {}, "shared"),
    ("site", "smtp"): ("shared", {}, "shared"),
    ("site", "webhook"): ("shared", {}, "shared"),
    ("site", "public_url"): ("https://people.example.org", {}, "https://people.example.org"),
    ("site", "rules"): ("/other/rules", {}, "/other/rules"),
    ("site", "templates"): ("/other/templates", {}, "/other/templates"),
    ("site", "sensitive"): (["Contract.price", "Case.name"], {}, ["Contract.price", "Case.name"]),
    ("site", "expiry"): ("Validity.until", {}, "Validity.until"),
    ("site", "guard_hours"): ("48", {}, 48),
    ("site", "retry_seconds"): ("0", {}, 0),
    ("site", "verify_requests"): ("9", {}, 9),
    ("site", "rescan_days"): ("3", {}, 3),
    ("site", "dask"): ("local:2", {}, "local:2"),
}


def never(secret: str) -> str:
    raise AssertionError(f"asked for {secret}")


def connect(
    saved: Values, wanted: Wanted, variables: Mapping[str, str] | None = None
) -> dict[str, dict[str, Any]]:
    return connected("a", saved, wanted, Around(variables or {}, DEFAULTS), never)


@pytest.fixture(scope="module")
def site() -> dict[str, dict[str, Any]]:
    """A site with a mail server, connected for the first time."""
    return connect({}, FIRST)


def test_every_field_of_every_form_has_an_option_of_its_own() -> None:
    names = [option.name for _, _, option in fields()]
    assert len(set(names)) == len(names)
    assert {key for key, _, _ in fields()} == SAMPLES.keys()
    assert sum(len(form.model_fields) for form in FORMS.values()) == len(names)


@pytest.mark.parametrize("key", SAMPLES, ids="-".join)
def test_each_field_can_be_set_and_leaves_every_other_as_it_was(
    site: dict[str, dict[str, Any]], key: tuple[str, str]
) -> None:
    typed, beside, kept = SAMPLES[key]
    new = connect(site, {key: typed, **beside})
    assert new[key[0]][key[1]] == kept
    moved = {key, *beside}
    moved |= {("ecm", "password")} if ("ecm", "username") in beside else set()  # it goes with its user
    moved |= {("fcm", "project")} if key == ("fcm", "service_account") else set()  # the account says it
    others = {(p, f): v for p, held in site.items() for f, v in held.items() if (p, f) not in moved}
    assert {(p, f): new[p][f] for p, f in others} == others
    assert option_of(FORMS[key[0]].model_fields[key[1]]).name in {c.option for c in changes(site, new)}


@given(st.sets(st.sampled_from(sorted(SAMPLES))))
def test_what_was_set_before_stays_whatever_is_set_next(keys: set[tuple[str, str]]) -> None:
    first: dict[tuple[str, str], str | list[str]] = dict(FIRST)
    for key in sorted(keys):
        typed, beside, _ = SAMPLES[key]
        first |= {key: typed, **beside}
    plain = {k: v for k, v in first.items() if not k[1].startswith("otds_")}  # one login is allowed
    before = connect({}, {**plain, ("ecm", "username"): "vigil"})
    after = connect(before, {("site", "guard_hours"): "99"})
    assert after == {**before, "site": {**before["site"], "guard_hours": 99}}
    assert connect(after, {}) == after


@pytest.mark.parametrize(
    "key",
    [k for k, info, o in fields() if not info.is_required() and not o.login and k != ("ecm", "otds_client")],
    ids="-".join,
)
def test_an_empty_text_sets_an_optional_field_back_to_its_default(
    site: dict[str, dict[str, Any]], key: tuple[str, str]
) -> None:
    typed, beside, _ = SAMPLES[key]
    held = connect(site, {key: typed, **beside})
    undone: dict[tuple[str, str], str | list[str]] = {key: [""] if isinstance(typed, list) else ""}
    if key == ("ecm", "username"):  # one login is needed
        undone |= {
            ("ecm", "otds_client"): "c",
            ("ecm", "otds_url"): "https://o/t",
            ("ecm", "otds_secret"): "s",
        }
    new = connect(held, undone)
    default = FORMS[key[0]].model_fields[key[1]].get_default(call_default_factory=True)
    assert new[key[0]][key[1]] == DEFAULTS.get(key, "a-project" if key == ("fcm", "project") else default)


def test_no_secret_is_ever_in_the_words_of_a_change(site: dict[str, dict[str, Any]]) -> None:
    for (part, name), info, _ in fields():
        if not is_secret(info):
            continue
        typed, beside, kept = SAMPLES[part, name]
        new = connect(site, {(part, name): typed, **beside})
        for before, after in ((site, new), (new, site)):
            said = " ".join(map(str, changes(before, after)))
            assert said and str(kept) not in said and "hidden" not in said and "of the" not in said


def test_a_change_is_said_with_what_was_and_what_is_new(site: dict[str, dict[str, Any]]) -> None:
    new = connect(site, {
        ("site", "guard_hours"): "48", ("site", "sensitive"): ["A.b", "C.d"], ("ecm", "password"): "another",
        ("ledger", "url"): "postgresql+psycopg://vigil:hidden@db/v", ("ecm", "proxy"): "http://proxy",
    })  # fmt: skip
    assert [str(c) for c in changes(site, new)] == [
        "--ecm-password: (set) → (changed)",
        "--proxy: (nothing) → (set)",
        "--ledger: sqlite:////var/sites/a/ledger.sqlite → postgresql+psycopg://vigil:***@db/v",
        "--sensitive: (nothing) → A.b, C.d",
        "--guard-hours: 24 → 48",
    ]


def test_only_another_ledger_and_other_sensitive_attributes_need_a_yes(
    site: dict[str, dict[str, Any]],
) -> None:
    doubtful = set()
    for key, (typed, beside, _) in SAMPLES.items():
        doubtful |= {c.option for c in changes(site, connect(site, {key: typed, **beside})) if c.confirmed}
    assert doubtful == {"--ledger", "--ledger-block", "--sensitive"}


def test_another_password_for_the_same_ledger_needs_no_yes(site: dict[str, dict[str, Any]]) -> None:
    before = connect(site, {("ledger", "url"): "postgresql+psycopg://vigil:old@db/v"})
    (change,) = changes(before, connect(before, {("ledger", "url"): "postgresql+psycopg://vigil:new@db/v"}))
    assert not change.confirmed and "old" not in str(change) and "new" not in str(change)


def test_a_first_time_names_all_that_is_missing() -> None:
    with pytest.raises(NotConnected) as refused:
        connect({}, {})
    said = str(refused.value)
    assert "--ecm-url is missing" in said
    assert "--firebase-account is missing: The service account's JSON file" in said, "what the option takes"
    with pytest.raises(NotConnected, match="exactly one login is needed, and none is given"):
        connect({}, {k: v for k, v in FIRST.items() if k[1] not in ("username", "password")})


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ({("site", "guard_hours"): "9000"}, '--guard-hours: .*720, and not "9000"'),
        ({("site", "guard_hours"): "many"}, "--guard-hours: .*integer"),
        ({("ecm", "url"): ""}, "--ecm-url is missing"),
        ({("ecm", "url"): "ftp://ecm"}, "--ecm-url: an address must begin with https.*, and not \"ftp://ecm\""),
        ({("ecm", "url"): "https:///cs"}, "--ecm-url: an address must begin with https:// or http:// and a host"),
        ({("ecm", "url"): "https://[::1/cs"}, "--ecm-url: an address must begin with"),
        ({("ecm", "otds_url"): "otds.example.org"}, "--otds-url: an address must begin with"),
        ({("site", "public_url"): "ecm.example.org"}, "--public-url: an address must begin with"),
        ({("site", "public_url"): "https://p.example.org/?a=b"}, r"--public-url: .*\?a=b/.*/nodes/ID: leave out the \? or #"),
        ({("site", "public_url"): "https://p.example.org/#"}, "--public-url: .*leave out"),
        ({("site", "public_url"): "https://p.example.org/cs/cs/app/nodes/7"}, "--public-url: .*/7/cs/cs/app/nodes/ID: give"),
        ({("site", "dask"): "foo"}, '--dask: "foo" is not a Dask address: write that of a scheduler'),
        ({("site", "dask"): "local:many"}, '--dask: "local:many" is not a Dask address'),
        ({("site", "dask"): "local:0"}, '--dask: "local:0" is not a Dask address'),
        ({("site", "dask"): "tcp://"}, '--dask: "tcp://" is not a Dask address'),
        ({("site", "public_url"): "javascript:alert(1)"}, "--public-url: an address must begin with"),
        ({("smtp", "gateway"): "javascript:alert(1)//"}, "--smtp-gateway: an address must begin with"),
        ({("site", "sensitive"): ["A.b", "nodot"]}, '--sensitive: "nodot" must have the form Category.attribute, and not "A.b'),
        ({("site", "sensitive"): ["A."]}, "--sensitive: .*must have the form Category.attribute"),
        ({("site", "expiry"): "until"}, '--expiry: "until" must have the form Category.attribute'),
        ({("ecm", "zone"): "Berlin"}, "Extended ECM: zone 'Berlin' is no IANA time zone"),
        ({("ecm", "otds_client"): "c", ("ecm", "otds_secret"): "s"}, "two are given"),
        ({("ecm", "username"): "", ("ecm", "otds_client"): "c", ("ecm", "otds_secret"): "s"}, "token endpoint"),
        ({("fcm", "service_account"): "{}"}, "Firebase: not the JSON of a Firebase service account"),
        ({("fcm", "endpoint"): "http://fcm.example.org"}, "Firebase: .*https only"),
        ({("smtp", "host"): "", ("smtp", "port"): "25"}, "removes the mail server"),
        ({("smtp", "password"): "of nobody"}, "--smtp-password belongs to a user, and none is set: also give --smtp-user"),
        ({("smtp", "security"): "ssl"}, "--smtp-security: .*'tls'"),
        ({("smtp", "gateway"): "https://g", ("smtp", "link_secrets"): "short"}, "the mail server: .*32 bytes"),
    ],
    ids=str,
)  # fmt: skip
def test_what_makes_no_site_is_refused_by_its_option(
    site: dict[str, dict[str, Any]], wanted: Wanted, said: str
) -> None:
    before = deepcopy(site)
    with pytest.raises(NotConnected, match=said):
        connect(site, wanted)
    assert site == before


def test_an_account_that_is_no_text_is_refused_in_a_sentence(tmp_path: Path) -> None:
    file = tmp_path / "account.json"
    file.write_bytes('{"project_id": "für"}'.encode("latin-1"))
    said = CliRunner().invoke(app, ["connect", "--firebase-account", str(file)], env={"COLUMNS": "300"})
    assert said.exit_code == 2 and f"{file} cannot be read: it is not UTF-8 text" in said.output
    assert "--firebase-account" in said.output


def test_a_wrong_secret_is_refused_without_being_shown(site: dict[str, dict[str, Any]]) -> None:
    with pytest.raises(NotConnected) as refused:
        connect(site, {("smtp", "gateway"): "https://g", ("smtp", "link_secrets"): "too short"})
    assert "too short" not in str(refused.value)


@pytest.mark.parametrize("name", ["Main", "a_b", "../etc", "", "a--b", "-a"])
def test_a_name_that_prefect_or_a_file_system_would_not_take_is_refused(name: str) -> None:
    with pytest.raises(NotConnected, match="lower-case letters and digits"):
        connected(name, {}, FIRST, Around({}, DEFAULTS), never)


def test_a_secret_that_is_missing_is_asked_for_and_one_that_is_there_is_not(
    site: dict[str, dict[str, Any]],
) -> None:
    asked: list[str] = []

    def ask(secret: str) -> str:
        asked.append(secret)
        return "typed"

    around = Around({}, DEFAULTS)
    new = connected("a", site, {("smtp", "username"): "mailer"}, around, ask)
    assert new["smtp"]["password"] == "typed"
    assert asked == ["The mail user's password (--smtp-password or VIGIL_SMTP_PASSWORD)"]
    connected("a", new, {("site", "guard_hours"): "48"}, around, never)


def test_a_secret_in_the_environment_is_taken_where_there_is_a_place_for_it(
    site: dict[str, dict[str, Any]],
) -> None:
    there = {"VIGIL_ECM_PASSWORD": "new", "VIGIL_OTDS_SECRET": "unused", "VIGIL_LINK_SECRETS": SECRET}
    new = connect(site, {}, there)
    assert new["ecm"]["password"] == "new" and new["ecm"]["otds_secret"] is None
    assert new["smtp"]["link_secrets"] == SECRET
    plain = connect({}, {k: v for k, v in FIRST.items() if k[0] != "smtp"}, there)
    assert "smtp" not in plain, "the gateway's secret makes no mail server"


def test_a_secret_goes_with_its_user(site: dict[str, dict[str, Any]]) -> None:
    new = connect(site, {
        ("ecm", "username"): "", ("ecm", "otds_client"): "c", ("ecm", "otds_secret"): "s", ("ecm", "otds_url"): "https://o/t",
    })  # fmt: skip
    assert new["ecm"]["password"] is None


def test_no_host_takes_the_mail_server_away(site: dict[str, dict[str, Any]]) -> None:
    new = connect(site, {("smtp", "host"): ""})
    assert "smtp" not in new and new["site"]["smtp"] is None
    assert "--smtp-host: smtp.example.org → (nothing)" in map(str, changes(site, new))
    again = connect(new, {("smtp", "host"): "b", ("smtp", "sender"): "b@example.org"})
    assert again["smtp"]["username"] is None and again["site"]["smtp"] == "a"


def test_no_secrets_take_the_webhook_sender_away(site: dict[str, dict[str, Any]]) -> None:
    new = connect(site, {("webhook", "secrets"): ""})
    assert "webhook" not in new and new["site"]["webhook"] is None
    assert "--webhook-secrets: (set) → (nothing)" in map(str, changes(site, new))
    with pytest.raises(NotConnected, match=r'--webhook-secrets "" removes the webhook sender'):
        connect(site, {("webhook", "secrets"): "", ("webhook", "ca"): "/etc/ca.pem"})
    with pytest.raises(NotConnected, match="--webhook-secrets is missing"):
        connect(new, {("site", "webhook"): "shared"})
    again = connect(new, {("site", "webhook"): "a"}, {"VIGIL_WEBHOOK_SECRETS": NEW})
    assert again["webhook"]["secrets"] == NEW


@pytest.mark.parametrize("secrets", ["hunter2-hunter2-hunter2-hunter2", f"{OLD} {NEW} {OLD}"])
def test_secrets_of_webhooks_that_cannot_sign_are_refused(
    site: dict[str, dict[str, Any]], secrets: str
) -> None:
    with pytest.raises(NotConnected, match="the webhook sender: secrets: ") as refused:
        connect(site, {("webhook", "secrets"): secrets})
    assert "hunter2" not in str(refused.value) and OLD not in str(refused.value)


def test_a_site_whose_blocks_are_wrong_can_be_mended(site: dict[str, dict[str, Any]]) -> None:
    broken = {**site, "site": {**site["site"], "guard_hours": 0}}
    with pytest.raises(NotConnected, match="--guard-hours"):
        connect(broken, {})
    assert connect(broken, {("site", "guard_hours"): "24"})["site"]["guard_hours"] == 24
