"""Definitions of columns, as answers carry them in ``definitions`` and ``metadata``: what a key is called and of which type it is."""

from __future__ import annotations

from vigil.sandbox.ecm.protocol import Json

INTEGER, STRING, DATE = 2, -1, -7
_OF_TYPE: dict[int, Json] = {
    INTEGER: {"type_name": "Integer", "max_value": None, "min_value": None},
    STRING: {
        "type_name": "String",
        "max_length": None,
        "min_length": None,
        "multiline": False,
        "multilingual": False,
        "password": False,
        "regex": "",
    },
    DATE: {"type_name": "Date", "include_time": True},
}


def definition(key: str, name: str | None, kind: int) -> Json:
    """The definition of a read-only column; `kind` is INTEGER, STRING or DATE."""
    return {
        "allow_undefined": False,
        "bulk_shared": False,
        "default_value": None,
        "description": None,
        "hidden": False,
        "key": key,
        "multi_value": False,
        "name": name,
        "persona": "",
        "read_only": True,
        "required": False,
        "type": kind,
        "valid_values": [],
        "valid_values_name": [],
        **_OF_TYPE[kind],
    }
