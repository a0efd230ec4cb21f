"""A real browser on the Prefect UI. Where none is installed its tests are skipped, and in CI they fail."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tests.shared import absent

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
WIDTH, HEIGHT = 1300, 1800


def chromium() -> str:
    """Where the browser is. Skips the test without one, and fails it in CI."""
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        absent(
            "no chromium here (.ci/run installs it): the forms of blocks in the Prefect UI were not tested"
        )
    return found


@contextmanager
def page() -> Iterator[Page]:
    """An empty page. No event loop of ours can run while it is open."""
    where = chromium()
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=where, args=QUIET)
        try:
            yield browser.new_page(viewport={"width": WIDTH, "height": HEIGHT})
        finally:
            browser.close()


def field(page: Page, title: str) -> Locator:
    """The input of a form beside this title. Not every form of Prefect says by `for` which one a label is for."""
    label = f'//label[normalize-space(.)="{title}" or normalize-space(.)="{title} (Optional)"]'
    return page.locator(
        f"{label}/ancestor::*[.//input or .//textarea][1]//*[self::input or self::textarea]"
    ).first
