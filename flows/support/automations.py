"""Installs the shipped automations for a site; a repeated installation updates them and adds no duplicate."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from prefect.client.orchestration import PrefectClient, get_client
from prefect.events.schemas.automations import AutomationCore
from prefect.exceptions import ObjectNotFound
from ruamel.yaml import YAML

from vigil.errors import BadRequest

SITE = "{{ site }}"  # placeholder of the site's name in the files; other braces are Prefect's own templates


class NoSuchBlock(BadRequest):
    """The notification block does not exist."""


def load(file: Path, site: str, notify: str | None) -> AutomationCore:
    """The automation in a file, for a site: its own `actions`, followed by the notification in its `notify`.

    `notify` is the id of a notification block; without one there is no notification. An automation without actions only shows in
    Prefect that it fired.
    """
    data: dict[str, Any] = YAML(typ="safe").load(file.read_text().replace(SITE, site))
    words, actions = data.pop("notify", None), data.pop("actions", [])
    if words and notify:
        actions.append({"type": "send-notification", "block_document_id": notify, **words})
    data["actions"] = actions or [{"type": "do-nothing"}]
    return AutomationCore.model_validate(data | {"tags": ["vigil"]})


async def install(folder: Path, site: str, notify: str | None) -> list[tuple[str, str]]:
    """Install every file of the folder. Returns (name, "created" | "changed" | "as it was") for each.

    `notify` names a notification block, such as slack-webhook/ops. Raises NoSuchBlock if it does not exist.
    """
    done = []
    async with get_client() as client:
        block = None if notify is None else await _block(client, notify)
        for file in sorted(folder.glob("*.yaml")):
            wanted = load(file, site, block)
            done.append((wanted.name, await _one(client, wanted)))
    return done


async def _one(client: PrefectClient, wanted: AutomationCore) -> str:
    """Install one automation. Names are not unique in Prefect, so the function looks the name up before it creates one."""
    found = await client.read_automations_by_name(wanted.name)
    if not found:
        await client.create_automation(wanted)
        return "created"
    # An automation that a person switched off stays off.
    wanted.enabled = found[0].enabled
    if _plain(found[0]) == _plain(wanted):
        return "as it was"
    await client.update_automation(found[0].id, wanted)
    return "changed"


def _plain(automation: AutomationCore) -> dict[str, Any]:
    """The content of an automation, without the fields that the server adds."""
    names = set(AutomationCore.model_fields)
    data = automation.model_dump(include=names)  # with sets as sets: their order in JSON is random
    data["trigger"].pop("id", None)
    return data


async def _block(client: PrefectClient, name: str) -> str:
    slug, _, document = name.partition("/")
    try:
        return str((await client.read_block_document_by_name(document, slug)).id)
    except ObjectNotFound:
        raise NoSuchBlock(
            f'there is no block "{name}": create one in Prefect under Blocks, and give it as TYPE/NAME, such as slack-webhook/ops'
        ) from None
