"""`vigil record` writes into an empty folder, or adds to a recording that this machine began."""

from __future__ import annotations

from pathlib import Path

import pytest

from vigil.cli.record import Wanted, record_site
from vigil.errors import BadRequest
from vigil.terminal import console


def wanted(folder: Path, append: bool) -> Wanted:
    return Wanted(folder, "default", None, append, 3)


def test_a_folder_with_something_in_it_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(BadRequest, match="is not empty: name another folder"):
        record_site(wanted(tmp_path, append=False), console)
    with pytest.raises(BadRequest, match="holds no recording"):
        record_site(wanted(tmp_path, append=True), console)
    assert [file.name for file in tmp_path.iterdir()] == ["notes.txt"]
