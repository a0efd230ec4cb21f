"""An operator that the reference does not know is an error that names its file, and not a leaf that never holds."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tests.property import reference
from vigil.compliance import facts as f
from vigil.compliance.rules.clauses import FieldLeaf
from vigil.compliance.rules.operators import Op

AT = datetime(2026, 3, 2, 9, tzinfo=UTC)


def test_the_reference_says_what_every_operator_means() -> None:
    assert set(Op) == reference.MEANT, reference.UNKNOWN


def test_an_operator_that_the_reference_does_not_know_is_an_error() -> None:
    unknown = str.__new__(Op, "sounds_like")
    unknown._value_, unknown.row = "sounds_like", Op.CONTAINS.row
    leaf = FieldLeaf.model_construct(field="attr.text", op=unknown, value="port")
    view = reference.View(
        f.Workspace(1, "Case", "one", AT, AT, {"C.text": "port"}), (), None, None, AT, "UTC", {}
    )
    with pytest.raises(NotImplementedError, match=r"tests/property/reference\.py.*sounds_like"):
        reference.truth(leaf, view)
