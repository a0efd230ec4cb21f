"""Checks of the rules and templates on this machine, and of the rules against the current schema of Extended ECM."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from vigil.compliance.facts import WorkspaceType
from vigil.compliance.rules.in_force import Revision, in_force
from vigil.compliance.rules.loader import examine
from vigil.compliance.rules.model import RuleSet
from vigil.compliance.rules.vocabulary import People
from vigil.delivery.rendering.render import Renderer
from vigil.errors import Problem
from vigil.service import refused_rules
from vigil.service.doctor.health import Check, fail, ok, skip
from vigil.service.resources import examined
from vigil.wording import counted

RULES, TEMPLATES, SCHEMA = "rules", "templates", "rules against ECM"
_SHOWN = 3


def templates(folder: Path) -> tuple[Check, Mapping[str, set[str]] | None]:
    """A check that the templates compile, and their families with the fields they use."""
    if not folder.is_dir():
        return fail(TEMPLATES, f"there is no folder {folder}", _SAY_WHERE), None
    renderer = Renderer(folder, tolerant=True)
    if renderer.problems:
        do = f"correct the templates in {folder}; until then {refused_rules.STAND_IN}"
        return fail(TEMPLATES, _first(renderer.problems), do), None
    families = renderer.families()
    languages = ", ".join(renderer.languages)
    return ok(TEMPLATES, f"{counted(len(families), 'family', 'families')}; languages: {languages}"), families


def rules(
    folder: Path, families: Mapping[str, set[str]] | None, known: Sequence[Revision] = ()
) -> tuple[Check, RuleSet | None]:
    """A check that the rules load with the templates that they name, and the rules that a run would evaluate.

    `known` are the last texts in force, from the ledger: a refused rule stays in force with its own.
    """
    found = examined(folder)
    current, do = in_force(found, known), f"`vigil validate {folder}` shows every one with its line"
    if current.refused:
        return fail(
            RULES, refused_rules.of_rules(current.refused, "UTC"), do
        ), current.rules if current.rules.rules else None
    problems = list(examine(found.files, templates=families).problems())
    if problems:
        return fail(RULES, _first(problems), do), current.rules
    return ok(RULES, f"{counted(len(current.rules), 'rule')} in {folder}"), current.rules


def against(
    folder: Path,
    schema: Sequence[WorkspaceType],
    families: Mapping[str, set[str]] | None,
    people: People | None = None,
) -> Check:
    """A check that every name in the otherwise valid rules exists in Extended ECM.

    `people` is None if groups and users could not be read.
    """
    if not schema:
        return skip(SCHEMA, "the schema could not be read")
    found = examined(folder)
    named = examine(found.files, schema, families, people)
    pairs = zip(found.drafts, named.drafts, strict=True)
    problems = [problem for alone, draft in pairs if not alone.problems for problem in draft.problems]
    if problems:
        do = "correct the rule, or give the service user the right to see what it names: unreadable items seem to be missing"
        return fail(SCHEMA, _first(problems), do)
    unread = "; groups and users could not be read" if people is None else ""
    return ok(
        SCHEMA,
        f"every name in {counted(len(found.drafts), 'rule')} is one of {counted(len(schema), 'workspace type')}{unread}",
    )


_SAY_WHERE = "correct the folder in the Vigil site block: absolute, or below the project's folder"


def _first(problems: Sequence[Problem]) -> str:
    more = f" (and {len(problems) - _SHOWN} more)" if len(problems) > _SHOWN else ""
    return "; ".join(str(p) for p in problems[:_SHOWN]) + more
