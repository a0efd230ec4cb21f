"""Suspends a run until a person answers."""

from __future__ import annotations

from typing import TypeVar

from prefect import runtime
from prefect.exceptions import Pause
from prefect.flow_runs import asuspend_flow_run
from prefect.input import RunInput

from flows.support import events

Form = TypeVar("Form", bound=RunInput)


async def suspend(form: type[Form], key: str) -> Form:
    """Suspend this run with a form on the first call; return the filled form after the run is resumed.

    The run itself emits the event of its suspension, after its last heartbeat. Prefect's own event takes another way, and a heartbeat
    could overtake it. The automation would then see a heartbeat without a successor and take the run for dead.
    """
    try:
        return await asuspend_flow_run(wait_for_input=form, key=key)
    except Pause:
        events.of_suspension(str(runtime.flow_run.id))
        raise
