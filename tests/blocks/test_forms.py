"""What Prefect's UI is given to make a form of each block from."""

from __future__ import annotations

from typing import Any

import pytest

from blocks.schema import SchemaOnce
from blocks.site import BLOCKS
from vigil.service.connecting.forms import FORMS, is_secret

PARTS = sorted(BLOCKS)


def schema(part: str) -> dict[str, Any]:
    return BLOCKS[part].model_json_schema()


@pytest.mark.parametrize("part", PARTS)
def test_a_form_shows_every_field_in_order_with_a_title_and_a_sentence(part: str) -> None:
    shown = schema(part)["properties"]
    assert list(shown) == list(FORMS[part].model_fields)
    assert [p["position"] for p in shown.values()] == list(range(len(shown)))
    assert all(p["title"] and p["description"] for p in shown.values())
    assert len({p["title"] for p in shown.values()}) == len(shown)


@pytest.mark.parametrize("part", PARTS)
def test_a_field_is_one_input_and_never_another_block(part: str) -> None:
    """Of a block inside a block the form makes an empty choice, and saves asterisks in the place of its secrets."""
    made = schema(part)
    assert made["block_schema_references"] == {}
    assert {n: p for n, p in made["properties"].items() if "type" not in p} == {}


@pytest.mark.parametrize("part", PARTS)
def test_secrets_are_masked(part: str) -> None:
    made = schema(part)
    secrets = {name for name, info in FORMS[part].model_fields.items() if is_secret(info)}
    assert set(made["secret_fields"]) == secrets
    assert {n for n, p in made["properties"].items() if p.get("format") == "password"} == secrets


@pytest.mark.parametrize("part", PARTS)
def test_the_schema_that_is_made_once_is_prefects_own_and_nobody_can_change_it(part: str) -> None:
    kind = BLOCKS[part]
    own = super(SchemaOnce, kind).model_json_schema()  # type: ignore[misc]
    schema(part)["properties"].clear()
    assert schema(part) == own
