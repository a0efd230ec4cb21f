"""The FCM simulator alone, served from a thread of this process: for tests and measurements.

`vigil sandbox` serves it beside Extended ECM in a separate process; here a test reads devices and scripts faults directly, without a
control interface.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from vigil.sandbox.fcm.app import FcmApp, fcm_app
from vigil.sandbox.fcm.devices import Devices
from vigil.sandbox.fcm.oauth import write_service_account
from vigil.sandbox.local_server import LocalServer, Tls


class LocalFcm(LocalServer):
    """A running simulator: ``with LocalFcm(folder) as fcm: ... fcm.url, fcm.account, fcm.devices, fcm.faults``.

    `folder` gets the service-account file. The clock stands still when `now` is set and is the machine's otherwise.
    """

    def __init__(self, folder: Path, project: str = "demo", tls: Tls | None = None) -> None:
        super().__init__("FCM simulator", tls)
        self.project = project
        self.now: datetime | None = None
        self.devices = Devices(self._clock)
        self.account = folder / "service-account.json"
        public_key = write_service_account(self.account, f"{self.url}/token", project)
        self.app: FcmApp = fcm_app(self.devices, project=project, public_key=public_key)
        self.faults = self.app.faults
        self.serve(self.app)

    def _clock(self) -> datetime:
        return self.now or datetime.now(UTC)


__all__ = ["LocalFcm", "Tls"]
