"""What happens to the access tokens of the FCM simulator."""

from __future__ import annotations

from vigil.sandbox.fcm.local import LocalFcm


def revoke_all(fcm: LocalFcm) -> None:
    """Every token issued so far is refused from now on."""
    fcm.app.tokens._issued.clear()
