"""Rules and templates as they lie on this machine, against the schema that Extended ECM has now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from vigil.compliance.facts import WorkspaceType
from vigil.compliance.loader import check_text
from vigil.compliance.rules import RuleSet
from vigil.delivery.render import Renderer
from vigil.errors import BadInput, Problem
from vigil.rulefiles import read_sources
from vigil.service.doctor.health import Check, fail, ok, skip

RULES, TEMPLATES, SCHEMA = "rules", "templates", "rules against ECM"
_SHOWN = 3


def templates(folder: Path) -> tuple[Check, Mapping[str, set[str]] | None]:
    """Whether the template set compiles; and its families with the fields they use."""
    if not folder.is_dir():
        return fail(TEMPLATES, f"there is no folder {folder}", _SAY_WHERE), None
    try:
        renderer = Renderer(folder)
    except BadInput as refused:
        return fail(TEMPLATES, _first(refused.problems), f"correct the templates in {folder}"), None
    families = renderer.families()
    languages = ", ".join(renderer.languages)
    return ok(TEMPLATES, f"{len(families)} families; languages: {languages}"), families


def rules(folder: Path, families: Mapping[str, set[str]] | None) -> tuple[Check, RuleSet | None]:
    """Whether the rules can be loaded, with the templates that they name; and the rules."""
    found, problems = _checked(folder, None, families)
    if problems:
        return fail(RULES, _first(problems), f"`vigil validate {folder}` shows every one with its line"), None
    return ok(RULES, f"{len(found)} rules in {folder}"), found


def against(folder: Path, schema: Sequence[WorkspaceType], families: Mapping[str, set[str]] | None) -> Check:
    """Whether every name in the rules is one that Extended ECM has."""
    if not schema:
        return skip(SCHEMA, "the schema could not be read")
    found, problems = _checked(folder, schema, families)
    if problems:
        do = "correct the rule, or let the service user see what it names: what may not be read looks absent"
        return fail(SCHEMA, _first(problems), do)
    return ok(SCHEMA, f"every name in {len(found)} rules is one of {len(schema)} workspace types")


_SAY_WHERE = "say where it lies in the Vigil site block, absolute or below the project's folder"


def _checked(
    folder: Path, schema: Sequence[WorkspaceType] | None, families: Mapping[str, set[str]] | None
) -> tuple[RuleSet, Sequence[Problem]]:
    try:
        sources, days_off = read_sources(folder)
        return check_text(sources, schema, families, days_off)
    except BadInput as refused:
        return RuleSet(), refused.problems


def _first(problems: Sequence[Problem]) -> str:
    more = f" (and {len(problems) - _SHOWN} more)" if len(problems) > _SHOWN else ""
    return "; ".join(str(p) for p in problems[:_SHOWN]) + more
