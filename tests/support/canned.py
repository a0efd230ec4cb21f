"""A client that gets its answers from a table instead of a server."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import Any
from urllib.parse import parse_qs, urlsplit

from vigil.ecm import Client, Settings
from vigil.ecm.answers import Json
from vigil.ecm.dialect import Dialect, NodesForm
from vigil.ecm.errors import EcmError, NotReadable

NO_ROUTE = "The REST API URL could not be found in the mappings registry"

Answer = Json | EcmError | Callable[[str, dict[str, str]], Json]
"""What a call gives: a JSON object, an error that it raises, or a function of the path and of the parameters."""


class CannedClient(Client):
    """Gives the first answer of `answers` whose pattern fits ``METHOD /path``; the refusal of an unknown address for all others.

    `asked` has every call with its parameters, `sent` the same with those of the query and those of the form apart.
    """

    def __init__(
        self, answers: Mapping[str, Answer], dialect: Dialect | None = None, zone: str = "UTC"
    ) -> None:
        super().__init__(Settings(url="http://ecm.example", username="vigil", password="vigil", zone=zone))
        self.dialect = dialect or Dialect(nodes=NodesForm.FORM)
        self._answers = answers
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.sent: list[tuple[str, str, dict[str, list[str]], dict[str, list[str]]]] = []

    async def _call(self, method: str, path: str, url: str, form: Any) -> Json:
        query = parse_qs(urlsplit(url).query, keep_blank_values=True)
        fields = {
            name: [given] if isinstance(given, str) else list(given) for name, given in (form or {}).items()
        }
        params = {name: ",".join(given) for name, given in {**query, **fields}.items()}
        self.sent.append((method, path, query, fields))
        self.asked.append((f"{method} {path}", params))
        for pattern, answer in self._answers.items():
            if re.fullmatch(pattern, f"{method} {path}"):
                if isinstance(answer, EcmError):
                    raise answer
                return deepcopy(answer(path, params) if callable(answer) else answer)
        raise NotReadable(path, NO_ROUTE, 400)

    def calls(self, pattern: str) -> list[dict[str, str]]:
        """The parameters of the calls whose ``METHOD /path`` fits a pattern."""
        return [params for call, params in self.asked if re.fullmatch(pattern, call)]
