"""What became of asking for something of one workspace: the answer, or in its place why there is none."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TypeVar

from vigil.ecm.errors import EcmError, NotReadable, Refused
from vigil.ecm.model import Gap, Gone

T = TypeVar("T")


async def of_workspace(workspace: int, asked: Awaitable[T]) -> T | Gap | Gone:
    """The answer; Gone for a workspace that is not there or may not be read, a Gap for a call that failed. Raises Refused."""
    try:
        return await asked
    except NotReadable:
        return Gone("workspace", str(workspace))
    except Refused:
        raise
    except EcmError as error:
        return Gap(error.path, error.message, (workspace,))
