"""A folder of template families: its checks, and the Jinja environment for one language.

A family is a folder with `title.j2` and `body.j2`. `shared/` contains the macros, `locale/` the phrases.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from functools import lru_cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, TemplateSyntaxError, nodes
from markupsafe import Markup

from vigil.compliance.channels import TextFormat
from vigil.compliance.notices import Notice
from vigil.delivery.rendering.language import Language
from vigil.errors import Problem
from vigil.safe_text import VALUE, bounded, html, one_line, short

PARTS = ("title", "body")
FIELDS = tuple(one.name for one in fields(Notice))
"""The names that a template may use."""

_HELPERS = frozenset({"gettext", "ngettext", "_", "loop", "range", "dict", "namespace"})
_NO_FAMILY = frozenset({"shared", "locale"})
_TAKES_IN = nodes.Include | nodes.Extends | nodes.Import | nodes.FromImport


def environment(folder: Path, text_format: TextFormat, language: Language) -> Environment:
    """The environment of one language. Every value that a template writes passes through `_written` first."""
    # Plain text is not escaped: a device would show the escape sequences.
    made = Environment(  # nosec B701
        loader=FileSystemLoader(folder),
        undefined=StrictUndefined,
        autoescape=text_format is TextFormat.HTML,
        extensions=["jinja2.ext.i18n"],
        finalize=_written(language),
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        cache_size=-1,
    )
    made.policies["ext.i18n.trimmed"] = True
    made.newstyle_gettext = True  # type: ignore[attr-defined]  # set by the extension
    made.globals |= _phrases(language, text_format)
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
    """Returns the filter for values: it formats them for people, on one line, without characters that reorder the rest."""

    shortened = language.phrases.gettext("shortened")

    def finalize(value: Any) -> Any:
        if type(value) is str:
            return one_line(value) if len(value) <= VALUE else one_line(bounded(value, VALUE, shortened))
        if isinstance(value, Markup | StrictUndefined):
            return value  # markup was written by a macro, piece by piece; an undefined must still fail
        if isinstance(value, str):  # an enum
            return one_line(str(value))
        return one_line(bounded(language.value(value), VALUE, shortened))

    return finalize


def _short(text: str, limit: int) -> str:
    """The filter `short`, which in markup must not count or cut an entity."""
    return html(short(text.unescape(), limit)) if isinstance(text, Markup) else short(text, limit)


def _phrases(language: Language, text_format: TextFormat) -> dict[str, Callable[..., str]]:
    """`gettext` and `ngettext` as Jinja's newstyle calls them: the phrase, then the values by name."""
    written = _written(language)
    mark = Markup if text_format is TextFormat.HTML else str

    def gettext(message: str, /, **values: Any) -> str:
        text = mark(language.phrases.gettext(message))
        return text % {name: written(value) for name, value in values.items()}

    def ngettext(one: str, many: str, count: int, /, **values: Any) -> str:
        text = mark(language.phrases.ngettext(one, many, count))
        return text % {name: written(value) for name, value in ({"num": count} | values).items()}

    return {"gettext": gettext, "_": gettext, "ngettext": ngettext}


@dataclass(frozen=True, slots=True)
class Families:
    """The templates of a folder: each usable family with the fields of Notice that it names, and the problems."""

    usable: Mapping[str, set[str]]
    problems: tuple[Problem, ...]


def examine(folder: Path) -> Families:
    """The usable families and the problems. A problem makes its whole family unusable, and so do problems of the templates that it
    includes.
    """
    if not folder.is_dir():
        return Families({}, (Problem(str(folder), 1, 1, "there is no such folder of templates"),))
    parts = _Parts(folder)
    problems: list[Problem] = []
    usable: dict[str, set[str]] = {}
    families = sorted(p for p in folder.iterdir() if p.is_dir() and p.name not in _NO_FAMILY)
    for place in families:
        both = [parts.of(f"{place.name}/{part}.j2") for part in PARTS]
        wrong = [problem for part in both for problem in part.problems]
        problems += wrong
        if not wrong:
            usable[place.name] = set().union(*(part.used for part in both))
    for path in sorted((folder / "shared").glob("*.j2")):
        problems += parts.of(f"shared/{path.name}").problems
    if not families:
        message = "no template family here: add a folder with title.j2 and body.j2"
        problems.append(Problem(str(folder), 1, 1, message))
    return Families(usable, tuple(dict.fromkeys(problems)))


@dataclass(slots=True)
class _Part:
    """One template with everything that it includes: the fields of Notice that it names, and its problems."""

    used: set[str] = field(default_factory=set)
    problems: list[Problem] = field(default_factory=list)


class _Parts:
    """The templates of a folder, each examined once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._known: dict[str, _Part] = {}

    def of(self, name: str) -> _Part:
        """The template of this name below the folder."""
        if name not in self._known:
            part = self._known[name] = _Part()  # before it is filled: it may include itself
            self._fill(part, self._folder / name)
        return self._known[name]

    def _fill(self, part: _Part, path: Path) -> None:
        try:
            tree = _compiled(path.read_text("utf-8"), str(path))
        except TemplateSyntaxError as error:
            part.problems.append(Problem(str(path), error.lineno, 1, f"not a template: {error.message}"))
        except FileNotFoundError:
            part.problems.append(
                Problem(str(path), 1, 1, f"the family {path.parent.name} has no {path.stem}: add this file")
            )
        except OSError as error:
            part.problems.append(Problem(str(path), 1, 1, f"cannot be read: {error.strerror}"))
        except UnicodeDecodeError as error:
            part.problems.append(Problem(str(path), 1, 1, f"not UTF-8: byte {error.start} cannot be read"))
        else:
            self._names(part, path, tree)
            self._taken_in(part, path, tree)

    @staticmethod
    def _names(part: _Part, path: Path, tree: nodes.Template) -> None:
        """The fields that a template names. A name that is neither a field nor set in the template becomes a problem."""
        own = set(_own_names(tree))
        names = {(name.name, name.lineno) for name in tree.find_all(nodes.Name) if name.ctx == "load"}
        for name, line in sorted(names, key=lambda found: found[1]):
            if name not in own and name not in FIELDS and name not in _HELPERS:
                message = f'"{name}" is no field of a notice; there are {", ".join(FIELDS)}'
                part.problems.append(Problem(str(path), line, 1, message, name))
        part.used |= {name for name, _ in names if name in FIELDS and name not in own}

    def _taken_in(self, part: _Part, path: Path, tree: nodes.Template) -> None:
        """The templates that a template includes, extends and imports. Of these only macros have no access to the fields."""
        for other in tree.find_all(nodes.Stmt):
            if not isinstance(other, _TAKES_IN) or not isinstance(other.template, nodes.Const):
                continue
            name = str(other.template.value)
            if not (self._folder / name).is_file():
                part.problems.append(
                    Problem(str(path), other.lineno, 1, f'there is no template "{name}" here')
                )
                continue
            found = self.of(name)
            part.problems += found.problems
            if isinstance(other, nodes.Include | nodes.Extends):
                part.used |= found.used


@lru_cache(maxsize=256)
def _compiled(text: str, file: str) -> nodes.Template:
    """The tree of a template that compiles, made once for each text: a process with many runs reads the same ones for each.

    Raises TemplateSyntaxError.
    """
    reader = environment(Path(file).parent, TextFormat.PLAIN, Language.english())
    tree = reader.parse(text, filename=file)
    reader.compile(tree, filename=file)
    return tree


def _own_names(tree: nodes.Template) -> Iterator[str]:
    """Names that a template defines itself: set, loop and macro arguments, macros, imports."""
    for name in tree.find_all(nodes.Name):
        if name.ctx in ("store", "param"):
            yield name.name
    yield from (macro.name for macro in tree.find_all(nodes.Macro))
    yield from (imported.target for imported in tree.find_all(nodes.Import))
    for names in tree.find_all(nodes.FromImport):
        yield from (name if isinstance(name, str) else name[1] for name in names.names)


def where(error: BaseException, folder: Path) -> tuple[str, int] | None:
    """The template's file and line of an error: Jinja writes them into the traceback."""
    found = None
    step = error.__traceback__
    while step is not None:
        file = step.tb_frame.f_code.co_filename
        if Path(file).suffix == ".j2" and Path(file).is_relative_to(folder):
            found = file, step.tb_lineno
        step = step.tb_next
    return found


__all__ = ["FIELDS", "PARTS", "Families", "environment", "examine", "where"]
