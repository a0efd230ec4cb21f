"""Distributes work over several processes. They are forked, so that they share the imported modules and the read files.

Where forking is not available or not safe (Windows, macOS) the work is done in this process, one item after another.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import Any, TypeVar

T = TypeVar("T")
R = TypeVar("R")

_work: Callable[[Any], Any] | None = None


def cores() -> int:
    """How many processes `spread` may use here."""
    return len(os.sched_getaffinity(0)) if sys.platform.startswith("linux") else 1


def spread(work: Callable[[T], R], items: Sequence[T], jobs: int) -> Iterator[R]:
    """`work` of each item, in order, in `jobs` forked processes, or here if that is 1. Items and results are pickled, `work` is not.

    If `jobs` is more than 1, this process must not have evaluated a rule before: a fork has none of its parent's threads, and Polars
    would wait for them in the child.
    """
    if jobs == 1:
        yield from (work(item) for item in items)
        return
    context = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(min(jobs, max(1, len(items))), context, _begin, (work,)) as executor:
        yield from executor.map(_one, items, chunksize=max(1, len(items) // (jobs * 8)))


def _begin(work: Callable[[Any], Any]) -> None:
    global _work
    _work = work


def _one(item: Any) -> Any:
    assert _work is not None
    return _work(item)
