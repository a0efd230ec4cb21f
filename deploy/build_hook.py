"""Puts prefect.yaml into the wheel, beside the project's folders. `sources` in pyproject.toml moves folders, and no single files; what
pyproject.toml forces in goes into editable installs, too, which have it where it is.
"""

from __future__ import annotations

from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class PrefectFile(BuildHookInterface[Any]):
    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version != "editable":
            build_data["force_include"]["prefect.yaml"] = "vigil/project/prefect.yaml"
