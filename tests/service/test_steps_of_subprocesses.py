"""Two open steps of one process with the same number, in two subprocesses: both assignees are told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.support.run_bench import Failure, RunBench


def with_a_second_subprocess(asked: str, body: bytes) -> bytes:
    """Process 71 has, beside its open step 1, a subprocess whose step 1 is open too, for somebody else."""
    if "/status/processes/71" not in asked:
        return body
    answer = json.loads(body)
    current = answer["results"]["step_list"]["current"]
    if current:
        person = {"assignee": [{"loginName": "dan", "userId": 0}]}
        more = {"subprocess_id": 999, "task_name": "Finance", "task_assignees": person}
        answer["results"]["step_list"]["current"] = [*current, current[0] | more]
    return json.dumps(answer).encode()


def test_steps_of_two_subprocesses_with_the_same_number_are_both_told(tmp_path: Path) -> None:
    bench = RunBench(tmp_path)
    ledger = bench.scratch.fresh()
    told: set[Any] = set()
    for hours in (0, 1, 2):
        result = bench.watch(ledger, hours, Failure(spoil=with_a_second_subprocess))
        assert result.green
        told |= {(row[0], row[5]) for row in result.rows if row[0] in ("late", "to-do")}
    bench.close()
    overdue = {title for rule, title in told if rule == "late"}
    assert {"Overdue: Check, Case 1001", "Overdue: Finance, Case 1001"} <= overdue
