"""Which ledger a command reads or writes, where no site says it: the rule is one for all commands, and the ledger is named first."""

from __future__ import annotations

import http.server
import json
import sqlite3
import threading
from pathlib import Path

import pytest

from tests.cli.conftest import Vigil
from vigil.cli.ledgers import any_site, choose
from vigil.ledger import Ledger, ownership
from vigil.service.run import utc_now

Said = pytest.CaptureFixture[str]

DEVICES = "person,address,platform\nada,t-1,android\n"
COMMANDS = {
    "devices import": ("devices", "import", "FILE"),
    "devices list": ("devices", "list"),
    "topics list": ("devices", "topics", "list"),
    "topics add": ("devices", "topics", "add", "news", "ada"),
    "topics remove": ("devices", "topics", "remove", "news", "ada"),
    "why a person": ("why", "ada"),
    "why a workspace": ("why", "4711"),
    "guard list": ("guard", "list"),
}
EVERY = pytest.mark.parametrize("words", COMMANDS.values(), ids=COMMANDS)
WRITES = pytest.mark.parametrize("words", [COMMANDS["devices import"]], ids=["devices import"])


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project of its own, in which nobody has connected anything and no demo was run."""
    for name in ("PREFECT_API_URL", "VIGIL_LEDGER"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("VIGIL_HOME", str(tmp_path))
    (tmp_path / "devices.csv").write_text(DEVICES)
    return tmp_path


@pytest.fixture
def demo(project: Path) -> str:
    """The ledger of a demo that was run here."""
    (project / "var" / "demo").mkdir(parents=True)
    url = f"sqlite:///{project}/var/demo/ledger.sqlite"
    Ledger.open(url).close()
    return url


@pytest.fixture
def other(project: Path) -> str:
    """A ledger of the site "elsewhere"."""
    url = f"sqlite:///{project}/other.sqlite"
    ledger = Ledger.open(url)
    with ledger.write() as connection:
        ownership.claim(connection, "elsewhere", utc_now())
    ledger.close()
    return url


def run(vigil: Vigil, project: Path, words: tuple[str, ...], *more: str) -> int:
    return vigil(*(w.replace("FILE", str(project / "devices.csv")) for w in words), *more)


def devices_in(url: str) -> int:
    with Ledger.open(url).read() as connection:
        return int(connection.exec_driver_sql("SELECT count(*) FROM device").scalar_one())


@EVERY
def test_where_there_is_no_site_it_is_the_demos_and_the_first_line_says_so(
    vigil: Vigil, project: Path, demo: str, capsys: Said, words: tuple[str, ...]
) -> None:
    assert run(vigil, project, words) in (0, 1)
    assert capsys.readouterr().out.splitlines()[0] == f"Ledger of the demo, since there is no site: {demo}"


@WRITES
def test_the_demos_is_there_to_be_asked_for(
    vigil: Vigil,
    project: Path,
    demo: str,
    capsys: Said,
    words: tuple[str, ...],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")
    assert run(vigil, project, words, "--demo") in (0, 1)
    assert capsys.readouterr().out.splitlines()[0] == f"Ledger of the demo: {demo}"


@EVERY
def test_an_address_is_taken_and_the_ledger_says_whose_it_is(
    vigil: Vigil, project: Path, demo: str, other: str, capsys: Said, words: tuple[str, ...]
) -> None:
    assert run(vigil, project, words, "--ledger", other) in (0, 1)
    assert capsys.readouterr().out.splitlines()[0] == f'Ledger of the site "elsewhere": {other}'
    assert devices_in(demo) == 0


@WRITES
def test_an_address_may_stand_in_the_environment(
    vigil: Vigil,
    project: Path,
    other: str,
    capsys: Said,
    words: tuple[str, ...],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("VIGIL_LEDGER", other)
    assert run(vigil, project, words) in (0, 1)
    assert capsys.readouterr().out.splitlines()[0] == f"Ledger of VIGIL_LEDGER: {other}"


@WRITES
def test_without_site_and_demo_nothing_is_done_and_the_ways_out_are_said(
    vigil: Vigil, project: Path, capsys: Said, words: tuple[str, ...]
) -> None:
    assert run(vigil, project, words) == 2
    said = capsys.readouterr().err
    assert "there is no ledger" in said and "vigil connect" in said and "--ledger" in said
    assert not (project / "var").exists()


def test_a_file_may_be_named_as_a_uri(vigil: Vigil, project: Path, demo: str) -> None:
    file = demo.removeprefix("sqlite:///")
    assert vigil("guard", "list", "--ledger", f"sqlite:///file:{file}?mode=rw&uri=true") == 0
    assert not Path("file:").exists()


MAKES = ("devices import", "topics add")


@pytest.mark.parametrize("words", [w for name, w in COMMANDS.items() if name not in MAKES])
@pytest.mark.parametrize("there", ["no file", "an empty file"])
def test_where_there_is_no_ledger_a_command_that_reads_makes_none(
    vigil: Vigil, project: Path, capsys: Said, words: tuple[str, ...], there: str
) -> None:
    file = project / "mistyped" / "ledger.sqlite"
    if there == "an empty file":
        file.parent.mkdir()
        file.touch()
    assert run(vigil, project, words, "--ledger", f"sqlite:///{file}") == 2
    said = capsys.readouterr()
    empty = there == "an empty file"
    said_of_it = (
        f"the file of the ledger is empty: {file}" if empty else f"there is no ledger at sqlite:///{file}"
    )
    assert said_of_it in said.err and not said.out
    assert file.stat().st_size == 0 if file.exists() else not file.parent.exists()


@pytest.mark.parametrize("words", [COMMANDS[name] for name in MAKES], ids=MAKES)
def test_where_there_is_no_ledger_a_command_that_writes_makes_one_and_says_so(
    vigil: Vigil, project: Path, capsys: Said, words: tuple[str, ...]
) -> None:
    url = f"sqlite:///{project}/new/ledger.sqlite"
    for made in (", made now", ""):
        assert run(vigil, project, words, "--ledger", url) == 0
        assert capsys.readouterr().out.splitlines()[0] == f"Ledger of no site yet{made}: {url}"


@WRITES
@pytest.mark.parametrize(
    "two", [("--site", "a", "--demo"), ("--ledger", "sqlite://", "--demo"), ("--site", "a", "--ledger", "x")]
)
def test_two_of_them_are_refused(
    vigil: Vigil, project: Path, demo: str, capsys: Said, words: tuple[str, ...], two: tuple[str, ...]
) -> None:  # fmt: skip
    assert run(vigil, project, words, *two) == 2
    assert "--site, --ledger and --demo each name a ledger: give one of them" in capsys.readouterr().err


@WRITES
def test_a_site_that_is_named_is_not_replaced_by_the_environment_or_the_demo(
    vigil: Vigil, project: Path, demo: str, other: str, capsys: Said, words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    monkeypatch.setenv("VIGIL_LEDGER", other)
    assert run(vigil, project, words, "--site", "main") == 2
    said = capsys.readouterr().err
    assert 'there is no site "main"' in said and "no Prefect is configured" in said
    assert devices_in(demo) == devices_in(other) == 0


@EVERY
def test_a_prefect_that_does_not_answer_is_an_error_and_never_the_demo(
    vigil: Vigil, project: Path, demo: str, nobody: str, capsys: Said, words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    monkeypatch.setenv("PREFECT_API_URL", nobody)
    assert run(vigil, project, words) == 3
    said = capsys.readouterr().err
    assert f"no Prefect server answers at {nobody}" in said and "name the ledger with --ledger" in said
    assert devices_in(demo) == 0


def test_what_answers_and_is_no_prefect_is_an_error_too(
    vigil: Vigil, demo: str, capsys: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Other(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_error(404)

        def log_message(self, *_: object) -> None: ...

    with http.server.HTTPServer(("127.0.0.1", 0), Other) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/api"
        from prefect.settings import PREFECT_API_URL, temporary_settings

        monkeypatch.setenv("PREFECT_API_URL", url)
        with temporary_settings({PREFECT_API_URL: url}):
            assert vigil("guard", "list") == 3
        server.shutdown()
    said = capsys.readouterr().err
    assert f"the Prefect at {url}" in said and "does not answer" in said and "--ledger" in said


@pytest.mark.parametrize(
    "words", [("why", "ada", "--json"), ("devices", "list", "--json"), ("devices", "list", "--csv", "-")]
)
def test_where_a_machine_reads_the_output_the_ledger_is_named_on_stderr(
    vigil: Vigil, project: Path, other: str, capsys: Said, words: tuple[str, ...]
) -> None:
    assert run(vigil, project, words, "--ledger", other) in (0, 1)
    said = capsys.readouterr()
    assert said.err.splitlines()[0] == f'Ledger of the site "elsewhere": {other}'
    assert "Ledger" not in said.out and ("--json" not in words or json.loads(said.out) is not None)


def test_the_zone_of_a_demo_is_that_of_its_estate(project: Path, demo: str) -> None:
    assert choose(None, None, True).zone == "UTC"
    (project / "var" / "demo" / "estate").mkdir()
    (project / "var" / "demo" / "estate" / "meta.json").write_text('{"zone": "Europe/Berlin"}')
    assert choose(None, None, True).zone == "Europe/Berlin"


def test_a_gateway_that_no_site_tells_its_project_asks_for_it(vigil: Vigil, demo: str, capsys: Said) -> None:
    assert vigil("gateway", "--demo") == 2
    assert "--project" in capsys.readouterr().err


def test_a_gateway_asks_devices_only_with_a_service_account(vigil: Vigil, demo: str, capsys: Said) -> None:
    assert vigil("gateway", "--demo", "--project", "x", "--ask-devices") == 2
    assert "service account" in capsys.readouterr().err


def database(home: Path, *statements: str) -> Path:
    home.mkdir()
    with sqlite3.connect(home / "prefect.db") as connection:
        for statement in statements:
            connection.execute(statement)
    connection.close()
    return home


TABLES = ("CREATE TABLE block_type (id, slug)", "CREATE TABLE block_document (block_type_id)")
SITE = ("INSERT INTO block_type VALUES (1, 'vigil-site')", "INSERT INTO block_document VALUES (1)")


def test_whether_our_own_prefect_may_have_a_site_is_seen_without_starting_it(tmp_path: Path) -> None:
    assert not any_site(tmp_path / "none")
    assert not any_site(database(tmp_path / "empty", *TABLES))
    assert any_site(database(tmp_path / "one", *TABLES, *SITE))
    assert any_site(database(tmp_path / "unlike any that is known"))
