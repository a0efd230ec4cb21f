"""Where Vigil finds its project and where it writes, in a checkout. From the wheel: tests/packaging."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.shared import PROJECT
from vigil import places
from vigil.errors import BadRequest


def test_the_project_of_a_checkout_is_its_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(places.VARIABLE, raising=False)
    assert places.project() == PROJECT
    assert places.home() == PROJECT / "var"
    assert places.working_directory() == {"directory": str(PROJECT)}


def test_vigil_home_says_where_it_writes_and_may_not_be_the_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for said, home in ((str(tmp_path), tmp_path / "var"), ("here", tmp_path / "here" / "var"), ("", PROJECT / "var"),
                       (str(PROJECT / "vigil" / "project"), PROJECT / "var")):  # fmt: skip
        monkeypatch.setenv(places.VARIABLE, said)
        assert places.home() == home, said


def test_a_site_keeps_shipped_folders_by_name_and_others_by_their_whole_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "rules").mkdir()
    monkeypatch.chdir(tmp_path)
    assert places.kept(Path("rules")) == str(tmp_path / "rules")
    assert places.kept(PROJECT / "docs" / ".." / "rules") == "rules"
    assert places.kept(PROJECT / "templates") == "templates"
    assert places.kept(PROJECT / "tests" / "estates") == str(PROJECT / "tests" / "estates")
    for folder in (tmp_path / "rules", PROJECT / "rules", PROJECT / "templates"):
        assert places.found(places.kept(folder)) == folder


def test_a_folder_that_cannot_be_made_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BadRequest, match=r"file/var cannot be made .*VIGIL_HOME"):
        places.made(tmp_path / "file" / "var")
    assert places.made(tmp_path / "new" / "var").is_dir()
