"""The folder of a recording: one file for each distinct request, and ``recording.json``.

    recording.json                         format, version of Vigil, settings of the site that reading needs, when it was recorded
    rules/{name}.yaml                      the site's rules, with the same replacements
    answers/GET-v2-nodes-id-audit/4f1c9a0b2d3e4f50.json

A file of answers has ``method``, ``path`` (below ``{cgi}/api``), ``query`` and ``form`` (lists of [name, value], in order), and
``answers``: ``status``, ``headers``, ``body`` (JSON, or a text), ``times`` it came in a row. Its name is a hash of the request.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from vigil.errors import BadRequest
from vigil.recording.exchanges import Exchange, Form
from vigil.recording.scrub import Pairs, Scrubber

FORMAT = 1
MANIFEST = "recording.json"
ANSWERS = "answers"
RULES = "rules"
HEADERS = ("date", "content-type", "retry-after")
"""The response headers that are kept."""

LOGINS = ("/v1/auth",)
"""Calls that are not recorded: they carry passwords and tickets. Calls to OTDS are not below ``{cgi}/api``, and are not either."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request. `path` is below ``{cgi}/api``; `query` and `form` are pairs in the order in which they were sent."""

    method: str
    path: str
    query: Pairs
    form: Pairs

    @property
    def name(self) -> str:
        """A hash: equal for requests whose parameters are equal, in whatever order their names come."""
        every = [
            self.method,
            self.path,
            sorted(self.query, key=_first),
            sorted(_plain(self.form), key=_first),
        ]
        return hashlib.sha256(json.dumps(every).encode()).hexdigest()[:16]

    @property
    def place(self) -> str:
        """The folder of the call: its method and path, numbers as `id`."""
        slug = re.sub(r"[^\w]+", "-", re.sub(r"-?\d{2,}|(?<=/)\d", "id", self.path), flags=re.ASCII)
        return f"{self.method}{slug}"[:120]

    def __str__(self) -> str:
        shown = "&".join(f"{name}={value}" for name, value in (*self.query, *self.form))
        return f"{self.method} {self.path}{f'?{shown}' if shown else ''}"


@dataclass(slots=True)
class RecordedAnswer:
    """One answer, `times` in a row. A `body` that is a text was no JSON object or list."""

    status: int
    headers: dict[str, str]
    body: Any
    times: int = 1


@dataclass(slots=True)
class Manifest:
    """What ``recording.json`` says. `key` names the key of the words, which is not in the folder; `recorded` are the runs' instants.

    `zone`, `expiry` and `sensitive` are settings of the site, the last two with replaced names.
    """

    key: str
    vigil: str
    zone: str
    expiry: str
    sensitive: list[str] = field(default_factory=list)
    recorded: list[str] = field(default_factory=list)
    format: int = FORMAT

    def write(self, folder: Path) -> None:
        (folder / MANIFEST).write_text(json.dumps(asdict(self), indent=1) + "\n")

    @classmethod
    def read(cls, folder: Path) -> Manifest:
        """Raises BadRequest for a folder without a recording, or with one of another format."""
        try:
            found = json.loads((folder / MANIFEST).read_text())
            version = found["format"]
            if version == FORMAT:
                return cls(**found)
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise BadRequest(f"{folder} holds no recording: {MANIFEST} cannot be read ({error})") from None
        raise BadRequest(
            f"{folder}/{MANIFEST} has the format {version}, and this Vigil reads {FORMAT}: use the Vigil that wrote it"
        )


class Recorder:
    """Writes exchanges into a folder, without their names and texts. `kept` counts the answers, `requests` the distinct requests."""

    def __init__(self, folder: Path, scrubber: Scrubber) -> None:
        self._folder, self._scrubber = folder / ANSWERS, scrubber
        self.kept = self.requests = 0

    def keep(self, exchange: Exchange) -> None:
        """Write an exchange, unless it is a login."""
        parts = urlsplit(exchange.url)
        _, api, below = parts.path.partition("/api/")
        path = f"/{below}"
        if not api or path in LOGINS:
            return
        scrub = self._scrubber
        query = scrub.parameters(path, parse_qsl(parts.query, keep_blank_values=True))
        form = scrub.parameters(path, _pairs(exchange.form))
        asked = Request(exchange.method, scrub.path(path), query, form)
        headers = {n: scrub.header(exchange.headers[n]) for n in HEADERS if n in exchange.headers}
        self._write(asked, RecordedAnswer(exchange.status, headers, scrub.body(exchange.body)))

    def finish(self) -> None:
        """Hide the values of sensitive attributes in everything that was written. Call it after the last exchange."""
        sensitive = self._scrubber.sensitive
        for file in sorted(self._folder.glob("*/*.json")) if sensitive else ():
            said = json.loads(file.read_text())
            if (hidden := sensitive.hidden(said)) != said:
                file.write_text(json.dumps(hidden, indent=1))

    def _write(self, request: Request, answer: RecordedAnswer) -> None:
        file = self._folder / request.place / f"{request.name}.json"
        answers = read_answers(file) if file.is_file() else []
        self.kept += 1
        self.requests += not answers
        last = answers[-1] if answers else None
        if last is not None and (last.status, last.body) == (answer.status, answer.body):
            last.times += 1
        else:
            answers.append(answer)
        file.parent.mkdir(parents=True, exist_ok=True)
        said = {**asdict(request), "answers": [asdict(one) for one in answers]}
        file.write_text(json.dumps(said, indent=1))


class Recording:
    """A recording that is played: the answers to a request in their order, then the last one again and again."""

    def __init__(self, folder: Path) -> None:
        self._files = {file.stem: file for file in (folder / ANSWERS).glob("*/*.json")}
        self._asked: dict[str, int] = {}

    def __len__(self) -> int:
        """The number of distinct requests."""
        return len(self._files)

    def answer(self, request: Request) -> RecordedAnswer | None:
        """The next answer to a request; None for one that was not recorded."""
        file = self._files.get(request.name)
        if file is None:
            return None
        answers = read_answers(file)
        nth = self._asked[request.name] = self._asked.get(request.name, -1) + 1
        for answer in answers:
            nth -= answer.times
            if nth < 0:
                return answer
        return answers[-1]


def read_answers(file: Path) -> list[RecordedAnswer]:
    return [RecordedAnswer(**row) for row in json.loads(file.read_text())["answers"]]


def _pairs(form: Form | None) -> Pairs:
    values: Mapping[str, Any] = form or {}
    return [
        (n, str(v)) for n, given in values.items() for v in ([given] if isinstance(given, str) else given)
    ]


def _plain(pairs: Iterable[tuple[str, str]]) -> Pairs:
    """The pairs, JSON in a `body` without blanks, as a client may or may not send it."""
    return [(name, _compact(value) if name == "body" else value) for name, value in pairs]


def _compact(text: str) -> str:
    try:
        return json.dumps(json.loads(text), separators=(",", ":"))
    except ValueError:
        return text


def _first(pair: tuple[str, str]) -> str:
    return pair[0]
