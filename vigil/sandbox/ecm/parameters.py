"""The parameters that the vendor's documents have for each route of the simulator, in the query or the form.

A server that is strict refuses the others (the switch `strict_parameters`). A route that is not listed is in neither document: no
parameter of it is documented. tests/sandbox/test_parameters_are_the_vendors.py compares the table with the documents.
"""

from __future__ import annotations

from collections.abc import Mapping


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


PARAMETERS: Mapping[str, frozenset[str]] = {
    "GET /v2/nodes/{id}": _names(
        "actions expand fields metadata perspective reference_id state suppress_response_codes"
    ),
    "GET /v2/nodes/{id}/nodes": _names(
        "actions expand fields limit metadata page show_hidden sort state suppress_response_codes where_facet where_name "
        "where_status where_type"
    ),
    "POST /v2/nodes/list": _names("ids suppress_response_codes"),
    "GET /v2/nodes/{id}/categories": _names("metadata suppress_response_codes"),
    "GET /v2/nodes/{id}/categories/{id}": _names("metadata suppress_response_codes"),
    "GET /v2/nodes/{id}/audit": _names(
        "expand fields limit metadata page sort suppress_response_codes where_audit_date_end where_audit_date_start "
        "where_type where_user_id"
    ),
    "GET /v2/nodes/{id}/versions": _names("expand fields limit metadata order page suppress_response_codes"),
    "GET /v2/nodes/{id}/versions/{id}": _names("expand fields suppress_response_codes"),
    "GET /v2/nodes/{id}/followups": _names("actions"),
    "GET /v1/nodes/{id}/businessworkspace": frozenset(),
    "GET /v2/businessworkspacetypes": _names(
        "bo_type expand_templates expand_wksp_info ext_system_id include_disabled sort where_fixed_creation_location "
        "where_manual_creation"
    ),
    "GET /v2/businessworkspaces": _names(
        "action expand expand_users expanded_view fields global_metadata include_total_count limit metadata page sort "
        "where_barcode where_bo_id where_bo_type where_botype_node_id where_column_query where_ext_system_id "
        "where_is_early where_name where_workspace_type_id where_workspace_type_name"
    ),
    "GET /v2/businessworkspaces/{id}": _names("add_recently_accessed bo_properties_only expand fields"),
    "GET /v2/businessworkspaces/{id}/members": _names(
        "fields include_groups include_total_count limit limit_members metadata original_group_name page"
    ),
    "GET /v2/businessworkspaces/{id}/members/{id}/members": _names(
        "fields include_total_count limit metadata page"
    ),
    "GET /v2/businessworkspaces/{id}/relateditems": _names(
        "action expand expand_users fields global_metadata include_total_count limit metadata page sort where_name "
        "where_rel_types where_relationtype where_workspace_type_id where_workspace_type_ids"
    ),
    "GET /v2/businessworkspaces/{id}/roles": _names("expand fields"),
    "GET /v2/businessworkspaces/{id}/roles/{id}": _names("expand fields"),
    "GET /v2/businessworkspaces/{id}/roles/{id}/members": _names("expand"),
    "GET /v2/members": _names(
        "expand fields limit metadata page query sort suppress_response_codes where_business_email where_first_name "
        "where_last_name where_name where_type"
    ),
    "GET /v2/members/{id}": _names("fields metadata"),
    "GET /v2/members/{id}/members": _names("expand fields limit metadata page sort suppress_response_codes"),
    "GET /v2/members/assignments": _names("expand fields metadata suppress_response_codes"),
    "GET /v1/serverinfo": frozenset(),
    "GET /v1/regions": _names(
        "displayable facet queryable search_by_default sortable suppress_response_codes user_domain user_login"
    ),
    "POST /v2/search": _names(
        "boolean limit lookfor metadata modifier options page query_id select slice sort template_id user_domain "
        "user_login where within"
    ),
    "GET /v2/volumes/recyclebin/nodes": _names(
        "fields limit metadata mode page sort suppress_response_codes where_name"
    ),
    "GET /v2/workflows/status": _names("Kind sort wfretention wstatus"),
    "GET /v2/workflows/status/active": _names(
        "Kind businessWorkspaceID fromDate mapObjId search_name sort status toDate"
    ),
    "GET /v2/workflows/status/info": _names("workid"),
    "GET /v2/workflows/status/processes/{id}": frozenset(),
    "GET /v2/processes/{id}/subprocesses/{id}/activities": _names("client limit"),
    "GET /v2/workflows/{id}/subworkflows/{id}/activities": _names("client limit"),
}
