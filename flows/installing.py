"""Installs the shipped automations, each once for a site, whatever is there already."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from prefect.client.orchestration import PrefectClient, get_client
from prefect.events.schemas.automations import AutomationCore
from prefect.exceptions import ObjectNotFound
from ruamel.yaml import YAML

from vigil.errors import BadRequest

SITE = "{{ site }}"  # what stands for the site's name in the files; other braces are Prefect's own templates


class NoSuchBlock(BadRequest):
    """Automations were to notify through a block that does not exist."""


def load(file: Path, site: str, notify: str | None) -> AutomationCore:
    """The automation in a file, for a site: its own `actions`, and then what its `notify` says.

    `notify` is the id of a notification block; without one nobody is told. An automation that is left with nothing to do shows
    that it fired.
    """
    data: dict[str, Any] = YAML(typ="safe").load(file.read_text().replace(SITE, site))
    words, actions = data.pop("notify", None), data.pop("actions", [])
    if words and notify:
        actions.append({"type": "send-notification", "block_document_id": notify, **words})
    data["actions"] = actions or [{"type": "do-nothing"}]
    return AutomationCore.model_validate(data | {"tags": ["vigil"]})


async def install(folder: Path, site: str, notify: str | None) -> list[tuple[str, str]]:
    """Install every file of the folder. Returns (name, "created" | "changed" | "as it was") of each.

    `notify` names a notification block, such as slack-webhook/ops. Raises NoSuchBlock.
    """
    done = []
    async with get_client() as client:
        block = None if notify is None else await _block(client, notify)
        for file in sorted(folder.glob("*.yaml")):
            wanted = load(file, site, block)
            done.append((wanted.name, await _one(client, wanted)))
    return done


async def _one(client: PrefectClient, wanted: AutomationCore) -> str:
    """Names are not unique in Prefect: looked up first, so that a second installation makes no second automation."""
    found = await client.read_automations_by_name(wanted.name)
    if not found:
        await client.create_automation(wanted)
        return "created"
    # Whether it is switched on is up to whoever switched it off.
    wanted.enabled = found[0].enabled
    if _plain(found[0]) == _plain(wanted):
        return "as it was"
    await client.update_automation(found[0].id, wanted)
    return "changed"


def _plain(automation: AutomationCore) -> dict[str, Any]:
    """What it says, without what the server adds."""
    names = set(AutomationCore.model_fields)
    data = automation.model_dump(include=names)  # with sets as sets: in JSON their order is by chance
    data["trigger"].pop("id", None)
    return data


async def _block(client: PrefectClient, name: str) -> str:
    slug, _, document = name.partition("/")
    try:
        return str((await client.read_block_document_by_name(document, slug)).id)
    except ObjectNotFound:
        raise NoSuchBlock(
            f'there is no block "{name}": make one in Prefect under Blocks, and name it as TYPE/NAME, such as slack-webhook/ops'
        ) from None
