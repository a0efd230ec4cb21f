"""A run that was recorded, and is played to an empty ledger, finds the same by id; nothing of the estate's words is in the folder."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from copy import copy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from tests.support.plain_runs import watched
from tests.support.run_bench import (
    GROUPS,
    RULES,
    TYPES,
    USERS,
    WORKSPACES,
    Failure,
    RunBench,
)
from vigil.compliance.rules.loader import load_text
from vigil.compliance.rules.yaml_nodes import parse
from vigil.ledger import Ledger
from vigil.ledger.outbox import queue
from vigil.recording.exchanges import observed
from vigil.recording.folder import Recorder, Recording
from vigil.recording.rules import SiteRules
from vigil.recording.scrub import Scrubber
from vigil.recording.words import Words
from vigil.sandbox.dialects import DIALECTS
from vigil.sandbox.estate.model import Estate
from vigil.sandbox.quirks import EcmFaults
from vigil.sandbox.recorded import RecordedEcm
from vigil.service import accounting

HOURS = (0.0, 1.0, 2.0)
Told = tuple[Counter[tuple[Any, ...]], list[tuple[str, tuple[int, ...]]]]

QUIRKS: Mapping[str, Mapping[str, Any]] = {
    **{name: {"dialect": name} for name in DIALECTS},
    "naive, groups hold people alone": {"quirks": {"mixed_dates": False, "groups_nest": False}},
    "without modules": {"quirks": {"modules_absent": ["missingdocuments", "doctypes", "followups"]}},
    "unreadable, and tickets that end": {
        "quirks": {"unreadable": [1002], "ticket_expires": 7, "ticket_rotates": 3}
    },
    "fails once": {"quirks": {"try_again_500": 0.3}},
}


@pytest.fixture(scope="module")
def words() -> Words:
    return Words(b"a key of this test")


def runs(bench: RunBench, ledger: Ledger, quirks: Mapping[str, Any]) -> Told:
    """What watches find that follow each other: the notices by what is not replaced, and the gaps."""
    gaps: list[tuple[str, tuple[int, ...]]] = []
    for hours in HOURS:
        faults = EcmFaults()
        faults.configure(quirks)
        run, client = bench.run("watch", ledger, hours, Failure(), faults)
        bench.alone(lambda run=run, client=client: watched(run, client))  # type: ignore[misc]
        accounting.account(run)
        gaps += [(gap.path, gap.workspaces) for gap in run.counters.gaps]
    with ledger.read() as connection:
        rows = Counter((r["rule"], r["workspace"], r["step"], r["state"]) for r in queue.rows(connection))
    return rows, sorted(gaps)


@dataclass(frozen=True)
class Recorded:
    """Runs on a server with some quirks: the folder of their recording, and what they found."""

    folder: Path
    told: Told


@pytest.fixture(scope="module")
def recordings(
    bench: RunBench, words: Words, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Recorded]:
    """A recording with each of the quirks."""
    found = {}
    for name, quirks in QUIRKS.items():
        folder = tmp_path_factory.mktemp("recorded")
        with observed(Recorder(folder, Scrubber(words)).keep):
            found[name] = Recorded(folder, runs(bench, bench.scratch.fresh(), quirks))
    return found


def played(bench: RunBench, folder: Path, words: Words) -> tuple[RunBench, RecordedEcm]:
    """The bench with the recording in place of its estate, and rules that have the recording's words."""
    server, there = RecordedEcm(Recording(folder), lambda said: None), copy(bench)
    rules = SiteRules(words, {})
    there.server = server
    there.rules = load_text({"rules.yaml": rules.rewritten(RULES)})
    there.site = replace(bench.site, expiry=rules.attribute(bench.site.expiry))
    return there, server


@pytest.mark.parametrize("quirks", QUIRKS)
def test_a_played_run_finds_the_same(
    bench: RunBench, recordings: dict[str, Recorded], words: Words, quirks: str
) -> None:
    was = recordings[quirks].told
    there, server = played(bench, recordings[quirks].folder, words)
    now = runs(there, bench.scratch.fresh(), {})
    assert not server.unknown
    assert now == was
    assert was[0].total() > 5, "the runs find something"


OWN = {"case", "offer", "open", "owner", "permit", "status", "steward", "supplier"}
"""Words of the estate that are also keys of Extended ECM's answers, or are in the names of rules."""


def originals(estate: Estate) -> set[str]:
    """Every name, login, address and text of the bench's estate that is more than a number or a date."""

    def texts(value: Any) -> Iterable[str]:
        if isinstance(value, Mapping):
            return [t for k, v in value.items() if k != "kind" for t in texts(v)]
        if isinstance(value, list | tuple):
            return [t for v in value for t in texts(v)]
        return [value] if isinstance(value, str) else []

    names = [name for workspace in WORKSPACES for key in workspace["attrs"] for name in key.split(".")]
    found = {*texts(USERS), *texts(WORKSPACES), *texts(TYPES), *texts([*GROUPS.items()]), *names}
    found |= {*texts([e.data for e in estate.events])}
    return {t.lower() for t in found if not re.fullmatch(r"[\d:TZ+.-]+", t)}


def values(value: Any) -> Iterable[str]:
    """The texts in a JSON value, without keys."""
    if isinstance(value, dict):
        return [text for below in value.values() for text in values(below)]
    if isinstance(value, list):
        return [text for below in value for text in values(below)]
    return [value] if isinstance(value, str) else []


def rule_values(text: str) -> Iterable[str]:
    """The texts of rules, without their names."""
    documents, _ = parse("", text)
    return [t for node in documents for t in values({k: v for k, v in node.value.items() if k != "rule"})]


def test_nothing_of_the_estates_words_is_in_the_folder(
    bench: RunBench, recordings: dict[str, Recorded], words: Words
) -> None:
    answers = [f.read_text().lower() for one in recordings.values() for f in one.folder.rglob("*.json")]
    rules = SiteRules(words, {}).rewritten(RULES).lower()
    written = "\n".join([*answers, rules])
    assert len(written) > 100_000, "answers are found"
    found = {text for text in originals(bench.estate) if re.search(rf"\b{re.escape(text)}\b", written)}
    assert found <= OWN
    told = {*(text for answer in answers for text in values(json.loads(answer)))}
    told |= set(rule_values(rules))
    assert told.intersection(originals(bench.estate)) <= {""}
    assert "ecm.example" not in written
    assert "otcsticket" not in written
