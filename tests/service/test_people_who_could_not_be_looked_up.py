"""Nobody decides on what could not be looked up: a finding waits by name, and the next run tells it to the same people."""

from __future__ import annotations

from sqlalchemy import text

from tests.support.run_bench import Ask, Failure, RunBench, RunResult
from vigil.ecm.model import ABSENT

ROLES_OF_1001 = "GET /v2/businessworkspaces/1001/roles?fields=members {}"


def _people(result: RunResult, rule: str, workspace: int) -> set[str]:
    return {row[3] for row in result.rows if row[:2] == (rule, workspace)}


def test_a_role_that_cannot_be_read_is_not_an_empty_one(bench: RunBench) -> None:
    """The second call for the roles of Case 1001 is the look-up of whom to tell; the first was of the page that had changed."""
    ledger = bench.scratch.restore(bench.empty)
    bench.watch(ledger, 0)
    failed = bench.watch(ledger, 1, Failure(Ask(ROLES_OF_1001, 2), "500"))
    assert (
        _people(failed, "new-offer", 1001) == set()
    )  # neither the owner nor, in the owner's place, the bench
    assert _people(failed, "comment", 1002) == {"dan"}  # the others are told
    assert not failed.green
    assert '1 workspace waits for the next run: Case 1001 "Case 1001"' in failed.said
    after = bench.watch(ledger, 2)
    assert _people(after, "new-offer", 1001) == {"bob"}
    assert after.green


def _without_roles(asked: str, body: bytes) -> bytes:
    return b'{"results": []}' if asked.endswith("/businessworkspaces/1001/roles") else body


def test_no_roles_at_all_where_there_were_some_is_not_believed_at_once(bench: RunBench) -> None:
    ledger = bench.scratch.restore(bench.empty)
    bench.watch(ledger, 0)
    told = bench.watch(ledger, 1, Failure(spoil=_without_roles))
    assert not told.green and "no roles at all, where there were 2 before" in told.said
    assert _people(told, "new-offer", 1001) == set()
    assert _people(told, "comment", 1002) == {"dan"}
    after = bench.watch(ledger, 2)
    assert after.green
    assert _people(after, "new-offer", 1001) == {"bob"}


def test_no_roles_at_all_is_believed_when_three_runs_in_a_row_were_told_so(bench: RunBench) -> None:
    ledger = bench.scratch.restore(bench.empty)
    bench.watch(ledger, 0)
    results = [bench.watch(ledger, hours, Failure(spoil=_without_roles)) for hours in (1, 2, 3)]
    assert [result.green for result in results] == [False, False, True]
    assert _people(results[-1], "new-offer", 1001) == {"cem"}, "the fallback, now that nobody owns it"


def test_what_waits_keeps_its_occurrence(bench: RunBench) -> None:
    def occurrences() -> set[tuple[str, str]]:
        with ledger.read() as connection:
            found = connection.execute(text("select rule, occurrence from notice where workspace = 1001"))
            return {(r.rule, r.occurrence) for r in found}

    ledger = bench.scratch.restore(bench.empty)
    for hours in (0, 1, 2):
        bench.watch(ledger, hours)
    wanted = occurrences()
    ledger = bench.scratch.restore(bench.empty)
    bench.watch(ledger, 0)
    bench.watch(ledger, 1, Failure(Ask(ROLES_OF_1001, 2), "503"))
    assert occurrences() < wanted
    bench.watch(ledger, 2)
    assert occurrences() == wanted


def test_what_stays_unreadable_is_named_by_each_run_and_the_rest_goes_on(bench: RunBench) -> None:
    broken = Failure(spoil=lambda asked, body: b"<html>" if asked.endswith("/nodes/1001/audit") else body)
    ledger = bench.scratch.restore(bench.empty)
    results = [bench.watch(ledger, hours, broken) for hours in (0, 1, 2, 3, 4)]
    assert all("Case 1001" in result.said and not result.green for result in results)
    assert _people(results[-1], "comment", 1002) == {"dan"}
    assert _people(results[-1], "new-offer", 1001) == {"bob"}  # what of it can be read is judged, too
    assert bench.watch(ledger, 4.5).green


def test_a_module_that_comes_back_is_read_of_everything(bench: RunBench) -> None:
    absent = b'{"error": "The REST API URL could not be found in the mappings registry"}'

    def without(asked: str, body: bytes) -> bytes:
        return absent if asked.endswith("missingdocuments") else body

    ledger = bench.scratch.restore(bench.empty)
    gone = Failure(spoil=without, spoilt_status=400)
    for hours in (0, 1, 2, 3):
        result = bench.watch(ledger, hours, gone)
        assert ABSENT in result.said
    bench.watch(ledger, 3.2)
    assert bench.watch(ledger, 3.4).green
    with ledger.read() as connection:
        read = connection.execute(text("select count(*) from newest where kind = 'missing'")).scalar()
    assert read == 2  # of the type whose rules read them
