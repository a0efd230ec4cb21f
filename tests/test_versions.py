"""The bounds of pyproject.toml and the constraints files say the same: docs/decisions/0017-prefect-versions.md."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import requires

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version
from ruamel.yaml import YAML

from tests.shared import PROJECT

PIN = re.compile(r"^([A-Za-z0-9._-]+)==([^ ;\\]+)", re.MULTILINE)


def pins(name: str) -> dict[str, Version]:
    text = (PROJECT / name).read_text()
    return {canonicalize_name(found): Version(version) for found, version in PIN.findall(text)}


def ours() -> dict[str, Requirement]:
    content = tomllib.loads((PROJECT / "pyproject.toml").read_text())
    wanted = [Requirement(text) for text in content["project"]["dependencies"]]
    return {canonicalize_name(r.name): r for r in wanted}


def bound(requirement: Requirement, *operators: str) -> Version | None:
    return next((Version(s.version) for s in requirement.specifier if s.operator in operators), None)


PREFECTS = {canonicalize_name(Requirement(text).name) for text in requires("prefect") or []}
SHARED = sorted({"prefect", "redis"} | (PREFECTS & set(ours())))
WHOLE = ("constraints.txt", "constraints-dev.txt", "constraints-oldest.txt")
"""The locks of environments in which Vigil runs; the others have the tools that build and audit it."""
NEWEST, OLDEST = pins("constraints.txt"), pins("constraints-oldest.txt")


def test_what_prefect_stands_on_has_bounded_versions() -> None:
    needed = {
        "sqlalchemy",
        "aiosqlite",
        "alembic",
        "asyncpg",
        "fastapi",
        "starlette",
        "uvicorn",
        "websockets",
        "anyio",
    }
    needed |= {"httpx", "pydantic", "pydantic-core", "pydantic-settings", "pydocket", "cachetools"}
    assert needed <= set(SHARED)


@pytest.mark.parametrize("name", SHARED)
def test_what_prefect_and_vigil_share_has_both_bounds_and_both_are_locked(name: str) -> None:
    requirement = ours()[name]
    lowest, above = bound(requirement, ">=", "=="), bound(requirement, "<", "==")
    assert lowest is not None and above is not None, f"{name} needs a lower and an upper bound"
    assert OLDEST[name] == lowest
    assert NEWEST[name] in requirement.specifier
    nearly = Version(f"{NEWEST[name].major}.{NEWEST[name].minor + 1}"), Version(f"{NEWEST[name].major + 1}")
    assert above in (*nearly, NEWEST[name]), f"{name}<{above} allows what nobody has tried"


def test_prefect_yaml_names_the_prefect_that_is_locked() -> None:
    content = YAML(typ="safe").load(PROJECT / "prefect.yaml")
    assert content["prefect-version"] == str(NEWEST["prefect"])


@pytest.mark.parametrize("name", WHOLE)
def test_no_lock_has_what_slows_each_import_of_prefect(name: str) -> None:
    """jsonschema, which Prefect imports, parses a grammar where this is installed: more than all else of Prefect takes."""
    assert "jsonschema" in pins(name)
    assert "rfc3987-syntax" not in pins(name), "its user belongs into a group with an environment of its own"


@pytest.mark.parametrize("name", sorted(file.name for file in PROJECT.glob("constraints*.txt")))
def test_no_lock_names_a_host_and_each_pin_has_its_hashes(name: str) -> None:
    text = (PROJECT / name).read_text()
    assert "://" not in text
    blocks = re.split(r"^(?=[A-Za-z])", text, flags=re.MULTILINE)[1:]
    assert len(blocks) > (100 if name in WHOLE else 5) and all("--hash=sha256:" in block for block in blocks)
