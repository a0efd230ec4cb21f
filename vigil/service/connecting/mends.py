"""What an Extended ECM administrator can do about a part that a server lacks, in an administrator's words.

Names of pages in the administration differ by version; where nothing is known to help, that is what it says.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from vigil.ecm.dialect import DateFilter, Dialect, NodesForm, RelatedForm, StepEnds

NO_SETTING = "No setting is known to change this: it depends on the version."


@dataclass(frozen=True, slots=True)
class Mend:
    """When a dialect lacks a part, and what mends it."""

    lacks: Callable[[Dialect], bool]
    do: str


MENDS: Mapping[str, Mend] = {
    "attributes": Mend(lambda d: d.nodes is NodesForm.NONE, NO_SETTING),
    "sorted lists": Mend(lambda d: d.sorted is False, NO_SETTING),
    "date filter": Mend(lambda d: d.dates is DateFilter.NONE, NO_SETTING),
    "end of lists": Mend(
        lambda d: d.wall is not None,
        "No setting is known: lists end here by themselves. Vigil reads the rest by type and by the starts of names. Archive old "
        "workspaces, or limit what the service user sees to what rules are about.",
    ),
    "counts of items": Mend(
        lambda d: d.counted is False,
        "No setting is known to change this. Vigil lists each container that counts 0. Nothing is lost.",
    ),
    "ends of steps": Mend(
        lambda d: d.step_ends is StepEnds.UNKNOWN,
        "Let the service user see the details of workflows (/v2/workflows/status/info, which old versions do not have). Until then "
        "steps are completed at an unknown time.",
    ),
    "role members": Mend(lambda d: d.role_members is False, NO_SETTING),
    "relations": Mend(lambda d: d.related is RelatedForm.EACH, NO_SETTING),
    "nested groups": Mend(lambda d: d.nested_groups is False, NO_SETTING),
    "document types": Mend(
        lambda d: d.classifications is False,
        "Install or enable Classifications, and give the service user See on the classification tree. Without it rules about types of "
        "documents do not judge.",
    ),
    "search": Mend(
        lambda d: d.search_known and d.search is None,
        "Let the service user search (Object and Usage Privileges), set the flags of the regions in the table below, and keep the "
        "index up to date. Without search, changes of documents are found by scans of everything known, which takes longer.",
    ),
    "recycle bin": Mend(
        lambda d: d.bin == "",
        "In the administration of the Recycle Bin, let the service user see what anybody deleted. Without it a deletion is found by "
        "scans, which takes longer.",
    ),
    "order of the bin": Mend(
        lambda d: d.bin_sorted is False,
        "No setting is known to change this. Vigil reads more pages: purge old items from the Recycle Bin to keep them few.",
    ),
}
"""By the name of the line in `dialects.described`."""

QUERYABLE, DISPLAYABLE = "queryable", "displayable"


@dataclass(frozen=True, slots=True)
class Region:
    """A search region that Vigil uses: for what, and the flag that it must have."""

    name: str
    use: str
    flag: str = QUERYABLE


REGIONS = (
    Region("OTModifyDate", "the day of a change: needed, or OTObjectDate in its place"),
    Region("OTModifyTime", "the time of a change: fewer rows are read on a busy day"),
    Region("OTObjectDate", "the day of a change, where OTModifyDate is not queryable"),
    Region("OTSubType", "documents, folders or workspaces: needed"),
    Region("OTLocation", "the workspace in which a document lies: needed", DISPLAYABLE),
)

NEEDED_REGIONS = (("OTModifyDate", "OTObjectDate"), ("OTSubType",), ("OTLocation",))
"""Of each group one must have its flag, or search is of no use."""

WANTED_EVENTS: Mapping[str, str] = {
    "Attribute Value Changed": "changes of attributes between two runs are counted, and named as not seen",
    "Comment Added": "rules about comments: no version was seen to audit comments",
}
"""The audit events that Vigil reads, and for what."""
