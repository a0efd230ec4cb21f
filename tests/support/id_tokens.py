"""Unsigned ID tokens of a Firebase project, as its emulator makes them."""

from __future__ import annotations

import base64
import json
import time
from typing import Any

FIREBASE_PROJECT = "vigil-test"


def part(value: dict[str, Any]) -> str:
    """A part of a token: JSON in base64, without its padding."""
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def token(project: str = FIREBASE_PROJECT, **claims: Any) -> str:
    """An unsigned ID token as the emulator makes them."""
    now = int(time.time())
    basic = {
        "iss": f"https://securetoken.google.com/{project}",
        "aud": project,
        "sub": "uid-1",
        "iat": now,
        "auth_time": now,
        "exp": now + 3600,
    }
    return f"{part({'alg': 'none', 'typ': 'JWT'})}.{part(basic | claims)}."
