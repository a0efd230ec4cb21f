"""Merges the saved values of a site with the given ones for `vigil connect`, and describes the changes for a person.

This module handles a site as the plain values of its blocks, by part and field (`Values`), so that it can also correct invalid
blocks. The values contain secrets as plain text: never print them; print `Change`.
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
from vigil.service.connecting.forms import FORMS, OPTIONAL, REQUIRED, SITE, Form, Option, is_secret, option_of
from vigil.service.site import Site, origin, smart_view

Key = tuple[str, str]
"""The part of a site, and a field of it: ("ecm", "url")."""
Values = Mapping[str, Mapping[str, Any]]
"""The saved values of a site, by part and field. A missing part has no key."""
Wanted = Mapping[Key, str | list[str]]
"""The values that a person gave, as typed. An empty text resets a field to its default."""

NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
NOTHING = "(nothing)"


@dataclass(frozen=True, slots=True)
class Around:
    """The environment of a connection: environment variables, and the defaults of a new site."""

    variables: Mapping[str, str]
    defaults: Wanted


class NotConnected(BadRequest):
    """The given values do not make a valid site. Nothing was saved."""


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One field that changes, in words without secrets. A `confirmed` change needs a person's yes.

    `also` names the other sites that share the connection and are therefore affected.
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
    """Every field of a site's forms, with its option."""
    for part, form in FORMS.items():
        for name, info in form.model_fields.items():
            yield (part, name), info, option_of(info)


def connected(
    site: str, saved: Values, wanted: Wanted, around: Around, ask: Callable[[str], str]
) -> dict[str, dict[str, Any]]:
    """The site's new values: the saved ones, overridden by the wanted ones, with the environment `around`.

    `ask` returns a missing secret, given its description. Raises NotConnected, which names every invalid option.
    """
    if not NAME.fullmatch(site):
        raise NotConnected(
            f'a site\'s name must consist of lower-case letters and digits, with single dashes between them, unlike "{site}"'
        )
    new = {part: dict(saved.get(part, {})) for part in FORMS}
    for (part, name), value in wanted.items():
        _set(new[part], name, value)
    _name_the_parts(site, new, wanted)
    for (part, name), value in around.defaults.items():
        # A field that an older site does not have keeps its own default.
        if new[part].get(name) in (None, "") and (SITE not in saved or (part, name) in wanted):
            new[part][name] = value
    for part in OPTIONAL:
        if not new[SITE].get(part):
            del new[part]
    _secrets(new, wanted, around.variables, ask)
    if ("fcm", "service_account") in wanted and ("fcm", "project") not in wanted:
        new["fcm"].pop("project", None)  # the new account names its own project
    valid = _validated(new)
    if wanted.get((SITE, "public_url")):  # a saved one stays valid, so that its site still loads
        _refuse_no_base(valid)
    return valid


def watched(site: str, wanted: Wanted, around: Around, ask: Callable[[str], str]) -> Values:
    """The values of a site's Extended ECM and of its own form, from what was given alone: for a look at it, without the other parts.

    Raises NotConnected, which names every invalid option.
    """
    new: dict[str, dict[str, Any]] = {"ecm": {}, SITE: dict.fromkeys(REQUIRED, site)}
    for (part, name), value in wanted.items():
        if part in new:
            _set(new[part], name, value)
    _secrets(new, wanted, around.variables, ask)
    return _validated(new)


def link(values: Values) -> str:
    """The beginning of a site's links, from its values."""
    url = str(values["ecm"]["url"])
    return smart_view(values[SITE].get("public_url") or origin(url), Site.cgi_of(url))


def _refuse_no_base(values: Values) -> None:
    """Raise NotConnected for an address to which no path can be appended."""
    given, cgi = str(values[SITE]["public_url"]), Site.cgi_of(str(values["ecm"]["url"]))
    would = f'--public-url: "{given}" would make links such as {link(values)}/nodes/ID'
    if "?" in given or "#" in given:
        raise NotConnected(f"{would}: leave out the ? or # and the text after it")
    if cgi and f"{cgi}/app/".casefold() in given.rstrip("/").casefold():
        raise NotConnected(f"{would}: give only the part before {cgi}/app/")


def _set(values: dict[str, Any], name: str, value: str | list[str]) -> None:
    if value in ("", [""]):
        values.pop(name, None)
    else:
        values[name] = value


def _name_the_parts(site: str, new: dict[str, dict[str, Any]], wanted: Wanted) -> None:
    """Name each connection after the site unless it has a name; add an optional one if one of its options is given."""
    own = new[SITE]
    for part in REQUIRED:
        if not own.get(part):
            own[part] = site
    for part in OPTIONAL:
        form, said = FORMS[part], [name for of, name in wanted if of == part]
        if wanted.get((part, form.switch)) == "":
            if len(said) > 1:
                option = option_of(form.model_fields[form.switch]).name
                raise NotConnected(f'{option} "" removes {form.subject}: its other options cannot be set')
            own[part] = None
        elif (SITE, part) not in wanted and said and not own.get(part):
            own[part] = site


def _secrets(
    new: dict[str, dict[str, Any]], wanted: Wanted, variables: Mapping[str, str], ask: Callable[[str], str]
) -> None:
    """Take secrets from environment variables for the parts that need them, and drop a secret whose user is removed."""
    for (part, name), info, option in fields():
        if part not in new or not is_secret(info):
            continue
        held = new[part]
        needed = bool(option.login and held.get(option.login))
        if option.login and not needed:
            if wanted.get((part, name)):
                user = option_of(FORMS[part].model_fields[option.login]).name
                raise NotConnected(f"{option.name} belongs to a user, and none is set: also give {user}")
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
    """One problem of a part, with the option that corrects it."""
    message = str(error["msg"]).removeprefix("Value error, ")
    if not error["loc"]:
        return f"{FORMS[part].subject}: {message}"
    info = FORMS[part].model_fields[str(error["loc"][0])]
    option = option_of(info)
    if error["type"] == "missing":
        return f"{option.name} is missing: {option.says or info.description}"
    shown = "" if is_secret(info) else f', and not "{_text(values.get(str(error["loc"][0])))}"'
    return f"{option.name}: {message}{shown}"


def plain(form: Form) -> dict[str, Any]:
    """The values of a form, with secrets as plain text."""
    return {name: _open(getattr(form, name)) for name in type(form).model_fields}


def _open(value: Any) -> Any:
    return value.get_secret_value() if isinstance(value, SecretStr) else value


def changes(
    saved: Values, new: Values, sharing: Mapping[str, Sequence[str]] | None = None
) -> list[FieldChange]:
    """The differences between the saved and the new values, in the order of the forms.

    `sharing` names the other sites with the same connection, by its part: a change of a shared connection needs a yes.
    """
    found = []
    for (part, name), info, option in fields():
        before = _held(saved, part, name, info)
        after = _held(new, part, name, info)
        if before != after:
            said = _said(info, option, before, after)
            # A new password for the same database does not change the ledger.
            sure = option.confirmed and said[0] != said[1]
            # A connection that the site stops using stays the same for others.
            also = (sharing or {}).get(part, ()) if part in new else ()
            found.append(FieldChange(option.name, *said, confirmed=sure or bool(also), also=also))
    return found


def _held(values: Values, part: str, name: str, info: FieldInfo) -> Any:
    """The value of a field; None for every form of an empty value."""
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
        return "(not the address of a ledger)"
