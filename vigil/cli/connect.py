"""`vigil connect`: each field of a site's forms (`vigil.service.connecting.forms`) is an option."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from inspect import Parameter, Signature
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from pydantic.fields import FieldInfo

from vigil import places
from vigil.cli.options import SiteName
from vigil.errors import BadRequest
from vigil.service.connecting.forms import FORMS, Given, Option, option_of
from vigil.terminal import console

if TYPE_CHECKING:
    from vigil.service.connecting.changes import FieldChange

READ_ONLY = "Look first"
METAVARS = {Given.FILE: "FILE", Given.CONTENT: "FILE", Given.FOLDER: "FOLDER", Given.LEDGER: "URL"}
Yes = Annotated[
    bool, typer.Option("--yes", help="Confirm changes that the command would otherwise ask about")
]
ReadOnly = Annotated[
    bool,
    typer.Option(
        "--read-only",
        help="Save nothing: look at Extended ECM with the given options, evaluate the rules in a dry sweep, and write a page for its "
        "administrator. Needs no Prefect, Firebase or ledger. Exit code 1 if something is missing that the rules need",
        rich_help_panel=READ_ONLY,
    ),
]
PageFile = Annotated[
    str,
    typer.Option(
        "--page",
        metavar="FILE",
        help="File of the page (Markdown), overwritten; - is standard output",
        rich_help_panel=READ_ONLY,
    ),
]
Every = Annotated[
    int,
    typer.Option(
        min=1,
        max=1440,
        help="Minutes between two runs of watch, for the expected load on the page",
        rich_help_panel=READ_ONLY,
    ),
]


def connect(
    site: SiteName = "default",
    yes: Yes = False,
    read_only: ReadOnly = False,
    page: PageFile = "extended-ecm.md",
    every: Every = 15,
    **given: Any,
) -> None:
    """Save a site's connections as Prefect blocks, or change the given settings. With --read-only, only look at Extended ECM.

    For an existing site, settings that are not given stay. An option with an empty text ("") resets or removes its value:
    --proxy "". A change of the ledger or of sensitive attributes needs --yes. Secrets are stored only in the blocks; give them by
    their environment variables, because other users of the machine may see a command's options.
    """
    from vigil.cli.ledgers import VARIABLE
    from vigil.service.connecting.changes import Around

    wanted = {
        (part, field): _read(option_of(info), given[_parameter(part, field)])
        for part, form in FORMS.items()
        for field, info in form.model_fields.items()
        if given[_parameter(part, field)] not in (None, [])
    }
    around = Around(
        os.environ,
        {
            ("ledger", "url"): os.environ.get(VARIABLE)
            or f"sqlite:///{places.home() / 'sites' / site / 'ledger.sqlite'}",
        },
    )
    if read_only:
        from vigil.cli.connect_read_only import Page, look_at_site

        raise typer.Exit(look_at_site(site, wanted, around, _ask, Page(page, every)))
    from vigil.cli.connect_site import save_site

    saved = save_site(site, wanted, around, _ask, lambda changes: yes or _agreed(site, changes))
    for change in saved.changes:
        console.print(str(change), markup=False, highlight=False, soft_wrap=True)
    became = "Saved" if saved.is_new or saved.changes else "Nothing changed; saved"
    _say(f'{became} as "{site}". Its ledger: {saved.ledger}')
    _say(f"Notices lead to {saved.link}/nodes/ID")
    _say(f"Next: vigil doctor --site {site}")


def _say(line: str) -> None:
    console.print(line, markup=False, highlight=False, soft_wrap=True)


def _parameter(part: str, field: str) -> str:
    return f"{part}_{field}"


def _read(option: Option, value: str | list[str]) -> str | list[str]:
    """A value as the blocks store it: absolute paths, independent of the folder in which flows run, or the text of a file."""
    if isinstance(value, list) or not value:
        return value
    if option.takes is Given.LEDGER:
        return _absolute_ledger(value)
    if option.takes is Given.VALUE:
        return value
    path = Path(value).absolute()
    if not (path.is_dir() if option.takes is Given.FOLDER else path.is_file()):
        raise typer.BadParameter(
            f"there is no {METAVARS[option.takes].lower()} {value}", param_hint=option.name
        )
    if option.takes is Given.CONTENT:
        return _text_of(path, option)
    return places.kept(path) if option.takes is Given.FOLDER else str(path)


def _text_of(path: Path, option: Option) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        why = "it is not UTF-8 text"
    except OSError as error:
        why = str(error.strerror)
    raise typer.BadParameter(f"{path} cannot be read: {why}", param_hint=option.name)


def _absolute_ledger(url: str) -> str:
    """A SQLite URL with an absolute path: flows may run in another folder."""
    start = "sqlite:///"
    path = url.removeprefix(start)
    return url if path == url or path.startswith("/") else f"{start}{Path(path).absolute()}"


def _ask(secret: str) -> str:
    if not sys.stdin.isatty():
        raise BadRequest(f"missing: {secret}")
    return str(typer.prompt(secret, hide_input=True))


def _agreed(site: str, changes: Sequence[FieldChange]) -> bool:
    """Whether a person at a terminal confirms by typing the site's name. False in a script, which has no terminal."""
    if not sys.stdin.isatty():
        return False
    for change in changes:
        _say(str(change))
    return bool(typer.prompt(f'Type the site\'s name, "{site}", to confirm') == site)


def _option(part: str, field: str, info: FieldInfo) -> Parameter:
    option = option_of(info)
    several = info.annotation == list[str]
    shown = typer.Option(
        option.name,
        metavar=METAVARS.get(option.takes) or _kind(info),
        help=(option.says or str(info.description))
        + ("; repeatable" if several else "")
        + (f"; or set {option.variable}" if option.variable else ""),
        show_default=_default(info),
        rich_help_panel=FORMS[part].panel,
    )
    kind = list[str] | None if several else str | None
    return Parameter(
        _parameter(part, field), Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[kind, shown]
    )


def _kind(info: FieldInfo) -> str:
    """The kind of a value, in one word. Typer reads every value as text, because an empty text has a meaning for all fields."""
    kinds: dict[Any, str] = {
        int: "INTEGER",
        int | None: "INTEGER",
        float: "NUMBER",
        float | None: "NUMBER",
    }
    return kinds.get(info.annotation, "TEXT")


def _default(info: FieldInfo) -> str | bool:
    value = None if info.is_required() else info.get_default(call_default_factory=True)
    return str(value) if value not in (None, "", []) else False


def _with_an_option_for_each_field() -> None:
    """Build the signature from which Typer reads the command's options."""
    own = [
        Parameter("site", Parameter.KEYWORD_ONLY, default="default", annotation=SiteName),
        Parameter("yes", Parameter.KEYWORD_ONLY, default=False, annotation=Yes),
        Parameter("read_only", Parameter.KEYWORD_ONLY, default=False, annotation=ReadOnly),
        Parameter("page", Parameter.KEYWORD_ONLY, default="extended-ecm.md", annotation=PageFile),
        Parameter("every", Parameter.KEYWORD_ONLY, default=15, annotation=Every),
    ]
    fields = [
        _option(part, field, info)
        for part, form in FORMS.items()
        for field, info in form.model_fields.items()
    ]
    connect.__signature__ = Signature([*own, *fields])  # type: ignore[attr-defined]
    connect.__annotations__ = {p.name: p.annotation for p in (*own, *fields)}


_with_an_option_for_each_field()
