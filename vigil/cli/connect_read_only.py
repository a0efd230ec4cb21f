"""`vigil connect --read-only`: looks at an Extended ECM without changing it, and writes a page for its administrator."""

from __future__ import annotations

import logging
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from vigil import places, stopping
from vigil.cli.output import STDOUT, CannotWrite
from vigil.connections import address
from vigil.ledger import Ledger
from vigil.safe_text import Markdown
from vigil.service.connecting import survey_page
from vigil.service.connecting.changes import Around, Values, Wanted, watched
from vigil.service.connecting.forms import SITE, EcmForm, SiteForm
from vigil.service.connecting.survey import Survey, look
from vigil.service.run import utc_now
from vigil.service.site import Site, origin
from vigil.terminal import tell
from vigil.wording import counted

SHOWN = 20
"""The refusals whose words the terminal shows."""

STOPPED = "nothing was written to Extended ECM, and no page was written; running this again is safe"


@dataclass(frozen=True, slots=True)
class Page:
    """Where the page goes, `-` for standard output, empty for a file that is named after the host; and the minutes between two runs
    that its load is for.
    """

    file: str
    minutes: int

    @property
    def takes_stdout(self) -> bool:
        return self.file == STDOUT

    def of(self, url: str) -> Page:
        """The page with the name of its file."""
        return self if self.file else replace(self, file=f"extended-ecm-{address(url).replace(':', '-')}.md")


def look_at_site(site: str, wanted: Wanted, around: Around, ask: Callable[[str], str], page: Page) -> int:
    """Survey an Extended ECM and write the page. 0 if Vigil can work with it, 1 if something is missing that rules need.

    Raises NotConnected for wrong options, NotReached, and CannotWrite for a page that cannot be written.
    """
    values = watched(site, wanted, around, ask)
    settings = EcmForm.model_validate(values["ecm"]).settings()

    page = page.of(settings.url)

    def say(line: str) -> None:
        tell(line, machine=page.takes_stdout)

    _refuse_unwritable(page)
    unused = sorted({part for part, _ in wanted} - {"ecm", SITE})
    if unused:
        say(f"Not used by --read-only: the options of {', '.join(unused)}")
    say(f"Looking at {settings.url}. This changes nothing in Extended ECM and notifies nobody.")
    with (
        _quiet(),
        tempfile.TemporaryDirectory(prefix="vigil-read-only-") as scratch,
        stopping.going_on(STOPPED),
    ):
        ledger = Ledger.open(f"sqlite:///{scratch}/ledger.sqlite")
        try:
            found = stopping.run(look(settings, _site(site, values), ledger, utc_now, say))
        finally:
            ledger.close()
    _write(page, survey_page.page(found, page.minutes))
    _sum_up(found, page, say)
    return 1 if found.missing else 0


@contextmanager
def _quiet() -> Iterator[None]:
    """Log no warnings: what failed is on the page."""
    log = logging.getLogger("vigil")
    before = log.level
    log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        log.setLevel(before)


def _site(name: str, values: Values) -> Site:
    own: dict[str, Any] = dict(values[SITE])
    form, url = SiteForm.model_validate(own), str(values["ecm"]["url"])
    return Site(
        public_url=form.public_url or origin(url),
        zone=str(values["ecm"]["zone"]),
        rules=places.found(form.rules),
        templates=places.found(form.templates),
        cgi=Site.cgi_of(url),
        verify_requests=form.verify_requests,
        sensitive=frozenset(form.sensitive),
        expiry=form.expiry,
        name=name,
    )


def _refuse_unwritable(page: Page) -> None:
    """Raise CannotWrite before anything is read: a large site takes minutes."""
    file = Path(page.file)
    if not page.takes_stdout and not os.access(file if file.exists() else file.parent, os.W_OK):
        raise _cannot_write(page, "no such folder, or no right to write")


def _write(page: Page, text: Markdown) -> None:
    if page.takes_stdout:
        print(text, end="")
        return
    try:
        Path(page.file).write_text(text, encoding="utf-8")
    except OSError as error:
        raise _cannot_write(page, error.strerror or "it failed") from None


def _cannot_write(page: Page, why: str) -> CannotWrite:
    return CannotWrite(f"{page.file} cannot be written ({why}): name another file with --page")


def _sum_up(found: Survey, page: Page, say: Callable[[str], None]) -> None:
    for check in found.missing:
        say(f"Needed: {check.name}: {check.saw}")
        say(f"  → {check.do}")
    if found.words:
        say("In Extended ECM's own words, which are not on the page, because they may name people:")
        for text in found.words[:SHOWN]:
            say(f"  {text}")
        if len(found.words) > SHOWN:
            say(f"  and {len(found.words) - SHOWN:,} more")
    say(f"{survey_page.verdict(found)} {counted(found.requests, 'request')} in {found.seconds:.0f} s")
    if not page.takes_stdout:
        say(f"The page for the administrator of Extended ECM: {page.file}")
