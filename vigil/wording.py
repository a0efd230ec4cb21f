"""Words that go with numbers."""

from __future__ import annotations


def counted(n: int, singular: str, plural: str | None = None) -> str:
    """A number with its noun: "1 finding", "2 findings", "1,234 findings". `plural` where it is not the singular with an s."""
    return f"{n:,} {singular if n == 1 else plural or f'{singular}s'}"
