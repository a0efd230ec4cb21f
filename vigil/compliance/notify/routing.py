"""Routing: recipients to principals to people. A missing recipient, a deleted account and a missing next step are named outcomes."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from vigil.compliance import facts as f
from vigil.compliance.channels import CHANNEL_NAMES
from vigil.compliance.evaluation.results import DIGESTED, Finding, Why
from vigil.compliance.evaluation.sentences import title
from vigil.compliance.evaluation.tables import Facts
from vigil.compliance.facts import Fact
from vigil.compliance.rules.model import Recipient, Rule, RuleSet, Status


@dataclass(frozen=True, slots=True)
class Routed:
    """One finding for one person, or for one group that has an address of its own (``group:NAME``).

    `person` is None, with the reason, if it has no recipient.

    `lacks` has the reason for each recipient without people: "role owner of Contract 4711 is empty".
    """

    finding: Finding
    person: str | None
    reason: Why | None = None
    lacks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Directory:
    """The known people and groups, by login and by name.

    `unknown` has the principals that could not be looked up, `unread` the workspaces whose roles could not be read, each with the
    reason. `reached` has the channels on which groups have an address of their own.
    """

    users: Mapping[str, f.User] = field(default_factory=dict)
    groups: Mapping[str, f.Group] = field(default_factory=dict)
    unknown: Mapping[str, str] = field(default_factory=dict)
    unread: Mapping[int, str] = field(default_factory=dict)
    reached: Mapping[str, frozenset[str]] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        facts: Iterable[Fact],
        unknown: Mapping[str, str] | None = None,
        unread: Mapping[int, str] | None = None,
    ) -> Directory:
        users: dict[str, f.User] = {}
        groups: dict[str, f.Group] = {}
        for fact in facts:
            if isinstance(fact, f.User):
                users[fact.login] = fact
            elif isinstance(fact, f.Group):
                groups[fact.name] = fact
        return cls(users, groups, unknown or {}, unread or {})

    def doubt(self, principals: Iterable[str]) -> str | None:
        """Why the people behind some principals, including members of groups, are unknown; None if they are known."""
        opened: set[str] = set()
        todo = list(principals) if self.unknown else []
        while todo:
            principal = todo.pop()
            if principal in self.unknown:
                return self.unknown[principal]
            kind, _, name = principal.partition(":")
            if kind == "group" and principal not in opened:
                opened.add(principal)
                todo += self.groups[name].members if name in self.groups else ()
        return None

    def people(self, principals: Iterable[str], channels: Collection[str] = CHANNEL_NAMES) -> list[str]:
        """The logins of principals, including the members of nested groups, in order, each once. Deleted accounts are left out.

        A group that has an address of its own on one of `channels` is told there, in place of its members: it is not opened, and
        stands in the list as ``group:NAME``.
        """
        out: dict[str, None] = {}
        opened: set[str] = set()
        todo = list(principals)[::-1]
        while todo:
            kind, _, name = (principal := todo.pop()).partition(":")
            if kind == "user":
                if name in self.users and not self.users[name].deleted:
                    out[name] = None
            elif not self.reached.get(name, frozenset()).isdisjoint(channels):
                out[principal] = None
            elif principal not in opened:
                opened.add(principal)
                todo += reversed(self.groups[name].members if name in self.groups else ())
        return list(out)


def principals_of(findings: Sequence[Finding], rules: RuleSet, facts: Facts) -> tuple[set[int], set[str]]:
    """What must be looked up before `findings` can be routed: workspaces for their roles, and principals by name."""
    workspaces: set[int] = set()
    principals: set[str] = set()
    for x in findings:
        if _tells_nobody(x):
            continue
        for to in recipients(rules.by_name[x.rule], x):
            if to.kind == "role":
                workspaces.add(x.workspace)
            else:
                principals |= set(named(to, x, facts))
        for to in rules.by_name[x.rule].fallback:
            if to.kind == "role":
                workspaces.add(x.workspace)
            else:
                principals |= set(named(to, x, facts))
        for key in PEOPLE:
            principals |= set(_of_event(key, x))
    return workspaces, principals


def recipients(rule: Rule, finding: Finding) -> tuple[Recipient, ...]:
    """The recipients of the finding's step, or of its escalation."""
    if finding.escalated is not None:
        return rule.escalate[finding.escalated].to
    return next((s.to for s in rule.all_steps if s.id == finding.step), ()) or rule.to


def named(to: Recipient, finding: Finding, facts: Facts) -> tuple[str, ...]:
    """The principals of a recipient for a finding."""
    workspace = facts.workspaces.get(finding.workspace)
    match to.kind:
        case "role":
            roles = facts.roles.get(finding.workspace)
            return () if roles is None else tuple(roles.members.get(to.value, ()))
        case "group":
            return (f.group(to.value),)
        case "user":
            return (f.user(to.value),)
        case "attr":
            return _named_by_attribute(to.value, workspace)
        case "event":
            return _of_event(to.value, finding)
        case "step":
            return _of_step(to.value, finding, facts)


def _named_by_attribute(name: str, workspace: f.Workspace | None) -> tuple[str, ...]:
    if workspace is None:
        return ()
    name = name.removeprefix("attr.")
    values = workspace.attrs.get(name)
    if name not in workspace.attrs:
        values = next((v for k, v in workspace.attrs.items() if k.endswith(f".{name}")), None)
    return tuple(_principal(str(v)) for v in (values if isinstance(values, tuple) else (values,)) if v)


def _principal(name: str) -> str:
    return name if name.startswith(("user:", "group:")) else f.user(name)


def _of_event(key: str, finding: Finding) -> tuple[str, ...]:
    """The person who caused an event, or the members whom it added to a role or removed from it."""
    fields = {} if finding.event is None else finding.event.fields
    if key == "by":
        return (f.user(str(fields["by"])),) if fields.get("by") else ()
    members = fields.get(f"{key}_members")
    return tuple(map(str, members)) if isinstance(members, tuple) else ()


def _of_step(which: str, finding: Finding, facts: Facts) -> tuple[str, ...]:
    event = finding.event
    if event is None:
        return ()
    process = event.fields.get("process"), event.fields.get("subprocess")
    number = event.fields.get("step")
    if which == "completed_by":
        by = event.fields.get("by")
        return (f.user(str(by)),) if by else ()
    steps = [s for s in facts.steps.get(finding.workspace, ()) if (s.process, s.subprocess) == process]
    if which == "assignee":
        return next((s.assignees for s in steps if s.step == number), ())
    following = _next_open(steps, number)
    return () if following is None else following.assignees


def _next_open(steps: Sequence[f.Step], number: object) -> f.Step | None:
    """The step after `number` in its process or subprocess, if it is open."""
    later = sorted((s for s in steps if isinstance(number, int) and s.step > number), key=lambda s: s.step)
    return next((s for s in later[:1] if s.is_open), None)


def route(findings: Sequence[Finding], rules: RuleSet, facts: Facts, directory: Directory) -> list[Routed]:
    """Each finding for each of its people, each person once; one row with person None if it has no recipient."""
    return [r for x in findings for r in _route(x, rules.by_name[x.rule], facts, directory)]


def undecided(
    findings: Sequence[Finding], rules: RuleSet, facts: Facts, directory: Directory
) -> dict[int, str]:
    """The workspaces with findings whose recipients are not all known, each with what could not be looked up.

    An unread role is not an empty one: nobody else is notified instead.
    """
    out: dict[int, str] = {}
    for x in findings if directory.unknown or directory.unread else ():
        if not _tells_nobody(x) and (why := _doubt(x, rules.by_name[x.rule], facts, directory)):
            out.setdefault(x.workspace, why)
    return out


def _doubt(finding: Finding, rule: Rule, facts: Facts, directory: Directory) -> str | None:
    by = finding.event.fields.get("by") if finding.event is not None else None
    if by and (why := directory.doubt([f.user(str(by))])):
        return why
    to = recipients(rule, finding)
    why = _doubt_of(to, finding, facts, directory)
    if why or directory.people(p for t in to for p in named(t, finding, facts)):
        return why
    return _doubt_of(rule.fallback, finding, facts, directory)


def _doubt_of(
    recipients: Sequence[Recipient], finding: Finding, facts: Facts, directory: Directory
) -> str | None:
    if finding.workspace in directory.unread and any(t.kind == "role" for t in recipients):
        return directory.unread[finding.workspace]
    return directory.doubt(p for t in recipients for p in named(t, finding, facts))


def _route(finding: Finding, rule: Rule, facts: Facts, directory: Directory) -> list[Routed]:
    if _tells_nobody(finding):
        return [Routed(finding, None, finding.suppressed)]
    to = recipients(rule, finding)
    if to and all(_no_next(t, finding, facts) for t in to):
        return [Routed(finding, None, Why.NO_NEXT)]
    channels = rule.channels or CHANNEL_NAMES
    people = directory.people((p for t in to for p in named(t, finding, facts)), channels)
    untold = dict.fromkeys(_lacks(t, finding, rule, facts, directory) for t in to if _not_told(t, finding))
    unnamed = [Routed(finding, None, Why.WHO, tuple(untold))] if untold else []
    if not people:
        people = directory.people((p for t in rule.fallback for p in named(t, finding, facts)), channels)
    actor = finding.event.fields.get("by") if finding.event is not None and rule.exclude_actor else None
    if not people and unnamed:
        return unnamed
    if not people:
        lacks = dict.fromkeys(_lacks(t, finding, rule, facts, directory) for t in (*to, *rule.fallback))
        return [Routed(finding, None, Why.NOBODY, tuple(lacks))]
    digest = finding.suppressed or (Why.GROUPED if rule.group else None)
    reason = Why.SHADOW if rule.status is Status.SHADOW else digest
    return unnamed + [Routed(finding, p, Why.ACTOR if p == actor else reason) for p in people]


def _lacks(to: Recipient, finding: Finding, rule: Rule, facts: Facts, directory: Directory) -> str:
    """Why a recipient has no people, as a sentence."""
    of = f"of {rule.subject.workspace_type} {finding.workspace}"
    if to.kind == "role" and facts.roles.get(finding.workspace) is None:
        return f"role {to.value} {of} could not be read"
    if to.kind == "user":
        return f"the account {to.value} is {'deleted' if to.value in directory.users else 'not known'}"
    if to.kind == "group":
        group = directory.groups.get(to.value)
        how = (
            "is not known" if group is None else "has nobody with an account" if group.members else "is empty"
        )
        return f"group {to.value} {how}"
    if _not_told(to, finding):
        who = PEOPLE["by"] if to.kind == "event" else _STEPS[to.value]
        return f"{who} {of} is not known: Extended ECM does not tell"
    what = {
        "role": f"role {to.value} {of}",
        "attr": f"{title('attr.' + to.value.removeprefix('attr.'))} {of}",
        "step": f"{_STEPS.get(to.value, to.value)} {of}",
        "event": f"{PEOPLE.get(to.value, to.value)} in {rule.subject.workspace_type} {finding.workspace}",
    }[to.kind]
    return f"{what} {'names nobody with an account' if named(to, finding, facts) else 'is empty'}"


PEOPLE: Mapping[str, str] = {
    "by": "who did it",
    "added": "who was added to the role",
    "removed": "who was removed from the role",
}
"""The people of an event that a rule may name as recipients, and whose names its notices use."""

_STEPS = {
    "assignee": "the step's assignee",
    "completed_by": "who completed the step",
    "next": "the next step's assignee",
}


def _not_told(to: Recipient, finding: Finding) -> bool:
    """Whether a recipient is the person who did something, and Extended ECM does not tell who that was."""
    needed = (to.kind, to.value) in (("event", "by"), ("step", "completed_by"))
    return needed and finding.event is not None and "by" in finding.event.unknown


def _tells_nobody(finding: Finding) -> bool:
    """Whether a finding is suppressed for everybody. One for the digest still has a recipient."""
    return finding.suppressed is not None and finding.suppressed not in DIGESTED


def _no_next(to: Recipient, finding: Finding, facts: Facts) -> bool:
    return to.kind == "step" and to.value == "next" and not _of_step("next", finding, facts)


__all__ = ["Directory", "Routed", "named", "principals_of", "recipients", "route", "undecided"]
