"""What `vigil connect --read-only` finds out about an Extended ECM: the doctor's checks, counts, rights, and a dry sweep.

Nothing is written to Extended ECM, and nothing is sent. A call that fails becomes a sentence of the survey, and ends nothing: it has
the status and the kind of error. Extended ECM's own words may name people, and are in `Survey.words` alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from time import monotonic
from typing import TypeVar

from vigil.compliance import facts as f
from vigil.compliance.channels import TextFormat
from vigil.compliance.facts import WorkspaceType
from vigil.compliance.rules.model import RuleSet
from vigil.ecm import Client, Extractor, Settings, queries, survey
from vigil.ecm.dialect import Dialect
from vigil.ecm.errors import EcmError, words_apart
from vigil.ecm.model import LASTING, UNTYPED, Needs
from vigil.ecm.parse import GROUP, USER
from vigil.ecm.survey import OpenWorkflow
from vigil.errors import VigilError
from vigil.ledger import Ledger
from vigil.ledger.observed import folders, observations
from vigil.service import dialects
from vigil.service.connecting.first_reading import DrySweep, dry_sweep
from vigil.service.connecting.mends import DISPLAYABLE, QUERYABLE
from vigil.service.doctor import ecm as doctor
from vigil.service.doctor import rules as rule_files
from vigil.service.doctor.health import Check, CheckState, fail, warn
from vigil.service.expected_load import EstateSize
from vigil.service.needs import needs_of, types_of
from vigil.service.resources import renderers_of
from vigil.service.run import Run
from vigil.service.site import Site
from vigil.wording import counted

T = TypeVar("T")

STATUSES = ("ontime", "workflowlate", "completed", "stopped")
OPEN_STATUSES = STATUSES[:2]
SAMPLE = 20
"""How many workspaces are asked for their open workflows, and how many items for their audit."""
AT_ONCE = 1000  # facts that are read from the ledger at once


@dataclass(frozen=True, slots=True)
class Unanswered:
    """A question that was not answered: `what` was asked, and `why` there is no answer."""

    what: str
    why: str

    def __str__(self) -> str:
        return f"{self.what}: {self.why}"


@dataclass(frozen=True, slots=True)
class TypeCount:
    """The workspaces of a type: as its list counts them, and as its rows came. None where that could not be read."""

    name: str
    counted: int | None
    came: int | None
    used: bool  # whether rules use the type
    whole: bool = True  # whether the list was read to its end


@dataclass
class Workflows:
    """The workflows that this user manages, by status, and the open ones that `status/active` shows and no such list has.

    `maps` names the workflow maps. `types` are the workspace types with a workflow that is managed.
    """

    managed: dict[str, int | Unanswered] = field(default_factory=dict)
    mine: set[int] = field(default_factory=set)
    shown: dict[int, OpenWorkflow] = field(default_factory=dict)
    refused: list[Unanswered] = field(default_factory=list)
    asked: int = 0  # workspaces that were asked for their open workflows
    maps: dict[int, str] = field(default_factory=dict)
    types: frozenset[str] = frozenset()

    @property
    def others(self) -> list[OpenWorkflow]:
        """Open workflows of which this user is no manager."""
        return [one for number, one in self.shown.items() if number not in self.mine]


@dataclass
class Survey:
    """All that was found. Where a question has no answer, its field is an `Unanswered`."""

    settings: Settings
    site: Site
    at: datetime
    version: str = ""
    checks: list[Check] = field(default_factory=list)
    dialect: Dialect = field(default_factory=Dialect)
    needs: Needs = field(default_factory=Needs)
    schema: Sequence[WorkspaceType] = ()
    types: list[TypeCount] = field(default_factory=list)
    documents: int | Unanswered | None = None  # by the search's estimate
    users: int | Unanswered | None = None
    groups: int | Unanswered | None = None
    workflows: Workflows = field(default_factory=Workflows)
    events: Counter[str] = field(default_factory=Counter)  # audit tables with the event
    audits: int = 0  # audit tables that were read
    audit_refused: Unanswered | None = None
    regions: dict[str, frozenset[str] | Unanswered] = field(default_factory=dict)  # by flag
    swept: DrySweep | None = None
    known: Mapping[str, int] = field(default_factory=dict)  # facts that the sweep read, by kind
    seconds: float = 0.0
    requests: int = 0
    words: Sequence[
        str
    ] = ()  # what Extended ECM said to calls that failed: for the terminal, and not for the page

    @property
    def missing(self) -> list[Check]:
        """What rules need and is not there."""
        return [c for c in self.checks if c.state is CheckState.FAIL]

    @property
    def estate(self) -> dialects.Estate:
        """The types that rules use, as their lists count them."""
        roles = {t.name: len(t.roles) for t in self.schema}
        counts = {t.name: t.counted or t.came or 0 for t in self.types if t.used}
        return dialects.Estate(
            counts, {name: roles.get(name, 0) for name in counts}, self.site.verify_requests
        )

    @property
    def size(self) -> EstateSize:
        """What a run of this site would read, as far as it was counted."""
        return EstateSize(
            listed=self.estate,
            documents=self.known.get("document", 0),
            folders=self.known.get("folder", 0),
            open_workflows=len(self.workflows.mine),
            people=_number(self.users) or self.known.get("user", 0),
        )


async def look(
    settings: Settings,
    site: Site,
    ledger: Ledger,
    now: Callable[[], datetime],
    say: Callable[[str], None] = lambda line: None,
) -> Survey:
    """Look at an Extended ECM without changing it. `ledger` is an empty one. `say` is told what is done now.

    Raises NotReached if it cannot be reached, or does not let this user in.
    """
    began = monotonic()
    found = Survey(settings, site, now())
    async with Client(settings) as client:
        found.checks = await _let_in(client)
        with words_apart() as words:
            await _looked(client, found, ledger, now, say)
        found.words = tuple(words)
        found.requests = client.requests + (found.swept.requests if found.swept else 0)
    found.seconds = monotonic() - began
    return found


async def _looked(
    client: Client, found: Survey, ledger: Ledger, now: Callable[[], datetime], say: Callable[[str], None]
) -> None:
    say("Logged in. Reading what the rules need, and evaluating it: a dry sweep, which sends nothing ...")
    rules = _rules(found)
    if rules is not None:
        found.needs = needs_of(rules)
        found.swept, found.dialect = await _swept(found, rules, ledger, now)
    say("Asking what the server understands, and what this user may see ...")
    with ledger.read() as connection:
        found.known = observations.totals(connection) | {"folder": folders.count(connection)}
    await _examined(client, found, rules, ledger, now)
    found.checks += _of_sweep(found.swept)
    await _counted(client, found, rules)
    await _rights(client, found, ledger)


class NotReached(VigilError):
    """Extended ECM cannot be reached, or does not let this user in: there is nothing to survey."""


async def _let_in(client: Client) -> list[Check]:
    checks = await doctor.let_in(client)
    for check in checks:
        if check.state is CheckState.FAIL:
            raise NotReached(f"{client.settings.url}: {check.saw}\n→ {check.do}")
    return checks


def _rules(found: Survey) -> RuleSet | None:
    """The rules that a run would evaluate, with checks of them and of the templates."""
    templates, families = rule_files.templates(found.site.templates)
    loaded, rules = rule_files.rules(found.site.rules, families)
    found.checks += [c for c in (templates, loaded) if c.state is not CheckState.OK]
    return rules


async def _swept(
    found: Survey, rules: RuleSet, ledger: Ledger, now: Callable[[], datetime]
) -> tuple[DrySweep, Dialect]:
    """A dry sweep over a connection of its own, and the dialect that it came to."""
    formats = renderers_of(found.site.templates, ())
    run = Run(
        "sweep", now().replace(microsecond=0), ledger, found.site, rules, formats[TextFormat.PLAIN],
        clock=now, formats=formats,
    )  # fmt: skip
    client = Client(found.settings)
    try:
        async with run.reading(client):
            return await dry_sweep(run), client.dialect
    except VigilError as error:
        return DrySweep(failed=str(error)), client.dialect


def _of_sweep(swept: DrySweep | None) -> Iterator[Check]:
    """Checks of what the dry sweep could not read."""
    if swept is None:
        return
    if swept.failed:
        yield fail("dry sweep", f"it ended early: {swept.failed}", "mend this first, and run this again")
    paths = {gap.path for gap in swept.gaps}
    if UNTYPED in paths:
        do = "install or enable Classifications, and give the service user See on them, or write rules without types of documents"
        yield fail("types of documents", "no document tells its type, and rules need it", do)
    if others := len([gap for gap in swept.gaps if gap.path not in LASTING]):
        do = "look at the table of what could not be read; give the service user the right to see it"
        yield warn("unread", f"{counted(others, 'call')} of the dry sweep failed", do)


async def _examined(
    client: Client, found: Survey, rules: RuleSet | None, ledger: Ledger, now: Callable[[], datetime]
) -> None:
    """The doctor's checks, with probes that are tried with what the sweep read. What answers showed in the sweep counts for more."""
    learned = found.dialect
    known = dialects.known(ledger)
    try:
        done = await doctor.examine(client, rules, now, known, lookups=found.site.verify_requests)
    except EcmError as error:
        do = "run this again; if it still fails, give the administrator this path and message"
        found.checks.append(fail("checks of Extended ECM", str(error), do))
        return
    for name in learned.learned:
        client.learn(why=learned.why.get(name, ""), **{name: getattr(learned, name)})
    found.dialect, found.schema = client.dialect, done.schema
    admitted = {c.name for c in found.checks}
    found.checks += [
        c for c in done.checks if c.name not in admitted and not c.name.startswith(doctor.SERVER)
    ]
    if rules is not None:
        people = await doctor.people(client, rules)
        _, families = rule_files.templates(found.site.templates)
        found.checks.append(rule_files.against(found.site.rules, done.schema, families, people))
    info = await _asked("the server's version", queries.server_info(client))
    found.version = info.version if isinstance(info, queries.ServerInfo) else ""


async def _counted(client: Client, found: Survey, rules: RuleSet | None) -> None:
    used = set() if rules is None else set(types_of(rules))
    swept = found.swept or DrySweep()
    for type in found.schema:
        counted = None if type.id is None else await _asked(type.name, queries.count(client, type.id))
        whole = type.name not in swept.unlisted
        came: int | Unanswered | None = swept.listed.get(type.name, 0 if type.name in used else None)
        if type.name not in used:
            came = await _asked(type.name, _walked(client, type))
            whole = isinstance(came, int)
        found.types.append(TypeCount(type.name, _number(counted), _number(came), type.name in used, whole))
    if found.dialect.search is not None:
        found.documents = await _asked("documents", survey.documents(client))
    found.users = await _asked("users", survey.members(client, USER))
    found.groups = await _asked("groups", survey.members(client, GROUP))


def _number(answer: int | Unanswered | None) -> int | None:
    return answer if isinstance(answer, int) else None


async def _walked(client: Client, type: WorkspaceType) -> int:
    """How many workspaces a type's list gives."""
    return sum([len(rows) async for rows in Extractor(client).changed(type, None)])


async def _rights(client: Client, found: Survey, ledger: Ledger) -> None:
    """What this user sees of workflows, audit and search."""
    types = {w.id: w.type for w in _every(ledger, "workspace") if isinstance(w, f.Workspace)}
    at = {s.workspace for s in _every(ledger, "step") if isinstance(s, f.Step)}
    found.workflows.types = frozenset(types[number] for number in at if number in types)
    sample = _sample(types)
    with ledger.read() as connection:
        documents = [
            int(subject) for subject, _ in observations.bodies(connection, "document", "", SAMPLE // 2)
        ]
    await _workflows(client, found.workflows, sample)
    nodes = sample[: SAMPLE // 2] + documents
    for node in nodes:
        events = await _asked(f"audit of node {node}", survey.audited(client, node))
        if isinstance(events, Unanswered):
            found.audit_refused = events
        else:
            found.events.update(events)
            found.audits += 1
    for flag in (QUERYABLE, DISPLAYABLE):
        found.regions[flag] = await _asked(f"{flag} search regions", survey.regions(client, flag))


def _every(ledger: Ledger, kind: str) -> Iterator[f.Fact]:
    """All facts of a kind, some at a time."""
    after = ""
    while True:
        with ledger.read() as connection:
            some = observations.bodies(connection, kind, after, AT_ONCE)
        yield from (fact for _, fact in some)
        if len(some) < AT_ONCE:
            return
        after = some[-1][0]


def _sample(types: Mapping[int, str]) -> list[int]:
    """Some workspaces of each type in turn."""
    turn: Counter[str] = Counter()
    turns: list[tuple[int, int]] = []
    for workspace, type in types.items():
        turn[type] += 1
        turns.append((turn[type], workspace))
    turns.sort()
    return [workspace for _, workspace in turns[:SAMPLE]]


async def _workflows(client: Client, found: Workflows, workspaces: Sequence[int]) -> None:
    """Compare the lists of this user's workflows with what `status/active` shows of all and of some workspaces."""
    for status in STATUSES:
        numbers = await _asked(f"workflows {status}", survey.managed(client, status))
        if isinstance(numbers, Unanswered):
            found.managed[status] = numbers
            continue
        found.managed[status] = len(numbers)
        found.mine |= numbers if status in OPEN_STATUSES else set()
    for workspace in (None, *workspaces):
        where = "all workspaces" if workspace is None else f"workspace {workspace}"
        shown = await _asked(f"open workflows of {where}", survey.open_workflows(client, workspace))
        if isinstance(shown, Unanswered):
            found.refused.append(shown)
            continue
        found.asked += workspace is not None
        found.shown |= {one.process: one for one in shown}
    maps = {one.map for one in found.shown.values() if one.map}
    names = await _asked("names of workflow maps", survey.names(client, maps)) if maps else {}
    found.maps = names if isinstance(names, dict) else {}


async def _asked(what: str, question: Awaitable[T]) -> T | Unanswered:
    """The answer to a question; why there is none otherwise."""
    try:
        return await question
    except EcmError as error:
        return Unanswered(what, f"{error.path}: {error.message}")
