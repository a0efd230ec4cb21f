"""Whether a count of 0 items is believed: a server may give 0 for every container. Contract: docs/contracts/ecm.md#workspaces.

It is believed once a container of this server has counted more, and no longer once something was found in one that counts 0. Until
then a container with 0 is listed.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress

from vigil.ecm import parse
from vigil.ecm.answers import Json
from vigil.ecm.client import Client
from vigil.ecm.errors import Malformed
from vigil.ecm.nodes import PATH


def believed(client: Client) -> bool:
    """Whether a container that counts 0 has nothing in it."""
    return client.dialect.counted is True


def weigh(client: Client, rows: Iterable[Json]) -> None:
    """Learn from rows of nodes that containers of this server count."""
    if client.dialect.counted is not None:
        return
    for row in rows:
        # A row that cannot be read counts for nothing here, and is a gap where its values are needed.
        with suppress(Malformed), parse.shaped(PATH):
            found = parse.properties(row)
            if parse.integer(found.get("type")) in parse.CONTAINERS and (count := parse.held(found) or 0) > 0:
                said = f"container {parse.node_id(row)} counts {count}"
                client.learn(counted=True, why=said)
                return


def contradict(client: Client, node: int) -> None:
    """Learn that a container which counts 0 has something in it."""
    client.learn(counted=False, why=f"container {node} counts 0, and has something in it")
