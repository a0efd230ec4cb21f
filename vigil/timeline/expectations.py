"""The expectations of a timeline's step: the notices of each person, and those that were not sent, by reason."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from vigil.compliance.evaluation.results import Why
from vigil.compliance.notices import Severity
from vigil.compliance.notify.guards import GuardWhy
from vigil.compliance.rules.model import Rule
from vigil.compliance.rules.vocabulary import listing, nearest
from vigil.compliance.rules.yaml_nodes import Node
from vigil.timeline.changes import TimelineNames
from vigil.timeline.model import MARKS, NOBODY, Expected, ExpectedUnsent, Mark
from vigil.timeline.node_parser import Reader

QUIET = "quiet"
REASONS: Mapping[str, str] = {
    **{why.name.lower(): why.value for why in Why},
    **{why.name.lower(): why.value for why in (GuardWhy.HELD, GuardWhy.UNDECIDED)},
    QUIET: "it waits for the end of quiet hours",
}
"""The reasons why a notice is missing: the name in timelines, and the reason in the outbox, or a sentence if the outbox has none."""

_KEYS = ("rule", "step", "workspace", "says", "severity", "ttl", "resolved", "escalated")


class Expectations:
    """Reads `expect` and `not_sent` of the steps of one timeline."""

    def __init__(
        self, reader: Reader, names: TimelineNames, rules: Mapping[str, Rule], ids: Mapping[str, int]
    ) -> None:
        self._reader = reader
        self._names = names
        self._rules = rules
        self._ids = ids

    def expect(self, node: Node) -> Iterator[Expected]:
        """``expect: {ada: contract-approval, bob: [contract-renewal/early, ...]}``."""
        reader = self._reader
        for login, told in reader.entries(node, "`expect`"):
            if login not in self._names.people:
                hint = nearest(login, self._names.people)
                reader.wrong(
                    node.key(login),
                    f'unknown person "{login}"; there are {listing(self._names.people)}.',
                    login,
                    hint,
                )
                continue
            for item in reader.items(told):
                notice = (
                    self._mapping(login, item) if isinstance(item.value, dict) else self._short(login, item)
                )
                if notice is not None:
                    yield notice

    def not_sent(self, node: Node) -> Iterator[ExpectedUnsent]:
        """``not_sent: {no_device: {bob: contract-approval}, too_late: contract-renewal/early}``."""
        reader = self._reader
        for reason, told in reader.entries(node, "`not_sent`"):
            if reason not in REASONS:
                hint = nearest(reason, REASONS)
                reader.wrong(
                    node.key(reason),
                    f'unknown reason "{reason}"; reasons: {listing(REASONS, 20)}.',
                    reason,
                    hint,
                )
                continue
            if not isinstance(told.value, dict) or "rule" in told.keys:
                yield from self._unsent(NOBODY, reason, told)
                continue
            for login, some in reader.entries(told, f"`{reason}`"):
                if login not in self._names.people:
                    hint = nearest(login, self._names.people)
                    reader.wrong(told.key(login), f'unknown person "{login}"', login, hint)
                    continue
                yield from self._unsent(login, reason, some)

    def _unsent(self, login: str, reason: str, node: Node) -> Iterator[ExpectedUnsent]:
        for item in self._reader.items(node):
            notice = self._mapping(login, item) if isinstance(item.value, dict) else self._short(login, item)
            if notice is not None:
                yield ExpectedUnsent(login, notice.rule, notice.step, reason, notice.spot, notice.workspace)

    def _short(self, login: str, node: Node) -> Expected | None:
        """``RULE``, ``RULE/STEP``, ``RULE:resolved``, ``RULE:escalated``."""
        text = self._reader.text(node, "a notice")
        if text is None:
            return None
        body, _, last = text.partition(":")
        mark = next((m for m in MARKS if m == last), None)
        if mark is None:
            self._reader.wrong(node, f'after ":" stands `resolved` or `escalated`, found "{last}"')
            return None
        rule, _, step = body.partition("/")
        return self._checked(login, node, rule, step or None, mark=mark)

    def _mapping(self, login: str, node: Node) -> Expected | None:
        reader = self._reader
        if not reader.mapping(node, "a notice", _KEYS, ("rule",)) or "rule" not in node.keys:
            return None
        rule = reader.text(node.at("rule"), "rule")
        step = reader.text(node.at("step"), "step") if "step" in node.keys else None
        workspace = None
        if "workspace" in node.keys:
            name = reader.word(node.at("workspace"), "workspace", self._ids)
            workspace = self._ids.get(name or "")
        says = reader.words(node.at("says"), "says") if "says" in node.keys else ()
        severity = (
            reader.word(node.at("severity"), "severity", list(Severity)) if "severity" in node.keys else None
        )
        ttl = reader.length(node.at("ttl"), "ttl") if "ttl" in node.keys else None
        marks = [m for m in MARKS if m in node.keys and reader.flag(node.at(m), m)]
        if len(marks) > 1:
            reader.wrong(node, "a notice is `resolved` or `escalated`, not both")
        if rule is None:
            return None
        made = self._checked(login, node, rule, step, workspace, says, *marks[:1])
        return made and replace(made, severity=severity, ttl=ttl)

    def _checked(
        self,
        login: str,
        node: Node,
        rule: str,
        step: str | None,
        workspace: int | None = None,
        says: tuple[str, ...] = (),
        mark: Mark = "",
    ) -> Expected | None:
        reader = self._reader
        if rule not in self._rules:
            hint = nearest(rule, self._rules)
            reader.wrong(
                node, f'unknown rule "{rule}"; this timeline has {listing(self._rules)}.', "rule", hint
            )
            return None
        steps = [s.id for s in self._rules[rule].all_steps]
        named = [s for s in steps if s is not None]
        if step is None and len(steps) > 1:
            reader.wrong(
                node, f"which step of {rule}? Write {rule}/{named[0]}; steps: {listing(named)}.", "step"
            )
            return None
        if step is not None and step not in named:
            reader.wrong(
                node, f'{rule} has no step "{step}"; steps: {listing(named)}.', "step", nearest(step, named)
            )
            return None
        return Expected(login, rule, step or steps[0], reader.spot(node), workspace, says, mark)
