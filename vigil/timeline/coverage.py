"""Coverage: the parts of rules that timelines exercise. Each leaf must hold and not hold; each step, recipient, event must occur."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from vigil.compliance.evaluation.clause_compiler import ClauseScope, compile_clause, scope
from vigil.compliance.evaluation.results import DIGESTED, Finding
from vigil.compliance.evaluation.transitions import fits, of_events
from vigil.compliance.notify.routing import Routed, named
from vigil.compliance.rules.clauses import Leaf, leaves_placed
from vigil.compliance.rules.model import Rule, RuleKind, RuleSet, recipients_placed
from vigil.compliance.rules.yaml_nodes import Node, NodePath
from vigil.timeline.model import Spot
from vigil.timeline.mutants import rule_nodes
from vigil.timeline.results import EvaluatedRun

Part = tuple[str, NodePath, str]
"""(rule, path in it, aspect): for a leaf ``holds`` or ``does not``, for the others ``told``, ``named`` and ``happened``."""

CLAUSES = ("where", "require", "when")


@dataclass(frozen=True, slots=True)
class CoverageGap:
    """A part of a rule that no timeline exercises, and its place."""

    rule: str
    spot: Spot
    what: str


@dataclass(frozen=True, slots=True)
class Covered:
    """The number of parts, and those that were not exercised."""

    parts: int
    gaps: tuple[CoverageGap, ...]

    @property
    def share(self) -> float:
        return 1.0 if not self.parts else 1 - len(self.gaps) / self.parts


def parts_of(rule: Rule) -> Iterator[tuple[Part, str]]:
    """Everything in a rule that a timeline can exercise, each with the message if none does."""
    for path, leaf in _leaves(rule):
        yield (rule.name, path, "holds"), f"never seen to hold: {leaf.text}"
        yield (rule.name, path, "does not"), f"always held: {leaf.text}"
    for n, pattern in enumerate(rule.events):
        yield (rule.name, ("events", n), "happened"), f"the event {pattern.event.value} never led to a notice"
    for n, step in enumerate(rule.all_steps):
        at: NodePath = ("steps", n) if rule.steps else ()
        yield (rule.name, at, "told"), f"{f'step {step.id}' if step.id else 'the rule'} never told anyone"
    for path, to in recipients_placed(rule):
        how = " when nobody had reacted" if path[0] == "escalate" else ""
        yield (rule.name, path, "named"), f"nobody was told as {to}{how}"


def _leaves(rule: Rule) -> Iterator[tuple[NodePath, Leaf]]:
    for key in CLAUSES:
        clause = getattr(rule, key)
        if clause is not None:
            yield from leaves_placed(clause, (key,))


class Watched:
    """Collects the exercised parts, evaluation by evaluation."""

    def __init__(self) -> None:
        self.parts: set[Part] = set()

    def __call__(self, evaluated: EvaluatedRun) -> None:
        given, as_of = evaluated.work.given, evaluated.as_of
        for rule in evaluated.rules:
            table = given.facts.table(rule.subject.workspace_type, given.required, given.zone)
            ready = scope(table, [getattr(rule, key) for key in CLAUSES], as_of, given.zone)
            if rule.kind is RuleKind.TRANSITION:
                mine = set(ready.frame["id"])
                found = [
                    e for e in given.events if e.workspace in mine and any(fits(p, e) for p in rule.events)
                ]
                if not found:
                    continue  # a transition's `where` is evaluated only when an event occurs
                ready = of_events(ready, found)
            self._see(rule, ready)
        for routed in evaluated.work.routed:
            self._told(evaluated.rules.by_name[routed.finding.rule], routed, evaluated)

    def _see(self, rule: Rule, ready: ClauseScope) -> None:
        for path, leaf in _leaves(rule):
            seen = ready.frame.select(compile_clause(leaf, ready).alias("met"))["met"].drop_nulls()
            self.parts |= {(rule.name, path, "holds" if met else "does not") for met in seen.unique()}

    def _told(self, rule: Rule, routed: Routed, evaluated: EvaluatedRun) -> None:
        finding = routed.finding
        if routed.person is None or (routed.reason is not None and routed.reason not in DIGESTED):
            return  # a notice in a digest is sent
        mine: list[NodePath]
        if finding.escalated is not None:
            mine = [("escalate", finding.escalated, "to")]
        else:
            steps = [n for n, s in enumerate(rule.steps) if finding.step in (None, s.id)]
            mine = [("steps", n, "to") for n in steps] or [("to",)]
            self.parts |= {(rule.name, ("steps", n), "told") for n in steps} or {(rule.name, (), "told")}
            self._happened(rule, finding)
        for path, to in recipients_placed(rule):
            asked = path[:-1] in mine or path[0] == "fallback"
            if asked and routed.person in evaluated.work.directory.people(
                named(to, finding, evaluated.work.facts)
            ):
                self.parts.add((rule.name, path, "named"))

    def _happened(self, rule: Rule, finding: Finding) -> None:
        for n, pattern in enumerate(rule.events):
            if finding.event is not None and fits(pattern, finding.event):
                self.parts.add((rule.name, ("events", n), "happened"))


def covered(rules: RuleSet, sources: Mapping[str, str], exercised: Iterable[Part]) -> Covered:
    """The rules' parts without the exercised ones. `sources` are the texts of the rules' files."""
    seen = set(exercised)
    nodes: dict[str, tuple[str, Node]] = {
        n.at("rule").value: (file, n) for file, text in sources.items() for n in rule_nodes(file, text)
    }
    everything = [(rule, part, what) for rule in rules for part, what in parts_of(rule)]
    gaps = []
    for rule, part, what in everything:
        if part not in seen:
            file, node = nodes[rule.name]
            at = node.at(*part[1])
            gaps.append(CoverageGap(rule.name, Spot(file, at.line, at.column), what))
    return Covered(len(everything), tuple(gaps))
