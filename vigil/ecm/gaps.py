"""What became of asking for something of one workspace: the answer, or in its place why there is none."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TypeVar

from vigil.ecm.errors import CallFailed, EcmError, NotAsked
from vigil.ecm.model import Gap

T = TypeVar("T")


def gap_of(error: EcmError, *workspaces: int) -> Gap:
    """What a failed call leaves unread."""
    return Gap(error.path, error.message, workspaces, not isinstance(error, NotAsked))


async def of_workspace(workspace: int, asked: Awaitable[T]) -> T | Gap:
    """The answer, or a gap for a call that failed or was refused: that a part is refused says nothing about the workspace.

    Raises Refused.
    """
    try:
        return await asked
    except CallFailed as error:
        return gap_of(error, workspace)
