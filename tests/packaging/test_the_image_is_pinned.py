"""What the image is built from is named by digest and hash, and a build that is not refuses itself."""

from __future__ import annotations

import re
import subprocess
import tomllib

import pytest

from tests.shared import PROJECT

RECIPE = (PROJECT / "deploy" / "Dockerfile").read_text()
DIGEST = "sha256:" + "0123456789abcdef" * 4


@pytest.mark.parametrize(
    ("base", "taken"),
    [
        (f"python:3.11-slim@{DIGEST}", True),
        (f"registry.example.org:5000/python@{DIGEST}", True),
        ("python:3.11-slim", False),
        ("", False),
        ("python@sha256:0123", False),
        (f"python@{DIGEST}x", False),
        (f"python@{DIGEST.upper()}", False),
    ],
)
def test_a_base_without_a_digest_is_refused_by_the_build(base: str, taken: bool) -> None:
    [check] = re.findall(r"^RUN (echo \"\$\{BASE\}\".*)$", RECIPE, re.MULTILINE)
    ran = subprocess.run(
        ["sh", "-c", check], env={"BASE": base, "PATH": "/usr/bin:/bin"}, capture_output=True, text=True
    )
    assert (ran.returncode == 0) is taken
    assert taken or "BASE names no digest" in ran.stderr


def test_every_stage_is_of_that_base_and_no_default_stands_in_for_it() -> None:
    assert set(re.findall(r"^FROM (\S+)", RECIPE, re.MULTILINE)) == {"${BASE}"}
    assert re.findall(r"^ARG BASE(.*)$", RECIPE, re.MULTILINE) == ["", ""]


def test_all_that_pip_installs_from_an_index_has_a_hash() -> None:
    commands = re.findall(r"^RUN (pip (?:install|wheel) .*)$", RECIPE, re.MULTILINE)
    assert len(commands) == 4
    for command in commands:
        assert "--require-hashes" in command or "--no-deps" in command
    assert "--no-build-isolation" in next(c for c in commands if c.startswith("pip wheel"))


@pytest.mark.parametrize("file", ["constraints.txt", "constraints-build.txt"])
def test_each_pin_has_its_hashes_and_no_host(file: str) -> None:
    text = (PROJECT / file).read_text()
    pins = re.findall(r"^[\w.\[\]-]+==\S+.*(?:\n    --hash=sha256:[0-9a-f]{64}.*)+", text, re.MULTILINE)
    assert len(pins) == len(re.findall(r"^\w", text, re.MULTILINE)) > 0
    assert "://" not in text


def test_what_builds_the_wheel_is_pinned_as_pyproject_wants_it() -> None:
    wanted = tomllib.loads((PROJECT / "pyproject.toml").read_text())["build-system"]["requires"]
    pinned = (PROJECT / "constraints-build.txt").read_text()
    assert all(re.search(rf"^{re.escape(requirement)} ", pinned, re.MULTILINE) for requirement in wanted)
