"""Loads timeline files: the timelines, and the rules of each. Files are accepted or refused as a whole, with file:line:column.

A file contains one or more YAML documents. One without `steps` is the file's head: its keys apply to all that follow.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from vigil.compliance.rules.model import Rule, RuleSet
from vigil.compliance.rules.vocabulary import listing, nearest
from vigil.compliance.rules.yaml_nodes import Node, in_order, parse
from vigil.errors import BadInput, Problem
from vigil.rulefiles import read_rules
from vigil.timeline.model import Timeline
from vigil.timeline.node_parser import Reader
from vigil.timeline.parser import KEYS, timeline

SUFFIXES = (".timeline.yaml", ".timeline.yml")
ByFile = Mapping[Path, Sequence[Rule]]
"""The rules of each file, by its resolved path."""

HEAD = ("rules", "only", "zone", "people", "required_documents", "workspace", "workspaces")


@dataclass(frozen=True)
class Suite:
    """The rules at a path and the timelines beside them. `sources` are the texts of the timeline files by name.

    `folder` contains the rules. `whole` is True if all its timelines were requested: then rules without a timeline are reported.
    """

    rules: RuleSet
    timelines: tuple[Timeline, ...]
    sources: Mapping[str, str]
    folder: Path
    whole: bool = True

    def untested(self) -> list[str]:
        """The active rules without a timeline."""
        if not self.whole:
            return []
        tested = {name for t in self.timelines for name in t.rules}
        return [r.name for r in self.rules if r.name not in tested]


def read_suite(path: Path) -> Suite:
    """The timelines at `path` (a folder, a timeline file, or a rules file) and the rules of their folder.

    Raises BadInput with every problem, and if no timeline exists.
    """
    files = timeline_files(path)
    folder = path if path.is_dir() else path.parent
    rules = read_rules(folder)
    sources: dict[str, str] = {}
    problems: list[Problem] = []
    for file in files:
        if not file.is_file():
            problems.append(
                Problem(str(file), 1, 1, "is a folder, not a file; put the file back, or take this away")
            )
            continue
        try:
            sources[str(file)] = file.read_text(encoding="utf-8-sig")
        except (UnicodeDecodeError, OSError) as wrong:
            problems.append(Problem(str(file), 1, 1, f"cannot be read: {wrong}"))
    by_file = _by_file(rules)
    timelines = [t for file, text in sources.items() for t in _read_text(file, text, by_file, problems)]
    if not timelines and not problems:
        problems.append(
            Problem(str(path), 1, 1, "no timeline here; they are in *.timeline.yaml beside the rules")
        )
    if problems:
        raise BadInput(list(in_order(problems)))
    return Suite(rules, tuple(timelines), sources, folder, path.is_dir())


def timeline_files(path: Path) -> list[Path]:
    """The timeline files of a folder, or the one of a rules file."""
    if path.is_dir():
        # A folder with such a name is refused when it is read: if it were skipped, its tests could never fail.
        found = (f for f in path.rglob("*") if f.name.endswith(SUFFIXES))
        return sorted(f for f in found if not any(p.startswith(".") for p in f.relative_to(path).parts))
    if path.name.endswith(SUFFIXES):
        return [path]
    return [f for suffix in SUFFIXES if (f := path.with_name(path.stem + suffix)).is_file()]


def _read_text(file: str, text: str, rules: ByFile, problems: list[Problem]) -> Iterator[Timeline]:
    """The timelines of one file's text; its problems are added to `problems`."""
    documents, wrong = parse(file, text)
    problems += wrong
    if not wrong and not any("steps" in d.keys for d in documents):
        problems.append(Problem(file, 1, 1, "no timeline in this file: none of its documents has `steps`"))
    reader = Reader(file, problems)
    head: Mapping[str, Node] = {}
    names: dict[str, int] = {}
    for node in documents:
        if "steps" not in node.keys:
            if reader.mapping(node, "the head of a timeline file", HEAD):
                head = {name: node.parts[name] for name in node.keys}
            continue
        if not reader.mapping(node, "a timeline", KEYS):
            continue
        before = len(problems)
        made = _one(reader, node, head, rules)
        if made is None or len(problems) > before:
            continue
        if made.name in names:
            reader.wrong(
                node.at("timeline"),
                f'two timelines "{made.name}", the first on line {names[made.name]}',
                "timeline",
            )
        names[made.name] = node.line
        yield made


def _one(reader: Reader, node: Node, head: Mapping[str, Node], rules: ByFile) -> Timeline | None:
    parts = {**head, **{name: node.parts[name] for name in node.keys}}
    if "workspaces" in node.keys or "workspace" in node.keys:
        parts = {k: v for k, v in parts.items() if k in node.keys or k not in ("workspace", "workspaces")}
    mine = _rules(reader, node, parts, rules)
    return timeline(Reader(reader.file, reader.problems), node, parts, mine) if mine else None


def _rules(reader: Reader, node: Node, parts: Mapping[str, Node], rules: ByFile) -> dict[str, Rule]:
    """The rules of a timeline: those of the files it names, or of the file of the same name; `only` narrows them."""
    own = Path(reader.file)
    stem = next(own.name.removesuffix(s) for s in (*SUFFIXES, "") if own.name.endswith(s))
    wanted: list[Path] = []
    if "rules" in parts:
        for item in reader.items(parts["rules"]):
            name = reader.text(item, "the name of a rules file")
            if name is not None and (path := (own.parent / name).resolve()) not in rules:
                hint = nearest(name, {f.name for f in rules})
                reader.wrong(item, f'no rules in "{name}" beside this file', "rules", hint)
            elif name is not None:
                wanted.append(path)
    else:
        wanted = [p for suffix in (".yaml", ".yml") if (p := own.with_name(stem + suffix).resolve()) in rules]
        if not wanted:
            reader.wrong(
                node, f'no rules file "{stem}.yaml" beside this one; name the files in `rules`', "rules"
            )
    found = {r.name: r for file, some in rules.items() if file in wanted for r in some}
    if "only" not in parts:
        return found
    some = reader.words(parts["only"], "rule", found)
    if not some:
        reader.wrong(parts["only"], f"`only` names rules; there are {listing(found)}.", "only")
    return {name: found[name] for name in found if name in some}


def _by_file(rules: RuleSet) -> ByFile:
    out: dict[Path, list[Rule]] = {}
    resolved: dict[str, Path] = {}
    for rule in rules:
        if rule.origin:
            name = rule.origin.file
            path = resolved[name] = resolved.get(name) or Path(name).resolve()
            out.setdefault(path, []).append(rule)
    return out
