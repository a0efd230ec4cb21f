"""`vigil validate`: rules checked as a compiler would."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from rich.console import Console

from vigil.compliance.facts import Attribute, RequiredDocument, WorkspaceType
from vigil.compliance.loader import check_text, frame
from vigil.delivery.render import Renderer
from vigil.errors import BadInput, Problem
from vigil.rulefiles import read_sources
from vigil.sandbox.estate import Estate, load
from vigil.service import snapshot


def validate(
    rules: Path,
    templates: Path,
    schema: Sequence[WorkspaceType] | None,
    *,
    as_json: bool,
    console: Console,
) -> int:
    """Print every problem, or that there is none. Names are checked against `schema`. 0 without problems, 1 with them."""
    texts: dict[str, str] = {}
    try:
        texts, days_off = read_sources(rules)
        found, problems = check_text(texts, schema, Renderer(templates).families(), days_off)
        count = len(found)
    except BadInput as refused:
        problems, count = list(refused.problems), 0
    if as_json:
        console.print_json(json.dumps({"rules": count, "problems": [asdict(p) for p in problems]}))
        return 1 if problems else 0
    for p in problems:
        _show(p, texts, console)
    tail = f"{len(problems)} problems" if problems else "no problems"
    console.print(
        f"{len(texts)} files, {count} rules: {tail}", style="red" if problems else "green", highlight=False
    )
    return 1 if problems else 0


def _show(problem: Problem, texts: dict[str, str], console: Console) -> None:
    text = texts.get(problem.file)
    shown = frame(problem, text) if text is not None else str(problem)
    console.print(shown, markup=False, highlight=False, soft_wrap=True)


def types_of_estate(folder: Path) -> tuple[WorkspaceType, ...]:
    """The workspace types of an estate. Raises BadInput for one that is malformed."""
    return schema_of(load(folder))


def types_of_file(file: Path) -> tuple[WorkspaceType, ...]:
    """The workspace types that `vigil types` wrote. Raises BadInput for another file."""
    try:
        found = snapshot.read(json.loads(file.read_text(encoding="utf-8")))
    except (ValueError, KeyError, TypeError, AttributeError) as wrong:
        problem = Problem(
            str(file), 1, 1, f"no snapshot of workspace types ({wrong!r}): write it with `vigil types`"
        )
        raise BadInput([problem]) from None
    if not found:
        raise BadInput([Problem(str(file), 1, 1, "no workspace type in it: write it with `vigil types`")])
    return found


def schema_of(estate: Estate) -> tuple[WorkspaceType, ...]:
    """The workspace types of an estate as rules are checked against them."""
    return tuple(
        WorkspaceType(
            name=t.name,
            attributes=tuple(
                Attribute(c.name, a.name, a.kind, a.values and tuple(str(v) for v in a.values), a.multiple)
                for c in t.categories
                for a in c.attributes
            ),
            roles=t.roles,
            documents=tuple(RequiredDocument(t.name, d.type, True, d.valid_months) for d in t.required),
        )
        for t in estate.types.values()
    )
