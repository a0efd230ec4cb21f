"""The rules in force if some files are invalid: valid rules as written, refused ones with their last valid text.

A problem refuses its rule. A problem outside every rule refuses its file: each rule in it. For a refused rule its last valid text
stays in force, if one is known; else the rule is left out. docs/decisions/0015.

A rule in no file was deleted, unless its last file has a problem: then the rule may still be in it, and stays in force.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import TypeVar

from vigil.compliance.rules.loader import Draft, Examined, Files, across, examine
from vigil.compliance.rules.model import Rule, RuleSet
from vigil.compliance.rules.yaml_nodes import in_order
from vigil.errors import Problem
from vigil.wording import instant


@dataclass(frozen=True, slots=True)
class Revision:
    """A text of a rule that was in force: its file, and the first and last evaluation with it.

    `hash` identifies it among the texts of its rule (`normalised_text.hash_of`).
    """

    rule: str
    hash: str
    text: str
    file: str
    first_at: datetime
    last_at: datetime


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A rule that is not evaluated, though nobody removed it; and its last evaluation, if any."""

    name: str
    last_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Refusal:
    """The effect of one problem: the rules that stay in force with their last valid text, and those that are left out.

    Both are empty if nobody can tell which rules a file contains. `problems` begins with the one that decided.
    """

    problems: tuple[Problem, ...]
    goes_on: tuple[Revision, ...] = ()
    left_out: tuple[LeftOut, ...] = ()

    @property
    def count(self) -> int:
        """How many rules are refused; an unreadable file counts as one."""
        return max(1, len(self.goes_on) + len(self.left_out))

    def sentence(self, zone: str) -> str:
        """The problem, its place, and the state of the rules until a person corrects them. Instants are in `zone`."""
        first, more = self.problems[0], len(self.problems) - 1
        said = f"{str(first).rstrip('.')}{f' (and {more} more)' if more else ''}"
        return f"{said}{'' if said.endswith('?') else ':'} {self._meanwhile(zone)}"

    def _meanwhile(self, zone: str) -> str:
        parts = []
        for at, names in _together((r.first_at, r.rule) for r in self.goes_on):
            go_on = "goes on by its text" if len(names) == 1 else "go on by their texts"
            parts.append(f"{', '.join(names)} {go_on} of {instant(at, zone)}")
        for last, names in _together((r.last_at, r.name) for r in self.left_out):
            until = "" if last is None else f", evaluated up to {instant(last, zone)}"
            parts.append(f"{', '.join(names)} {'is' if len(names) == 1 else 'are'} left out{until}")
        return ", ".join(parts) or "what it holds is left out"


@dataclass(frozen=True, slots=True)
class InForce:
    """The rules to evaluate, the refusals, and the drafts of the rules that are in force as in their files."""

    rules: RuleSet
    refused: tuple[Refusal, ...] = ()
    drafts: tuple[Draft, ...] = ()

    @property
    def left_out(self) -> frozenset[str]:
        """The names of the rules that are not evaluated, though nobody removed them."""
        return frozenset(rule.name for refusal in self.refused for rule in refusal.left_out)


def in_force(found: Examined, known: Sequence[Revision]) -> InForce:
    """The rules of `found` without the refused ones, for which `known` texts stay in force.

    `known` has the text of each rule that was in force at the last evaluation: rules retired or deleted before do not come back.
    `found.files` and `known` name files in the same way.
    """
    latest = {revision.rule: revision for revision in known}
    why = _refused(found, known)
    revived = {name: rule for name in why if (rule := _rule_of(latest.get(name))) is not None}
    drafts = tuple(draft for draft in found.drafts if draft.name not in why)
    good = {draft.name: draft.rule for draft in drafts}
    names = _in_order(found, latest, why)
    revived = {name: _known_inhibitors(rule, names) for name, rule in revived.items()}
    some = [rule for name in names if (rule := good.get(name) or revived.get(name)) is not None]
    return InForce(RuleSet(tuple(some)), tuple(_refusals(found, why, latest, revived)), drafts)


def _refused(found: Examined, known: Sequence[Revision]) -> dict[str, tuple[Problem, ...]]:
    """The names of refused rules, each with its problems; the first is the one that decided."""
    named = {draft.name for draft in found.drafts}
    opaque = _opaque(found, known)
    hidden = {r.rule: _hiding(found, r, opaque) for r in known if r.rule not in named}
    hidden = {name: problems for name, problems in hidden.items() if problems}
    why: dict[str, list[Problem]] = defaultdict(list)
    between = defaultdict(list)
    for draft, problem in across(found.drafts, also=hidden, certain=not opaque):
        between[draft.name].append(problem)
    for draft in found.drafts:
        if draft.name is not None:
            why[draft.name] += [*draft.problems, *found.outside.get(draft.file, ()), *between[draft.name]]
    return {name: tuple(dict.fromkeys(some)) for name, some in (*why.items(), *hidden.items()) if some}


def _hiding(found: Examined, revision: Revision, opaque: Sequence[Problem]) -> Sequence[Problem]:
    """The problems of the file that may still contain a rule that is in no file; empty if the rule was removed."""
    own = _of_file(found, revision.file)
    if own or revision.file in found.files.texts:
        return own
    return opaque


def _of_file(found: Examined, file: str) -> list[Problem]:
    """The problems of a file, first those that hide rules: outside all rules, and in rules without a name."""
    drafts = sorted((d for d in found.drafts if d.file == file), key=lambda d: d.name is not None)
    inside = [problem for draft in drafts for problem in draft.problems]
    return [*(p for p in found.files.problems if p.file == file), *found.outside.get(file, ()), *inside]


def _opaque(found: Examined, known: Sequence[Revision]) -> list[Problem]:
    """The problems that hide which rules exist: unreadable files about which nothing is known.

    An unreadable folder is one of them.
    """
    remembered = {revision.file for revision in known}
    nameless = (problem for draft in found.drafts if draft.name is None for problem in draft.problems)
    outside = (problem for some in found.outside.values() for problem in some)
    return [p for p in (*found.files.problems, *outside, *nameless) if p.file not in remembered]


@lru_cache(maxsize=1024)
def _rule_of(revision: Revision | None) -> Rule | None:
    """The rule of a text that was in force; None if this version of Vigil cannot read it any more.

    Semantic problems do not remove it, because it was in force.
    """
    if revision is None:
        return None
    drafts = examine(Files({revision.file: revision.text})).drafts
    return drafts[0].rule if len(drafts) == 1 and drafts[0].whole else None


def _in_order(found: Examined, latest: Mapping[str, Revision], why: Mapping[str, object]) -> list[str]:
    """The names of all rules in the order of their files; hidden ones come after the others of their file."""
    named = {draft.name: draft.file for draft in reversed(found.drafts) if draft.name is not None}
    hidden = {name: latest[name].file for name in why if name not in named}
    return sorted([*reversed(named), *hidden], key=lambda name: named.get(name) or hidden[name])


def _known_inhibitors(rule: Rule, names: Collection[str]) -> Rule:
    """A rule without deleted ones in its `inhibit_by`: the last finding of a deleted rule would silence it for ever."""
    kept = tuple(name for name in rule.inhibit_by if name in names)
    return rule if kept == rule.inhibit_by else rule.model_copy(update={"inhibit_by": kept})


def _refusals(
    found: Examined,
    why: Mapping[str, tuple[Problem, ...]],
    latest: Mapping[str, Revision],
    revived: Collection[str],
) -> Iterator[Refusal]:
    """The refusals, by the problem that decided, in the order of the files."""
    together: dict[Problem, list[str]] = defaultdict(list)
    for name, problems in why.items():
        together[problems[0]].append(name)
    said = {problem for problems in why.values() for problem in problems}
    alone: dict[str, list[Problem]] = defaultdict(list)
    for problem in found.problems():
        if problem not in said:
            alone[problem.file].append(problem)
    for first in in_order([*together, *(some[0] for some in alone.values())]):
        names = together.get(first, ())
        because = [p for name in names for p in why[name]] or alone[first.file]
        yield Refusal(
            tuple(dict.fromkeys(because)),
            tuple(latest[name] for name in names if name in revived),
            tuple(LeftOut(n, latest[n].last_at if n in latest else None) for n in names if n not in revived),
        )


At = TypeVar("At")


def _together(some: Iterable[tuple[At, str]]) -> Iterator[tuple[At, list[str]]]:
    """Names grouped by their instant, in their order."""
    out: dict[At, list[str]] = defaultdict(list)
    for at, name in some:
        out[at].append(name)
    yield from out.items()
