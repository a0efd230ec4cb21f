"""Render 100,000 messages: `Renderer` beside raw Jinja2 with the same templates, in one run. Goal: >= 0.8x.

The rival compiles the same files in a plain Environment with the same phrases and date filters, and calls
`template.render(**fields)`: no neutralising of values, no error a notice, no choice of language. A second rival is
handed the fields as dicts made beforehand, so that even reading the notice costs it nothing.
The messages are of all families, in three languages and seven zones. Usage: benchmarks/render.py [count]
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from statistics import median

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from vigil.compliance.facts import Value
from vigil.compliance.notices import Notice, Person, Severity
from vigil.delivery.rendering.language import Languages
from vigil.delivery.rendering.render import RenderedText, Renderer
from vigil.delivery.rendering.templates import FIELDS, PARTS

ROOT = Path(__file__).resolve().parent.parent
TEMPLATES = ROOT / "templates"
ZONES = (
    "Europe/Berlin",
    "Europe/Rome",
    "Europe/London",
    "America/New_York",
    "Asia/Singapore",
    "UTC",
    "Asia/Tokyo",
)
LANGUAGES = ("en", "de", "it")
START = datetime(2026, 3, 2, 8, tzinfo=UTC)


def notices(count: int) -> Iterator[Notice]:
    """Distinct notices: names, persons, instants and events all differ from one to the next."""
    for n in range(count):
        at = START + timedelta(seconds=37 * n)
        event: dict[str, Value] = {"at": at, "by": f"user{n % 500}", "by_name": f"Person {n % 500}"}
        kind, due = "transition", None
        match n % 6:
            case 0:
                event |= {"kind": "document_added", "document": f"Report {n} <final> & signed.pdf"}
                event |= {"document_type": "Signed agreement"}
            case 1:
                event |= {
                    "kind": "attribute_changed",
                    "attr": "Contract.status",
                    "from": "draft",
                    "to": "in review",
                }
            case 2:
                event |= {"kind": "step_assigned", "title": "Approve contract"}
                event |= {"due": at + timedelta(days=2), "assignees": ("group:a",)}
            case 3:
                event |= {"kind": "step_completed", "title": "Legal review", "disposition": "approved"}
            case 4:
                kind, event = "condition", {}
            case _:
                kind, event, due = "milestone", {}, date(2026, 3, 2) + timedelta(days=n % 90)
        yield Notice(
            rule="contract-handoff",
            kind=kind,
            family=kind,
            step="next",
            severity=Severity.NORMAL,
            workspace=n,
            workspace_name=f"Supply {n}, Müller & Söhne GmbH",
            workspace_type="Contract",
            occurrence=str(n),
            fire_at=at,
            link=f"https://ecm.example.org/cs/cs/app/nodes/{n}",
            person=Person(f"user{n % 997}", "A", zone=ZONES[n % 7], language=LANGUAGES[n % 3]),
            description="A contract in force needs a cost center.",
            event=event,
            due=due,
        )


def raw_templates() -> dict[tuple[str, str], tuple[Template, Template]]:
    """The same files, compiled as a user of Jinja2 alone would."""
    found = {}
    languages = Languages(TEMPLATES / "locale")
    for tag in LANGUAGES:
        language = languages.of(tag)
        raw = Environment(
            loader=FileSystemLoader(TEMPLATES),
            undefined=StrictUndefined,
            extensions=["jinja2.ext.i18n"],
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        raw.policies["ext.i18n.trimmed"] = True
        raw.install_gettext_translations(language.phrases, newstyle=True)  # type: ignore[attr-defined]
        for name in ("day", "moment", "from_now", "days_from", "value", "phrase"):
            raw.filters[name] = getattr(language, name)
        raw.filters["short"] = lambda text, limit: text[:limit]
        for family in ("transition", "condition", "milestone"):
            title, body = (raw.get_template(f"{family}/{part}.j2") for part in PARTS)
            found[family, tag] = title, body
    return found


def timed(works: Mapping[str, Callable[[], int]], rounds: int = 3) -> dict[str, float]:
    """Median seconds of processor time of each, in turn, so that what else the machine does falls on all alike."""
    taken: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(rounds):
        for name, work in works.items():
            began = time.process_time()
            work()
            taken[name].append(time.process_time() - began)
    return {name: median(some) for name, some in taken.items()}


def main(count: int) -> int:
    batch = list(notices(count))
    renderer = Renderer(TEMPLATES)
    raw = raw_templates()
    ready = [{name: getattr(n, name) for name in FIELDS} for n in batch]

    def ours() -> int:
        said = renderer.render_many(batch)
        return sum(isinstance(s, RenderedText) for s in said)

    def rival() -> int:
        made = []
        for n in batch:
            title, body = raw[n.family, n.person.language]
            fields = {name: getattr(n, name) for name in FIELDS}
            made.append((title.render(**fields), body.render(**fields)))
        return len(made)

    def bare() -> int:
        made = []
        for n, fields in zip(batch, ready, strict=True):
            title, body = raw[n.family, n.person.language]
            made.append((title.render(fields), body.render(fields)))
        return len(made)

    if ours() != count:
        print("some notices were not said", file=sys.stderr)
        return 1
    rival()  # both are warm: templates compiled, dates cached
    results = timed({"vigil Renderer": ours, "raw jinja2": rival, "raw jinja2, fields ready": bare})
    print(f"{count:,} messages (title and body), processor time, median of 3 rounds")
    for name, seconds in results.items():
        ratio = seconds / results["vigil Renderer"]
        print(f"  {name:<26} {seconds:7.2f} s  {count / seconds:9,.0f}/s  vigil is {ratio:.2f}x of it")
    reached = results["raw jinja2"] / results["vigil Renderer"] >= 0.8
    print("goal >= 0.8x of raw jinja2: " + ("reached" if reached else "MISSED"))
    return 0 if reached else 1


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000))
