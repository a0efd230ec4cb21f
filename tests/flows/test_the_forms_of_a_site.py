"""The forms of a site in the Prefect UI, in a real browser: what a person changes there is changed, and nothing else is."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.flows.browser import field, page
from tests.flows.conftest import Said
from vigil.service.connecting.changes import plain
from vigil.service.connecting.forms import FORMS

if TYPE_CHECKING:
    from playwright.sync_api import Page

SECRETS = {
    "VIGIL_OTDS_SECRET": "of the client",
    "VIGIL_ECM_PROXY": "http://me:of-the-proxy@proxy:3128",
    "VIGIL_SMTP_PASSWORD": "of the mail server",
    "VIGIL_LINK_SECRETS": "0123456789abcdef0123456789abcdef",
}
UIS = {
    "the one that opens": ("/v2", ("ecm", "fcm", "ledger", "smtp", "site")),
    "the earlier one": ("", ("ecm", "site")),
}
CHANGES: dict[tuple[str, str], tuple[str, Any]] = {
    ("ecm", "otds_client"): ("another", "another"),
    ("ecm", "concurrency"): ("8", 8),
    ("ecm", "requests_per_second"): ("2.5", 2.5),
    ("ecm", "proxy"): ("", None),
    ("smtp", "password"): ("a new one", "a new one"),
    ("smtp", "gateway"): ("https://vigil.example.org", "https://vigil.example.org"),
    ("site", "guard_hours"): ("72", 72),
}
"""What a person types into which field, and what is saved."""


def saved(site: str) -> dict[str, dict[str, Any]]:
    """What a run gets of a site, secrets as text. The earlier forms leave out what is a field's default."""
    from blocks.site import Connected
    from flows.support.sites import block_of

    found: Connected = asyncio.run(block_of(site))
    parts = {
        "ecm": found.ecm,
        "fcm": found.fcm,
        "ledger": found.ledger,
        "smtp": found.smtp,
        "webhook": found.webhook,
        "site": found.settings,
    }
    return {part: plain(held) for part, held in parts.items() if held is not None}


def form(api: str, part: str, name: str, ui: str) -> str:
    """The address of a block's form."""
    from blocks.site import BLOCKS
    from flows.support.sites import server

    async def go() -> Any:
        async with server() as client:
            return await client.read_block_document_by_name(name, BLOCKS[part].get_block_type_slug())

    return f"{api.removesuffix('/api')}{ui}/blocks/block/{asyncio.run(go()).id}/edit"


PRESSES = 5


def save(page: Page) -> None:
    """Press Save until the page of the block is shown: a busy server on SQLite answers 503, and a person presses again.

    By the keyboard: the message about a 503 lies over the button, and stays for as long as the mouse is over it.
    """
    from playwright.sync_api import TimeoutError as TooLong

    for _ in range(PRESSES):
        page.get_by_role("button", name="Save").press("Enter")
        with suppress(TooLong):
            page.wait_for_url(lambda url: not url.endswith("/edit"), timeout=20_000)
            return
    pytest.fail(f"pressed Save {PRESSES} times; the form is still there: {page.url}")


def title(part: str, field: str) -> str:
    return str(FORMS[part].model_fields[field].title)


@pytest.mark.parametrize(("ui", "parts"), UIS.values(), ids=UIS)
def test_a_person_changes_a_site_and_its_connections_in_their_forms(
    vigil: Callable[..., Said],
    prefect_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    ui: str,
    parts: tuple[str, ...],
) -> None:
    site, ledger = f"form{ui.replace('/', '-')}", f"sqlite:///{tmp_path}/ledger.sqlite"
    account = tmp_path / "account.json"
    account.write_text(json.dumps({"project_id": "a-project", "private_key": "of the account"}))
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    said = vigil("connect", "--site", site, "--ecm-url", "https://ecm.example.org/cs/cs", "--otds-client", "vigil",
          "--otds-url", "https://otds.example.org/token", "--firebase-account", str(account), "--ledger", ledger,
          "--sensitive", "Contract.price", "--guard-hours", "48", "--smtp-host", "smtp.example.org",
          "--smtp-sender", "v@example.org", "--smtp-user", "v")  # fmt: skip
    assert said.code == 0, said.err
    before = saved(site)
    forms = {part: form(prefect_url, part, site, ui) for part in parts}
    with page() as browser:
        for part, url in forms.items():
            browser.goto(url)
            field(browser, title(part, next(iter(before[part])))).wait_for()
            for (of, name), (typed, _) in CHANGES.items():
                if of == part:
                    field(browser, title(part, name)).fill(typed)
            save(browser)
    after = {key: value for key, (_, value) in CHANGES.items() if key[0] in parts}
    assert saved(site) == {
        part: {name: after.get((part, name), value) for name, value in held.items()}
        for part, held in before.items()
    }
    assert f'Ledger of the site "{site}": {ledger}' in vigil("guard", "list", "--site", site).out
