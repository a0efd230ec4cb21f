"""What an evaluation is given of some workspaces, as the ledger knows them now."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy import Connection

from vigil.compliance import facts as f
from vigil.compliance.evaluation.window import Input
from vigil.ledger.observed import observations, rule_state


def current(
    connection: Connection, workspaces: Sequence[int], zone: str, sensitive: Collection[str] = ()
) -> Input:
    """Facts and what is remembered of every rule, without events. `zone` is the site's, as are the `sensitive` attributes."""
    required = observations.directory(connection, ("required",))
    return Input(
        facts=observations.facts(connection, workspaces),
        rule_states=rule_state.rule_states(connection, workspaces),
        required=[r for r in required if isinstance(r, f.RequiredDocument)],
        zone=zone,
        sensitive=sensitive,
    )
