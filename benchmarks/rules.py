"""How long `vigil validate` and `vigil test` take for two hundred rules, and that is all that an editor of rules waits for.

    python benchmarks/rules.py [--rules 200] [--repeat 3] [--mutants]

The rules are the shipped packs, copied under other names until there are enough, with all of their timelines: transitions,
conditions and milestones, crashes and business days, as people write them. Each command runs as its own process, start to end, as
it does for a person. The goal is 3 s of wall clock on two cores (issue "A rule engine that compliance people can trust").
"""

from __future__ import annotations

import argparse
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from vigil.rulefiles import read_rules

ROOT = Path(__file__).resolve().parents[1]
GOAL = 3.0  # seconds of wall clock


@dataclass(frozen=True)
class Took:
    wall: float
    processor: float  # of all its processes
    said: str


def copies(folder: Path, wanted: int) -> int:
    """Write the shipped packs to `folder`, as often as it takes to have `wanted` rules. Returns how many there are."""
    names = [r.name for r in read_rules(ROOT / "rules")]
    word = re.compile(rf"(?<![\w-])(?:{'|'.join(sorted(names, key=len, reverse=True))})(?![\w-])")
    for n in range(-(-wanted // len(names))):
        for file in sorted((ROOT / "rules").glob("*.yaml")):
            pack, dot, suffix = file.name.partition(".")
            text = word.sub(rf"\g<0>-{n}", file.read_text())
            (folder / f"{pack}-{n}{dot}{suffix}").write_text(text)
    return len(read_rules(folder))


def run(*arguments: str) -> Took:
    """One command of Vigil as its own process. Raises CalledProcessError when it fails."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "vigil", *arguments],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=True,
    )
    wall, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Took(wall, spent, done.stdout.strip().splitlines()[-1])


def commands(folder: Path, mutants: bool) -> Iterator[tuple[str, Sequence[str]]]:
    yield "vigil validate", ["validate", str(folder)]
    yield "vigil test", ["test", str(folder)]
    yield "vigil test --ledger", ["test", str(folder), "--ledger"]
    if mutants:
        yield "vigil test --mutate", ["test", str(ROOT / "rules"), "--mutate"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rules", type=int, default=200)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument(
        "--mutants", action="store_true", help="also the mutants of the shipped packs themselves"
    )
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        count = copies(Path(made), given.rules)
        print(f"{count} rules, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
        print(f"{'':22} {'wall':>8} {'processor':>10} {'a rule':>9}")
        for name, arguments in commands(Path(made), given.mutants):
            best = min((run(*arguments) for _ in range(given.repeat)), key=lambda took: took.wall)
            goal = (
                "" if name.count("--") else f"  goal {GOAL:.0f} s: {'met' if best.wall < GOAL else 'MISSED'}"
            )
            print(
                f"{name:22} {best.wall:7.2f}s {best.processor:9.2f}s {best.wall / count * 1000:7.1f}ms{goal}  {best.said}"
            )


if __name__ == "__main__":
    main()
