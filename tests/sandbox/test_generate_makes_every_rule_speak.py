"""The demo's week over the shipped rules: each rule and step tells somebody, and what nobody is told of has its reason."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from tests.shared import PROJECT
from tests.support.pure import told
from vigil.compliance.evaluation.results import Why
from vigil.compliance.facts import Attribute, RequiredDocument, WorkspaceType
from vigil.compliance.notify.routing import Routed
from vigil.compliance.rules.model import RuleKind, RuleSet
from vigil.delivery.rendering.language import Languages
from vigil.delivery.rendering.render import Renderer
from vigil.rulefiles import read_rules
from vigil.sandbox.estate.load import load
from vigil.sandbox.estate.model import Estate
from vigil.sandbox.generate.generator import generate

RULES, TEMPLATES = PROJECT / "rules", PROJECT / "templates"


@pytest.fixture(scope="module")
def estate(tmp_path_factory: pytest.TempPathFactory) -> Estate:
    return load(generate(tmp_path_factory.mktemp("demo")).folder)


@pytest.fixture(scope="module")
def rules() -> RuleSet:
    return read_rules(RULES)


@pytest.fixture(scope="module")
def week(estate: Estate, rules: RuleSet, tmp_path_factory: pytest.TempPathFactory) -> list[Routed]:
    made = generate(tmp_path_factory.mktemp("again"))
    return told(estate, rules, made.start, made.end, timedelta(hours=2))


def people(
    week: list[Routed], rule: str, workspace: str, estate: Estate, step: str | None = None
) -> set[str | None]:
    """Who was told by a rule about the workspace whose name begins so; those who were left out are not in it."""
    return {
        r.person
        for r in week
        if r.finding.rule == rule
        and estate.workspaces[r.finding.workspace].name.startswith(workspace)
        and r.reason is None
        and (step is None or r.finding.step == step)
    }


def schema(estate: Estate) -> list[WorkspaceType]:
    """The estate's types as a snapshot taken from ECM would have them: document types are those required or seen."""
    found = []
    for t in estate.types.values():
        mine = {w.id for w in estate.workspaces.values() if w.type == t.name}
        seen = {e.data["type"] for e in estate.events if e.kind == "document_added" and e.workspace in mine}
        required = {r.type: r.valid_months for r in t.required}
        found.append(
            WorkspaceType(
                t.name,
                tuple(
                    Attribute(key.partition(".")[0], key.partition(".")[2], a.kind, a.values)
                    for key, a in t.attributes.items()
                ),
                t.roles,
                tuple(
                    RequiredDocument(t.name, name, name in required, required.get(name))
                    for name in sorted(seen | required.keys())
                ),
            )
        )
    return found


def test_the_shipped_rules_fit_the_estates_types_and_the_shipped_templates(estate: Estate) -> None:
    rules = read_rules(RULES, schema(estate), Renderer(TEMPLATES).families())
    assert len(rules.rules) == 36
    assert {r.subject.workspace_type for r in rules.rules} == set(estate.types)


def test_every_shipped_rule_says_what_it_is_for_in_a_sentence(rules: RuleSet) -> None:
    assert [
        r.name for r in rules.rules if not (r.description.endswith(".") and len(r.description) > 20)
    ] == []


def test_there_is_a_pack_for_each_of_the_eight_uses(rules: RuleSet) -> None:
    packs = {Path(r.origin.file).name[0] for r in rules.rules if r.origin}
    assert packs == set("12345678")


@pytest.mark.parametrize("language", ["de", "it"])
def test_the_sentences_that_people_read_are_translated(rules: RuleSet, language: str) -> None:
    phrases = Languages(TEMPLATES / "locale").of(language)
    read = [r.description for r in rules.rules if r.kind is not RuleKind.TRANSITION]
    assert [sentence for sentence in read if phrases.phrase(sentence) == sentence] == []


def test_every_step_of_every_rule_tells_somebody_during_the_week(rules: RuleSet, week: list[Routed]) -> None:
    spoken = {(r.finding.rule, r.finding.step) for r in week if r.person is not None and r.reason is None}
    assert {(r.name, s.id) for r in rules.rules for s in r.all_steps} - spoken == set()


def test_the_first_scan_finds_the_incomplete_alone(week: list[Routed], estate: Estate) -> None:
    first = {r.finding.rule for r in week if r.finding.fire_at <= min(x.finding.fire_at for x in week)}
    assert first == {"contract-cost-center"}


def test_the_most_telling_of_the_week(week: list[Routed], estate: Estate) -> None:
    assert people(week, "contract-approval", "Frame agreement", estate) == {"iris.cole"}
    assert people(week, "contract-handoff", "Frame agreement", estate) == {"dora.weiss", "hans.keller"}
    assert people(week, "contract-renewal", "Office lease", estate, "last") == {"bruno.conti", "hans.keller"}
    assert people(week, "case-new-evidence", "Water damage", estate) == {"jonas.wolf", "nils.ek"}
    assert people(week, "incident-report-filed", "New depot", estate) == {
        "sven.holm",
        "tara.singh",
        "udo.kraus",
    }


def test_an_empty_role_with_a_fallback_reaches_the_fallback(week: list[Routed], estate: Estate) -> None:
    assert people(week, "contract-cost-center", "Data hosting", estate) == {"gina.rossi", "hans.keller"}
    assert people(week, "case-sla-breach", "Crane stands still", estate) == {"paul.stern", "quinn.reed"}


def test_an_empty_role_without_a_fallback_is_unroutable_by_name(week: list[Routed], estate: Estate) -> None:
    nobody = [r for r in week if r.person is None]
    assert [(r.finding.rule, r.reason) for r in nobody] == [("project-missing-documents", Why.NOBODY)]


def test_an_approver_who_has_left_is_replaced_by_the_owner(week: list[Routed], estate: Estate) -> None:
    assert people(week, "contract-approval", "Printing", estate) == {"clara.hughes"}
    assert not [r for r in week if r.person == "zeno.moretti"]


def test_who_did_it_is_not_told_of_it_and_the_reason_is_kept(week: list[Routed]) -> None:
    assert {r.reason for r in week if r.reason} == {Why.ACTOR, Why.NOBODY}


def test_a_date_that_moves_starts_its_reminders_again(week: list[Routed], estate: Estate) -> None:
    early = {r.finding.occurrence for r in week if r.finding.step == "early" and r.person == "clara.hughes"}
    assert len(early) == 2


def test_what_was_put_right_is_said_to_be(week: list[Routed], estate: Estate) -> None:
    cleared = {estate.workspaces[r.finding.workspace].name.split(",")[0] for r in week if r.finding.resolved}
    assert cleared == {"Data hosting", "Excavation"}


def test_somebody_is_told_on_two_devices_and_somebody_has_none(week: list[Routed], estate: Estate) -> None:
    devices = {r.person: len(estate.users[r.person].devices) for r in week if r.person and r.reason is None}
    assert devices["dora.weiss"] == 2
    assert devices["nils.ek"] == 0


def test_nobody_hears_of_one_document_or_step_from_two_rules(week: list[Routed]) -> None:
    heard = [
        (r.finding.workspace, r.finding.event.occurrence, r.person)
        for r in week
        if r.finding.event is not None and r.person and r.reason is None
    ]
    assert len(heard) == len(set(heard))


def test_an_approval_that_is_next_is_said_as_an_approval_alone(week: list[Routed], estate: Estate) -> None:
    handed = people(week, "contract-handoff", "Frame agreement", estate)
    assert handed & people(week, "contract-approval", "Frame agreement", estate) == set()


def test_the_week_stays_readable(week: list[Routed]) -> None:
    assert 80 <= len([r for r in week if r.person and r.reason is None]) <= 130
