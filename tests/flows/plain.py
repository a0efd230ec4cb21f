"""Prefect as a user has it who only follows the README: `prefect server start` with no setting of ours."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from tests.flows import deployed
from tests.shared import PROJECT
from vigil.flow_runs.prefect_server import serving
from vigil.sandbox.generate.generator import ZONE
from vigil.sandbox.process import SandboxProcess

TROUBLE = re.compile(r"\b(ERROR|CRITICAL)\b|Traceback|Exception")
ENTRY = re.compile(r"^(?=\d\d:\d\d:\d\d\.)", re.MULTILINE)  # a traceback belongs to the entry above it
BUSY = "database is locked"
SECRETS = {"VIGIL_ECM_PASSWORD": "vigil"}


@dataclass(frozen=True, slots=True)
class Plain:
    """A server of its own: where its API is, what its commands have as environment, and the folder of its logs."""

    url: str
    environment: dict[str, str]
    folder: Path

    def trouble(self, log: str) -> list[str]:
        """The entries of a log that tell of an error, except for SQLite's that another was writing: that is a busy machine."""
        entries = ENTRY.split((self.folder / log).read_text())
        return [entry for entry in entries if TROUBLE.search(entry) and BUSY not in entry]

    def prefect(self, *arguments: str) -> str:
        return deployed.prefect(*arguments, url=self.url, environment=self.environment)

    def vigil(self, *arguments: str) -> str:
        return deployed.command("vigil", *arguments, url=self.url, environment=self.environment)

    def connect(self, sandbox: SandboxProcess) -> None:
        """`vigil connect`, with the sandbox in the place of Extended ECM and of FCM."""
        systems = ["--ecm-url", sandbox.ecm_url, "--ecm-user", "vigil", "--zone", ZONE]
        messages = ["--fcm-url", sandbox.fcm_url, "--firebase-account", sandbox.service_account]
        self.vigil("connect", *systems, *messages, "--ledger", f"sqlite:///{self.folder / 'ledger.sqlite'}")

    def deploy(self, change: Any) -> None:
        """`prefect deploy --all` with the project's prefect.yaml, after `change` was made to it."""
        yaml = YAML()
        content = yaml.load(PROJECT / "prefect.yaml")
        change(content)
        yaml.dump(content, self.folder / "prefect.yaml")
        self.prefect("deploy", "--all", "--prefect-file", str(self.folder / "prefect.yaml"))


@contextmanager
def plain_server(folder: Path) -> Iterator[Plain]:
    """`prefect server start` with a home of its own; its log is server.log in the folder."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("PREFECT_")}
    home = {"PREFECT_HOME": str(folder / "home"), "PREFECT_SERVER_ANALYTICS_ENABLED": "false"}
    environment = {**kept, **home, **SECRETS}
    (folder / "home").mkdir()
    with serving(environment, folder / "server.log") as url:
        yield Plain(url, environment, folder)
