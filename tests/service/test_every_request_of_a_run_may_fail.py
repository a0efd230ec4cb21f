"""Whatever call of a run fails, and however: two runs later everybody was told what they would have been told without it, once.

The test lists the calls itself: it runs once and writes down what is asked, and then fails each of these calls in its turn, past
the client's retries; and then all calls of one endpoint, for a whole run. The estate (tests/support/run_bench.py) has every kind of
rule and of read, with changes between the runs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from tests.support.run_bench import GATEWAY, NO_ROWS, WAYS, Ask, Failure, RunBench, RunResult, endpoint_of

RUNS = 5


@dataclass
class Story:
    """The runs as they go without a failure: what each asked, what had been told after it, and the ledger before it."""

    bench: RunBench
    before: list[bytes] = field(default_factory=list)
    told: list[RunResult] = field(default_factory=list)
    asked: list[Counter[str]] = field(default_factory=list)

    def calls(self, run: int) -> list[Ask]:
        return [Ask(what, n + 1) for what, count in self.asked[run].items() for n in range(count)]

    def endpoints(self, run: int) -> list[str]:
        return sorted({endpoint_of(what) for what in self.asked[run]})


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    bench = RunBench(tmp_path_factory.mktemp("bench"))
    found = Story(bench)
    ledger = bench.scratch.restore(bench.empty)
    for n in range(RUNS):
        found.before.append(bench.scratch.save())
        failure = Failure()
        found.told.append(bench.watch(ledger, n, failure))
        found.asked.append(failure.asked)
    yield found
    bench.close()


def test_the_runs_are_green_tell_by_every_rule_and_ask_in_every_way(story: Story) -> None:
    assert all(result.green for result in story.told)
    assert {row[0] for row in story.told[-1].rows} == {rule.name for rule in story.bench.rules}
    asked = " ".join(what for some in story.asked for what in some)
    for part in (
        "/v2/businessworkspacetypes", "/v2/businessworkspaces?", "/v2/nodes/list", "/nodes?", "/versions", "/audit", "/categories",
        "/roles", "/doctypes", "/missingdocuments", "/relateditems", "/v2/members/", "/v2/members?", "/members?", "completed",
        "stopped", "ontime", "workflowlate", "/status/processes/",
    ):  # fmt: skip
        assert part in asked, f"no run asks {part}"


def fail(story: Story, run: int, failing_calls: Ask | str, way: str) -> list[str]:
    """Fail one call of a run, or all of an endpoint, then run twice without a failure. Gives what is wrong with that, in sentences."""
    bench, wanted = story.bench, story.told
    ledger = bench.scratch.restore(story.before[run])
    one = failing_calls if isinstance(failing_calls, Ask) else None
    failure = Failure(one, way, endpoint="" if one else str(failing_calls))
    failing = bench.watch(ledger, run, failure)
    bench.watch(ledger, run + 1)
    after = bench.watch(ledger, run + 2)
    wrong = []
    if not failure.happened:
        wrong.append("the call was not made")
    if failing.green and failing.rows != wanted[run].rows:
        wrong.append(f"the run was green and did not tell {wanted[run].rows - failing.rows}")
    for result, n in ((failing, run), (after, run + 2)):
        if more := result.rows - wanted[n].rows:
            wrong.append(f"told in error: {more}")
    if less := wanted[run + 2].rows - after.rows - _never_seen(story, run, failing):
        wrong.append(f"never told: {less}")
    if not after.green:
        wrong.append(f"still red: {after.said}")
    return [f"run {run}, {way} for {failing_calls}: {said}" for said in wrong]


def _never_seen(story: Story, run: int, failing: RunResult) -> frozenset[tuple[object, ...]]:
    """What no run can tell after the first one failed: how an attribute or a role changed that nobody had read before; and where that
    run saw nothing at all, so that the next one is the first, what came before that one."""
    if run > 0:
        return frozenset()
    first = story.told[2].rows - story.told[0].rows
    saw_nothing = failing.said.startswith(("NotReadable", "Unavailable", "Malformed", "Refused"))
    return (
        first if saw_nothing else frozenset(row for row in first if row[0] in ("status", "steward-changed"))
    )


def test_a_call_that_fails_once_loses_nothing_and_tells_nobody_else(story: Story) -> None:
    """A sample of them: one call of each endpoint in the second run, each in another way."""
    calls = {endpoint_of(ask.what): ask for ask in story.calls(1)}
    wrong = [
        said for n, ask in enumerate(calls.values()) for said in fail(story, 1, ask, WAYS[n % len(WAYS)])
    ]
    assert not wrong, "\n".join(wrong)


CHANGING = 1  # the run in which most changes
OTHERS = [way for way in WAYS if way != "500"]


@pytest.mark.soak
@pytest.mark.parametrize("run", [0, CHANGING, 2])
def test_each_call_of_a_run_may_fail_in_each_way(story: Story, run: int) -> None:
    """Each call in one way, in turns."""
    wrong: list[str] = []
    for n, ask in enumerate(story.calls(run)):
        wrong += fail(story, run, ask, WAYS[n % len(WAYS)])
    assert not wrong, "\n".join(wrong)


@pytest.mark.soak
def test_each_call_of_the_changing_run_may_fail_in_two_ways(story: Story) -> None:
    """Refused in Extended ECM's own words, and in one of the other ways: they end in few ways in the client."""
    wrong: list[str] = []
    for n, ask in enumerate(story.calls(CHANGING)):
        for way in ("500", OTHERS[n % len(OTHERS)]):
            wrong += fail(story, CHANGING, ask, way)
    assert not wrong, "\n".join(wrong)


def test_an_endpoint_that_fails_all_run_loses_nothing_and_notifies_nobody_else(story: Story) -> None:
    """Each endpoint of the second run, in two ways that change from one to the next; one of them is no error of Extended ECM's."""
    gateway = [*GATEWAY, NO_ROWS]
    wrong: list[str] = []
    for n, endpoint in enumerate(story.endpoints(1)):
        for way in (gateway[n % len(gateway)], WAYS[n % len(WAYS)]):
            wrong += fail(story, 1, endpoint, way)
    assert not wrong, "\n".join(wrong)


@pytest.mark.slow
def test_an_endpoint_that_fails_in_the_first_run_loses_what_none_can_tell(story: Story) -> None:
    """Each endpoint of the first run, in one way that changes from one to the next."""
    ways = [*GATEWAY, NO_ROWS, *OTHERS]
    wrong = [
        said
        for n, endpoint in enumerate(story.endpoints(0))
        for said in fail(story, 0, endpoint, ways[n % len(ways)])
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.soak
@pytest.mark.parametrize("run", [0, CHANGING, 2])
def test_each_endpoint_may_fail_for_a_whole_run_in_each_way(story: Story, run: int) -> None:
    """Each endpoint of the changing run in each of a gateway's ways and in one of the others; of the other runs in two, in turns.

    Of the first run and of the changing one, the tests above have a sample.
    """
    wrong: list[str] = []
    gateway = [*GATEWAY, NO_ROWS]
    for n, endpoint in enumerate(story.endpoints(run)):
        ways = gateway if run == CHANGING else [gateway[n % len(gateway)]]
        for way in (*ways, WAYS[(n + run) % len(WAYS)]):
            wrong += fail(story, run, endpoint, way)
    assert not wrong, "\n".join(wrong)
