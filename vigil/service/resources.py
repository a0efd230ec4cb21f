"""Resources that each process opens once for all of its runs: the ledger, the rules and the templates.

An invalid rule file or template does not stop the others: docs/decisions/0015.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

from vigil.compliance.channels import TextFormat, channel
from vigil.compliance.evaluation.evaluate import active
from vigil.compliance.rules.in_force import InForce, in_force
from vigil.compliance.rules.loader import Draft, Examined, Files, check, examine, families_of
from vigil.compliance.rules.model import Rule
from vigil.compliance.rules.vocabulary import nearest
from vigil.compliance.rules.yaml_nodes import Node
from vigil.delivery.rendering.render import Renderer
from vigil.errors import BadInput, Problem
from vigil.ledger import Ledger, ownership
from vigil.ledger.observed import rule_state, rule_versions
from vigil.rulefiles import read_files

Signature = tuple[tuple[str, int, int, int], ...]


@lru_cache(maxsize=8)
def ledger_at(url: str) -> Ledger:
    """The ledger at `url`, migrated the first time that this process opens it."""
    return Ledger.open(url)


def ledger_of_site(site: str, url: str) -> Ledger:
    """The ledger at `url`, which then belongs to this site. Raises LedgerOfAnother if it belongs to another."""
    ledger = ledger_at(url)
    with ledger.read() as connection:
        ownership.refuse_another(connection, site)
        if ownership.owner(connection) is not None:
            return ledger
    with ledger.write() as connection:
        ownership.claim(connection, site, datetime.now(UTC))
    return ledger


def rules_of(folder: Path, ledger: Ledger) -> InForce:
    """The rules in force: those in `folder` now, and for refused ones the texts in the ledger.

    Raises BadInput with all problems if no rule is left; and for a ledger with evaluated rules but without stored texts, as before its
    schema 7: refused rules could be lost unnoticed.
    """
    found = examined(folder)
    rules, problems = check(found)
    if not problems:
        return InForce(rules, drafts=tuple(found.drafts))
    with ledger.read() as connection:
        known = rule_versions.in_force(connection)
        unseen = bool(rule_state.evaluated_rules(connection)) and not rule_versions.kept(connection)
    current = in_force(found, known)
    if unseen or not current.rules.rules:
        raise BadInput(problems)
    return current


def examined(folder: Path) -> Examined:
    """The rules in `folder` now, with their problems; parsed again only after a file in it changed.

    Files have names relative to the folder, `rules/renewal.yaml`, because each worker may have the folder in another place.
    """
    return _rules(folder, _signature(folder))


def renderer_of(folder: Path, text_format: TextFormat = TextFormat.PLAIN) -> Renderer:
    """The templates in `folder` in a format, with their problems; compiled again only after a file in it changed."""
    return _renderer(folder, text_format, _signature(folder))


def renderers_of(folder: Path, channels: Iterable[str]) -> dict[TextFormat, Renderer]:
    """A renderer of `folder` for each format that a site with these channels needs. Plain text is always among them."""
    formats = {TextFormat.PLAIN, *(channel(name).text_format for name in channels)}
    return {text_format: renderer_of(folder, text_format) for text_format in sorted(formats)}


def unworded(folder: Path, current: InForce, renderer: Renderer) -> tuple[Problem, ...]:
    """The problems of templates and of the families that rules name: other templates render their notices."""
    problems = [replace(p, file=_short(p.file, folder)) for p in renderer.problems]
    families = renderer.families()
    drafts = {draft.name: draft for draft in current.drafts}
    for rule in sorted(active(current.rules), key=lambda rule: rule.name):
        draft = drafts.get(rule.name)
        for family, at in _first_places(rule, draft).items():
            if family not in families and not (folder / family).is_dir():
                problems.append(_no_family(rule, family, draft, at, nearest(family, families)))
    return tuple(problems)


def _first_places(rule: Rule, draft: Draft | None) -> dict[str, Node | None]:
    """The families that a rule names, each with the first place in its file; None for a rule in force with its last text."""
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
    """Data that changes when a file does, including its permissions: a file may become readable."""
    for file in files:
        try:
            found = os.stat(file)
        except OSError:
            yield file, 0, 0, 0  # just deleted, or a dangling link: reading it reports that
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
    """A file's name relative to the folder."""
    return file.removeprefix(f"{(folder.parent if folder.is_file() else folder).parent}{os.sep}")


@lru_cache(maxsize=8)
def _renderer(folder: Path, text_format: TextFormat, signature: Signature) -> Renderer:
    return Renderer(folder, text_format, tolerant=True)
