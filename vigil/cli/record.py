"""`vigil record`: reads a site once with everything that Extended ECM answers written down, and sends nothing."""

from __future__ import annotations

import asyncio
import secrets
import tempfile
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from vigil import places, stopping
from vigil.cli.runs import prefect_for_commands
from vigil.compliance.rules.loader import check
from vigil.errors import BadRequest
from vigil.flow_runs.outcomes import outcome
from vigil.recording.exchanges import observed
from vigil.recording.folder import MANIFEST, RULES, Manifest, Recorder
from vigil.recording.rules import SiteRules
from vigil.recording.scrub import Scrubber
from vigil.recording.words import Words
from vigil.rulefiles import read_files
from vigil.service.resources import examined
from vigil.service.run import utc_now
from vigil.version import package
from vigil.wording import counted

if TYPE_CHECKING:
    from blocks.site import Connected

STOPPED = "what was recorded so far stays in the folder; --append adds another reading to it"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to record. `ledger` None: a temporary one, so that everything is read. `starts`: see `Words`."""

    folder: Path
    site: str
    ledger: str | None
    append: bool
    starts: int


def record_site(wanted: Wanted, console: Console) -> int:
    """Record the doctor's checks of Extended ECM and a dry sweep. 1 if something could not be read, 0 otherwise.

    Raises BadRequest for a folder that is not empty, or one to which nothing can be added.
    """
    before = _manifest(wanted)
    with tempfile.TemporaryDirectory(prefix="vigil-record-") as scratch:
        ledger = wanted.ledger or f"sqlite:///{scratch}/ledger.sqlite"
        with stopping.going_on(STOPPED), prefect_for_commands():
            from flows.support.sites import block_of, on_ledger

            block = asyncio.run(block_of(wanted.site))
            key = before.key if before else secrets.token_hex(8)
            words = Words(_key(key, made=before is None), wanted.starts)
            rules = SiteRules(words, read_files(block.site().rules).days_off)
            recorder = Recorder(wanted.folder, Scrubber(words, block.site().sensitive))
            manifest = before or _new_manifest(key, block, rules)
            at = utc_now().replace(microsecond=0)
            try:
                with observed(recorder.keep), on_ledger(ledger):
                    missing = _read(wanted.site, block, at)
            finally:
                recorder.finish()
                _write_rules(wanted.folder, block, rules)
                manifest.recorded.append(at.isoformat())
                manifest.write(wanted.folder)
    _say(console, wanted.folder, recorder, rules, missing)
    return 1 if missing else 0


def _manifest(wanted: Wanted) -> Manifest | None:
    """The manifest of the recording to which something is added; None for a new one, in an empty folder that is made."""
    folder = places.made(wanted.folder)
    if wanted.append and any(folder.iterdir()):
        return Manifest.read(folder)
    if any(folder.iterdir()):
        raise BadRequest(
            f"{folder} is not empty: name another folder, or add to the recording in it with --append"
        )
    return None


def _key(name: str, made: bool) -> bytes:
    """The key of a recording's words, from Vigil's own folder. Raises BadRequest for one that is not on this machine."""
    file = places.made(places.recordings()) / f"{name}.key"
    if made:
        file.touch(mode=0o600)
        file.write_bytes(secrets.token_bytes(32))
    if not file.is_file():
        raise BadRequest(
            f"{file} is not there: a recording is added to on the machine that began it, so that the same names get the same "
            "replacements. Record into a new folder"
        )
    return file.read_bytes()


def _new_manifest(key: str, block: Connected, rules: SiteRules) -> Manifest:
    site = block.site()
    return Manifest(
        key=key,
        vigil=package()["version"],
        zone=site.zone,
        expiry=rules.attribute(site.expiry),
        sensitive=sorted(map(rules.attribute, site.sensitive)),
    )


def _read(site: str, block: Connected, at: datetime) -> str:
    """The doctor's checks and a dry sweep; what could not be read, empty if nothing."""
    from flows.sweep import SweepScope, sweep
    from vigil.service.doctor.ecm import examine, people

    rules, _ = check(examined(block.site().rules))

    async def look() -> None:
        async with block.ecm.client() as client:
            await examine(client, rules, utc_now)
            await people(client, rules)

    stopping.run(look())
    _, missing = stopping.run(outcome(sweep(site=site, scope=SweepScope(), as_of=at)))
    return missing


def _write_rules(folder: Path, block: Connected, rules: SiteRules) -> None:
    """Write the site's rule files, numbered: a name of a file may be one of the site's."""
    below = places.made(folder / RULES)
    rules.unkept.clear()
    for n, text in enumerate(read_files(block.site().rules).texts.values(), start=1):
        (below / f"{n}.yaml").write_text(rules.rewritten(text), encoding="utf-8")


def _say(console: Console, folder: Path, recorder: Recorder, rules: SiteRules, missing: str) -> None:
    answers = counted(recorder.kept, "answer")
    lines = [f"{answers} to {counted(recorder.requests, 'new request')} in {folder}; nothing was sent"]
    if missing:
        lines.append(missing)
    if rules.unkept:
        lines.append(
            f"these rules compare parts of texts, which a recording does not keep: {', '.join(rules.unkept)}"
        )
    lines.append(f"Numbers, dates, names of rules and keys are as they were: look at {folder / MANIFEST} and a few answers before "
                 f"you send it. To play it: vigil sandbox --recorded {folder}")  # fmt: skip
    for line in lines:
        console.print(line, markup=False, highlight=False, soft_wrap=True)
