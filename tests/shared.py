"""The folder ../shared, which lies beside the checkout where it is worked on, and not in a clone elsewhere."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[2] / "shared"


def estate(name: str) -> Path:
    """An estate of ../shared. Without it the test fails in CI, and is skipped elsewhere with the reason in the summary."""
    folder = SHARED / "estates" / name
    if not folder.exists():
        said = f"{folder} is absent: what the program tells for real estates is NOT tested"
        if os.environ.get("CI"):
            pytest.fail(said)
        pytest.skip(said)
    return folder
