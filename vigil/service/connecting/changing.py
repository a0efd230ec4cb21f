"""What `vigil connect` makes of a site: what is not given stays, and what changes can be shown to a person.

A site is handled here as what its blocks hold, part by part and field by field (`Values`), so that one whose blocks are not as they
must be can be mended, too. Secrets are in it as plain text: it is never printed, `Change` is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import SecretStr, ValidationError
from pydantic.fields import FieldInfo

from vigil.errors import BadRequest
from vigil.ledger import LedgerError
from vigil.service.connecting.forms import FORMS, SITE, Form, Option, is_secret, option_of
from vigil.service.site import Site, origin, smart_view

Key = tuple[str, str]
"""The part of a site, and a field of it: ("ecm", "url")."""
Values = Mapping[str, Mapping[str, Any]]
"""What is saved of a site: by part, by field. A part that is not there is not in it."""
Wanted = Mapping[Key, str | list[str]]
"""What a person gave, as it was typed. An empty text sets a field back to its default."""

REQUIRED = ("ecm", "fcm", "ledger")
MAIL = "smtp"
NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
NOTHING = "(nothing)"


@dataclass(frozen=True, slots=True)
class Around:
    """What a site is connected in: environment variables, and what a new site has where a person says nothing of it."""

    variables: Mapping[str, str]
    defaults: Wanted


class NotConnected(BadRequest):
    """What was given does not make a site. Nothing was saved."""


@dataclass(frozen=True, slots=True)
class Change:
    """One field that changes, in words that may be shown. `confirmed`: only with a person's yes.

    `also` names other sites that it changes for, since they have the same connection.
    """

    option: str
    before: str
    after: str
    confirmed: bool = False
    also: Sequence[str] = ()

    def __str__(self) -> str:
        sites = f"site{'s' if len(self.also) > 1 else ''} {', '.join(self.also)}"
        return f"{self.option}: {self.before} → {self.after}" + (f" (also of {sites})" if self.also else "")


def fields() -> Iterator[tuple[Key, FieldInfo, Option]]:
    """Every field that can be set of a site, with its option."""
    for part, form in FORMS.items():
        for name, info in form.model_fields.items():
            yield (part, name), info, option_of(info)


def connected(
    site: str, saved: Values, wanted: Wanted, around: Around, ask: Callable[[str], str]
) -> dict[str, dict[str, Any]]:
    """The site's new values: those that are saved, under what is wanted, in what is `around`.

    `ask` gets a secret that is missing, by its name in words. Raises NotConnected, which names every option that is wrong.
    """
    if not NAME.fullmatch(site):
        raise NotConnected(
            f'a site\'s name is of small letters, digits and dashes between them, unlike "{site}"'
        )
    new = {part: dict(saved.get(part, {})) for part in FORMS}
    for (part, name), value in wanted.items():
        _set(new[part], name, value)
    _name_the_parts(site, new, wanted)
    for (part, name), value in around.defaults.items():
        # What an older site leaves out has the field's own default, and keeps it.
        if new[part].get(name) in (None, "") and (SITE not in saved or (part, name) in wanted):
            new[part][name] = value
    if not new[SITE].get(MAIL):
        del new[MAIL]
    _secrets(new, wanted, around.variables, ask)
    if ("fcm", "service_account") in wanted and ("fcm", "project") not in wanted:
        new["fcm"].pop("project", None)  # the new account says its own
    valid = _validated(new)
    if wanted.get((SITE, "public_url")):  # one that is saved already stays: its site must load
        _refuse_no_base(valid)
    return valid


def link(values: Values) -> str:
    """How a site's links begin, from its values."""
    url = str(values["ecm"]["url"])
    return smart_view(values[SITE].get("public_url") or origin(url), Site.cgi_of(url))


def _refuse_no_base(values: Values) -> None:
    """An address to which nothing can be added makes no link."""
    given, cgi = str(values[SITE]["public_url"]), Site.cgi_of(str(values["ecm"]["url"]))
    would = f'--public-url: "{given}" would make links such as {link(values)}/nodes/ID'
    if "?" in given or "#" in given:
        raise NotConnected(f"{would}: leave out the ? or # and what follows it")
    if cgi and f"{cgi}/app/".casefold() in given.rstrip("/").casefold():
        raise NotConnected(f"{would}: give what stands before {cgi}/app/")


def _set(values: dict[str, Any], name: str, value: str | list[str]) -> None:
    if value in ("", [""]):
        values.pop(name, None)
    else:
        values[name] = value


def _name_the_parts(site: str, new: dict[str, dict[str, Any]], wanted: Wanted) -> None:
    """Connections have the site's name unless they have another; a mail server is there when something is said of it."""
    own = new[SITE]
    for part in REQUIRED:
        if not own.get(part):
            own[part] = site
    host = wanted.get((MAIL, "host"))
    said = [name for part, name in wanted if part == MAIL]
    if host == "":
        if len(said) > 1:
            raise NotConnected('--smtp-host "" takes the mail server away: nothing else can be set of it')
        own[MAIL] = None
    elif (SITE, MAIL) not in wanted and said and not own.get(MAIL):
        own[MAIL] = site


def _secrets(
    new: dict[str, dict[str, Any]], wanted: Wanted, variables: Mapping[str, str], ask: Callable[[str], str]
) -> None:
    """Secrets come from environment variables where there is a place for them, and go with the user whom they belong to."""
    for (part, name), info, option in fields():
        if part not in new or not is_secret(info):
            continue
        held = new[part]
        needed = bool(option.login and held.get(option.login))
        if option.login and not needed:
            if wanted.get((part, name)):
                user = option_of(FORMS[part].model_fields[option.login]).name
                raise NotConnected(f"{option.name} belongs to a user, and none is set: give {user}, too")
            held.pop(name, None)
        elif (part, name) not in wanted and variables.get(option.variable):
            held[name] = variables[option.variable]
        if needed and not held.get(name):
            held[name] = ask(f"{info.description} ({_where(option)})")


def _where(option: Option) -> str:
    return f"{option.name} or {option.variable}" if option.variable else option.name


def _validated(new: Mapping[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    valid: dict[str, dict[str, Any]] = {}
    wrong: list[str] = []
    for part, values in new.items():
        try:
            valid[part] = plain(FORMS[part].model_validate(values))
        except ValidationError as error:
            wrong += [words(part, values, e) for e in error.errors(include_input=False)]
    if wrong:
        raise NotConnected("\n".join(wrong))
    return valid


def words(part: str, values: Mapping[str, Any], error: Mapping[str, Any]) -> str:
    """One thing that is wrong with a part, under the option that mends it."""
    message = str(error["msg"]).removeprefix("Value error, ")
    if not error["loc"]:
        return f"{SUBJECT[part]}: {message}"
    info = FORMS[part].model_fields[str(error["loc"][0])]
    option = option_of(info)
    if error["type"] == "missing":
        return f"{option.name} is missing: {option.says or info.description}"
    shown = "" if is_secret(info) else f', and not "{_text(values.get(str(error["loc"][0])))}"'
    return f"{option.name}: {message}{shown}"


SUBJECT = {
    "ecm": "Extended ECM",
    "fcm": "Firebase",
    "ledger": "the ledger",
    MAIL: "the mail server",
    SITE: "the site",
}


def plain(form: Form) -> dict[str, Any]:
    """What a form holds, its secrets as text."""
    return {name: _open(getattr(form, name)) for name in type(form).model_fields}


def _open(value: Any) -> Any:
    return value.get_secret_value() if isinstance(value, SecretStr) else value


def changes(saved: Values, new: Values, sharing: Mapping[str, Sequence[str]] | None = None) -> list[Change]:
    """What differs between what was saved and what is new, in the order of the forms.

    `sharing` names other sites with the same connection, by its part: what changes of it needs a yes.
    """
    found = []
    for (part, name), info, option in fields():
        before = _held(saved, part, name, info)
        after = _held(new, part, name, info)
        if before != after:
            said = _said(info, option, before, after)
            # Another password for the same database is no other ledger.
            sure = option.confirmed and said[0] != said[1]
            # A connection that the site gives up stays as it is for others.
            also = (sharing or {}).get(part, ()) if part in new else ()
            found.append(Change(option.name, *said, confirmed=sure or bool(also), also=also))
    return found


def _held(values: Values, part: str, name: str, info: FieldInfo) -> Any:
    """What a field holds; None for nothing, however that is written."""
    if part not in values:
        return None
    held = values[part].get(name)
    if held in (None, "") and not info.is_required():
        held = info.get_default(call_default_factory=True)
    return None if held in ("", []) else held


def _said(info: FieldInfo, option: Option, before: Any, after: Any) -> tuple[str, str]:
    if option.name == "--ledger":
        return _ledger(before), _ledger(after)
    if is_secret(info):
        return ("(set)" if before else NOTHING), (
            "(changed)" if before and after else "(set)" if after else NOTHING
        )
    return _text(before), _text(after)


def _text(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(value)
    return NOTHING if value is None else str(value)


def _ledger(url: Any) -> str:
    if not url:
        return NOTHING
    from vigil.ledger.engine import parse_url  # which imports the database's library
    from vigil.ledger.errors import named

    try:
        return named(parse_url(url))
    except LedgerError:
        return "(no address of a ledger)"
