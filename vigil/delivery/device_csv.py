"""Reads devices from a CSV file: ``person,address,platform`` and optionally ``address_kind,app,language,zone``.

A file is accepted or refused as a whole.
"""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path
from typing import Any

from vigil.compliance.calendar import zones
from vigil.compliance.channels import CHANNELS
from vigil.errors import BadInput, Problem
from vigil.ledger.people.devices import NewDevice
from vigil.safe_text import table_cell
from vigil.wording import listed

NEEDED = ("person", "address", "platform")
WANTED = ("address_kind", "app", "language", "zone")
IMPORTED = tuple(c for c in CHANNELS if c.by_import)
PLATFORMS = {platform: c for c in IMPORTED for platform in c.platforms}


def read_devices(path: Path) -> list[NewDevice]:
    """The devices of a file. Raises BadInput with every invalid line; it never quotes an address."""
    rows = _rows(path)
    problems: list[Problem] = []
    seen: dict[str, int] = {}
    devices = []
    for line, row in rows:
        wrong = _wrong(row, seen)
        if wrong:
            problems.append(Problem(str(path), line, 1, wrong))
            continue
        seen[row["address"]] = line
        given = {"address_kind": PLATFORMS[row["platform"]].address_kinds[0]}
        given |= {k: row[k] for k in WANTED if row.get(k)}
        devices.append(NewDevice(row["person"], row["address"], row["platform"], **given))
    if problems:
        raise BadInput(problems)
    return devices


def _rows(path: Path) -> list[tuple[int, dict[str, str]]]:
    """The rows with their line numbers, and values without surrounding spaces."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file, strict=True)
            header = tuple(reader.fieldnames or ())
            if twice := [name for name, n in Counter(header).items() if n > 1]:
                said = f"the first line names {listed(twice)} more than once: leave each column once"
                raise BadInput([Problem(str(path), 1, 1, said)])
            missing = [c for c in NEEDED if c not in header]
            unknown = [c for c in header if c not in NEEDED + WANTED]
            if missing or unknown:
                found = ", ".join(header) or "nothing"
                said = f"the first line must name {', '.join(NEEDED)}, and may name {', '.join(WANTED)}: found {found}"
                raise BadInput([Problem(str(path), 1, 1, said)])
            return [(reader.line_num, {k: _bare(v) for k, v in row.items()}) for row in reader]
    except UnicodeDecodeError:
        raise BadInput([Problem(str(path), 1, 1, "is not UTF-8: save it as CSV UTF-8")]) from None
    except csv.Error as error:
        raise BadInput([Problem(str(path), reader.line_num, 1, f"is not CSV: {error}")]) from None


def _bare(value: Any) -> Any:
    return value.strip() if isinstance(value, str) else value  # columns too many are a list, too few are None


def _wrong(row: dict[str, str], seen: dict[str, int]) -> str:
    if None in row or any(row.get(c) in (None, "") for c in NEEDED):
        return f"a line has {', '.join(NEEDED)}, none of them empty, and no more columns than the first line"
    if steering := [c for c, v in row.items() if v and table_cell(v) != v]:
        return (
            f"there are characters in {listed(steering)} that are no text, such as NUL: write the value again"
        )
    if row["platform"] not in PLATFORMS:
        return f'platform "{row["platform"]}": one of {", ".join(PLATFORMS)}'
    channel = PLATFORMS[row["platform"]]
    if row.get("address_kind") and row["address_kind"] not in channel.address_kinds:
        return f'address_kind "{row["address_kind"]}": one of {", ".join(channel.address_kinds)}'
    if fault := channel.fault(row["address"]):
        return f"address: {fault}"
    if row.get("zone") and row["zone"] not in zones():
        return f'zone "{row["zone"]}" is not known: one such as Europe/Berlin'
    if row["address"] in seen:
        return f"the same address as in line {seen[row['address']]}: an address belongs to one person"
    return ""
