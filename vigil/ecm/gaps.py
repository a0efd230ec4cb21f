"""The result of a query about one workspace, or a gap with the reason for its failure."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TypeVar

from vigil.ecm.errors import CallFailed, EcmError, NotAsked
from vigil.ecm.model import Gap

T = TypeVar("T")


def gap_of(error: EcmError, *workspaces: int) -> Gap:
    """The gap of a failed call."""
    return Gap(error.path, error.message, workspaces, not isinstance(error, NotAsked))


async def of_workspace(workspace: int, asked: Awaitable[T]) -> T | Gap:
    """The result, or a gap for a call that failed or was refused: the refusal of a part says nothing about the workspace.

    Raises Refused.
    """
    try:
        return await asked
    except CallFailed as error:
        return gap_of(error, workspace)
