"""The paths of the project's folder, which contains what Vigil runs, and of the folder that Vigil writes into.

In a checkout the project's folder is the repository's root. In an installed Vigil it is inside the package, where nothing is ever
written.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import platformdirs

from vigil.errors import BadRequest

VARIABLE = "VIGIL_HOME"
_PACKAGE = Path(__file__).resolve().parent
_INSTALLED = _PACKAGE / "project"


def project() -> Path:
    """The folder with flows, blocks, rules, templates, automations, deploy and prefect.yaml."""
    return _INSTALLED if _INSTALLED.is_dir() else _PACKAGE.parent


def rules() -> Path:
    """The folder of the shipped rules."""
    return project() / "rules"


def templates() -> Path:
    """The folder of the shipped templates."""
    return project() / "templates"


def automations() -> Path:
    """The folder of the shipped automations."""
    return project() / "automations"


def home() -> Path:
    """The folder for files without an explicit place: ledgers, the private Prefect, the demo.

    ``$VIGIL_HOME/var`` if that is set; else ``var`` of the checkout, or for an installed Vigil the user's data folder
    (``~/.local/share/vigil`` on Linux). A VIGIL_HOME inside the installed package counts as unset.
    """
    wanted = Path(os.environ.get(VARIABLE) or _PACKAGE).expanduser().resolve()
    if not wanted.is_relative_to(_PACKAGE):
        return wanted / "var"
    if project() == _INSTALLED:
        return platformdirs.user_data_path("vigil", appauthor=False)
    return project() / "var"


def prefect() -> Path:
    """The folder of the private Prefect that commands start."""
    return home() / "prefect"


def demo() -> Path:
    """The folder of the demo."""
    return home() / "demo"


def sandbox() -> Path:
    """The folder of the sandbox's own estate, and of its files for an operator."""
    return home() / "sandbox"


def recordings() -> Path:
    """The folder of the keys of recordings, which never leave this machine."""
    return home() / "recordings"


def made(folder: Path) -> Path:
    """The folder, created if necessary. Raises BadRequest if it cannot be created."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadRequest(
            f"the folder {folder} cannot be made ({error.strerror}): name one that you may write into, with {VARIABLE} "
            f"where no option does"
        ) from None
    return folder


def found(folder: str) -> Path:
    """A folder as a site names it: absolute, or below the project's current folder."""
    return project() / folder


def kept(folder: Path) -> str:
    """The name of a folder for a site: shipped rules and templates relative to the project's folder, others as absolute paths.

    The project's folder of an installed Vigil moves with its Python.
    """
    whole = folder.resolve()
    shipped = any(whole.is_relative_to(one) for one in (rules(), templates()))
    return whole.relative_to(project()).as_posix() if shipped else str(folder.absolute())


def add_to_path() -> None:
    """Make `flows` and `blocks` importable, as Prefect does for a run: they are not in site-packages."""
    if (folder := str(project())) not in sys.path:
        sys.path.insert(0, folder)


def working_directory() -> dict[str, str]:
    """A pull step of prefect.yaml: each run uses the project's folder of the Vigil that is installed on its machine."""
    return {"directory": str(project())}
