"""The wheel has everything that Vigil runs, in one package; the source distribution and the image's files give the same one."""

from __future__ import annotations

import re
import shutil
import subprocess
import tarfile
import zipfile
from pathlib import Path

import pytest

from tests.packaging.conftest import Built, built
from tests.shared import PROJECT
from vigil import places

FOLDERS = ("flows", "blocks", "rules", "templates", "automations", "deploy", "prefect.yaml")


def tracked() -> list[str]:
    """The files of the repository, new ones included."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=True).stdout
    return [name for name in listed.splitlines() if (PROJECT / name).is_file()]


def content(wheel: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_it_has_every_file_of_the_project_as_it_is_here_and_no_other(distributions: Built) -> None:
    wanted = {name: name for name in tracked() if name.startswith("vigil/")}
    wanted |= {f"vigil/project/{name}": name for name in tracked() if name.split("/")[0] in FOLDERS}
    tools = [inside for inside in wanted if re.fullmatch(r"vigil/project/deploy/\w+\.py", inside)]
    assert {wanted.pop(tool) for tool in tools} == {
        "deploy/build_hook.py",
        "deploy/build_requirements.py",
        "deploy/new_migration.py",
        "deploy/templates.py",
    }

    found = {n: data for n, data in content(distributions.wheel).items() if ".dist-info/" not in n}
    assert set(found) == set(wanted)
    assert [n for n, source in wanted.items() if found[n] != (PROJECT / source).read_bytes()] == []


@pytest.mark.parametrize(
    "kind",
    ["vigil/py.typed", "vigil/ledger/migrations/*.mako", "vigil/ledger/migrations/versions/0*.py",
     "vigil/project/rules/*.timeline.yaml", "vigil/project/rules/rule.schema.json", "vigil/project/templates/locale/*.po",
     "vigil/project/templates/*/title.j2", "vigil/project/automations/*.yaml", "vigil/project/deploy/*.json",
     "vigil/project/flows/watch.py", "vigil/project/blocks/site.py", "vigil/project/prefect.yaml"],
)  # fmt: skip
def test_no_kind_of_file_is_left_out(distributions: Built, kind: str) -> None:
    assert any(Path(name).match(kind) for name in content(distributions.wheel))


def test_it_says_its_license_and_holds_the_text(distributions: Built) -> None:
    inside = content(distributions.wheel)
    [metadata] = [data.decode() for name, data in inside.items() if name.endswith(".dist-info/METADATA")]
    assert "\nLicense-Expression: Apache-2.0\nLicense-File: LICENSE\n" in metadata
    [text] = [data for name, data in inside.items() if name.endswith(".dist-info/licenses/LICENSE")]
    assert text == (PROJECT / "LICENSE").read_bytes()


def test_the_source_distribution_has_what_builds_it_and_no_tests(
    distributions: Built, tmp_path: Path
) -> None:
    with tarfile.open(distributions.sdist) as archive:
        inside = {name.split("/")[1] for name in archive.getnames()}
    assert {
        "pyproject.toml",
        "README.md",
        "CHANGELOG.md",
        "LICENSE",
        "SECURITY.md",
        "constraints.txt",
        "docs",
    } <= inside
    assert not {"tests", "benchmarks", ".ci"} & inside
    # `distributions` built the wheel from it: the repository itself gives the same.
    assert built(PROJECT, tmp_path, "--wheel").read_bytes() == distributions.wheel.read_bytes()


def test_what_the_image_copies_builds_the_same_wheel(distributions: Built, tmp_path: Path) -> None:
    """Of the files that .dockerignore lets through, what the Dockerfile's first stage copies."""
    let_through = {
        line[1:] for line in (PROJECT / ".dockerignore").read_text().splitlines() if line.startswith("!")
    }
    recipe = (PROJECT / "deploy" / "Dockerfile").read_text()
    copied = [line.split()[1:-1] for line in re.findall(r"^COPY (?!--from).*$", recipe, re.MULTILINE)]
    names = {name for some in copied for name in some}
    assert names == let_through
    source = tmp_path / "source"
    source.mkdir()
    for name in names - {"constraints.txt", "constraints-build.txt"}:
        if (PROJECT / name).is_dir():
            shutil.copytree(PROJECT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(PROJECT / name, source)
    wheel = content(built(source, tmp_path / "out", "--wheel"))
    assert wheel == content(distributions.wheel)


def test_a_checkout_is_its_own_project() -> None:
    assert places.project() == PROJECT
