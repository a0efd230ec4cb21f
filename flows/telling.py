"""How a run ends for whoever reads it: the state it is shown in, a name with the result, and one sentence where it failed.

An error meant for a person is told as its sentence; where it was raised is for who debugs. Anything else is a fault of Vigil's: a
sentence says so, and Prefect's own log has the traceback.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from functools import wraps
from inspect import signature
from typing import Any, ParamSpec, get_type_hints

from prefect.client.schemas import State
from prefect.logging import get_run_logger
from prefect.states import Failed

from flows import naming
from flows.endings import Ending
from vigil.errors import VigilError
from vigil.redaction import redacted
from vigil.safe_text import state_message, terminal

P = ParamSpec("P")

FAULT = (
    "%s: %s. This is a fault of Vigil's own, not of your data: please report it with the lines below. Running again is safe, "
    "nothing was taken as done that was not"
)


class Fault(Exception):
    """A fault of Vigil's own whose text held a secret, without it."""


def told(body: Callable[P, Awaitable[Ending]]) -> Callable[P, Coroutine[Any, Any, State[Any]]]:
    """A flow's body as Prefect runs it: it gives its ending, and Prefect gets the state of that, or a Failed one with the sentence."""

    @wraps(body)
    async def run(*args: P.args, **kwargs: P.kwargs) -> State[Any]:
        naming.forget()
        try:
            ending = await body(*args, **kwargs)
        except VigilError as error:
            logger = get_run_logger()
            logger.error("%s", terminal(str(error)))
            logger.debug("where that was raised:", exc_info=error)
            await naming.ends(f"failed: {error.brief}")
            return Failed(message=state_message(str(error)), data=error)
        except Exception as error:
            logger, said = get_run_logger(), redacted(str(error))
            logger.error(FAULT, type(error).__name__, said)
            await naming.ends(f"failed: {type(error).__name__}, a fault of Vigil's")
            if said == str(error):
                raise
            # Prefect keeps the text of what it is given in the run's state.
            logger.error("where that was raised:", exc_info=error)
            raise Fault(f"{type(error).__name__}: {said}") from None
        await naming.ends(ending.result)
        return ending.state()

    # Prefect makes the form of a flow from its signature, and would look up the names of types beside this function.
    run.__signature__ = signature(body, eval_str=True)  # type: ignore[attr-defined]
    run.__annotations__ = get_type_hints(body)
    return run
