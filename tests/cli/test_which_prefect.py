"""Commands speak to the Prefect that its own settings give, wherever those are; only without one to a private one, and say so."""

from __future__ import annotations

import socket
import subprocess
import time
from pathlib import Path

import pytest

from tests.cli.conftest import Vigil
from vigil.errors import BadRequest
from vigil.flow_runs import prefect_server
from vigil.flow_runs.prefect_address import address


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to stand in, and no Prefect in the environment."""
    for name in (
        "PREFECT_API_URL",
        "PREFECT_PROFILE",
        "PREFECT_PROFILES_PATH",
        "PREFECT_HOME",
        "VIGIL_LEDGER",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("VIGIL_HOME", str(tmp_path / "vigil"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "home" / ".prefect").mkdir(parents=True)
    return tmp_path


URL = "http://127.0.0.1:9/api"
PROFILE = f'active = "ours"\n[profiles.ours]\nPREFECT_API_URL = "{URL}"\n[profiles.other]\n'
SAID = {
    "home/.prefect/profiles.toml": PROFILE,
    "prefect.toml": f'[api]\nurl = "{URL}"\n',
    "pyproject.toml": f'[tool.prefect.api]\nurl = "{URL}"\n',
    ".env": f"PREFECT_API_URL={URL}\n",
}


@pytest.mark.parametrize("file", SAID)
def test_it_is_found_in_each_file_that_prefect_reads(folder: Path, file: str) -> None:
    (folder / file).write_text(SAID[file])
    assert address() == URL


def test_the_environment_comes_first_and_chooses_among_profiles(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "home/.prefect/profiles.toml").write_text(PROFILE)
    monkeypatch.setenv("PREFECT_PROFILE", "other")
    assert address() is None
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:8/api")
    assert address() == "http://127.0.0.1:8/api"


@pytest.mark.parametrize(
    "files",
    [{}, {"pyproject.toml": '[project]\nname = "with-prefect"\n', ".env": "PASSWORD=prefect\n"}],
    ids=["no file", "files of other programs"],
)
def test_where_no_file_can_say_it_prefect_is_not_imported(
    folder: Path, files: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, text in files.items():
        (folder / name).write_text(text)
    monkeypatch.setattr(
        "vigil.flow_runs.prefect_address.subprocess.run", lambda *_, **__: pytest.fail("Prefect was asked")
    )
    assert address() is None


def test_it_is_asked_once_as_long_as_the_files_stay_the_same(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def run(*arguments: object, **_: object) -> subprocess.CompletedProcess[str]:
        asked.append(arguments)
        return subprocess.CompletedProcess([], 0, f"{URL}\n", "")

    monkeypatch.setattr("vigil.flow_runs.prefect_address.subprocess.run", run)
    (folder / "prefect.toml").write_text(SAID["prefect.toml"])
    assert (address(), address(), len(asked)) == (URL, URL, 1)


def test_settings_that_prefect_cannot_read_are_refused(folder: Path) -> None:
    (folder / "prefect.toml").write_text("[api\n")
    with pytest.raises(BadRequest, match="Prefect cannot read its settings"):
        address()


def test_a_command_looks_for_the_server_of_a_profile_and_takes_no_other(
    vigil: Vigil, folder: Path, nobody: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "home/.prefect/profiles.toml").write_text(PROFILE.replace(URL, nobody))
    for words in (("sweep",), ("guard", "list")):
        assert vigil(*words) == 3
        said = capsys.readouterr().err
        assert f"no Prefect server answers at {nobody}" in said and "private" not in said
    assert not (folder / "vigil").exists()


@pytest.mark.parametrize("words", [("sweep",), ("devices", "list"), ("why", "ws:1")], ids=" ".join)
def test_a_server_that_takes_connections_and_never_answers_is_given_up_soon(
    vigil: Vigil, words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert prefect_server.LOOK <= 6, "with the start of a command that makes ten seconds"
    monkeypatch.setattr(prefect_server, "LOOK", 0.5)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(16)
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/api"
        monkeypatch.setenv("PREFECT_API_URL", url)
        begun = time.monotonic()
        assert vigil(*words) == 3
    assert time.monotonic() - begun < 5
    assert f"no Prefect server answers at {url}" in capsys.readouterr().err.replace("\n", " ")
