"""What a test needs of the machine: the checkout, the folder ../shared, and what becomes of a test where something is not there.

../shared lies beside the checkout where it is worked on, and not in a clone elsewhere. A test that needs it is marked `shared`
(tests/conftest.py).
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import NoReturn

import pytest

PROJECT = Path(__file__).resolve().parents[1]
"""The checkout that is tested."""
SHARED = PROJECT.parent / "shared"
ESTATES = SHARED / "estates"


def in_ci() -> bool:
    return bool(os.environ.get("CI"))


def absent(said: str) -> NoReturn:
    """Skip the test for what is not here, and `said` says; in CI, which installs everything, it fails."""
    if in_ci():
        pytest.fail(said)
    pytest.skip(said)
