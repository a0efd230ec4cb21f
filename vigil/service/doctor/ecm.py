"""Checks of Extended ECM: the connection, the login, what the server understands, and whether the user can read what the rules use."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from vigil.compliance.facts import WorkspaceType
from vigil.compliance.rules.model import RuleSet
from vigil.compliance.rules.vocabulary import People
from vigil.ecm import (
    Client,
    EcmError,
    Extractor,
    Needs,
    Refused,
    Unavailable,
    listing,
    probes,
    queries,
)
from vigil.ecm.dialect import Dialect
from vigil.ecm.probes import Known
from vigil.service import dialects
from vigil.service.budgets import LOOKUPS
from vigil.service.doctor import clocks
from vigil.service.doctor.health import Check, CheckState, fail, ok, skip, warn
from vigil.service.needs import needs_of, types_of

CONNECTION, LOGIN, TYPES, CAPS = "connection", "login", "workspace types", "page caps"
SERVER = "ecm: "
"""How the names of the checks of the dialect begin."""
AUDIT, WORKFLOWS, ROLES, MISSING = "audit trail", "workflows", "roles", "missing documents"

SHOWN_BY_ANSWERS = ("wall", "counted")
"""The fields of the dialect that no probe finds."""

CAPS_EXPECTED: Mapping[str, int] = {"workspaces": 500, "children of a node": 100}
"""The rows in a page by the contract (docs/contracts/ecm.md#paging), which the extraction requests."""

_RIGHTS = "give the service user the right to see it"
_WHOLE_ADDRESS = "the address must include the CGI path, such as https://ecm.example.org/cs/cs, without a login page in front of it"
_NO_TYPES = f"{_RIGHTS}, and check that workspaces are set up"


@dataclass(frozen=True)
class EcmChecks:
    """The checks, the schema, and the first listed workspace of each type with its date as the list writes it."""

    checks: tuple[Check, ...]
    schema: tuple[WorkspaceType, ...] = ()
    newest: Mapping[str, tuple[int, str]] = field(default_factory=dict)


async def examine(
    client: Client,
    rules: RuleSet | None,
    now: Callable[[], datetime],
    known: Known | None = None,
    before: Dialect | None = None,
    lookups: int = LOOKUPS,
) -> EcmChecks:
    """Check Extended ECM. `client` is open; if `rules` is None (they could not be loaded), the checks of their needs are left out.

    `known` are items to probe with, from the ledger, and `before` is the dialect as runs know it: of that only what no probe finds is
    taken over. `lookups` is the site's `verify_requests`.
    """
    first = await let_in(client)
    if any(c.state is CheckState.FAIL for c in first):
        return EcmChecks(tuple(first))
    needs = Needs() if rules is None else needs_of(rules)
    schema, refused = await _schema(client, needs)
    wanted = [] if rules is None else types_of(rules)
    newest, of_types = ({}, refused) if refused else await _types(client, schema, wanted)
    checks = [
        *first,
        *of_types,
        *await _dialect(client, schema, known or Known(), before or Dialect(), now, lookups),
        await _guarded(CAPS, lambda: _caps(client, newest)),
    ]
    checks += await _of_time(client, newest, now)
    checks += [
        await _guarded(ROLES, lambda: _roles(client, newest)),
        await _guarded(AUDIT, lambda: _audit(client, newest, needs)),
        await _guarded(WORKFLOWS, lambda: _workflows(client, needs)),
        await _guarded(MISSING, lambda: _missing(client, newest, needs)),
    ]
    return EcmChecks(tuple(checks), schema, newest)


async def people(client: Client, rules: RuleSet) -> People | None:
    """All groups, and the existing users among those whom rules name; None if they cannot be read."""
    named = {
        (to.kind, to.value) for rule in rules for to in rule.recipients() if to.kind in ("group", "user")
    }
    if not named:
        return People(frozenset(), frozenset())
    try:
        return await Extractor(client).people(sorted(login for kind, login in named if kind == "user"))
    except EcmError:
        return None


async def let_in(client: Client) -> list[Check]:
    """Checks of the connection and the login. No other check can be made where one of them fails."""
    url = client.settings.url
    try:
        await client.get("/v1/ping")
    except Refused as error:
        if error.is_no_route:
            return [fail(CONNECTION, str(error), _WHOLE_ADDRESS)]
        do = (
            "correct user and password (`vigil connect`: --ecm-user, VIGIL_ECM_PASSWORD); try them in a browser: the account may be "
            "locked, or known to OTDS alone (--otds-login)"
        )
        return [ok(CONNECTION, f"{url} answers"), fail(LOGIN, str(error), do)]
    except Unavailable as error:
        do = "check the address, DNS, proxy and firewall from this machine; a starting server answers after a minute"
        return [fail(CONNECTION, str(error), do)]
    except EcmError as error:
        return [fail(CONNECTION, str(error), _WHOLE_ADDRESS)]
    who = client.settings.username or "the OTDS client"
    who += " at OTDS" if client.settings.otds_login else ""
    return [ok(CONNECTION, f"{url} answers"), ok(LOGIN, f"logged in as {who}")]


async def _schema(client: Client, needs: Needs) -> tuple[tuple[WorkspaceType, ...], list[Check]]:
    """The workspace types, or a failed check: a server without types answers with an error."""
    try:
        schema = await Extractor(client, needs).types()
    except EcmError as error:
        return (), [fail(TYPES, f"no workspace type can be read: {error}", _NO_TYPES)]
    return schema, [] if schema else [fail(TYPES, "this user sees no workspace type", _NO_TYPES)]


async def _dialect(
    client: Client,
    schema: Sequence[WorkspaceType],
    known: Known,
    before: Dialect,
    now: Callable[[], datetime],
    lookups: int,
) -> list[Check]:
    """A check for each part of the server's dialect, probed now, with what it costs in an estate of this size."""
    types = [t.id for t in schema if t.id is not None]
    told = {name: getattr(before, name) for name in SHOWN_BY_ANSWERS}
    client.dialect = Dialect(**told, why={name: before.why.get(name, "") for name in told})
    client.dialect = await probes.probe(client, replace(known, types=known.types or types), now())
    counts = {t.name: await _count(client, t.id) for t in schema if t.id is not None}
    of = dialects.Estate(
        {name: n for name, n in counts.items() if n is not None},
        {t.name: len(t.roles) for t in schema},
        lookups,
    )
    return [_of_line(line) for line in dialects.described(client.dialect, of)]


async def _count(client: Client, type_id: int) -> int | None:
    """How many workspaces a type's list has by its own count; None if it cannot be read."""
    try:
        return await queries.count(client, type_id)
    except EcmError:
        return None


def _of_line(line: dialects.Line) -> Check:
    name = f"{SERVER}{line.name}"
    if line.loses:
        return warn(
            name, line.saw, f"{line.loses}{f'; it costs requests: {line.costs}' if line.costs else ''}"
        )
    if line.costs:
        return warn(name, line.saw, f"nothing is lost, but it costs requests: {line.costs}")
    return ok(name, line.saw) if line.known else skip(name, line.saw)


async def _types(
    client: Client, schema: Sequence[WorkspaceType], wanted: Sequence[str]
) -> tuple[dict[str, tuple[int, str]], list[Check]]:
    """The newest workspace of each type that rules use, and a check of whether the user sees the type and a workspace of it."""
    known = {t.name: t for t in schema}
    newest: dict[str, tuple[int, str]] = {}
    checks: list[Check] = []
    seen = ", ".join(sorted(known)) or "none"
    for name in wanted or sorted(known):
        type_id = known[name].id if name in known else None
        if type_id is None:
            checks.append(
                fail(
                    f"type {name}",
                    f"rules use it, and this user sees only: {seen}",
                    f"{_RIGHTS}, or correct the rules",
                )
            )
            continue
        try:
            found = await queries.newest(client, type_id)
        except EcmError as error:
            checks.append(fail(f"type {name}", f"its list cannot be read: {error}", _RIGHTS))
            continue
        if found is None:
            do = f"if there are some, {_RIGHTS}: lists leave out unreadable workspaces without a message"
            checks.append(warn(f"type {name}", "this user sees no workspace of it", do))
        else:
            newest[name] = found
            checks.append(
                ok(f"type {name}", f"the newest workspace is {found[0]}, of {found[1] or 'no date'}")
            )
    return newest, checks


async def _caps(client: Client, newest: Mapping[str, tuple[int, str]]) -> Check:
    caps = {"workspaces": await queries.cap(client, listing.PATH, {"expanded_view": "true"})}
    if newest:
        workspace = next(iter(newest.values()))[0]
        caps["children of a node"] = await queries.cap(client, f"/v2/nodes/{workspace}/nodes", {})
    return judge_caps(caps)


def judge_caps(caps: Mapping[str, int]) -> Check:
    """Whether the server returns pages as long as the extraction requests. Shorter pages work, but need more requests."""
    said = ", ".join(f"{name} {n}" for name, n in caps.items())
    low = [name for name, n in caps.items() if n < CAPS_EXPECTED[name]]
    if not low:
        return ok(CAPS, f"rows in a page: {said}")
    asked = ", ".join(f"{CAPS_EXPECTED[name]} for {name}" for name in low)
    return warn(
        CAPS,
        f"rows in a page: {said}",
        f"nothing is lost, but a run needs more requests than planned: {asked} are usual",
    )


async def _of_time(
    client: Client, newest: Mapping[str, tuple[int, str]], now: Callable[[], datetime]
) -> list[Check]:
    try:
        asked = now()
        info = await queries.server_info(client)
        answered = now()
        twins = None
        for workspace, written in newest.values():
            twins = twins or await queries.twins(client, workspace, written)
    except EcmError as error:
        return [skip(clocks.ZONE, str(error)), skip(clocks.CLOCK, str(error))]
    given = client.settings.zone
    return [clocks.zone(info, twins, given, answered), clocks.clock(info, given, asked, answered)]


async def _roles(client: Client, newest: Mapping[str, tuple[int, str]]) -> Check:
    if not newest:
        return skip(ROLES, "there is no workspace to check it with")
    workspace = next(iter(newest.values()))[0]
    refused = await queries.refusal(client, f"{listing.PATH}/{workspace}/roles", {"fields": "members"})
    if refused:
        return fail(
            ROLES,
            f"workspace {workspace}: {refused}",
            "give the service user the right to see roles and their members",
        )
    return ok(ROLES, "can be read")


async def _audit(client: Client, newest: Mapping[str, tuple[int, str]], needs: Needs) -> Check:
    if not newest:
        return skip(AUDIT, "there is no workspace to check it with")
    workspace = next(iter(newest.values()))[0]
    refused = await queries.refusal(client, f"/v2/nodes/{workspace}/audit", {"limit": 1, "page": 1})
    return _needed(
        AUDIT,
        needs.comments,
        refused,
        "rules need comments, which come from it",
        "give the service user the right to see the audit trail",
    )


async def _workflows(client: Client, needs: Needs) -> Check:
    refused = await queries.refusal(client, queries.WORKFLOWS, queries.managed_params(client, "ontime"))
    if refused or not needs.steps:
        return _needed(
            WORKFLOWS, needs.steps, refused, "rules wait for steps", "install or enable the workflow module"
        )
    count = await queries.managed(client)
    if count:
        return ok(WORKFLOWS, f"this user manages {count} workflows")
    do = "make the service user a manager of the workflow maps: only a manager sees others' steps. Ignore this without workflows"
    return warn(WORKFLOWS, "this user manages no workflow, and rules wait for steps", do)


async def _missing(client: Client, newest: Mapping[str, tuple[int, str]], needs: Needs) -> Check:
    if not newest:
        return skip(MISSING, "there is no workspace to check it with")
    workspace = next(iter(newest.values()))[0]
    refused = await queries.refusal(client, f"/v2/businessworkspaces/{workspace}/missingdocuments")
    do = "install the document-type module, or write `{document: TYPE, state: present}` in place of `missing_documents`"
    return _needed(MISSING, needs.missing, refused, "rules use ECM's own list", do)


def _needed(name: str, needed: bool, refused: str, why: str, do: str) -> Check:
    """Check an optional part of ECM, which fails only if rules need it."""
    if not refused:
        return ok(name, "can be read")
    if needed:
        return fail(name, f"{refused}; {why}", do)
    return skip(name, f"{refused}; no rule uses it")


async def _guarded(name: str, look: Callable[[], Awaitable[Check]]) -> Check:
    """Run one check. If ECM cannot answer, only this check fails."""
    try:
        return await look()
    except EcmError as error:
        return fail(
            name,
            str(error),
            "run the doctor again; if it still fails, give the administrator this path and message",
        )
