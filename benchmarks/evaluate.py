"""Evaluate 100,000 workspaces x 20 rules: Vigil's engine beside the same rules written by hand, in one run. Goal: within 2x, < 1 GiB.

The rivals are `evaluate_by_hand_polars` and `evaluate_by_hand_duckdb`. They give all that the engine gives but the reasons:
findings with occurrence and instant, and what must be remembered (outcome, since when, when to look again). Before anything is
timed the three are compared row by row. Two evaluations are timed: a first one, which remembers nothing, and one a day later,
over everything again, with events for two workspaces in a hundred.

Each contender lives in a process of its own, so that its peak memory is its own, and they take turns: a round is one
evaluation by each. A figure is the median of the rounds, a ratio the median of the rounds' ratios.
Usage: benchmarks/evaluate.py [workspaces] [rounds]
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

from evaluate_estate import DAY, FIRST, ZONE, events_frame, facts_of, rule_set

CONTENDERS = ("vigil", "polars", "duckdb")
LOOKS = ("first", "later")
Looks = Mapping[str, Callable[[], Any]]


def vigil(count: int) -> tuple[Looks, dict[str, Any]]:
    """The engine over tables. Making tables of facts is timed apart."""
    from vigil.compliance.evaluation.evaluate import evaluate
    from vigil.compliance.evaluation.tables import Facts
    from vigil.compliance.evaluation.window import Input, Window

    facts, events = facts_of(count)
    started = time.process_time()
    ready = Facts.of(facts)
    ready.table("Contract", (), ZONE)
    tables = time.process_time() - started
    rules = rule_set()
    given = Input(ready, zone=ZONE)
    first = evaluate(given, rules, Window(FIRST, FIRST))
    again = Input(ready, events=events, rule_states=first.rule_states, zone=ZONE)
    later = evaluate(again, rules, Window(FIRST, DAY))
    looks = {
        "first": lambda: evaluate(given, rules, Window(FIRST, FIRST)),
        "later": lambda: evaluate(again, rules, Window(FIRST, DAY)),
    }
    numbers = {"first": len(first.findings), "later": len(later.findings), "kept": len(later.rule_states)}
    return looks, {"tables": tables, "numbers": numbers}


def polars(count: int) -> tuple[Looks, dict[str, Any]]:
    """The rules by hand in Polars, over the same tables."""
    from evaluate_by_hand_polars import Hand

    facts, events = facts_of(count)
    hand = Hand.of(facts)
    happened = events_frame(events)
    remembered = hand.evaluate(FIRST, FIRST, None, None).rule_states
    return {
        "first": lambda: hand.evaluate(FIRST, FIRST, None, None),
        "later": lambda: hand.evaluate(FIRST, DAY, remembered, happened),
    }, {}


def duckdb(count: int) -> tuple[Looks, dict[str, Any]]:
    """The rules by hand in SQL, over the same tables."""
    from evaluate_by_hand_duckdb import Sql
    from evaluate_by_hand_polars import Hand

    facts, events = facts_of(count)
    sql = Sql(Hand.of(facts), events_frame(events))
    sql.evaluate(FIRST, FIRST)
    sql.remember()
    return {"first": lambda: sql.evaluate(FIRST, FIRST), "later": lambda: sql.evaluate(FIRST, DAY)}, {}


def check(count: int) -> tuple[Looks, dict[str, Any]]:
    """Compare what the contenders say, row by row. Raises AssertionError where they differ."""
    from evaluate_compare import compare

    return {}, {"compared": compare(count)}


def serve(name: str, count: int) -> None:
    """A contender's process: it makes itself ready, then evaluates whenever a look is named on its input."""
    looks, told = {"vigil": vigil, "polars": polars, "duckdb": duckdb, "check": check}[name](count)
    print(json.dumps(told), flush=True)
    for line in sys.stdin:
        wall, work = time.perf_counter(), time.process_time()
        looks[line.strip()]()
        taken = {"wall": time.perf_counter() - wall, "work": time.process_time() - work}
        taken["peak"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(json.dumps(taken), flush=True)


class Contender:
    """A contender's process, from outside."""

    def __init__(self, name: str, count: int) -> None:
        self.name = name
        command = [sys.executable, __file__, "--serve", name, str(count)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.told = self._answer()

    def look(self, name: str) -> dict[str, float]:
        assert self._process.stdin is not None
        self._process.stdin.write(name + "\n")
        self._process.stdin.flush()
        return self._answer()

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            sys.exit(f"{self.name} ended with status {self._process.wait()}")
        found: dict[str, Any] = json.loads(line)
        return found


def main(count: int, rounds: int) -> int:
    """Print the figures and their ratios. Exit status 1 when the goal is missed."""
    print(f"{count:,} workspaces x {len(rule_set())} rules, {rounds} rounds")
    checked = Contender("check", min(count, 20_000))
    checked.close()
    print(f"all three say the same: {checked.told['compared']}")
    some = [Contender(name, count) for name in CONTENDERS]
    ours = some[0].told
    print("{first:,} findings, {later:,} a day later, {kept:,} rule states kept".format(**ours["numbers"]))
    print(f"facts to tables, for all three: {ours['tables']:.2f} s of processor")
    taken: dict[tuple[str, str], list[dict[str, float]]] = {
        (c.name, look): [] for c in some for look in LOOKS
    }
    for n in range(rounds + 1):
        for look in LOOKS:
            for contender in some:
                found = contender.look(look)
                if n:  # the first round warms caches, of all
                    taken[contender.name, look].append(found)
    for contender in some:
        contender.close()
    return report(count, taken)


def report(count: int, taken: Mapping[tuple[str, str], list[dict[str, float]]]) -> int:
    print(f"{'':10}{'first':>10}{'processor':>12}{'later':>10}{'processor':>12}{'peak':>12}")
    for name in CONTENDERS:
        row = "".join(
            f"{median(t['wall'] for t in taken[name, look]):9.3f}s{median(t['work'] for t in taken[name, look]):11.3f}s"
            for look in LOOKS
        )
        print(f"{name:10}{row}{max(t['peak'] for t in taken[name, 'later']):8.0f} MiB")
    worst = 0.0
    for rival in CONTENDERS[1:]:
        ratios = [_ratio(taken, rival, look, what) for look in LOOKS for what in ("wall", "work")]
        print(
            f"vigil / {rival:8}"
            + "".join(f"{r:9.2f}x" for r in ratios)
            + "   (first, processor, later, processor)"
        )
        worst = max(worst, ratios[0], ratios[2]) if rival == "polars" else worst
    peak = max(t["peak"] for t in taken["vigil", "later"])
    pairs = count * len(rule_set()) / median(t["wall"] for t in taken["vigil", "later"])
    print(
        f"{pairs / 1e6:.1f} million (rule, workspace) pairs a second; goal: within 2x of Polars by hand, < 1,024 MiB"
    )
    return 0 if worst <= 2 and peak < 1024 else 1


def _ratio(
    taken: Mapping[tuple[str, str], list[dict[str, float]]], rival: str, look: str, what: str
) -> float:
    pairs = zip(taken["vigil", look], taken[rival, look], strict=True)
    return median(ours[what] / theirs[what] for ours, theirs in pairs)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--serve"]:
        serve(sys.argv[2], int(sys.argv[3]))
    else:
        sys.exit(main(int(sys.argv[1]) if sys.argv[1:] else 100_000, int(sys.argv[2]) if sys.argv[2:] else 7))
