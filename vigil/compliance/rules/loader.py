"""Loads rules from YAML text. A set of files is accepted or refused as a whole, with all its problems.

A file contains one rule, a list of rules, ``rules: [...]``, or several such documents. `vigil.rulefiles` reads the files; this module
is pure.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from datetime import date

from pydantic import ValidationError

from vigil.compliance.facts import WorkspaceType
from vigil.compliance.rules.clauses import FieldLeaf
from vigil.compliance.rules.contradictions import impossible
from vigil.compliance.rules.diagnostics import refuse
from vigil.compliance.rules.model import DIGEST_NAME, Origin, Rule, RuleKind, RuleSet
from vigil.compliance.rules.semantic_checks import Checker
from vigil.compliance.rules.structural_checks import structure
from vigil.compliance.rules.vocabulary import FieldKind, People, Vocabulary, field_kind, listing, nearest
from vigil.compliance.rules.yaml_nodes import Node, frame, in_order, parse
from vigil.errors import BadInput, Problem

__all__ = [
    "Draft",
    "Examined",
    "Files",
    "across",
    "check",
    "check_text",
    "examine",
    "families_of",
    "frame",
    "load_text",
]

_ROUNDS = 4
_FILES = (".ics", ".yaml", ".yml")


@dataclass(frozen=True)
class Files:
    """The content of a folder of rules.

    `texts` are the rule files by name, `days_off` the dates of each calendar file that a rule's `extra` may name, `calendars` the
    problems of the other calendar files. `problems` are those of files and folders that could not be read at all.
    """

    texts: Mapping[str, str] = field(default_factory=dict)
    days_off: Mapping[str, Sequence[date]] = field(default_factory=dict)
    calendars: Mapping[str, Sequence[Problem]] = field(default_factory=dict)
    problems: Sequence[Problem] = ()

    def all_problems(self) -> list[Problem]:
        """The problems found before any rule is examined."""
        return [*self.problems, *(problem for some in self.calendars.values() for problem in some)]


@dataclass(frozen=True)
class Draft:
    """A rule of a file: its place, the rule itself if it could be read, and its problems.

    `whole` is False if wrong parts had to be left out to read it.
    """

    file: str
    node: Node
    rule: Rule | None
    whole: bool
    problems: Sequence[Problem] = ()

    @property
    def name(self) -> str | None:
        name = self.node.at("rule").value if "rule" in self.node.keys else None
        return name if isinstance(name, str) else None


@dataclass(frozen=True)
class Examined:
    """The rules of some files, each with its problems; and the problems outside every rule, by file."""

    files: Files
    drafts: Sequence[Draft]
    outside: Mapping[str, Sequence[Problem]]

    def problems(self) -> Iterator[Problem]:
        """All problems except those between rules."""
        yield from self.files.all_problems()
        for some in self.outside.values():
            yield from some
        for draft in self.drafts:
            yield from draft.problems


def load_text(
    sources: Mapping[str, str],
    schema: Sequence[WorkspaceType] | None = None,
    templates: Mapping[str, AbstractSet[str]] | None = None,
    days_off: Mapping[str, Sequence[date]] | None = None,
) -> RuleSet:
    """The rules of some files, by file name -> text.

    `schema` is the snapshot against which names are checked, `templates` has the variables of each template family, `days_off` the
    dates of each file that a calendar's `extra` may name. Arguments that are None are not checked. Raises BadInput with every problem,
    in the order of the files.
    """
    rules, problems = check_text(sources, schema, templates, days_off)
    if problems:
        raise BadInput(problems)
    return rules


def check_text(
    sources: Mapping[str, str],
    schema: Sequence[WorkspaceType] | None = None,
    templates: Mapping[str, AbstractSet[str]] | None = None,
    days_off: Mapping[str, Sequence[date]] | None = None,
) -> tuple[RuleSet, list[Problem]]:
    """As `load_text`, but returns the readable rules and the problems: for editors and reports."""
    return check(examine(Files(sources, days_off or {}), schema, templates))


def check(found: Examined) -> tuple[RuleSet, list[Problem]]:
    """The readable rules, and all problems of the files, in their order."""
    problems = [*found.problems(), *(problem for _, problem in across(found.drafts))]
    return RuleSet(tuple(d.rule for d in found.drafts if d.rule is not None)), list(in_order(problems))


def examine(
    files: Files,
    schema: Sequence[WorkspaceType] | None = None,
    templates: Mapping[str, AbstractSet[str]] | None = None,
    people: People | None = None,
) -> Examined:
    """Every rule of the files by itself; `across` checks conditions between rules.

    `schema` and `templates` are as for `load_text`; `people` is used with a schema.
    """
    vocabulary = Vocabulary(schema, people) if schema is not None else None
    drafts: list[Draft] = []
    outside: dict[str, list[Problem]] = {}
    for file, text in files.texts.items():
        documents, wrong = parse(file, text)
        around: list[Problem] = []
        nodes = list(_rule_nodes(file, documents, around))
        if not nodes and not wrong and not around:
            around.append(Problem(file, 1, 1, "no rule in this file"))
        own, rest = _by_rule(nodes, wrong)
        if around or rest:
            outside[file] = [*around, *rest]
        for node, found in zip(nodes, own, strict=True):
            draft = _read(file, _with_days_off(file, node, files, found), found)
            found += _meaning(draft, vocabulary, templates)
            drafts.append(replace(draft, problems=tuple(found)))
    return Examined(files, drafts, outside)


def _by_rule(nodes: Sequence[Node], problems: Sequence[Problem]) -> tuple[list[list[Problem]], list[Problem]]:
    """The problems of the YAML reader, by rule; and those before every rule."""
    own: list[list[Problem]] = [[] for _ in nodes]
    rest: list[Problem] = []
    for problem in problems:
        begun = [
            n for n, node in enumerate(nodes) if (node.line, node.column) <= (problem.line, problem.column)
        ]
        (own[max(begun, key=lambda n: (nodes[n].line, nodes[n].column))] if begun else rest).append(problem)
    return own, rest


def _rule_nodes(file: str, documents: Sequence[Node], problems: list[Problem]) -> Iterator[Node]:
    """The mappings that are rules, in any of the file formats."""
    for document in documents:
        if isinstance(document.value, dict) and "rules" in document.keys:
            for key in document.keys.keys() - {"rules"}:
                message = f"unknown key `{key}` beside `rules`; such a file has `rules` alone."
                problems.append(document.key(key).problem(file, message, key))
            document = document.at("rules")
        if isinstance(document.value, list):
            candidates: Sequence[Node] = list(document.parts.values())
        else:
            candidates = [document]
        for node in candidates:
            if isinstance(node.value, dict):
                yield node
            else:
                problems.append(node.problem(file, "a rule is a mapping; write rule: NAME and its keys."))


def _with_days_off(file: str, node: Node, files: Files, problems: list[Problem]) -> Node:
    """The rule with the names of calendar files in `calendar.extra` replaced by their dates."""
    extra = node.at("calendar", "extra")
    if not ("calendar" in node.keys and "extra" in node.at("calendar").keys):
        return node
    items = list(extra.parts.values()) if isinstance(extra.value, list) else [extra]
    dates: list[Node] = []
    for item in items:
        if not (isinstance(item.value, str) and item.value.endswith(_FILES)):
            dates.append(item)
        else:
            dates += _dates_of(file, item, files, problems)
    filled = replace(extra, value=[d.value for d in dates], parts=dict(enumerate(dates)))
    return node.replaced(("calendar", "extra"), filled)


def _dates_of(file: str, item: Node, files: Files, problems: list[Problem]) -> list[Node]:
    """The days off of the calendar file that `item` names."""
    name = str(item.value)
    if name in files.days_off:
        return [replace(item, value=day) for day in files.days_off[name]]
    unread = [problem for problem in files.problems if _base(problem.file) == name]
    if wrong := (files.calendars.get(name) or unread):
        problems += wrong  # what is wrong stands there, and not in the rule
    elif name in map(_base, files.texts):
        message = f'the file "{name}" holds no days off; write dates: [2026-12-24] in it, and nothing else'
        problems.append(item.problem(file, message, "extra"))
    else:
        message = f'no calendar file "{name}" beside the rules'
        problems.append(item.problem(file, message, "extra", nearest(name, files.days_off)))
    return []


def _base(file: str) -> str:
    """The last part of a path."""
    return file.replace("\\", "/").rpartition("/")[2]


def _read(file: str, node: Node, problems: list[Problem]) -> Draft:
    """The rule of a mapping. Wrong parts are reported and left out, so that the rest is still checked."""
    pruned = node
    for attempt in range(_ROUNDS):
        try:
            rule = Rule.model_validate(
                pruned.value | {"(origin)": Origin(file, node.line)}, by_alias=True, by_name=False
            )
            return Draft(file, pruned, rule, whole=attempt == 0)
        except ValidationError as wrong:
            errors = wrong.errors(include_url=False)
        found = [refuse(file, pruned, error) for error in errors]
        hints = {problem.hint for problem, _ in found}
        for error, (problem, path) in zip(errors, found, strict=True):
            # What is missing only because it is misspelt, or because a wrong part was left out, is no news.
            misspelt = error["type"] == "missing" and f'Did you mean "{problem.key}"?' in hints
            left_out = attempt > 0 and (error["type"] == "missing" or not pruned.at(*path).value)
            if not misspelt and not left_out:
                problems.append(problem)
        paths = {path for _, path in found}
        if () in paths:
            break
        for path in sorted(paths, key=_last_first, reverse=True):
            pruned = pruned.without(path)
    return Draft(file, node, None, whole=False)


def _last_first(path: tuple[str | int, ...]) -> tuple[tuple[bool, str | int], ...]:
    """Sorts paths so that, in reverse order, removing one does not move the others."""
    return tuple((isinstance(step, str), step) for step in path)


def _meaning(
    draft: Draft, vocabulary: Vocabulary | None, templates: Mapping[str, AbstractSet[str]] | None
) -> Iterator[Problem]:
    """The semantic problems of a readable rule."""
    rule = draft.rule
    if rule is None:
        return
    yield from structure(draft.file, rule, draft.node, draft.whole)
    named = list(Checker(draft.file, rule, draft.node, vocabulary).problems())
    yield from named
    if not named:
        yield from _reachable(draft, rule, vocabulary)
    if templates is not None:
        yield from _templates(draft, rule, templates)


def _reachable(draft: Draft, rule: Rule, vocabulary: Vocabulary | None) -> Iterator[Problem]:
    """Rules that can never find anything, and requirements that nothing can meet."""
    own = vocabulary.types.get(rule.subject.workspace_type) if vocabulary else None

    def kind_of(leaf: FieldLeaf) -> FieldKind | None:
        return field_kind(leaf.ref, own, vocabulary)

    def name_of(leaf: FieldLeaf) -> str:
        found = own.attributes(leaf.ref.name) if own is not None and leaf.ref.root == "attr" else ()
        return f"attr.{found[0].key}" if len(found) == 1 else leaf.field

    for key, clauses in (
        ("where", [rule.where]),
        ("when", [rule.when]),
        ("require", [rule.require]),
        ("when", [rule.where, rule.when]),
    ):
        clash = impossible(clauses, kind_of, name_of)
        if clash:
            together = "`where` and `when` together" if len(clauses) > 1 else f"`{key}`"
            said = " and ".join(f'"{literal.text}"' for literal in clash)
            only = "exclude each other" if len(clash) > 1 else "is never so"
            message = f"{together} can never be true; {said} {only}."
            yield draft.node.key(key).problem(draft.file, message, key)
            return


def _templates(draft: Draft, rule: Rule, templates: Mapping[str, AbstractSet[str]]) -> Iterator[Problem]:
    """Missing families, and families that use fields that the rule's kind does not have."""
    for at, family in families_of(draft.node, rule):
        used = templates.get(family)
        if used is None:
            message = f'unknown template family "{family}"; families: {listing(sorted(templates))}.'
            yield at.problem(draft.file, message, "template", nearest(family, templates))
            continue
        roots = {name.partition(".")[0] for name in used}
        for variable, kind in (("event", RuleKind.TRANSITION), ("due", RuleKind.MILESTONE)):
            if variable in roots and rule.kind is not kind:
                message = f'template family "{family}" uses `{variable}`, which only a {kind} has'
                yield at.problem(draft.file, message, "template")


def families_of(node: Node, rule: Rule) -> Iterator[tuple[Node, str]]:
    """The template families that a rule names, each with its place; that of its `kind` if the kind gives the family."""
    own = node.at("template")
    yield (own if own is not node else node.at("kind")), rule.family
    for n, step in enumerate(rule.steps):
        if step.template:
            yield node.at("steps", n, "template"), step.template


def across(
    drafts: Sequence[Draft], also: Collection[str] = (), certain: bool = True
) -> Iterator[tuple[Draft, Problem]]:
    """The problems between rules, each with its rule.

    `also` are existing rules that are in none of the files. Unless it is `certain` that there are no others, a rule may be inhibited
    by an unknown one.
    """
    names = {draft.name for draft in drafts if draft.name is not None} | set(also)
    yield from _names_taken(drafts)
    for draft, index, name in _inhibitors(drafts):
        at = draft.node.at("inhibit_by", index)
        if name == draft.name:
            yield draft, at.problem(draft.file, "a rule cannot inhibit itself", "inhibit_by")
        elif certain and name not in names:
            message = f'unknown rule "{name}" in `inhibit_by`'
            yield draft, at.problem(draft.file, message, "inhibit_by", nearest(name, names))


def _names_taken(drafts: Sequence[Draft]) -> Iterator[tuple[Draft, Problem]]:
    """Two rules with one name, and the reserved name."""
    first: dict[str, Draft] = {}
    for draft in drafts:
        at = draft.node.at("rule")
        if draft.name is None:
            continue
        if draft.name == DIGEST_NAME:
            message = f"`{DIGEST_NAME}` is the name that digests themselves are sent under; choose another."
            yield draft, at.problem(draft.file, message, "rule")
        if draft.name in first:
            other = first[draft.name]
            where = f"{other.file}:{other.node.at('rule').line}"
            message = f'two rules are called "{draft.name}", the first at {where}'
            yield draft, at.problem(draft.file, message, "rule")
        first.setdefault(draft.name, draft)


def _inhibitors(drafts: Sequence[Draft]) -> Iterator[tuple[Draft, int, str]]:
    """Each name in an `inhibit_by`, with its rule and its position there."""
    for draft in drafts:
        for index, name in enumerate(draft.rule.inhibit_by if draft.rule else ()):
            yield draft, index, name
