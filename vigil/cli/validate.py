"""`vigil validate`: checks rules like a compiler."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from rich.console import Console

from vigil.compliance.rules.loader import check, examine, frame
from vigil.delivery.rendering.render import Renderer
from vigil.errors import BadInput, Problem
from vigil.replay.estate_schema import schema_of
from vigil.rulefiles import read_files
from vigil.sandbox.estate.load import load
from vigil.service.snapshot import Snapshot, read_file
from vigil.wording import counted

UNCHECKED = "names of groups and users were not checked: the file of types has none; write a new one with `vigil types`"


def check_rules(
    rules: Path, templates: Path, names: Snapshot | None, *, as_json: bool, console: Console
) -> int:
    """Print every problem, or "no problems". Returns 0 without problems, 1 with them.

    Names of the kinds that `names` contains are checked against it.
    """
    files, renderer = read_files(rules), Renderer(templates, tolerant=True)
    schema, people = (None, None) if names is None else (names.types, names.people)
    # Templates with problems of their own cannot be compared with the rules.
    families = None if renderer.problems else renderer.families()
    found, wrong = check(examine(files, schema, families, people))
    problems = [*renderer.problems, *wrong]
    notes = [] if people is None or people.known else [UNCHECKED]
    if as_json:
        shown = {"rules": len(found), "problems": [asdict(p) for p in problems], "notes": notes}
        console.print_json(json.dumps(shown))
        return 1 if problems else 0
    for p in problems:
        _show(p, files.texts, console)
    for note in notes:
        console.print(note, style="yellow", highlight=False)
    tail = counted(len(problems), "problem") if problems else "no problems"
    console.print(
        f"{counted(len(files.texts), 'file')}, {counted(len(found), 'rule')}: {tail}",
        style="red" if problems else "green",
        highlight=False,
    )
    return 1 if problems else 0


def _show(problem: Problem, texts: Mapping[str, str], console: Console) -> None:
    text = texts.get(problem.file)
    shown = frame(problem, text) if text is not None else str(problem)
    console.print(shown, markup=False, highlight=False, soft_wrap=True)


def names_of_estate(folder: Path) -> Snapshot:
    """The names that rules of an estate may use. Raises BadInput for a malformed estate."""
    estate = load(folder)
    return Snapshot(schema_of(estate), frozenset(estate.groups), frozenset(estate.users))


def names_of_file(file: Path) -> Snapshot:
    """The names in a file of `vigil types`. Raises BadInput for another file."""
    found = read_file(file)
    if not found.types:
        raise BadInput(
            [Problem(str(file), 1, 1, "it contains no workspace type: write it with `vigil types`")]
        )
    return found
