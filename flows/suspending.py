"""Suspends a run until a person answers."""

from __future__ import annotations

from typing import TypeVar

from prefect import runtime
from prefect.exceptions import Pause
from prefect.flow_runs import asuspend_flow_run
from prefect.input import RunInput

from flows import signals

Form = TypeVar("Form", bound=RunInput)


async def suspend(form: type[Form], key: str) -> Form:
    """Suspend this run with a form, the first time; give what was filled in once it was resumed.

    The run itself says that it is suspended, after its last heartbeat: Prefect's own event of that comes by another way, and a
    heartbeat that overtakes it would look like one after which nothing came. Automations would then take the run for dead.
    """
    try:
        return await asuspend_flow_run(wait_for_input=form, key=key)
    except Pause:
        signals.of_suspension(str(runtime.flow_run.id))
        raise
