"""Which Prefect commands speak to: the one that Prefect's own settings give. Prefect is asked only where they can give one, since its
import takes a second.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from functools import lru_cache
from pathlib import Path

from vigil.errors import BadRequest

VARIABLE, PROFILE = "PREFECT_API_URL", "PREFECT_PROFILE"
_QUESTION = "from prefect.settings import get_current_settings; print(get_current_settings().api.url or '')"
_PATIENCE = 60.0  # seconds for Prefect's import on a busy machine


def address() -> str | None:
    """The address of the API in Prefect's settings, from any of their sources: the environment, `.env`, `prefect.toml` or
    `pyproject.toml` in the current folder, or a profile. None if they give none.

    Raises BadRequest if Prefect cannot read them.
    """
    if url := os.environ.get(VARIABLE):
        return url
    files = [file for file in _files() if _may_say(file)]
    if not files and not os.environ.get(PROFILE):
        return None
    return _asked(os.environ.get(PROFILE), tuple((str(f.resolve()), f.stat().st_mtime_ns) for f in files))


def _files() -> list[Path]:
    home = os.environ.get("PREFECT_HOME") or os.path.expanduser("~/.prefect")
    profiles = os.environ.get("PREFECT_PROFILES_PATH") or os.path.join(home, "profiles.toml")
    return [Path(".env"), Path("prefect.toml"), Path("pyproject.toml"), Path(profiles)]


def _may_say(file: Path) -> bool:
    """Whether a file can contain settings of Prefect, or their place. Most folders have a pyproject.toml that does not."""
    if not file.is_file():
        return False
    if file.name not in (".env", "pyproject.toml"):
        return True
    try:
        text = file.read_text(encoding="utf-8")
        return (
            "PREFECT_" in text.upper()
            if file.name == ".env"
            else "prefect" in tomllib.loads(text).get("tool", {})
        )
    except (OSError, ValueError):
        return True  # Prefect says what is wrong with it


@lru_cache(maxsize=1)
def _asked(profile: str | None, files: tuple[tuple[str, int], ...]) -> str | None:
    """Prefect's answer, from a separate process: in this one Prefect would keep the settings of its import."""
    command = [sys.executable, "-P", "-c", _QUESTION]  # -P: no module of the current folder
    done = subprocess.run(command, capture_output=True, text=True, timeout=_PATIENCE)
    if done.returncode:
        why = (done.stderr.strip().splitlines() or ["it says nothing"])[-1]
        raise BadRequest(
            f"Prefect cannot read its settings ({why}): `prefect config view` shows where they are"
        )
    return done.stdout.strip() or None
