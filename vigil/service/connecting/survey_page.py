"""A survey as a page of Markdown, to hand to the administrator of Extended ECM.

It has no secret and no text of the server's, apart from names of the site's configuration (docs/connecting.md#the-page).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

from vigil.compliance.evaluation.results import Why
from vigil.compliance.events import ATTRIBUTE_CHANGED
from vigil.connections import address
from vigil.ecm.model import Gap
from vigil.recording.kept import is_product_word
from vigil.safe_text import Markdown, link, markdown, table_row
from vigil.service import dialects, expected_load
from vigil.service.connecting.mends import MENDS, NEEDED_REGIONS, NO_SETTING, REGIONS, WANTED_EVENTS, Region
from vigil.service.connecting.survey import Survey, TypeCount, Unanswered, Workflows
from vigil.service.doctor.health import CheckState
from vigil.service.reasons import in_words
from vigil.service.sweep import SweepOutcome
from vigil.version import package
from vigil.wording import counted, instant, listed

SHOWN = 20  # rows of a table about things of which there may be many
FACTS = {
    "document": "documents",
    "folder": "folders",
    "follow_up": "follow-ups",
    "group": "groups of roles and recipients",
    "missing": "lists of missing documents",
    "related": "workspaces with related ones",
    "required": "required types of documents",
    "roles": "workspaces with roles",
    "step": "steps of workflows",
    "user": "people of roles and recipients",
    "workspace": "workspaces",
}
_NUMBER = re.compile(r"\d+")
_VERSION = re.compile(r"(?:CE )?\d+(?:\.\d+){0,3}")


def page(found: Survey, minutes: int) -> Markdown:
    """The page; `minutes` are between two runs of `watch`."""
    parts = [
        *_head(found),
        *_to_do(found),
        *_counts(found),
        *_understood(found),
        *_checked(found),
        *_workflows(found.workflows),
        *_audit(found),
        *_regions(found),
        *_sweep(found),
        *_load(found, minutes),
        *_how(found),
    ]
    whole = [part for before, part in pairwise([Markdown(""), *parts]) if before or part]
    return Markdown("\n").join([*whole, Markdown("")])


def verdict(found: Survey) -> str:
    """Whether Vigil can work, in one sentence."""
    if not found.missing:
        return "Vigil can work with this Extended ECM."
    names = listed([c.name for c in found.missing])
    return f"Vigil cannot work as its rules need it yet: see {names}."


def _head(found: Survey) -> Iterator[Markdown]:
    settings = found.settings
    user = settings.username or "an OAuth client of OTDS"
    yield Markdown("# Vigil and Extended ECM at {}").format(link(address(settings.url), settings.url))
    yield Markdown("")
    form = Markdown(
        "Read on {} by Vigil {} as {}; Extended ECM {}. Nothing was changed in Extended ECM, and nobody was notified."
    )
    at = instant(found.at, settings.zone)
    version = found.version if _VERSION.fullmatch(found.version) else "of a version that it does not tell"
    yield form.format(at, package()["version"], user, version)
    yield Markdown("")
    yield Markdown("**{}**").format(verdict(found))


def _to_do(found: Survey) -> Iterator[Markdown]:
    """What a person must do first, then what would help."""
    yield from _heading("What to do")
    missing = [(c.name, c.saw, c.do) for c in found.missing]
    helps = [(c.name, c.saw, c.do) for c in found.checks if c.state is CheckState.WARN]
    helps += [
        (line.name, line.saw, MENDS[line.name].do)
        for line in _lines(found)
        if _mend(found, line) not in ("", NO_SETTING)
    ]
    helps += [
        *_counts_to_do(found),
        *_workflows_to_do(found.workflows),
        *_regions_to_do(found),
        *_events_to_do(found),
    ]
    for title, some in (("Needed:", missing), ("Would help:", helps)):
        if some:
            yield Markdown(title)
            yield Markdown("")
        for number, (name, saw, do) in enumerate(some, start=1):
            yield Markdown("{}. **{}**: {}. {}").format(number, name, saw.rstrip("."), _sentence(do))
        if some:
            yield Markdown("")
    if not missing and not helps:
        yield Markdown("Nothing.")


def _counts(found: Survey) -> Iterator[Markdown]:
    yield from _heading("What is there")
    yield from _table(
        ("workspace type", "its list counts", "rows that came", "rules use it"), map(_type, found.types)
    )
    known = found.known
    rows = [
        ("documents read in the dry sweep", _n(known.get("document", 0))),
        ("documents by the search's estimate", _said(found.documents, "search is not used")),
        *((f"workflows managed, {status}", _said(n)) for status, n in found.workflows.managed.items()),
        ("groups", _said(found.groups)),
        ("users", _said(found.users)),
    ]
    yield from _table(("what", "number"), rows)


def _counts_to_do(found: Survey) -> Iterator[tuple[str, str, str]]:
    fewer = [t for t in found.types if t.counted is not None and t.came is not None and t.came < t.counted]
    if fewer:
        saw = "lists count more than this user can see: " + listed(
            [f"of {t.name} {t.came:,} of {t.counted:,}" for t in fewer]
        )
        do = (
            "Give the service user See and See Contents on the others, for instance by a group in a role of each workspace template: "
            "nobody is notified about what it does not see"
        )
        yield "workspaces", saw, do


def _type(one: TypeCount) -> tuple[str, ...]:
    came = "could not be read" if one.came is None else _n(one.came)
    counts = "could not be read" if one.counted is None else _n(one.counted)
    return one.name, counts, came + ("" if one.whole else " (the list is incomplete)"), _yes(one.used)


def _lines(found: Survey) -> Sequence[dialects.Line]:
    return dialects.described(found.dialect, found.estate)


def _understood(found: Survey) -> Iterator[Markdown]:
    yield from _heading("What this server understands")
    yield Markdown(
        "Versions of Extended ECM differ. Vigil found out what this one understands, and what each lack costs: requests, or what is "
        "noticed later or not at all."
    )
    yield Markdown("")
    yield from _table(
        ("part", "found", "costs", "what mends it"),
        ((line.name, line.saw, _costs(line), _mend(found, line)) for line in _lines(found)),
    )


def _costs(line: dialects.Line) -> str:
    if not line.known:
        return f"not known{f'; meanwhile {line.costs}' if line.costs else ''}"
    return "; ".join(part for part in (line.costs, line.loses) if part) or "nothing"


def _mend(found: Survey, line: dialects.Line) -> str:
    mend = MENDS.get(line.name)
    return mend.do if mend is not None and mend.lacks(found.dialect) else ""


def _checked(found: Survey) -> Iterator[Markdown]:
    yield from _heading("What the service user may do")
    yield from _table(("check", "state", "seen"), ((c.name, c.state.value, c.saw) for c in found.checks))


def _workflows(found: Workflows) -> Iterator[Markdown]:
    yield from _heading("Workflows")
    yield Markdown(
        "Extended ECM shows the steps of a workflow to the managers of its workflow map, and to nobody else. So the service user, or "
        "a group that it is in, must be a manager of each map whose steps rules are about: open the map, its properties, the tab with "
        "the managers of its workflows (its name differs by version), add the user, and release the map again. Workflows that were "
        "started before may keep their old managers."
    )
    yield Markdown("")
    if found.shown:
        yield from _table(
            ("workflow map", "open workflows seen", "of them managed by this user"), _maps(found)
        )
    yield Markdown("{}").format(_compared(found))
    yield Markdown("")
    types = listed(sorted(found.types)) or "none"
    yield Markdown(
        "This user manages workflows in workspaces of these types: {}. If workspaces of another type have workflows, it is no manager "
        "of their maps."
    ).format(types)
    for refused in found.refused[:1]:
        yield Markdown("")
        yield Markdown("Refused: {}").format(refused)


def _maps(found: Workflows) -> Iterator[tuple[str, ...]]:
    shown = Counter(one.map for one in found.shown.values())
    others = Counter(one.map for one in found.others)
    for number, n in shown.most_common(SHOWN):
        yield _map(found, number), _n(n), _n(n - others[number])


def _map(found: Workflows, number: int | None) -> str:
    name = found.maps.get(number or 0)
    return "not told" if number is None else f"{name} ({number})" if name else f"map {number}"


def _compared(found: Workflows) -> str:
    looked = f"status/active was asked for all workspaces and for {counted(found.asked, 'single workspace')}"
    if not found.shown and found.refused:
        return "status/active could not be read, so that workflows of others are not known."
    if not found.others:
        return f"{looked}: it shows no open workflow that this user's own lists lack. That proves nothing about maps that it hides."
    return f"{looked}: it shows {counted(len(found.others), 'open workflow')} that this user does not manage."


def _workflows_to_do(found: Workflows) -> Iterator[tuple[str, str, str]]:
    if found.others:
        maps = listed(sorted({_map(found, one.map) for one in found.others}))
        saw = f"{counted(len(found.others), 'open workflow')} in no list of this user"
        yield (
            "workflow maps",
            saw,
            f"Make the service user a manager of {maps}, if rules are about their steps",
        )


def _audit(found: Survey) -> Iterator[Markdown]:
    yield from _heading("Audit events")
    if found.audit_refused is not None:
        yield Markdown("Refused: {}").format(found.audit_refused)
        yield Markdown("")
    yield Markdown("{} of workspaces and documents were read. They name: {}.").format(
        counted(found.audits, "audit table"), listed(_events(found.events)) or "no event"
    )
    yield Markdown("")
    yield from _table(
        ("event", "what Vigil uses it for", "met"),
        ((name, use, _yes(name in found.events)) for name, use in WANTED_EVENTS.items()),
    )
    yield Markdown("The administrator chooses which events are kept: Event Auditing, Set Auditing Interests.")


def _events(met: Iterable[str]) -> list[str]:
    """The events of the product by name, and how many others there are: a site may name its own after anything."""
    met = set(met)
    known = sorted(name for name in met if is_product_word(name, "name", "audit_event_types"))
    others = len(met) - len(known)
    return [*known, *([counted(others, "other event")] if others else [])]


def _events_to_do(found: Survey) -> Iterator[tuple[str, str, str]]:
    if found.audits and ATTRIBUTE_CHANGED not in found.events:
        saw = f"{ATTRIBUTE_CHANGED} is in none of {counted(found.audits, 'audit table')}"
        yield "audit events", saw, "Switch it on: Event Auditing, Set Auditing Interests"


def _regions(found: Survey) -> Iterator[Markdown]:
    yield from _heading("Search regions")
    for refused in found.regions.values():
        if isinstance(refused, Unanswered):
            yield Markdown("Refused: {}").format(refused)
            yield Markdown("")
            break
    yield from _table(
        ("region", "what Vigil uses it for", "must be", "is so"),
        ((one.name, one.use, one.flag, _flagged(found, one)) for one in REGIONS),
    )
    yield Markdown("These flags are in the properties of the search manager, on the tab with the regions.")


def _flagged(found: Survey, region: Region) -> str:
    names = found.regions.get(region.flag)
    return _yes(region.name in names) if isinstance(names, frozenset) else "unknown"


def _regions_to_do(found: Survey) -> Iterator[tuple[str, str, str]]:
    """Regions without the flag that they need, where the server lists regions; those without which search is of no use first."""
    lacking = {one.name: one.flag for one in REGIONS if _flagged(found, one) == _yes(False)}
    if not lacking:
        return
    needed = [group for group in NEEDED_REGIONS if lacking.keys() >= set(group)]
    flags = {flag: [name for name, its in lacking.items() if its == flag] for flag in lacking.values()}
    saw = "; ".join(
        f"{listed(names)} {'is' if len(names) == 1 else 'are'} not {flag}" for flag, names in flags.items()
    )
    first = listed([listed(group, "or") for group in needed])
    do = (
        f"Begin with {first}: without it search is of no use"
        if needed
        else "Set the flag, if the index has room"
    )
    yield "search regions", saw, do


def _sweep(found: Survey) -> Iterator[Markdown]:
    yield from _heading("The dry sweep")
    swept = found.swept
    if swept is None:
        yield Markdown("Not made: no rule could be loaded.")
        return
    if swept.failed:
        yield Markdown("It ended early: {}").format(swept.failed)
        yield Markdown("")
    facts = [(FACTS.get(name, name), _n(n)) for name, n in sorted(found.known.items()) if n]
    yield Markdown("Read, with {}:").format(counted(swept.requests, "request"))
    yield Markdown("")
    yield from _table(("what", "number"), facts)
    told = Counter((str(row["rule"]), _outcome(str(row["outcome"]))) for row in swept.rows)
    would = sum(n for (_, outcome), n in told.items() if outcome == SweepOutcome.WOULD)
    yield Markdown(
        "{} would be told if Vigil began now. Who has a device is not known here: everybody counts as having one."
    ).format(counted(would, "finding"))
    yield Markdown("")
    yield from _table(
        ("rule", "outcome", "findings"), ((rule, why, _n(n)) for (rule, why), n in sorted(told.items()))
    )
    yield from _gaps(swept.gaps)


def _outcome(outcome: str) -> str:
    """The outcome of a finding for a person with a device: the temporary ledger has none of anybody."""
    return SweepOutcome.WOULD if outcome == in_words(Why.NO_DEVICE) else outcome


def _gaps(gaps: Sequence[Gap]) -> Iterator[Markdown]:
    """What could not be read, calls that differ only in their ids together."""
    alike: dict[tuple[str, str], list[Gap]] = {}
    for gap in gaps:
        alike.setdefault((_NUMBER.sub("N", gap.path), _NUMBER.sub("N", gap.error)), []).append(gap)
    if not alike:
        yield Markdown("Everything that the rules need could be read.")
        return
    yield Markdown("What could not be read:")
    yield Markdown("")
    yield from _table(("call", "why", "times", "workspaces"), map(_alike, list(alike.values())[:SHOWN]))


def _alike(gaps: Sequence[Gap]) -> tuple[str, ...]:
    places = {workspace for gap in gaps for workspace in gap.workspaces}
    return gaps[0].path, gaps[0].error, _n(len(gaps)), _n(len(places))


def _load(found: Survey, minutes: int) -> Iterator[Markdown]:
    yield from _heading("Expected load")
    hourly = 60 / minutes
    parts = expected_load.of_a_run(found.dialect, found.needs, found.size, found.site.verify_requests)
    yield Markdown(
        "Requests if `watch` runs every {} minutes and nothing changes; each change adds about 4."
    ).format(minutes)
    yield Markdown("")
    rows = [(name, _n(n), _n(round(n * hourly))) for name, n in parts.items()]
    rows.append(("in all", _n(sum(parts.values())), _n(expected_load.total(parts, hourly))))
    yield from _table(("what", "requests a run", "requests an hour"), rows)
    if found.swept is not None:
        yield Markdown("The first run reads everything once: {}, as this dry sweep did.").format(
            counted(found.swept.requests, "request")
        )


def _how(found: Survey) -> Iterator[Markdown]:
    yield from _heading("How this was found")
    yield Markdown(
        "Vigil sent {} in {} s: GET, and three kinds of POST that only read: the login, `/v2/nodes/list` and `/v2/search`. What it "
        "read was kept in a temporary ledger, which is deleted. docs/connecting.md says more."
    ).format(counted(found.requests, "request"), round(found.seconds))


def _heading(text: str) -> Iterator[Markdown]:
    yield Markdown("")
    yield Markdown(f"## {text}")
    yield Markdown("")


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[Markdown]:
    some = list(rows)
    if not some:
        yield Markdown("None.")
        yield Markdown("")
        return
    yield table_row([Markdown(name) for name in head])
    yield table_row([Markdown("---")] * len(head))
    for row in some:
        yield table_row([markdown(cell) for cell in row])
    yield Markdown("")


def _sentence(text: str) -> str:
    text = text.strip()
    return text and text[:1].upper() + text[1:] + ("" if text.endswith(".") else ".")


def _said(answer: int | Unanswered | None, nothing: str = "not told") -> str:
    return (
        nothing
        if answer is None
        else f"could not be read: {answer.why}"
        if isinstance(answer, Unanswered)
        else _n(answer)
    )


def _n(number: int) -> str:
    return f"{number:,}"


def _yes(held: bool) -> str:
    return "yes" if held else "no"
