"""Files of an estate: one JSON object a line."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any


def write_lines(file: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write each row as a line, over what the file holds; an instant in ISO form."""
    file.write_text("".join(json.dumps(row, default=datetime.isoformat) + "\n" for row in rows))
