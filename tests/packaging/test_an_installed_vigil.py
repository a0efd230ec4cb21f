"""Vigil from its wheel, in an environment of its own, for a user who stands in an empty folder: all of it works, and the environment
stays as it was installed.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from tests.packaging.conftest import Installed
from tests.support.processes import end
from vigil.flow_runs.prefect_server import serving
from vigil.ledger import Ledger
from vigil.ledger.outbox import queue
from vigil.sandbox.generate.generator import generate
from vigil.sandbox.process import SandboxProcess
from vigil.service.run import utc_now


@pytest.fixture(autouse=True)
def unchanged(installed: Installed) -> Iterator[None]:
    """Nothing is ever written into the environment."""
    before = installed.files()
    yield
    assert installed.files() == before


def data(installed: Installed) -> Path:
    return installed.home / ".local" / "share" / "vigil"


def made(folder: Path) -> list[str]:
    return sorted(str(f.relative_to(folder)) for f in folder.iterdir())


def test_it_says_its_version_and_its_project_and_has_one_package(installed: Installed) -> None:
    assert installed.run("vigil", "--version") == f"vigil {version('vigil')}\n"
    assert installed.run("vigil", "project") == f"{installed.project}\n"
    ours = {"vigil", "flows", "blocks", "rules", "templates", "automations", "deploy", "tests", "docs"}
    assert {f.name for f in installed.site_packages.iterdir()} & ours == {"vigil"}
    code = "import vigil.places; vigil.places.add_to_path(); import flows, blocks; print(flows.__file__, blocks.__file__)"
    said = installed.run("python", "-c", code).split()
    assert said == [str(installed.project / name / "__init__.py") for name in ("flows", "blocks")]


def test_its_rules_are_valid_and_pass_their_timelines(installed: Installed) -> None:
    assert "no problems" in installed.run("vigil", "validate")
    assert "passed" in installed.run("vigil", "test")
    assert not made(installed.folder) and not made(installed.home), "looking at rules writes nothing"


def test_what_a_site_edits_is_copied_out_and_never_over_something(installed: Installed) -> None:
    mine = installed.folder / "mine"
    said = installed.run("vigil", "project", "--copy", "mine")
    assert made(mine) == ["automations", "prefect.yaml", "rules", "templates"]
    assert f"vigil connect --rules {mine}/rules --templates {mine}/templates" in said
    rule = mine / "rules" / "6-due-dates.yaml"
    rule.write_text(rule.read_text() + "# edited\n")
    assert "no problems" in installed.run("vigil", "validate", "mine/rules", "--templates", "mine/templates")
    installed.run("vigil", "project", "--copy", "mine", code=2)
    assert rule.read_text().endswith("# edited\n")


def test_a_question_to_no_ledger_makes_none(installed: Installed) -> None:
    for words in (
        ("why", "ada"),
        ("guard", "list"),
        ("guard", "list", "--ledger", "sqlite:///mistyped.sqlite"),
    ):
        installed.run("vigil", *words, code=2)
    assert not made(installed.folder) and not made(installed.home)


@pytest.mark.parametrize("variables", [{}, {"VIGIL_HOME": "elsewhere"}, {"VIGIL_HOME": "PROJECT"}])
def test_ledgers_are_made_in_the_users_data_folder_or_where_vigil_home_says(
    installed: Installed, variables: dict[str, str]
) -> None:
    said: dict[str, Any] = {
        name: value.replace("PROJECT", str(installed.project)) for name, value in variables.items()
    }
    where = installed.folder / "elsewhere" / "var" if "elsewhere" in said.values() else data(installed)
    code = "from vigil import places; print(places.home(), places.demo(), places.prefect())"
    found = installed.run("python", "-c", code, **said).split()
    assert found == [str(where), str(where / "demo"), str(where / "prefect")]


@pytest.mark.slow
def test_the_demo_runs_and_says_where_its_ledger_is(installed: Installed) -> None:
    said = installed.run("vigil", "demo")
    ledger = data(installed) / "demo" / "ledger.sqlite"
    assert f"Ledger: {ledger}" in said and "Found and neither sent nor" in said
    assert installed.run("vigil", "why", "ada.berg").startswith("Ledger of the demo, since there is no site")
    assert not made(installed.folder)


@pytest.fixture
def server(installed: Installed, tmp_path: Path) -> Iterator[None]:
    """A Prefect server, which the user's profile names. It runs in our own environment: its pages are Prefect's to write."""
    (tmp_path / "prefect").mkdir()
    settings = {"PREFECT_HOME": str(tmp_path / "prefect"), "PREFECT_SERVER_UI_ENABLED": "false"}
    with serving(installed.variables(**settings), tmp_path / "server.log") as url:
        profile = installed.home / ".prefect" / "profiles.toml"
        profile.parent.mkdir()
        profile.write_text(f'active = "ours"\n[profiles.ours]\nPREFECT_API_URL = "{url}"\n')
        yield


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[SandboxProcess]:
    """The demo's estate, as it stands now: a schedule may start a run beside the one by hand."""
    estate = generate(tmp_path / "estate")
    with SandboxProcess(estate.folder, start=utc_now()) as process:
        yield process


@pytest.mark.soak
def test_a_site_is_connected_deployed_and_watched_by_a_worker(
    installed: Installed, server: None, sandbox: SandboxProcess
) -> None:
    ledger = f"sqlite:///{data(installed)}/sites/default/ledger.sqlite"
    said = installed.run(
        "vigil", "connect", "--ecm-url", sandbox.ecm_url, "--ecm-user", "vigil", "--zone", "Europe/Berlin",
        "--firebase-account", sandbox.service_account, "--fcm-url", sandbox.fcm_url, VIGIL_ECM_PASSWORD="vigil",
    )  # fmt: skip
    assert f'Saved as "default". Its ledger: {ledger}' in said
    installed.run("prefect", "work-pool", "create", "vigil", "--type", "process")
    installed.run("prefect", "--no-prompt", "deploy", "--all", within=installed.project)
    worker = subprocess.Popen(
        ["prefect", "worker", "start", "--pool", "vigil"],
        executable=installed.environment / "bin" / "prefect",
        cwd=installed.folder,
        env=installed.variables(PREFECT_WORKER_QUERY_SECONDS="1"),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        installed.run("prefect", "deployment", "run", "watch/watch", "--watch", "--watch-timeout", "120")
    finally:
        end(worker)
    with Ledger.open(ledger).read() as connection:
        rows = queue.rows(connection)
    assert rows and {r["state"] for r in rows} == {"no_device"}, "nobody registered a device"
    assert installed.run("vigil", "guard", "list").startswith(f'Ledger of the site "default": {ledger}')
    assert not made(installed.folder)
