"""What is opened once a process and used by each of its runs: the ledger, the rules and the templates.

A rule file or a template that is wrong does not stop the others: docs/decisions/0015.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

from vigil.compliance.channels import TextFormat, channel
from vigil.compliance.evaluate import active
from vigil.compliance.in_force import InForce, in_force
from vigil.compliance.loader import Draft, Examined, Files, check, examine, families_of
from vigil.compliance.positions import Node
from vigil.compliance.rules import Rule
from vigil.compliance.vocabulary import nearest
from vigil.delivery.render import Renderer
from vigil.errors import BadInput, Problem
from vigil.ledger import Ledger, evaluations, ownership, revisions
from vigil.rulefiles import read_files

Signature = tuple[tuple[str, int, int, int], ...]


@lru_cache(maxsize=8)
def ledger_at(url: str) -> Ledger:
    """The ledger at `url`, migrated the first time that this process opens it."""
    return Ledger.open(url)


def ledger_of_site(site: str, url: str) -> Ledger:
    """The ledger at `url`, which from now on is this site's. Raises LedgerOfAnother when it is another's."""
    ledger = ledger_at(url)
    with ledger.read() as connection:
        ownership.refuse_another(connection, site)
        if ownership.owner(connection) is not None:
            return ledger
    with ledger.write() as connection:
        ownership.claim(connection, site, datetime.now(UTC))
    return ledger


def rules_of(folder: Path, ledger: Ledger) -> InForce:
    """The rules in force: those in `folder` as they are now, in place of refused ones what the ledger has of them.

    Raises BadInput with everything that is wrong when none is left; and for a ledger in which rules were evaluated and no text
    was kept, as before its schema 7: what is refused there could be lost unseen.
    """
    found = examined(folder)
    rules, problems = check(found)
    if not problems:
        return InForce(rules, drafts=tuple(found.drafts))
    with ledger.read() as connection:
        known = revisions.in_force(connection)
        unseen = bool(evaluations.rule_states(connection)) and not revisions.kept(connection)
    standing = in_force(found, known)
    if unseen or not standing.rules.rules:
        raise BadInput(problems)
    return standing


def examined(folder: Path) -> Examined:
    """The rules in `folder` as they are now, with what is wrong with them; parsed again only when a file in it changed.

    Files go by their names from the folder on, `rules/renewal.yaml`: each worker may have it elsewhere.
    """
    return _rules(folder, _signature(folder))


def renderer_of(folder: Path, text_format: TextFormat = TextFormat.PLAIN) -> Renderer:
    """The templates in `folder` in a format, with what is wrong beside them; compiled again only when a file in it changed."""
    return _renderer(folder, text_format, _signature(folder))


def renderers_of(folder: Path, channels: Iterable[str]) -> dict[TextFormat, Renderer]:
    """A renderer of `folder` for each format that a site with these channels needs. Plain text is always among them."""
    formats = {TextFormat.PLAIN, *(channel(name).text_format for name in channels)}
    return {text_format: renderer_of(folder, text_format) for text_format in sorted(formats)}


def unworded(folder: Path, standing: InForce, renderer: Renderer) -> tuple[Problem, ...]:
    """What is wrong with the templates, and with the families that rules name: their notices are worded by others."""
    problems = [replace(p, file=_short(p.file, folder)) for p in renderer.problems]
    families = renderer.families()
    drafts = {draft.name: draft for draft in standing.drafts}
    for rule in sorted(active(standing.rules), key=lambda rule: rule.name):
        draft = drafts.get(rule.name)
        for family, at in _first_places(rule, draft).items():
            if family not in families and not (folder / family).is_dir():
                problems.append(_no_family(rule, family, draft, at, nearest(family, families)))
    return tuple(problems)


def _first_places(rule: Rule, draft: Draft | None) -> dict[str, Node | None]:
    """The families that a rule names, each with the first place in its file; None for one that goes on by its last text."""
    if draft is None:
        return dict.fromkeys([rule.family, *(step.template for step in rule.steps if step.template)])
    places: dict[str, Node | None] = {}
    for at, family in families_of(draft.node, rule):
        places.setdefault(family, at)
    return places


def _no_family(rule: Rule, family: str, draft: Draft | None, at: Node | None, hint: str) -> Problem:
    said = f'there is no template family "{family}"'
    if draft is None or at is None:
        return Problem(f"the last good text of rule {rule.name}", 0, 0, said, "template", hint)
    return at.problem(draft.file, f"rule {rule.name}: {said}", "template", hint)


def _signature(folder: Path) -> Signature:
    return tuple(sorted(_stamps([str(folder)] if folder.is_file() else _below(folder))))


def _below(folder: Path) -> Iterator[str]:
    for place, below, names in os.walk(folder):
        yield from (os.path.join(place, name) for name in (*below, *names))


def _stamps(files: Iterator[str] | list[str]) -> Iterator[tuple[str, int, int, int]]:
    """What changes when a file does, its rights included: who may not read it today may tomorrow."""
    for file in files:
        try:
            found = os.stat(file)
        except OSError:
            yield file, 0, 0, 0  # gone this very moment, or a link to nothing: whoever reads it says so
        else:
            yield file, found.st_mtime_ns, found.st_ctime_ns, found.st_size


@lru_cache(maxsize=8)
def _rules(folder: Path, signature: Signature) -> Examined:
    found = read_files(folder)
    return examine(
        Files(
            {_short(file, folder): text for file, text in found.texts.items()},
            found.days_off,
            {name: _shortly(some, folder) for name, some in found.calendars.items()},
            _shortly(found.problems, folder),
        )
    )


def _shortly(problems: Sequence[Problem], folder: Path) -> list[Problem]:
    return [replace(problem, file=_short(problem.file, folder)) for problem in problems]


def _short(file: str, folder: Path) -> str:
    """A file by its name from the folder on that it was looked for in."""
    return file.removeprefix(f"{(folder.parent if folder.is_file() else folder).parent}{os.sep}")


@lru_cache(maxsize=8)
def _renderer(folder: Path, text_format: TextFormat, signature: Signature) -> Renderer:
    return Renderer(folder, text_format, tolerant=True)
