"""Turns the end of a flow into its Prefect state, a run name with the result and, after a failure, one sentence.

An expected error appears as its sentence, with the traceback at debug level. Any other error is a fault in Vigil: a sentence names it
as such, and Prefect's own log has the traceback.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from functools import wraps
from inspect import signature
from typing import Any, ParamSpec, get_type_hints

from prefect.client.schemas import State
from prefect.logging import get_run_logger
from prefect.states import Failed

from flows.support import run_names
from flows.support.states import Ending
from vigil.errors import VigilError
from vigil.redaction import redacted
from vigil.safe_text import state_message, terminal

P = ParamSpec("P")

FAULT = (
    "%s: %s. This is a fault in Vigil, not in your data: please report it with the lines below. Running again is safe: the run "
    "marked nothing as done that it had not done"
)


class VigilFault(Exception):
    """A fault in Vigil whose text contained a secret, without that secret."""


def with_state(body: Callable[P, Awaitable[Ending]]) -> Callable[P, Coroutine[Any, Any, State[Any]]]:
    """Wrap a flow's body, which returns an Ending, so that Prefect gets its state, or a Failed state with the error's sentence."""

    @wraps(body)
    async def run(*args: P.args, **kwargs: P.kwargs) -> State[Any]:
        run_names.forget()
        try:
            ending = await body(*args, **kwargs)
        except VigilError as error:
            logger = get_run_logger()
            logger.error("%s", terminal(str(error)))
            logger.debug("raised at:", exc_info=error)
            await run_names.ends(f"failed: {error.brief}")
            return Failed(message=state_message(str(error)), data=error)
        except Exception as error:
            logger, said = get_run_logger(), redacted(str(error))
            logger.error(FAULT, type(error).__name__, said)
            await run_names.ends(f"failed: {type(error).__name__}, a fault of Vigil's")
            if said == str(error):
                raise
            # Prefect stores the text of the exception in the run's state.
            logger.error("raised at:", exc_info=error)
            raise VigilFault(f"{type(error).__name__}: {said}") from None
        await run_names.ends(ending.result)
        return ending.state()

    # Prefect builds the form of a flow from its signature, and would resolve the names of types in this module.
    run.__signature__ = signature(body, eval_str=True)  # type: ignore[attr-defined]
    run.__annotations__ = get_type_hints(body)
    return run
