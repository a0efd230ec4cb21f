"""A site's ledger of a newer Vigil is refused by every flow, and every command that starts one, with what to do; none writes to it."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.flows.conftest import Said
from tests.shared import PROJECT
from tests.support.newer import BY_SITE, DO, REFUSED, RUNS_AN_ESTATE, contents, made, sentences
from vigil.replay.estate import SITE, Replay, save_site
from vigil.sandbox.estate.load import load
from vigil.sandbox.generate.generator import Generated, generate
from vigil.sandbox.process import SandboxProcess

FLOWS = sorted(d["entrypoint"] for d in yaml.safe_load((PROJECT / "prefect.yaml").read_text())["deployments"])
ARGUMENTS: dict[str, dict[str, Any]] = {
    "backfill": {"after": datetime(2026, 3, 1, tzinfo=UTC), "upto": datetime(2026, 3, 2, tzinfo=UTC)},
    "guard": {"hold": 1, "answer": "drop"},
}


@pytest.fixture(scope="module")
def estate(tmp_path_factory: pytest.TempPathFactory) -> Generated:
    return generate(tmp_path_factory.mktemp("newer") / "estate")


@pytest.fixture(scope="module")
def sandbox(estate: Generated) -> Iterator[SandboxProcess]:
    with SandboxProcess(estate.folder, start=estate.start) as running:
        yield running


@pytest.fixture
def newer(tmp_path: Path, prefect_url: str, estate: Generated, sandbox: SandboxProcess) -> Path:
    """The file of a ledger that a newer Vigil made; it is the site's."""
    file = made(tmp_path / "ledger.sqlite")
    folders, times = (estate.folder, PROJECT / "rules", PROJECT / "templates"), (estate.start, estate.end)
    what = Replay(*folders, *times, estate.end - estate.start, f"sqlite:///{file}")
    asyncio.run(save_site(what, load(estate.folder), sandbox))
    return file


@pytest.mark.parametrize("name", BY_SITE)
def test_every_command_says_what_to_do_and_writes_nothing(
    name: str, newer: Path, vigil: Callable[..., Said]
) -> None:
    before = contents(newer)
    arguments = [f"sqlite:///{newer}" if a == "LEDGER" else a for a in BY_SITE[name]]
    said = vigil(*name.split(), *arguments, "--site", SITE)
    words = sentences(said.out + said.err)
    assert said.code == (1 if name == "doctor" else 3), words
    assert "schema 9999" in words and DO in words, words
    assert contents(newer) == before


def test_run_estate_says_what_to_do_and_writes_nothing(
    newer: Path, estate: Generated, tmp_path: Path, vigil: Callable[..., Said]
) -> None:
    before, days = contents(newer), ("--from", "2026-03-02T00:00Z", "--to", "2026-03-03T00:00Z")
    places = (
        "--rules",
        str(PROJECT / "rules"),
        "--out",
        str(tmp_path / "out"),
        "--ledger",
        f"sqlite:///{newer}",
    )
    said = vigil(RUNS_AN_ESTATE, str(estate.folder), *days, *places)
    words = sentences(said.out + said.err)
    assert (said.code, REFUSED in words, DO in words) == (3, True, True), words
    assert contents(newer) == before and not (tmp_path / "out").exists()


@pytest.mark.parametrize("entrypoint", FLOWS)
def test_every_flow_fails_with_what_to_do_and_writes_nothing(entrypoint: str, newer: Path) -> None:
    before = contents(newer)
    file, _, name = entrypoint.partition(":")
    flow = getattr(importlib.import_module(file.removesuffix(".py").replace("/", ".")), name)
    state = asyncio.run(flow(site=SITE, **ARGUMENTS.get(flow.name, {}), return_state=True))
    assert state.is_failed() and REFUSED in state.message and DO in state.message, state.message
    assert contents(newer) == before
