"""Every refusal of the loader: the « in a text marks where the problem must stand."""

from __future__ import annotations

import pytest

from tests.compliance.rule_files import ADDED, CONDITION, DUE, MILESTONE, STEP, TRANSITION, WHEN, only_problem

KEYS_AND_TYPES = [
    (f"{CONDITION}{WHEN}«serverity: high\n", "unknown key `serverity`", "severity"),
    (f"{CONDITION}{WHEN}«name: x\n", "unknown key `name`", ""),
    (f"{CONDITION}{WHEN}«origin: x\n", "unknown key `origin`", ""),
    (f"{CONDITION}{WHEN}«kind: condition\n", "duplicate key `kind`, first on line 2", ""),
    (f"{CONDITION}when: {{field: attr.status, op: eq, «vlaue: a}}\n", "unknown key `vlaue`", "value"),
    (f"{CONDITION}{WHEN}guard: {{«max_finding: 5}}\n", "unknown key `max_finding`", "max_findings"),
    (f"{CONDITION}{WHEN}status: «lvie\n", '"lvie" is no value of `status`', "live"),
    (f'{CONDITION}{WHEN}version: «"3"\n', '`version` takes a whole number, found the text "3"', ""),
    (f"{CONDITION}{WHEN}acknowledge: «yes\n", '`acknowledge` takes true or false, found the text "yes"', ""),
    (f"{CONDITION}{WHEN}guard: {{max_share: «2}}\n", "`max_share` should be less than or equal to 1", ""),
    (f"{CONDITION}{WHEN}inhibit_by: «other\n", '`inhibit_by` takes a list, found the text "other"', ""),
    ("rule: «two words\nkind: condition\n" + CONDITION.split("\n", 2)[2] + WHEN, "is not a name", ""),
    (f"{CONDITION}when: «[a]\n", "not a clause in `when`", ""),
    (f"{CONDITION}when: {{«feild: attr.status, op: present}}\n", "unknown key `feild` in `when`", "field"),
    (f"{CONDITION}when: {{all: «[]}}\n", "`all` is empty", ""),
    (f"{CONDITION}when: {{field: attr.status, op: «equals, value: x}}\n", '"equals" is no value of `op`', ""),
    (f"{CONDITION}when: «{{field: attr.status}}\n", "`op` is missing here", ""),
    (f"{CONDITION}when: {{field: «status, op: present}}\n", '"status" is not a field', ""),
    (f"{CONDITION}{WHEN}for: «7days\n", '"7days" is not a duration', ""),
    (f"{CONDITION}{WHEN}for: «2mo\n", "2mo has no fixed length", ""),
    (f"{CONDITION}{WHEN}ttl: «7\n", "7 is not a duration", ""),
    (f"{CONDITION}{WHEN}quiet: {{from: «25:00, to: 07:00}}\n", '"25:00" is not a time of day', ""),
    (f"{CONDITION}{WHEN}repeat: {{every: «-1d, max: 3}}\n", "-1d does not go forward", ""),
    (
        f"{CONDITION}{WHEN}escalate: [{{after: 3bd, unless: «acknowleged, to: [role: owner]}}]\n",
        '"acknowleged"',
        "acknowledged",
    ),
    (f"{CONDITION}{WHEN}fallback: [«{{role: owner, group: x}}]\n", "a recipient has exactly one of", ""),
    (f"{CONDITION}{WHEN}fallback: [{{«rle: owner}}]\n", "unknown key `rle`", "role"),
    (
        f"{MILESTONE}{DUE}steps: [{{id: a, at: «-90days, to: [role: owner]}}]\n",
        '"-90days" is not an offset',
        "",
    ),
    (
        f"{MILESTONE}{DUE}steps: [{{id: a, at: «-90000d, to: [role: owner]}}]\n",
        "longer than a hundred years",
        "",
    ),
    (
        f"{MILESTONE}{DUE}{STEP}calendar: {{zone: «Europe/Berln}}\n",
        'unknown time zone "Europe/Berln"',
        "Europe/Berlin",
    ),
    (
        f"{MILESTONE}{DUE}{STEP}calendar: {{holidays: [DE, «DE-XY]}}\n",
        'no holidays are known for "DE-XY"',
        "DE-",
    ),
    (f"{MILESTONE}{DUE}{STEP}calendar: {{extra: [«20261224]}}\n", '"20261224" is not a date', ""),
    (f"{MILESTONE}{DUE}{STEP}calendar: {{extra: [«plant.ics]}}\n", 'no calendar file "plant.ics"', ""),
    (
        f"{TRANSITION}to: [role: owner]\nevents: [«document_aded]\n",
        'unknown event "document_aded"',
        "document_added",
    ),
    (
        f"{TRANSITION}to: [role: owner]\nevents: [{{«documnt_added: {{type: Annex}}}}]\n",
        "unknown event",
        "document_added",
    ),
    (
        f"{TRANSITION}to: [role: owner]\nevents: [{{document_added: {{«typ: Annex}}}}]\n",
        "unknown filter `typ`",
        "type",
    ),
]

NAMES_AND_VALUES = [
    (
        "rule: a\nkind: condition\nsubject: {workspace_type: «Contrat}\nto: [group: x]\n" + WHEN,
        "unknown workspace",
        "Contract",
    ),
    (f"{CONDITION}when: {{field: «attr.statsu, op: present}}\n", 'unknown attribute "statsu"', "status"),
    (
        f"{CONDITION}when: {{field: «attr.code, op: present}}\n",
        "write one of attr.Sales.code, attr.Tax.code",
        "",
    ),
    (f"{CONDITION}when: {{field: «role.ownr, op: present}}\n", 'unknown role "ownr"', "owner"),
    (
        f"{CONDITION}when: {{field: «related.Supplir.attr.rating, op: present}}\n",
        "unknown workspace type",
        "Supplier",
    ),
    (
        f"{CONDITION}when: {{field: «related.Supplier.attr.ratng, op: present}}\n",
        "unknown attribute",
        "rating",
    ),
    (f"{CONDITION}{WHEN}fallback: [role: «Owner]\n", 'unknown role "Owner" in `fallback`', "owner"),
    (f"{CONDITION}{WHEN}fallback: [attr: «byer]\n", 'unknown attribute "byer" in `fallback`', "buyer"),
    (f"{CONDITION}{WHEN}fallback: [attr: «expires]\n", "attr.expires is a date and names nobody", ""),
    (f"{CONDITION}when: {{document: «Anex}}\n", 'unknown document type "Anex"', "Annex"),
    (f"{CONDITION}when: {{document: [Annex, «Anex]}}\n", 'unknown document type "Anex"', "Annex"),
    (
        f"{CONDITION}when: {{field: attr.status, op: «older_than, value: 3d}}\n",
        "`older_than` does not fit attr.status",
        "",
    ),
    (f"{CONDITION}when: {{field: attr.auto, op: «gt, value: 3}}\n", "`gt` does not fit attr.auto", ""),
    (
        f"{CONDITION}when: {{field: attr.value, op: «contains, value: 3}}\n",
        "`contains` does not fit attr.value",
        "",
    ),
    (f"{CONDITION}when: {{field: role.owner, op: «eq, value: ada}}\n", "`eq` does not fit role.owner", ""),
    (
        f"{CONDITION}when: {{field: attr.status, op: eq, value: «activ}}\n",
        'attr.status never is "activ"',
        "active",
    ),
    (f"{CONDITION}when: {{field: attr.status, op: in, value: [active, «activ]}}\n", "never is", "active"),
    (f"{CONDITION}when: {{field: attr.tags, op: contains, value: «urgnt}}\n", "never is", "urgent"),
    (f"{CONDITION}when: {{field: attr.status, op: in, value: «active}}\n", "`in` takes a list of values", ""),
    (
        f"{CONDITION}when: {{field: attr.status, op: eq, value: «[active]}}\n",
        "`eq` takes one value, found a list",
        "",
    ),
    (f"{CONDITION}when: {{field: attr.status, op: «eq}}\n", "`eq` needs a value", ""),
    (f"{CONDITION}when: {{field: attr.status, op: present, value: «true}}\n", "`present` takes no value", ""),
    (
        f"{CONDITION}when: {{field: attr.status, op: in, value: «[]}}\n",
        "`in` with an empty list is never met",
        "",
    ),
    (f"{CONDITION}when: {{field: attr.status, op: eq, value: «5}}\n", "takes text, found the number 5", ""),
    (
        f'{CONDITION}when: {{field: attr.value, op: gt, value: «"5"}}\n',
        'takes a number, found the text "5"',
        "",
    ),
    (
        f"{CONDITION}when: {{field: attr.auto, op: eq, value: «yes}}\n",
        'takes true or false, found the text "yes"',
        "",
    ),
    (
        f"{CONDITION}when: {{field: attr.expires, op: before, value: «2026-02-30}}\n",
        "takes a date such as",
        "",
    ),
    (f"{CONDITION}when: {{field: attr.expires, op: before, value: «as_of+7bd}}\n", "is not an instant", ""),
    (
        f"{CONDITION}when: {{field: attr.signed at, op: before, value: «2026-03-01T09:00}}\n",
        "has no offset",
        "",
    ),
    (f"{CONDITION}when: {{field: attr.expires, op: within, value: «30}}\n", "takes a length of time", ""),
    (f"{MILESTONE}{STEP}due: «attr.value\n", "attr.value is an integer", ""),
    (f"{MILESTONE}{STEP}due: «attr.reviews.on\n", "attr.reviews.on is a list", ""),
    (f"{MILESTONE}{STEP}due: «expires\n", '"expires" is not a date field', "attr.expires"),
    (f"{MILESTONE}{STEP}due: «role.owner\n", "role.owner is not a date field", ""),
    (
        f"{TRANSITION}{ADDED}to: [role: owner]\nwhere: {{field: «event.titel, op: present}}\n",
        "unknown key of an event",
        "title",
    ),
    (
        f"{TRANSITION}to: [role: owner]\nevents: [{{status_changed: {{field: «attr.stat}}}}]\n",
        "unknown attribute",
        "status",
    ),
    (
        f"{TRANSITION}to: [role: owner]\nevents: [{{status_changed: {{field: «status}}}}]\n",
        "is no attribute",
        "attr.status",
    ),
    (
        f"{TRANSITION}to: [role: owner]\nevents: [{{status_changed: {{field: attr.status, to: «actve}}}}]\n",
        "never is",
        "active",
    ),
    (
        f"{TRANSITION}to: [role: owner]\nevents: [{{document_added: {{type: [Annex, «Anex]}}}}]\n",
        "unknown document type",
        "Annex",
    ),
    (
        f"{TRANSITION}to: [role: owner]\nevents: [{{attribute_changed: {{field: attr.status, from: draft, to: «draft}}}}]\n",
        "to itself",
        "",
    ),
    (f"{CONDITION}{WHEN}template: «condtion\n", 'unknown template family "condtion"', "condition"),
    (f"{CONDITION}{WHEN}template: «milestone\n", "uses `due`, which only a milestone has", ""),
    (f"{CONDITION}{WHEN}template: «transition\n", "uses `event`, which only a transition has", ""),
    (f"{CONDITION}{WHEN}inhibit_by: [«needs-reviw]\n", 'unknown rule "needs-reviw"', "needs-review"),
    (f"{CONDITION}{WHEN}inhibit_by: [«needs-review]\n", "a rule cannot inhibit itself", ""),
]

SHAPES = [
    (f"«{CONDITION}", "a condition needs `require` or `when`", ""),
    (f"{CONDITION}require: {{document: Annex}}\n«{WHEN}", "`require` or `when`, not both", ""),
    (f"«{TRANSITION}to: [role: owner]\n", "a transition needs `events`", ""),
    (f"«{TRANSITION}{ADDED}", "a transition needs `to`", ""),
    (f"{TRANSITION}{ADDED}to: «[]\n", "a transition needs `to`", ""),
    (f"«{MILESTONE}{STEP}", "a milestone needs `due`", ""),
    (f"«{MILESTONE}{DUE}", "a milestone needs `steps`", ""),
    (f"{MILESTONE}{DUE}{STEP}«to: [role: owner]\n", "with `steps` there is no `to`", ""),
    (f"{MILESTONE}{DUE}steps: [«{{id: a, at: -1d}}]\n", 'step "a" needs `to`', ""),
    (f"{MILESTONE}{DUE}steps: [«{{id: a, to: [role: owner]}}]\n", 'step "a" of a milestone needs `at`', ""),
    (
        f"{MILESTONE}{DUE}steps:\n  - {{id: a, at: -1d, to: [role: owner]}}\n  - {{id: «a, at: -2d, to: [role: owner]}}\n",
        "first on line 6",
        "",
    ),
    (
        f"{MILESTONE}{DUE}steps:\n  - {{id: a, at: -1d, to: [role: owner]}}\n  - «{{at: -2d, to: [role: owner]}}\n",
        "needs an `id`",
        "",
    ),
    (f"{MILESTONE}{DUE}{STEP}«for: 1d\n", "`for` means nothing in a milestone", ""),
    (f"{CONDITION}{WHEN}«due: attr.expires\n", "`due` means nothing in a condition", ""),
    (f"{CONDITION}{WHEN}«exclude_actor: true\n", "`exclude_actor` means nothing in a condition", ""),
    (
        f"{TRANSITION}{ADDED}to: [role: owner]\n«resolved: true\n",
        "`resolved` means nothing in a transition",
        "",
    ),
    (
        f"{TRANSITION}{ADDED}steps: [{{id: a, «at: -1d, to: [role: owner]}}]\n",
        "`at` means nothing in a transition",
        "",
    ),
    (f"{CONDITION}where: {{field: «event.by, op: present}}\n{WHEN}", "only a transition has an event", ""),
    (
        f"{TRANSITION}{ADDED}to: [«step: assignee]\n",
        "`step: assignee` in `to`, and no event of the rule has one",
        "",
    ),
    (
        f"{TRANSITION}events: [step_assigned]\nto: [«step: completed_by]\n",
        "events with it: step_completed",
        "",
    ),
    (
        f"{CONDITION}{WHEN}fallback: [«event: by]\n",
        "`event: by` in `fallback`, and a condition has no event",
        "",
    ),
]

FILES = [
    (f"{CONDITION}{WHEN}".replace("needs-review", "«digest"), "`digest` is the name that digests", ""),
    ("«", "no rule in this file", ""),
    ("«# nothing yet\n", "no rule in this file", ""),
    ("«rules: []\n", "no rule in this file", ""),
    ("«just text\n", "a rule is a mapping", ""),
    (
        f"rules:\n- {{{', '.join((CONDITION + WHEN).splitlines())}}}\n«extra: 1\n",
        "beside `rules`",
        "",
    ),
    ("rule: a\nkind: [condition\nsubject«: x\n", "not YAML", ""),
    ("rule: a\n«\tkind: condition\n", "not YAML", ""),
    (f"{CONDITION}{WHEN}description: «!python/name:os.system x\n", "tags such as", ""),
    ("«" + "[" * 5000, "nested more than 100 levels deep", ""),
    (
        f"{CONDITION}{WHEN}---\n{CONDITION.replace('rule: ', 'rule: «')}{WHEN}",
        'two rules are called "needs-review", the first at r.yaml:1',
        "",
    ),
]


@pytest.mark.parametrize(("text", "said", "meant"), KEYS_AND_TYPES + NAMES_AND_VALUES + SHAPES + FILES)
def test_a_wrong_rule_is_refused_where_it_is_wrong(text: str, said: str, meant: str) -> None:
    problem = only_problem(text)
    assert said in problem.message
    if meant:
        assert problem.hint.startswith(f'Did you mean "{meant}'), problem.hint
