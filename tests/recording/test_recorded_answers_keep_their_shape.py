"""The vendor's recordings, replaced: the same key paths, numbers and dates, and of their texts only words of the product."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.vendor import RECORDED, key_paths
from vigil.recording.kept import is_product_word
from vigil.recording.keys import is_key, is_personal
from vigil.recording.scrub import NUMBERS, REGIONS, Scrubber
from vigil.recording.words import Words, stays

pytestmark = pytest.mark.shared

FILES = sorted(file.name for file in RECORDED.glob("*.json")) if RECORDED.is_dir() else ["none"]


def leaves(value: Any, key: str = "", within: str = "") -> Iterator[tuple[str, str, Any]]:
    """(key within which, key, value) of everything that is no object and no list."""
    if isinstance(value, dict):
        for name, below in value.items():
            yield from leaves(below, name, key)
    elif isinstance(value, list):
        for below in value:
            yield from leaves(below, key, within)
    else:
        yield within, key, value


@pytest.mark.parametrize("name", FILES)
def test_an_answer_keeps_its_shape_and_loses_its_texts(name: str) -> None:
    answer = json.loads((RECORDED / name).read_bytes())
    found = Scrubber(Words(b"a key of this test")).value(answer)
    assert len(key_paths(found)) == len(key_paths(answer))
    assert {
        path for path in key_paths(answer) if all(key == "*" or is_key(key) for key in path.split("."))
    } <= key_paths(found)
    for (within, key, was), (_, _, now) in zip(leaves(answer), leaves(found), strict=True):
        if not isinstance(was, str):
            assert now == was or is_personal(key)
        elif key == "href" or is_personal(key) or key.startswith("error"):
            continue
        elif now == was:
            kept = stays(was) or was in REGIONS
            assert kept or key in NUMBERS or is_product_word(was, key, within), (key, was)
        else:
            assert not stays(was) and not is_product_word(was, key, within), (key, was)
