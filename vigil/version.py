"""The version of the installed package, as a step that `prefect deploy` runs."""

from __future__ import annotations

from importlib.metadata import version


def package() -> dict[str, str]:
    """Outputs of the step: `version`."""
    return {"version": version("vigil")}
