"""What the settings of several transports have in common."""

from __future__ import annotations

from typing import Any, Literal, Protocol

Security = Literal["tls", "starttls", "none"]
"""How a connection to a mail server is encrypted."""


class Secret(Protocol):
    """A wrapped secret such as pydantic's SecretStr or Prefect's SecretDict."""

    def get_secret_value(self) -> Any: ...
