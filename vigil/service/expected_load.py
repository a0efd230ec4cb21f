"""The requests that a run makes to Extended ECM, by size, dialect and rules: what an administrator plans with.

It counts what a run does by the same limits that the run keeps. docs/connecting.md shows a table of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import ceil

from vigil.ecm.change_feed import DAY, MOST_BIN_PAGES
from vigil.ecm.change_feed import PAGE as SEARCH_PAGE
from vigil.ecm.dialect import Dialect, NodesForm, RelatedForm, StepEnds
from vigil.ecm.model import Needs
from vigil.ecm.nodes import CHILDREN_PAGE
from vigil.service import dialects
from vigil.service.budgets import NODES_A_REQUEST, RELATED, ROLES, SHORT_COST, VALUES, WORKFLOWS, Budget
from vigil.service.change_feed import LAG

LOGIN = 1
WORKFLOW_LISTS = 4  # one answer for each status


@dataclass(frozen=True, slots=True)
class EstateSize:
    """What the requests depend on. `listed` has the workspaces and roles of each type that rules use; `people` are the users.

    `changed_a_day` counts the documents that change in a day, `changed_a_run` the workspaces that one run reads again.
    """

    listed: dialects.Estate = field(default_factory=dialects.Estate)
    documents: int = 0
    folders: int = 0
    open_workflows: int = 0
    people: int = 0
    changed_a_day: int = 0
    changed_a_run: int = 0


def of_a_run(found: Dialect, needs: Needs, size: EstateSize, lookups: int) -> Mapping[str, int]:
    """The requests of one run, by what they are for. `lookups` is the site's limit, `--verify-requests`."""
    limits = Budget(lookups, found.search is not None)
    parts = {
        "login": LOGIN,
        "lists of workspaces": dialects.list_requests(found, size.listed),
        "search": _search(found, size),
        "recycle bin": (MOST_BIN_PAGES if found.bin_sorted is False else 1) if found.bin else 0,
        "what changed": SHORT_COST * size.changed_a_run,
        "dates of known items": _dates(size, limits),
    }

    def room(share: int) -> int:
        return limits.room(sum(parts.values()), share)

    parts["values of attributes"] = _values(found, size.listed, room(VALUES))
    parts["related workspaces"] = _related(found, needs, size.listed, room(RELATED))
    workflows = min(size.open_workflows, room(WORKFLOWS)) if needs.steps else 0
    parts["workflows"] = WORKFLOW_LISTS + _steps(found, workflows) if needs.steps else 0
    due = _with_roles(needs, size.listed, room(ROLES))
    parts["roles"] = due * _calls_for_roles(found, needs, size.listed)
    parts["people"] = min(size.people, due + workflows)
    return {name: n for name, n in parts.items() if n}


def total(parts: Mapping[str, int], runs_an_hour: float) -> int:
    """The requests an hour."""
    return round(sum(parts.values()) * runs_an_hour)


def _search(found: Dialect, size: EstateSize) -> int:
    """The pages of the days that each run asks for: those since the newest change, the index's lag, and a day on top."""
    if found.search is None:
        return 0
    days = (LAG + 2 * DAY) / DAY
    documents = max(1, ceil(size.changed_a_day * days / SEARCH_PAGE))
    return documents if found.sorted else documents + 1


def _dates(size: EstateSize, limits: Budget) -> int:
    """The scan of known nodes: a part for workspaces and documents each, and one for folders."""
    most = limits.nodes * NODES_A_REQUEST // 2
    nodes = min(size.listed.total, most) + min(size.documents, most)
    return ceil(nodes / NODES_A_REQUEST) + ceil(min(size.folders, limits.folders) / NODES_A_REQUEST)


def _values(found: Dialect, of: dialects.Estate, room: int) -> int:
    """The scan of attributes where nodes come without them: by the pages of a type's folder, or one by one where that is less."""
    if found.nodes is not NodesForm.NONE or not of.total:
        return 0
    share = min(1.0, room / of.total)
    return sum(1 + min(ceil(n * share), ceil(n / CHILDREN_PAGE)) for n in of.workspaces.values())


def _with_roles(needs: Needs, of: dialects.Estate, room: int) -> int:
    """The workspaces whose roles one run reads again."""
    return min(sum(n for name, n in of.workspaces.items() if needs.of("roles", name)), room)


def _calls_for_roles(found: Dialect, needs: Needs, of: dialects.Estate) -> int:
    """The requests for the roles of one workspace."""
    if found.role_members is not False:
        return 1
    return 1 + max((n for name, n in of.roles.items() if needs.of("roles", name)), default=0)


def _related(found: Dialect, needs: Needs, of: dialects.Estate, room: int) -> int:
    due = min(sum(n for name, n in of.workspaces.items() if name in needs.related), room)
    return due * (2 if found.related is RelatedForm.EACH else 1)


def _steps(found: Dialect, workflows: int) -> int:
    return workflows * (2 if found.step_ends is StepEnds.INFO else 1)
