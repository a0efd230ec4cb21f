"""The wheel and the source distribution, built once, and an environment with nothing but that wheel and the locked versions."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.shared import PROJECT

UV = Path(sys.executable).with_name("uv")


def uv(*arguments: str | Path) -> None:
    """Run uv, which must end well."""
    done = subprocess.run(
        [UV, "--quiet", *arguments], cwd=PROJECT, capture_output=True, text=True, timeout=240
    )
    assert done.returncode == 0, done.stderr


def built(source: Path, out: Path, *options: str) -> Path:
    """The wheel of a source tree or a source distribution."""
    uv("build", *options, "--out-dir", out, source)
    (wheel,) = out.glob("*.whl")
    return wheel


@dataclass(frozen=True)
class Built:
    """What `make wheel` gives: the wheel is built from the source distribution."""

    wheel: Path
    sdist: Path


@pytest.fixture(scope="session")
def distributions(tmp_path_factory: pytest.TempPathFactory) -> Built:
    out = tmp_path_factory.mktemp("dist")
    wheel = built(PROJECT, out)
    (sdist,) = out.glob("*.tar.gz")
    return Built(wheel, sdist)


@dataclass(frozen=True)
class Installed:
    """An environment with the wheel. Its commands run in an empty folder, for a user who never ran anything."""

    environment: Path
    folder: Path
    home: Path

    @property
    def site_packages(self) -> Path:
        (found,) = self.environment.glob("lib/python*/site-packages")
        return found

    @property
    def project(self) -> Path:
        return self.site_packages / "vigil" / "project"

    def variables(self, **more: str) -> dict[str, str]:
        """All that is in the environment of a command."""
        return {
            "HOME": str(self.home),
            "PATH": f"{self.environment / 'bin'}{os.pathsep}{os.defpath}",
            "LANG": "C.UTF-8",
            "DO_NOT_TRACK": "1",
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            **more,
        }

    def run(self, *command: str, code: int = 0, within: Path | None = None, **variables: str) -> str:
        """What a command prints on stdout. It must end with this code."""
        done = subprocess.run(
            command,
            cwd=within or self.folder,
            env=self.variables(**variables),
            capture_output=True,
            text=True,
            timeout=240,
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout

    def files(self) -> dict[str, tuple[int, int]]:
        """Size and time of every file of the environment. Python's own caches may grow."""
        found = (f for f in self.environment.rglob("*") if "__pycache__" not in f.parts and f.is_file())
        return {str(f): (f.stat().st_size, f.stat().st_mtime_ns) for f in found}


@pytest.fixture(scope="session")
def environment(distributions: Built, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("installed") / "environment"
    python = folder / "bin" / "python"
    uv("venv", "--python", sys.executable, folder)
    uv("pip", "install", "--python", python, "--require-hashes", "-r", PROJECT / "constraints.txt")
    uv("pip", "install", "--python", python, "--no-deps", distributions.wheel)
    return folder


@pytest.fixture
def installed(environment: Path, tmp_path: Path) -> Installed:
    for name in ("folder", "home"):
        (tmp_path / name).mkdir()
    return Installed(environment, tmp_path / "folder", tmp_path / "home")
