"""Cases for tests of evaluation: rules from YAML, scans of whole workspaces, and what is found at each."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta

from tests.support.scans import Ledger, Scan, Watcher
from vigil.compliance import facts as f
from vigil.compliance.evaluation.evaluate import evaluate
from vigil.compliance.evaluation.results import Evaluation, Finding
from vigil.compliance.evaluation.rule_state import RuleState
from vigil.compliance.evaluation.tables import Facts
from vigil.compliance.evaluation.window import Input, Window
from vigil.compliance.rules.loader import load_text
from vigil.compliance.rules.model import RuleSet

NINE = datetime(2026, 3, 2, 9, tzinfo=UTC)
"""A Monday."""


def days(n: float) -> datetime:
    return NINE + timedelta(days=n)


def rules(*texts: str) -> RuleSet:
    """Rules written without what is the same for all: the workspace type, and whom they tell."""
    whole = []
    for text in texts:
        told = "" if "steps:" in text else "to: [user: ada]\n"
        whole.append(f"subject: {{workspace_type: Case}}\n{told}{text}")
    return load_text({"rules.yaml": "\n---\n".join(whole)})


def case(id: int = 1, /, at: datetime = NINE - timedelta(days=9), **attrs: f.Value) -> f.Workspace:
    """A workspace whose attributes are all of the category `C`; `at` is when it was modified."""
    created = min(at, NINE - timedelta(days=9))
    return f.Workspace(id, "Case", f"case {id}", created, at, {f"C.{k}": v for k, v in attrs.items()})


def paper(
    id: int, type: str = "Report", at: datetime = NINE, expires: date | None = None, workspace: int = 1
) -> f.Document:
    return f.Document(id, workspace, f"{type} {id}", type, at, "ada", at, expires=expires)


def step(number: int, at: datetime, due: datetime | None = None, to: str = "user:bob") -> f.Step:
    return f.Step(1, 77, number, "Check", (to,), at, due)


class Cases:
    """Cases that are scanned one after another. Not `full`, what changed and what is due is evaluated, as runs do."""

    def __init__(self, given: RuleSet, zone: str = "Europe/Rome", full: bool = False) -> None:
        self.rules = given
        self.ledger = Ledger()
        self.watcher = Watcher(full, zone)
        self._after: datetime | None = None
        self.last: Evaluation = Evaluation()

    def scan(
        self, at: datetime, facts: Iterable[f.Fact] = (), unread: Iterable[str] = (), gone: Iterable[int] = ()
    ) -> list[Finding]:
        """What is found at `at`, with everything there is of the workspaces that `facts` are of; the others are as they were."""
        of: dict[int, list[f.Fact]] = defaultdict(list)
        for fact in facts:
            of[fact.id if isinstance(fact, f.Workspace) else fact.workspace].append(fact)  # type: ignore[union-attr]
        changes = [c for w, some in of.items() for c in self.ledger.see(w, some, frozenset(unread), at)]
        changes += [c for w in gone for c in self.ledger.see(w, (), frozenset(), at)]
        after = self._after or at
        self.last = self.watcher.evaluate(
            self.ledger, Scan(after, after, at, changes if self._after else []), self.rules
        )
        self._after = at
        return list(self.last.findings)

    def state(self, rule: str, workspace: int = 1) -> RuleState | None:
        return self.watcher.rule_states.get((rule, workspace))


def names(findings: Iterable[Finding]) -> list[str]:
    """Findings as ``rule occurrence [step] [(why it is not said)]``."""
    out = []
    for x in findings:
        parts = [
            x.rule,
            x.occurrence,
            *([x.step] if x.step else []),
            *([f"({x.suppressed})"] if x.suppressed else []),
        ]
        out.append(" ".join(parts))
    return sorted(out)


def found(given: RuleSet, *facts: f.Fact) -> dict[int, Finding]:
    """The finding of each workspace at a first scan."""
    result = evaluate(Input(Facts.of(facts)), given, Window(NINE, NINE))
    return {x.workspace: x for x in result.findings}


def when(field: str, op: str, value: str) -> RuleSet:
    """One condition with one clause."""
    return rules(f"rule: r\nkind: condition\nwhen: {{field: {field}, op: {op}, value: {value}}}")
