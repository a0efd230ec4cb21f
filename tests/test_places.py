"""Where Vigil finds its project and where it writes, in a checkout. From the wheel: tests/packaging."""

from __future__ import annotations

from pathlib import Path

import pytest

from vigil import places
from vigil.errors import BadRequest

ROOT = Path(__file__).resolve().parents[1]


def test_the_project_of_a_checkout_is_its_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(places.VARIABLE, raising=False)
    assert places.project() == ROOT
    assert places.home() == ROOT / "var"
    assert places.working_directory() == {"directory": str(ROOT)}


def test_vigil_home_says_where_it_writes_and_may_not_be_the_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for said, home in ((str(tmp_path), tmp_path / "var"), ("here", tmp_path / "here" / "var"), ("", ROOT / "var"),
                       (str(ROOT / "vigil" / "project"), ROOT / "var")):  # fmt: skip
        monkeypatch.setenv(places.VARIABLE, said)
        assert places.home() == home, said


def test_a_site_keeps_shipped_folders_by_name_and_others_by_their_whole_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "rules").mkdir()
    monkeypatch.chdir(tmp_path)
    assert places.kept(Path("rules")) == str(tmp_path / "rules")
    assert places.kept(ROOT / "docs" / ".." / "rules") == "rules"
    assert places.kept(ROOT / "templates") == "templates"
    assert places.kept(ROOT / "tests" / "estates") == str(ROOT / "tests" / "estates")
    for folder in (tmp_path / "rules", ROOT / "rules", ROOT / "templates"):
        assert places.found(places.kept(folder)) == folder


def test_a_folder_that_cannot_be_made_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BadRequest, match=r"file/var cannot be made .*VIGIL_HOME"):
        places.made(tmp_path / "file" / "var")
    assert places.made(tmp_path / "new" / "var").is_dir()
