"""Numbers, lists and instants as people read them."""

from __future__ import annotations

import pytest

from vigil.wording import counted


@pytest.mark.parametrize(
    ("n", "said"), [(0, "0 findings"), (1, "1 finding"), (2, "2 findings"), (1234, "1,234 findings")]
)
def test_a_number_agrees_with_its_noun(n: int, said: str) -> None:
    assert counted(n, "finding") == said


def test_a_noun_brings_its_own_plural() -> None:
    assert [counted(n, "person", "people") for n in (1, 2)] == ["1 person", "2 people"]
