"""Workspaces as the reference sees them."""

from __future__ import annotations

from datetime import datetime

from tests.property import reference
from tests.support.histories import History
from vigil.compliance.evaluation.tables import Facts


def views(history: History, facts: Facts, as_of: datetime) -> dict[int, reference.View]:
    """Each workspace as the reference sees it."""
    months = {r.type: r.valid_months for r in history.required if r.valid_months is not None}
    return {
        w: reference.View(
            fact,
            facts.documents.get(w, ()),
            facts.roles.get(w),
            facts.missing.get(w),
            as_of,
            history.zone,
            months,
            facts.steps.get(w, ()),
            related=facts.related.get(w),
            others=facts.workspaces,
        )
        for w, fact in facts.workspaces.items()
    }
