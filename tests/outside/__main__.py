"""`python -m tests.outside`: trials by the hundred, and their figures. Exit code 1 when anything was wrong."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from itertools import count, islice
from pathlib import Path

from tests.outside import estate, servers
from tests.outside.commands import Commands
from tests.outside.judging import Found
from tests.outside.ledgers import OnPostgresql, OnSqlite
from tests.outside.sandbox import Sandbox
from tests.outside.trial import START, TRACEBACK, Bench, Trial, Verdict, connect
from tests.outside.trouble import Kind, first_kind

SHOWN = 4  # lines of each kind that a failing trial prints
PROGRESS = 10  # trials from one line of progress to the next


def options(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m tests.outside", description=__doc__)
    parser.add_argument("--trials", type=int, default=24, help="how many; their kinds take turns")
    parser.add_argument("--seed", type=int, default=1, help="another seed makes other trials")
    parser.add_argument("--first", type=int, default=0, metavar="N", help="number of the first trial")
    parser.add_argument("--kind", choices=list(Kind), type=Kind, help="only trials that begin with this kind")
    parser.add_argument("--only", type=int, metavar="N", help="this trial alone, with what happened in it")
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument(
        "--postgresql", metavar="URL", default="", help="a server to use, in place of one of its own"
    )
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="trials at once")
    return parser.parse_args(arguments)


def numbers(asked: argparse.Namespace) -> list[int]:
    """The trials that were asked for."""
    if asked.only is not None:
        return [asked.only]
    wanted = (n for n in count(asked.first) if asked.kind in (None, first_kind(n)))
    return list(islice(wanted, asked.trials))


@contextmanager
def started(folder: Path) -> Iterator[Commands]:
    """Commands, and the Prefect server that they use, for as long as the block lasts. The folder gets what all sites share."""
    estate.write_site(folder)
    with servers.prefect(folder) as environment, Commands(environment) as commands:
        yield commands


@contextmanager
def bench(folder: Path, commands: Commands, database: str, postgresql: str = "") -> Iterator[Bench]:
    """What trials with ledgers in this database share. `postgresql`: the URL of a server; one of its own when empty."""

    def make(url: str) -> None:
        code, said = commands.run("devices", "import", str(folder / "devices.csv"), "--ledger", url)
        if code:
            raise RuntimeError(f"the devices cannot be imported: {said}")

    if database == "sqlite":
        yield _warm(Bench(folder, commands, OnSqlite(folder, make)), database)
        return
    with nullcontext(postgresql) if postgresql else servers.postgresql() as url:
        yield _warm(Bench(folder, commands, OnPostgresql(url, make)), database)


def _warm(bench: Bench, database: str) -> Bench:
    """Let the commands learn once what each of them loads."""
    site = f"warm-{database}"
    estate.write(bench.folder / site, (), START)
    serving = bench.commands.start("sandbox", "--estate", str(bench.folder / site), learn=True)
    sandbox = Sandbox(serving.line())
    connect(bench, site, sandbox, bench.ledgers.fresh("warm"))
    for command in (("connect", "--site", site), ("watch", "--site", site, "--as-of", START.isoformat())):
        learning = bench.commands.start(*command, learn=True)
        code, said = learning.code(), learning.said()
        if code or TRACEBACK in said:
            raise RuntimeError(f"{command[0]} does not work at all: {said}")
    serving.stop()
    return bench


def run(bench: Bench, seed: int, numbers: Iterable[int], jobs: int) -> Iterator[Verdict]:
    """The verdicts of these trials, in their order."""
    pool = ThreadPoolExecutor(jobs)
    try:
        yield from pool.map(lambda n: Trial(bench, seed, n).run(), numbers)
    finally:
        pool.shutdown(cancel_futures=True)


def told(verdict: Verdict, alone: str) -> str:
    """A failing trial in words, and how to run it `alone`."""
    lines = [f"trial {verdict.n} ({verdict.kinds}): run it alone with  {alone}"]
    for name, some in verdict.found.wrongs().items():
        lines += [f"  {name}: {line}" for line in some[:SHOWN]]
        lines += [f"  {name}: and {len(some) - SHOWN} more"] if len(some) > SHOWN else []
    return "\n".join(lines)


def figures(verdicts: Sequence[Verdict]) -> str:
    """The report: what was wrong in all trials, and in those of each kind where anything was."""
    total, kinds = Found(), dict[str, list[Verdict]]()
    for verdict in verdicts:
        total.add(verdict.found)
        kinds.setdefault(verdict.kinds, []).append(verdict)
    failed = [v for v in verdicts if not v.found.well]
    lines = [
        f"{len(verdicts)} trials, {len(failed)} failed; {total.notices} notices, {total.runs} runs, {total.kills} kills "
        f"({total.kills_in_sending} with some of its notices shown)"
    ]
    lines += [f"  {name}: {len(some)}" for name, some in total.wrongs().items()]
    for kind, some in sorted(kinds.items()):
        bad = [v for v in some if not v.found.well]
        if bad:
            lines.append(f"{kind}: {len(bad)} of {len(some)} failed: {', '.join(str(v.n) for v in bad)}")
    return "\n".join(lines)


def progress(verdicts: Sequence[Verdict], trials: int, seconds: float) -> str:
    failed = sum(not v.found.well for v in verdicts)
    return f"{len(verdicts)} of {trials} trials, {failed} failed, {seconds:.0f} s"


def main() -> int:
    asked = options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that everything is cleared away
    alone = f"python -m tests.outside --seed {asked.seed} --database {asked.database} --only"
    verdicts, began = list[Verdict](), time.monotonic()
    with (
        tempfile.TemporaryDirectory(prefix="vigil-outside-") as folder,
        started(Path(folder)) as commands,
        bench(Path(folder), commands, asked.database, asked.postgresql) as shared,
    ):
        for verdict in run(shared, asked.seed, numbers(asked), asked.jobs):
            verdicts.append(verdict)
            if asked.only is not None:
                print("\n".join(verdict.log))
            if not verdict.found.well:
                print(told(verdict, f"{alone} {verdict.n}"), flush=True)
            if len(verdicts) % PROGRESS == 0:
                print(progress(verdicts, asked.trials, time.monotonic() - began), file=sys.stderr, flush=True)
    print(figures(verdicts))
    print(f"seed {asked.seed}, {asked.database}, {time.monotonic() - began:.0f} s")
    return 0 if all(v.found.well for v in verdicts) else 1


if __name__ == "__main__":
    sys.exit(main())
