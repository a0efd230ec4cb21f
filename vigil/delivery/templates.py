"""A folder of template families: what it must hold, and the Jinja environment that reads it for one language.

A family is a folder with `title.j2` and `body.j2`. `shared/` holds the macros, `locale/` the phrases.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import fields
from enum import StrEnum
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, TemplateSyntaxError, nodes
from markupsafe import Markup, escape

from vigil.compliance.notices import Notice
from vigil.delivery.language import Language
from vigil.delivery.plain import neutral, short
from vigil.errors import BadInput, Problem

PARTS = ("title", "body")
FIELDS = tuple(field.name for field in fields(Notice))
"""What a template may name."""

_HELPERS = frozenset({"gettext", "ngettext", "_", "loop", "range", "dict", "namespace"})
_NO_FAMILY = frozenset({"shared", "locale"})


class Channel(StrEnum):
    """Where the words will be shown."""

    PUSH = "push"  # plain text: nothing escaped, control and reordering characters removed
    HTML = "html"  # the same, then escaped


def environment(folder: Path, channel: Channel, language: Language) -> Environment:
    """The environment of one language. Every value that a template writes passes `_written` first."""
    made = Environment(
        loader=FileSystemLoader(folder),
        undefined=StrictUndefined,
        autoescape=channel is Channel.HTML,
        extensions=["jinja2.ext.i18n"],
        finalize=_written(language),
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        cache_size=-1,
    )
    made.policies["ext.i18n.trimmed"] = True
    made.newstyle_gettext = True  # type: ignore[attr-defined]  # set by the extension
    made.globals |= _phrases(language, channel)
    made.filters |= {
        "day": language.day,
        "moment": language.moment,
        "from_now": language.from_now,
        "days_from": language.days_from,
        "value": language.value,
        "phrase": language.phrase,
        "short": _short,
    }
    return made


def _written(language: Language) -> Callable[[Any], Any]:
    """How a value reaches the text: as people write it, on one line, with nothing that reorders the rest."""

    def finalize(value: Any) -> Any:
        if type(value) is str:
            return value if value.isprintable() else neutral(value)
        if isinstance(value, Markup | StrictUndefined):
            return value  # markup was written by a macro, piece by piece; an undefined must still fail
        if isinstance(value, str):  # an enum
            return neutral(str(value))
        return language.value(value)

    return finalize


def _short(text: str, limit: int) -> str:
    """`short`, which on markup must not count or cut an entity."""
    return escape(short(text.unescape(), limit)) if isinstance(text, Markup) else short(text, limit)


def _phrases(language: Language, channel: Channel) -> dict[str, Callable[..., str]]:
    """`gettext` and `ngettext` as Jinja's newstyle calls them: the phrase, then the values by name."""
    written = _written(language)
    mark = Markup if channel is Channel.HTML else str

    def gettext(message: str, /, **values: Any) -> str:
        text = mark(language.phrases.gettext(message))
        return text % {name: written(value) for name, value in values.items()}

    def ngettext(one: str, many: str, count: int, /, **values: Any) -> str:
        text = mark(language.phrases.ngettext(one, many, count))
        return text % {name: written(value) for name, value in ({"num": count} | values).items()}

    return {"gettext": gettext, "_": gettext, "ngettext": ngettext}


def check(folder: Path) -> dict[str, set[str]]:
    """Each family with the fields of Notice it uses. Raises BadInput with everything that is wrong."""
    problems: list[Problem] = []
    families: dict[str, set[str]] = {}
    reader = environment(folder, Channel.PUSH, Language.english())
    for place in sorted(p for p in folder.iterdir() if p.is_dir() and p.name not in _NO_FAMILY):
        used: set[str] = set()
        for part in PARTS:
            path = place / f"{part}.j2"
            if path.is_file():
                used |= _used(reader, folder, path, problems)
            else:
                problems.append(
                    Problem(str(path), 1, 1, f"the family {place.name} has no {part}: add this file")
                )
        families[place.name] = used
    for path in sorted((folder / "shared").glob("*.j2")):
        _used(reader, folder, path, problems)
    if not families and not problems:
        problems.append(
            Problem(str(folder), 1, 1, "no template family here: add a folder with title.j2 and body.j2")
        )
    if problems:
        raise BadInput(problems)
    return families


def _used(reader: Environment, folder: Path, path: Path, problems: list[Problem]) -> set[str]:
    """The fields that a template names. What is neither a field nor set in the template becomes a problem."""
    try:
        tree = reader.parse(path.read_text("utf-8"), filename=str(path))
        reader.compile(tree, filename=str(path))
    except TemplateSyntaxError as error:
        problems.append(Problem(str(path), error.lineno, 1, f"not a template: {error.message}"))
        return set()
    own = set(_own_names(tree))
    names = {(name.name, name.lineno) for name in tree.find_all(nodes.Name) if name.ctx == "load"}
    for name, line in sorted(names, key=lambda found: found[1]):
        if name not in own and name not in FIELDS and name not in _HELPERS:
            problems.append(
                Problem(
                    str(path),
                    line,
                    1,
                    f'"{name}" is no field of a notice; there are {", ".join(FIELDS)}',
                    name,
                )
            )
    used = {name for name, _ in names if name in FIELDS and name not in own}
    for included in tree.find_all(nodes.Include):
        # An included template sees the context, a macro only its arguments.
        if isinstance(included.template, nodes.Const):
            used |= _used(reader, folder, folder / included.template.value, problems)
    return used


def _own_names(tree: nodes.Template) -> Iterator[str]:
    """Names that a template gives itself: set, loop and macro arguments, macros, imports."""
    for name in tree.find_all(nodes.Name):
        if name.ctx in ("store", "param"):
            yield name.name
    yield from (macro.name for macro in tree.find_all(nodes.Macro))
    yield from (imported.target for imported in tree.find_all(nodes.Import))
    for names in tree.find_all(nodes.FromImport):
        yield from (name if isinstance(name, str) else name[1] for name in names.names)


def where(error: BaseException, folder: Path) -> tuple[str, int] | None:
    """The template's file and line that an error came from: Jinja writes them into the traceback."""
    found = None
    step = error.__traceback__
    while step is not None:
        file = step.tb_frame.f_code.co_filename
        if Path(file).suffix == ".j2" and Path(file).is_relative_to(folder):
            found = file, step.tb_lineno
        step = step.tb_next
    return found


__all__ = ["FIELDS", "PARTS", "Channel", "check", "environment", "where"]
