"""Dialects of Extended ECM: named sets of the switches of `vigil.sandbox.quirks.Quirks`, each for a server that a site may have.

``{"dialect": "2016"}`` to `EcmFaults.configure`, ``--dialect 2016`` to the sandbox. A switch that a dialect does not name has its
default: the defaults are ``ce23``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

DEFAULT = "ce23"
_NEWER_ROUTES = ("GET /v1/nodes/{id}/businessworkspace", "GET /v2/businessworkspaces/{id}/members*")

_UNFOUND_MODULES = ("statusinfo", "inprocessdocuments", "reports", "myteamtodo", "doctypes", "recyclebin")

DIALECTS: Mapping[str, Mapping[str, Any]] = {
    # Contract: what is marked as the oldest, recorded in 2015 and 2016.
    "2016": {
        "mixed_dates": False, "audit_agents": False, "server_version": "16.0.2", "time_zone_offset": True,
        "nodes_list_fields": "none", "detail_as_list": False, "groups_need_where_type": False, "service_user_type": 0,
        "listed_members_bare": True, "role_members_bare": True, "roles_ignore_members": True,
        "where_name_equals": False, "date_sort_flag": False, "date_columns": False,
        "unknown_columns": "ignored", "rel_types": "none", "rel_type_in_rows": False, "user_ids_in_lists": False,
        "multilingual_names": False, "routes_absent": _NEWER_ROUTES, "modules_absent": _UNFOUND_MODULES,
        "search_lag": 3600, "search_regions": ("OTSubType", "OTObjectDate", "OTCreateDate", "OTName", "OTDataID"),
        "search_old_versions": True, "search_repeats": True, "search_cache": "fresh", "search_sort_ignored": True,
        "search_properties_only": True, "kind_spelling": "Kind", "login_names": False, "process_details": False,
        "assignment_ids": False, "followup_statuses": False,
    },
    # Contract: the recordings of 2019 and 2020. None shows status/info, which has here the form that a client reads.
    "2019": {
        "mixed_dates": False, "audit_agents": False, "server_version": "16.2.999", "nodes_list_fields": "body",
        "detail_as_list": False, "groups_need_where_type": False, "service_user_type": 0, "listed_members_bare": True,
        "date_sort": False, "date_sort_flag": False, "date_columns": False,
        "rel_types": "comma", "rel_type_in_rows": False, "type_ids_in_lists": False, "routes_absent": _NEWER_ROUTES[1:],
        "search_lag": 600, "search_old_versions": True, "search_repeats": True, "search_properties_only": True,
        "kind_spelling": "kind", "info_dates": "WORKINFO", "info_single_objects": True, "info_comments": "Comments",
        "login_names": False, "process_details": False, "group_people": False, "assignment_ids": False,
    },
    # Contract: what pyxecm 3.7 documents, of systems of 2023 to 2026. The defaults.
    "ce23": {},
    # No server: the vendor's documents to the letter.
    "strict": {
        "strict_parameters": True, "nodes_list_fields": "none", "detail_as_list": False, "rel_types": "comma",
        "error_details": True, "missing_workspace_404": True, "search_properties_only": True, "kind_spelling": "Kind",
        "active_results": "object", "followup_assignees": "ids", "groups_need_where_type": False,
        "bin_modes_off": ("anyone_deleted", "anyone_deleted_today"),
    },
    # No server: as little as a site may have, and nothing that is believed without looking.
    "poor": {
        "date_sort": False, "date_columns": False, "unknown_columns": "ignored", "nodes_list_fields": "none",
        "rel_types": "none", "rel_types_misread": "empty", "rel_type_in_rows": False, "roles_ignore_members": True,
        "role_members_bare": True, "listed_members_bare": True, "user_ids_in_lists": False, "type_ids_in_lists": False,
        "attribute_touches": False, "ticket_refused_once": True, "routes_absent": _NEWER_ROUTES,
        "modules_absent": (*_UNFOUND_MODULES, "search", "classifications", "missingdocuments", "followups"),
        "kind_spelling": "kind", "login_names": False, "process_details": False, "group_people": False,
        "assignment_ids": False,
    },
}  # fmt: skip
