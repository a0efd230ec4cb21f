"""`vigil doctor`: checks Prefect first, then the site. It is not a flow, because it must work where flows fail."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from blocks.site import Connected
from flows.support import prefect_checks
from flows.support.sites import BrokenSite, NoSite, block_of
from vigil.ecm import Client
from vigil.service.doctor import ecm, ledger, rules
from vigil.service.doctor.health import Check, CheckState, fail, ok, skip
from vigil.service.run import utc_now

SITE = "site"
TRIES, ANSWER, PATIENCE = 1, 10.0, 30.0  # retries; seconds for a response, and for a call including retries


async def examine(site: str, project: Path, now: Callable[[], datetime] = utc_now) -> list[Check]:
    """Check everything that a run of `site` depends on. `project` is the folder with prefect.yaml."""
    checks = await prefect_checks.examine(site, project)
    if any(c.name == prefect_checks.API and c.state is CheckState.FAIL for c in checks):
        return [*checks, *_without_prefect(project)]
    try:
        block = await block_of(site)
    except NoSite:
        do = (
            "create it: `vigil connect --site "
            + site
            + " --ecm-url ... --ecm-user ... --firebase-account ...`"
        )
        return [*checks, fail(SITE, f'there is no Vigil site block "{site}"', do)]
    except BrokenSite as error:
        return [
            *checks,
            fail(SITE, str(error), f"correct it in its form, or by `vigil connect --site {site}`"),
        ]
    return [*checks, ok(SITE, f'block "{site}", for {block.site().public_url}'), *await _of_site(block, now)]


def _without_prefect(project: Path) -> list[Check]:
    """Check the project's own rules and templates. Only the site's block, which is in Prefect, names the other systems."""
    templates, families = rules.templates(project / "templates")
    loaded, _ = rules.rules(project / "rules", families)
    why = "its block is in Prefect, and names Extended ECM, Firebase, the mail server and the ledger: none of them was checked"
    return [templates, loaded, skip(SITE, why)]


async def _of_site(block: Connected, now: Callable[[], datetime]) -> list[Check]:
    templates, families = rules.templates(block.site().templates)
    known = ledger.texts(block.ledger.url.get_secret_value())
    items, before = ledger.known(block.ledger.url.get_secret_value(), block.ecm.url)
    loaded, found = rules.rules(block.site().rules, families, known)
    checks = [templates, loaded]
    async with Client(
        replace(block.ecm.client().settings, retries=TRIES, timeout=ANSWER, total_timeout=PATIENCE)
    ) as client:
        seen = await ecm.examine(client, found, now, items, before, block.site().verify_requests)
        checks += seen.checks
        if found is not None:
            people = await ecm.people(client, found) if seen.schema else None
            checks.append(rules.against(block.site().rules, seen.schema, families, people))
    checks += [
        skip(kind.check, kind.absent) if sender is None else await sender.examine(now)
        for kind, sender in block.senders()
    ]
    return checks + ledger.examine(block.ledger.url.get_secret_value(), now(), block.name)
