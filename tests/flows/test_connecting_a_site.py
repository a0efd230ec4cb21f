"""`vigil connect` on a real Prefect: everything can be set, what is not given stays, and no two sites share a ledger."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from blocks import kept
from tests.flows.conftest import Said
from tests.support.webhooks import NEW, OLD
from vigil import places
from vigil.ledger import Ledger, LedgerOfAnother, ownership
from vigil.service.connecting.changes import fields, plain

Vigil = Callable[..., Said]

SECRETS = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def account(tmp_path: Path) -> str:
    file = tmp_path / "account.json"
    file.write_text(json.dumps({"project_id": "a-project", "private_key": "of the account"}))
    return str(file)


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Ledgers that nobody names go into a folder of the test."""
    monkeypatch.setenv("VIGIL_HOME", str(tmp_path))
    monkeypatch.delenv("VIGIL_LEDGER", raising=False)
    return tmp_path


@pytest.fixture
def first(vigil: Vigil, account: str, monkeypatch: pytest.MonkeyPatch) -> Vigil:
    """Connects a site for the first time, with more options when given."""
    monkeypatch.setenv("VIGIL_ECM_PASSWORD", "of the user")

    def go(site: str, *more: str) -> Said:
        said = vigil("connect", "--site", site, "--ecm-url", "https://ecm.example.org/cs/cs", "--ecm-user", "vigil",
                     "--firebase-account", account, *more)  # fmt: skip
        assert said.code == 0, said.err
        return said

    return go


def asked(question: Callable[[Any], Any]) -> Any:
    """What is asked of Prefect by a client of it."""
    from flows.support.sites import server

    async def go() -> Any:
        async with server() as client:
            return await question(client)

    return asyncio.run(go())


def of(site: str) -> dict[tuple[str, str], Any]:
    """What a run gets of a site, by part and field, secrets as text."""
    from flows.support.sites import block_of

    found = asyncio.run(block_of(site))
    parts = {
        "ecm": found.ecm,
        "fcm": found.fcm,
        "ledger": found.ledger,
        "smtp": found.smtp,
        "webhook": found.webhook,
        "site": found.settings,
    }
    return {(part, n): v for part, held in parts.items() if held is not None for n, v in plain(held).items()}


def edit(site: str, **changed: Any) -> None:
    """Change fields of a site's block, as its form does."""
    from prefect.client.schemas.actions import BlockDocumentUpdate

    async def go(client: Any) -> None:
        found = await client.read_block_document_by_name(site, "vigil-site")
        data = {**found.data, **changed}
        update = BlockDocumentUpdate(
            block_schema_id=found.block_schema_id, data=data, merge_existing_data=False
        )
        await client.update_block_document(found.id, update)

    asked(go)


def owner(url: str) -> str | None:
    with Ledger.open(url).read() as connection:
        found = ownership.owner(connection)
    return found and found.name


def test_everything_that_a_site_can_hold_is_set_by_connect_and_read_back(
    vigil: Vigil, first: Vigil, project: Path, account: str
) -> None:
    for file in ("ca.pem", "fcm.pem", "smtp.pem", "webhook.pem"):
        (project / file).write_text("")
    (project / "others").mkdir()
    ledger = f"sqlite:///{project}/mine.sqlite"
    first("all-of-it", "--zone", "Europe/Berlin", "--ca", f"{project}/ca.pem", "--proxy", "http://p:3128",
          "--ecm-concurrency", "8", "--ecm-rate", "2.5", "--ecm-timeout", "10", "--ecm-total-timeout", "60",
          "--ecm-retries", "1", "--ecm-overlap", "5", "--ecm-domain", "corp",
          "--otds-login", "https://otds/c", "--fcm-project", "b-project", "--fcm-url", "http://127.0.0.1:9",
          "--fcm-concurrency", "7", "--fcm-ca", f"{project}/fcm.pem", "--fcm-proxy", "http://f:3128", "--ledger", ledger,
          "--smtp-host", "smtp.example.org", "--smtp-sender", "v@example.org", "--smtp-security", "tls",
          "--smtp-port", "2525", "--smtp-user", "mailer", "--smtp-password", "of the mailer",
          "--smtp-gateway", "https://vigil.example.org", "--smtp-link-secrets", SECRETS, "--smtp-ca", f"{project}/smtp.pem",
          "--webhook-secrets", f"{OLD} {NEW}", "--webhook-ca", f"{project}/webhook.pem", "--webhook-proxy", "http://w:3128",
          "--ecm-block", "one", "--fcm-block", "two", "--ledger-block", "three", "--smtp-block", "four", "--webhook-block", "five",
          "--public-url", "https://people.example.org", "--rules", f"{project}/others", "--templates", f"{project}/others",
          "--sensitive", "A.b", "--sensitive", "C.d", "--expiry", "V.until", "--guard-hours", "48",
          "--verify-requests", "9", "--rescan-days", "3", "--retry-seconds", "7", "--dask", "local:2")  # fmt: skip
    held = of("all-of-it")
    expected = {
        ("ecm", "url"): "https://ecm.example.org/cs/cs", ("ecm", "username"): "vigil", ("ecm", "password"): "of the user",
        ("ecm", "zone"): "Europe/Berlin", ("ecm", "ca"): f"{project}/ca.pem", ("ecm", "proxy"): "http://p:3128",
        ("ecm", "concurrency"): 8, ("ecm", "requests_per_second"): 2.5, ("ecm", "timeout"): 10.0,
        ("ecm", "total_timeout"): 60.0, ("ecm", "retries"): 1, ("ecm", "overlap"): 5.0, ("ecm", "domain"): "corp",
        ("ecm", "otds_login"): "https://otds/c",
        ("fcm", "project"): "b-project", ("fcm", "service_account"): Path(account).read_text(),
        ("fcm", "endpoint"): "http://127.0.0.1:9", ("fcm", "concurrency"): 7, ("fcm", "ca"): f"{project}/fcm.pem",
        ("fcm", "proxy"): "http://f:3128", ("ledger", "url"): ledger,
        ("smtp", "host"): "smtp.example.org", ("smtp", "sender"): "v@example.org", ("smtp", "security"): "tls",
        ("smtp", "port"): 2525, ("smtp", "username"): "mailer", ("smtp", "password"): "of the mailer",
        ("smtp", "gateway"): "https://vigil.example.org", ("smtp", "link_secrets"): SECRETS,
        ("smtp", "ca"): f"{project}/smtp.pem", ("site", "ecm"): "one", ("site", "fcm"): "two", ("site", "ledger"): "three",
        ("site", "smtp"): "four", ("site", "webhook"): "five", ("webhook", "secrets"): f"{OLD} {NEW}",
        ("webhook", "ca"): f"{project}/webhook.pem", ("webhook", "proxy"): "http://w:3128", ("site", "public_url"): "https://people.example.org",
        ("site", "rules"): f"{project}/others", ("site", "templates"): f"{project}/others",
        ("site", "sensitive"): ["A.b", "C.d"], ("site", "expiry"): "V.until", ("site", "guard_hours"): 48,
        ("site", "verify_requests"): 9, ("site", "rescan_days"): 3, ("site", "retry_seconds"): 7,
        ("site", "dask"): "local:2",
    }  # fmt: skip
    otds = {
        ("ecm", "otds_url"): "https://otds/t",
        ("ecm", "otds_client"): "c",
        ("ecm", "otds_secret"): "of the client",
    }
    assert {key: held[key] for key in expected} == expected
    assert expected.keys() | otds.keys() == {key for key, _, _ in fields()}
    said = vigil("connect", "--site", "all-of-it", "--ecm-user", "", "--otds-url", "https://otds/t", "--otds-client", "c",
                 "--otds-secret", "of the client")  # fmt: skip
    assert said.code == 0, said.err
    assert of("all-of-it") == held | otds | {("ecm", "username"): "", ("ecm", "password"): None}


def test_a_second_time_leaves_what_is_not_given_and_shows_what_changes(
    vigil: Vigil, first: Vigil, project: Path
) -> None:
    said = first("twice", "--sensitive", "Contract.price", "--zone", "Europe/Berlin").out
    assert f'Saved as "twice". Its ledger: sqlite:///{project}/var/sites/twice/ledger.sqlite' in said
    before = of("twice")
    said = vigil("connect", "--site", "twice", "--guard-hours", "48").out
    assert said.splitlines()[0] == "--guard-hours: 24 → 48"
    assert of("twice") == before | {("site", "guard_hours"): 48}
    assert "Nothing changed" in vigil("connect", "--site", "twice").out
    said = vigil("connect", "--site", "twice", "--ecm-password", "another").out
    assert "--ecm-password: (set) → (changed)" in said and "another" not in said
    assert of("twice")["ecm", "password"] == "another"


@pytest.mark.parametrize(
    ("site", "change", "key", "value"),
    [
        ("yes-ledger", ("--ledger", "sqlite:////{}/other.sqlite"), ("ledger", "url"), "sqlite:////{}/other.sqlite"),
        ("yes-sensitive", ("--sensitive", ""), ("site", "sensitive"), []),
    ],
)  # fmt: skip
def test_another_ledger_and_other_sensitive_attributes_need_a_yes(
    vigil: Vigil, first: Vigil, project: Path, monkeypatch: pytest.MonkeyPatch,
    site: str, change: tuple[str, str], key: tuple[str, str], value: Any,
) -> None:  # fmt: skip
    first(site, "--sensitive", "Contract.price")
    before, given = of(site), (change[0], change[1].format(project))
    said = vigil("connect", "--site", site, "--guard-hours", "48", *given)
    assert said.code == 2 and f"--yes):\n  {change[0]}: " in said.err
    assert of(site) == before
    assert not (project / "other.sqlite").exists(), "nothing was saved"
    monkeypatch.setattr("sys.stdin", Terminal("no\n"))
    assert vigil("connect", "--site", site, *given).code == 2
    assert of(site) == before
    monkeypatch.setattr("sys.stdin", Terminal(f"{site}\n"))
    assert vigil("connect", "--site", site, *given).code == 0
    after = of(site)
    assert after == before | {key: value.format(project) if isinstance(value, str) else value}
    assert (
        vigil(
            "connect", "--site", site, "--sensitive", "A.b", "--ledger", before["ledger", "url"], "--yes"
        ).code
        == 0
    )
    assert of(site)["site", "sensitive"] == ["A.b"]


class Terminal(io.StringIO):
    """A person who types."""

    def isatty(self) -> bool:
        return True


def test_a_mail_server_that_is_taken_away_leaves_no_block_with_its_password(
    vigil: Vigil, first: Vigil
) -> None:
    from prefect.exceptions import ObjectNotFound

    first("mailing", "--smtp-host", "smtp.example.org", "--smtp-sender", "v@example.org", "--smtp-user", "v",
          "--smtp-password", "of the mailer")  # fmt: skip
    said = vigil("connect", "--site", "mailing", "--smtp-host", "").out
    assert "--smtp-host: smtp.example.org → (nothing)" in said and "of the mailer" not in said
    assert not [key for key in of("mailing") if key[0] == "smtp"]
    with pytest.raises(ObjectNotFound):
        asked(lambda client: client.read_block_document_by_name("mailing", "smtp-server"))


def test_files_and_folders_must_exist_and_ledgers_are_kept_by_absolute_path(
    vigil: Vigil, first: Vigil, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for option, what in (("--ca", "file"), ("--firebase-account", "file"), ("--rules", "folder")):
        said = vigil("connect", "--site", "no-files", option, f"{project}/nowhere")
        assert said.code == 2 and f"there is no {what}" in said.err and option in said.err
    monkeypatch.chdir(project)
    (project / "here").mkdir()
    first("relative", "--ledger", "sqlite:///mine.sqlite", "--rules", "here")
    assert of("relative")["ledger", "url"] == f"sqlite:///{project}/mine.sqlite"
    assert of("relative")["site", "rules"] == f"{project}/here"
    vigil("connect", "--site", "relative", "--rules", str(places.rules()))
    assert of("relative")["site", "rules"] == "rules", "the shipped ones, wherever Vigil is installed later"


async def save_as_an_earlier_vigil(client: Any, site: str, ledger: str) -> None:
    """A site as it was saved before: one block with everything in it, OTDS as an object."""
    from prefect.client.schemas.actions import BlockDocumentCreate

    from blocks.site import VigilSite

    await VigilSite.aregister_type_and_schema(client=client)
    kind = await client.read_block_type_by_slug("vigil-site")
    data = {
        "ecm": {"url": "https://ecm.example.org/cs/cs", "username": "", "password": "", "zone": "Europe/Berlin",
                "otds": {"token_url": "https://otds/t", "client_id": "c", "secret": "of the client"}, "timeout": 7.5},
        "fcm": {"project": "a-project", "service_account": '{"project_id": "a-project"}', "proxy": "http://f:3128"},
        "ledger": {"url": ledger},
        "smtp": {"host": "smtp.example.org", "sender": "v@example.org", "username": "v", "password": "of the mailer"},
        "public_url": "https://people.example.org", "sensitive": ["Contract.price"], "guard_hours": 48,
    }  # fmt: skip
    await client.create_block_document(
        BlockDocumentCreate(
            name=site, data=data, block_schema_id=VigilSite._block_schema_id, block_type_id=kind.id
        )
    )


def test_a_site_of_an_earlier_vigil_goes_on_and_connect_makes_forms_of_it(
    vigil: Vigil, project: Path
) -> None:
    ledger = f"sqlite:///{project}/earlier.sqlite"
    Ledger.open(ledger).close()
    asked(lambda client: save_as_an_earlier_vigil(client, "earlier", ledger))
    before = of("earlier")
    assert before["ecm", "otds_secret"] == "of the client" and before["smtp", "password"] == "of the mailer"
    assert before["ecm", "timeout"] == 7.5 and before["site", "guard_hours"] == 48
    assert f'Ledger of the site "earlier": {ledger}' in vigil("guard", "list", "--site", "earlier").out
    said = vigil("connect", "--site", "earlier", "--guard-hours", "24")
    assert said.code == 0 and said.out.splitlines()[0] == "--guard-hours: 48 → 24"
    assert of("earlier") == before | {("site", "guard_hours"): 24}
    kept = asked(lambda client: client.read_block_document_by_name("earlier", "vigil-site"))
    assert {kept.data[part] for part in ("ecm", "fcm", "ledger", "smtp")} == {"earlier"}
    assert kept.block_document_references == {} and "of the" not in str(kept.data)


def two(first: Vigil, project: Path, mine: str, theirs: str) -> tuple[str, str]:
    """Two sites, each with a ledger of its own. Returns the addresses of these."""
    urls = f"sqlite:///{project}/mine.sqlite", f"sqlite:///{project}/theirs.sqlite"
    first(mine, "--ledger", urls[0])
    first(theirs, "--ledger", urls[1])
    return urls


def test_a_site_takes_the_ledger_of_another_only_when_it_is_handed_over(
    vigil: Vigil, first: Vigil, project: Path
) -> None:
    mine, theirs = two(first, project, "mine", "theirs")
    said = vigil("connect", "--site", "theirs", "--ledger", mine)
    assert said.code == 2 and f'{mine} of the site "mine"' in said.err
    assert (owner(mine), owner(theirs)) == ("mine", "theirs")
    assert vigil("connect", "--site", "theirs", "--ledger", mine, "--yes").code == 0
    assert owner(mine) == "theirs"
    said = vigil("guard", "list", "--site", "mine")
    assert said.code == 2 and 'belongs to the site "theirs"' in said.err


def test_a_new_site_goes_on_with_the_ledger_of_its_name_only_with_a_yes(
    vigil: Vigil, first: Vigil, project: Path
) -> None:
    url = f"sqlite:///{project}/moved.sqlite"
    first("moved", "--ledger", url)
    assert vigil("connect", "--site", "moved").code == 0, "its own, of a site that is in this Prefect"
    before = of("moved")
    asked(lambda client: kept.forget(client, "site", "moved"))
    said = vigil("connect", "--site", "moved")
    assert said.code == 2 and f'{url} belongs already to a site "moved"' in said.err
    assert "--yes" in said.err and "the same Extended ECM" in said.err
    assert "moved" not in asked(kept.names)
    first("moved", "--ledger", url, "--yes")
    assert of("moved") == before and owner(url) == "moved"


def test_what_changes_for_other_sites_too_names_them_and_needs_a_yes(vigil: Vigil, first: Vigil) -> None:
    first("shared-a", "--smtp-host", "smtp.example.org", "--smtp-sender", "v@example.org")
    first("shared-b", "--zone", "Europe/Berlin")
    given = ("--site", "shared-b", "--ecm-block", "shared-a", "--smtp-block", "shared-a")
    said = vigil("connect", *given)
    assert said.code == 0 and "--ecm-block: shared-b → shared-a\n" in said.out, "no connection changes"
    before = of("shared-a")
    for site, other in (("shared-a", "shared-b"), ("shared-b", "shared-a")):
        said = vigil("connect", "--site", site, "--zone", "Asia/Tokyo", "--guard-hours", "48")
        assert said.code == 2 and f"  --zone: UTC → Asia/Tokyo (also of site {other})" in said.err
        assert "--guard-hours" not in said.err, "which is the site's own"
    said = vigil(
        "connect",
        "--site",
        "shared-c",
        "--ecm-block",
        "shared-a",
        "--fcm-block",
        "shared-a",
        "--zone",
        "Asia/Tokyo",
    )
    assert said.code == 2 and "UTC → Asia/Tokyo (also of sites shared-a, shared-b)" in said.err
    assert of("shared-a") == before
    assert vigil("connect", "--site", "shared-b", "--zone", "Asia/Tokyo", "--yes").code == 0
    assert of("shared-a") == before | {("ecm", "zone"): "Asia/Tokyo"}
    assert vigil("connect", "--site", "shared-a", "--smtp-host", "").code == 0, "which the other keeps"
    assert of("shared-b")["smtp", "host"] == "smtp.example.org"


def test_flows_and_commands_refuse_a_site_with_the_ledger_of_another(
    vigil: Vigil, first: Vigil, project: Path
) -> None:
    from flows.support.ask_guard import ask
    from flows.support.run_context import opened

    mine, _ = two(first, project, "mine-2", "theirs-2")
    edit("theirs-2", ledger="mine-2")

    async def run() -> None:
        async with opened("watch", "theirs-2", None, reads=False):
            pytest.fail("it ran")

    for refused in (run(), ask("theirs-2", None)):
        with pytest.raises(LedgerOfAnother, match=r'belongs to the site "mine-2".*not to "theirs-2"'):
            asyncio.run(refused)
    (project / "devices.csv").write_text("person,address,platform\nada,t-1,android\n")
    for words in (
        ("devices", "import", f"{project}/devices.csv"), ("devices", "topics", "add", "news", "ada"),
        ("devices", "topics", "sync"), ("why", "ada"), ("guard", "list"), ("guard", "approve", "1"), ("sweep",),
    ):  # fmt: skip
        said = vigil(*words, "--site", "theirs-2")
        assert said.code == 2 and 'belongs to the site "mine-2"' in said.err, words
    with Ledger.open(mine).read() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM device").scalar_one() == 0


@pytest.fixture
def no_site(prefect_url: str) -> Iterator[None]:
    """There is no site, and none that is called "default" afterwards."""

    def forget_one(name: str) -> Callable[[Any], Awaitable[Any]]:
        return lambda client: kept.forget(client, "site", name)

    def forget() -> None:
        for name in asked(kept.names):
            asked(forget_one(name))

    forget()
    yield
    forget()


def test_commands_mean_the_connected_site_and_name_its_ledger(
    vigil: Vigil, first: Vigil, project: Path, no_site: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = vigil("guard", "list")
    assert said.code == 2 and "no site is connected here" in said.err and "no demo was run" in said.err
    first("somewhere")
    said = vigil("guard", "list")
    assert said.code == 2 and 'there is no site "default" here, but ' in said.err
    assert "somewhere" in said.err and "name one with --site" in said.err
    first("default")
    line = f'Ledger of the site "default": sqlite:///{project}/var/sites/default/ledger.sqlite'
    (project / "devices.csv").write_text("person,address,platform\nada,t-1,android\n")
    said = vigil("devices", "import", f"{project}/devices.csv")
    assert said.out.splitlines() == [line, "1 device registered"]
    for words in (("why", "ada"), ("why", "4711"), ("guard", "list"), ("devices", "topics", "list")):
        assert vigil(*words).out.splitlines()[0] == line
    assert vigil("why", "ada", "--site", "nowhere").code == 2


def test_a_gateway_is_told_by_its_site_what_it_serves(vigil: Vigil, first: Vigil, project: Path) -> None:
    from vigil.cli.ledgers import choose

    first("served", "--smtp-host", "smtp.example.org", "--smtp-sender", "v@example.org",
          "--smtp-gateway", "https://vigil.example.org", "--smtp-link-secrets", SECRETS, "--zone", "Asia/Tokyo")  # fmt: skip
    source = choose("served", None, False)
    assert (source.project, source.link_base, source.link_secrets) == (
        "a-project",
        "https://vigil.example.org",
        SECRETS,
    )
    assert (source.rules, source.templates, source.zone) == (places.rules(), places.templates(), "Asia/Tokyo")
    assert SECRETS not in repr(source)


def test_blocks_that_are_not_as_they_must_be_are_named_with_what_to_do(vigil: Vigil, first: Vigil) -> None:
    first("broken")
    edit("broken", guard_hours=0)
    said = vigil("sweep", "--site", "broken")
    assert said.code == 2 and "the block vigil-site/broken is invalid" in said.err
    assert "--guard-hours" in said.err and "vigil connect --site broken" in said.err
    assert vigil("connect", "--site", "broken", "--guard-hours", "24").code == 0
    edit("broken", fcm="lost")
    said = vigil("sweep", "--site", "broken")
    assert said.code == 2 and "names the block firebase-project/lost, which does not exist" in said.err
