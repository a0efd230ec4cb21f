"""One trial: an estate of its own in a sandbox of its own, a site, things that happen, what goes wrong, and the verdict."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

from tests.outside import estate, trouble
from tests.outside.commands import Command, Commands, Hangs
from tests.outside.judging import Found, Judge, Look, happened_by
from tests.outside.ledgers import Ledgers
from tests.outside.sandbox import Sandbox, Shown
from tests.outside.story import Expected, Story
from tests.outside.trouble import EVERY, Tick

START = datetime(2035, 3, 5, 7, 30, tzinfo=UTC)
"""After any day on which this may run: devices are imported today."""
GREEN = 0
TRACEBACK = "Traceback (most recent call last)"
RETRIES = "2"  # of a request to Extended ECM: what fails is to be seen


@dataclass(frozen=True, slots=True)
class Bench:
    """What all trials share."""

    folder: Path
    commands: Commands
    ledgers: Ledgers


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of a trial. `kinds` are what was disturbed."""

    n: int
    kinds: str
    found: Found
    log: tuple[str, ...]


class Trial:
    """Trial number `n` of a seed. The same two give the same estate, story and troubles; when a kill strikes is a matter of time."""

    def __init__(self, bench: Bench, seed: int, n: int) -> None:
        self._bench, self._name = bench, f"t{seed}x{n}"
        self._n, self._random = n, Random(f"outside {seed} {n}")
        self._kinds = trouble.kinds(self._random, n)
        self._layout = trouble.layout(self._random)
        self._judge, self._found, self._log = Judge(), Found(), list[str]()
        self._screens: list[Shown] = []
        self._now = self._happened_at = START
        self._usual = 1.0  # seconds of a run that nothing disturbs
        self._codes: list[int] = []  # of the runs that nobody killed
        self._disturbed = False

    def run(self) -> Verdict:
        """Run it, and clear away what it leaves."""
        try:
            with self._world() as self._sandbox:
                self._live()
        except (Hangs, OSError) as error:  # one trial that cannot go on does not end the others
            self._found.broken.append(f"{type(error).__name__}: {error}")
        finally:
            self._bench.ledgers.drop(self._name)
            shutil.rmtree(self._folder, ignore_errors=True)
        return Verdict(self._n, " + ".join(self._kinds), self._found, tuple(self._log))

    @property
    def _folder(self) -> Path:
        return self._bench.folder / self._name

    @contextmanager
    def _world(self) -> Iterator[Sandbox]:
        """The estate in a running sandbox, and the site connected to it."""
        places = estate.drawn(self._random, START, EVERY * 7)
        self._story = Story(self._random, places)
        estate.write(self._folder, places, START)
        serving = self._bench.commands.start(
            "sandbox", "--estate", str(self._folder), "--at", START.isoformat()
        )
        try:
            sandbox = Sandbox(serving.line())
            sandbox.mend(self._layout)
            connect(self._bench, self._name, sandbox, self._bench.ledgers.fresh(self._name))
            yield sandbox
        finally:
            serving.stop()

    def _live(self) -> None:
        began = time.monotonic()
        ahead = trouble.skew(self._random, self._kinds)
        self._judge.expected += self._story.beginning(START, START + ahead)
        self._tick(Tick(clean=True, happenings=0, ahead=ahead))
        self._usual = time.monotonic() - began
        planned = trouble.ticks(self._random, self._kinds, ahead, self._sandbox.asked())
        self._disturbed = self._kinds != (trouble.Kind.CALM,)
        clean = 0
        for tick in planned:
            if clean > 1 and self._may_end():
                break
            self._now += EVERY
            self._tick(tick)
            clean += tick.clean
        if self._codes[-1] != GREEN:
            self._found.wrong_red.append(f"still red in the last clean tick: {self._log[-1]}")
        self._judge.judge(self._found)

    def _may_end(self) -> bool:
        """Whether nothing is missing after two clean ticks. A third tells what is late from what is lost."""
        due = happened_by(self._judge.expected, self._judge.looks[-1].as_of)
        return not self._judge.missing(due) and self._random.random() < 0.7

    def _tick(self, tick: Tick) -> None:
        if tick.faults is not None:
            self._sandbox.disturb(tick.faults)
        for at in sorted(self._now - EVERY * self._random.random() for _ in range(tick.happenings)):
            self._happens(at)
        self._sandbox.move(self._now)
        if tick.unregisters:
            self._unregister()
        as_of = self._now + tick.ahead
        self._runs(tick, as_of)
        if tick.faults is not None:
            self._sandbox.mend(self._layout)
        self._judge.looks.append(Look(tick.clean, self._now, as_of))

    def _happens(self, at: datetime) -> None:
        # Something may have happened a second after the last tick, while its run read: the sandbox's clock goes forward only.
        at = self._happened_at = max(at.replace(microsecond=0), self._happened_at)
        self._sandbox.move(at)
        happened = self._story.next(at)
        for event in happened.events:
            self._sandbox.happen(event)
        self._judge.expected += happened.expected
        self._note(
            f"{at:%H:%M:%S} {[e['kind'] for e in happened.events]}: {[(e.said, *sorted(e.people)) for e in happened.expected]}"
        )

    def _unregister(self) -> None:
        """The app goes from one device of somebody who has two."""
        person = self._random.choice([p for p, tokens in estate.DEVICES.items() if len(tokens) > 1])
        left = [token for token in estate.DEVICES[person] if token not in self._judge.gone]
        if len(left) > 1:
            token = self._random.choice(left)
            self._judge.gone.add(token)
            self._sandbox.unregister(token)
            self._note(f"{self._now:%H:%M:%S} {token} is gone")

    # -- runs --------------------------------------------------------------------------------------------------

    def _runs(self, tick: Tick, as_of: datetime) -> None:
        self._note(
            f"{self._now:%H:%M:%S} {'clean ' * tick.clean}tick as of {as_of:%H:%M:%S}, faults {tick.faults}"
        )
        for share in tick.kills:
            self._killed(self._watch(as_of), share)
        if not tick.ends:
            return
        due = happened_by(self._judge.expected, as_of)
        running = [self._watch(as_of) for _ in range(tick.workers)]
        if tick.meanwhile:
            running[0].ends_within(self._usual * self._random.random())
            self._happens(self._now + timedelta(seconds=1))
        if tick.victim is not None:
            self._killed(running.pop(), tick.victim)
        for command in running:
            self._ended(command, due, tick)

    def _watch(self, as_of: datetime) -> Command:
        self._found.runs += 1
        return self._bench.commands.start("watch", "--site", self._name, "--as-of", as_of.isoformat())

    def _killed(self, command: Command, share: float) -> None:
        command.ends_within(self._usual * share)
        before = len(self._screens)
        died = command.kill()
        self._look()
        sent = len(self._screens) - before
        self._found.kills += died
        self._found.kills_in_sending += died and sent > 0
        self._note(f"  killed at {share:.0%}, {sent} shown" if died else "  ended before it was to be killed")
        command.said()

    def _ended(self, command: Command, due: list[Expected], tick: Tick) -> None:
        code = command.code()
        said = command.said().strip()
        account = said.rpartition("\n")[2]
        self._look()
        self._codes.append(code)
        self._note(f"  {code}: {account}")
        if TRACEBACK in said or not 0 <= code <= 3:
            self._found.broken.append(f"exit code {code}: {said[-1500:]}")
        if code == GREEN and (missing := self._judge.may_be_green(due, account)):
            self._found.wrong_green.append(f"{account!r}, but missing: {missing}")
        if code != GREEN and not self._disturbed:
            self._found.wrong_red.append(f"nothing was disturbed: {account}")

    def _look(self) -> None:
        self._screens = self._sandbox.shows()
        self._judge.see(self._screens)

    def _note(self, line: str) -> None:
        self._log.append(line)


def connect(bench: Bench, site: str, sandbox: Sandbox, ledger: str) -> None:
    """Connect a site to the sandbox. Raises RuntimeError with what the command said."""
    code, said = bench.commands.run(
        "connect", "--site", site,
        "--ecm-url", sandbox.ecm_url, "--ecm-user", "vigil", "--ecm-retries", RETRIES,
        "--firebase-account", sandbox.service_account, "--fcm-url", sandbox.fcm_url,
        "--ledger", ledger,
        "--rules", str(bench.folder / "rules"), "--templates", str(bench.folder / "templates"),
        VIGIL_ECM_PASSWORD="vigil",
    )  # fmt: skip
    if code != GREEN:
        raise RuntimeError(f"the site cannot be connected: {said}")
