"""The folder ../shared, which lies beside the checkout where it is worked on, and not in a clone elsewhere.

A test that needs it is marked `shared`: without the folder it is skipped, with one line for all of them in the summary, and it
fails in CI (tests/conftest.py).
"""

from __future__ import annotations

from pathlib import Path

SHARED = Path(__file__).resolve().parents[2] / "shared"
ESTATES = SHARED / "estates"
