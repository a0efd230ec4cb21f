"""Sensitive attributes: the site's blocks name them, and no sentence shows their values."""

from __future__ import annotations

from collections.abc import Collection


def is_sensitive(field: str, sensitive: Collection[str]) -> bool:
    """Whether a field of a rule (`attr.status`, `related.Case.attr.Case.judge`) may be a sensitive attribute.

    `sensitive` has them as Category.attribute; a field without a category matches any attribute of its name.
    """
    _, found, name = f".{field}".partition(".attr.")
    return bool(found) and any(name in (full, full.partition(".")[2]) for full in sensitive)
