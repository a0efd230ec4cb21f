"""What a notice says: every kind of event, every family, in the recipient's language."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime

import pytest

from tests.support.render_notices import AT, EVENTS, TEMPLATES, event, notice
from vigil.compliance.notices import Severity
from vigil.compliance.rules.patterns import EventKind
from vigil.delivery.rendering.render import Renderer

TITLES = {
    "document_added": (
        "New, Signed agreement: Frame agreement, Ponte…",
        "Neu, Unterschriebener Vertrag: Frame agreement, Ponte…",
        "Nuovo, Accordo firmato: Frame agreement, Ponte…",
    ),
    "version_added": ("New version: Plan.docx", "Neue Version: Plan.docx", "Nuova versione: Plan.docx"),
    "attribute_changed": (
        "Frame agreement, Ponte…: status in review",
        "Frame agreement, Ponte…: Status in Prüfung",
        "Frame agreement, Ponte…: stato in revisione",
    ),
    "workspace_created": (
        "Created: Frame agreement, Ponte Ingegneria",
        "Neu angelegt: Frame agreement, Ponte Ingegneria",
        "Creato: Frame agreement, Ponte Ingegneria",
    ),
    "role_changed": (
        "You are owner: Frame agreement, Ponte…",
        "Sie sind owner: Frame agreement, Ponte…",
        "Sei owner: Frame agreement, Ponte…",
    ),
    "comment_added": (
        "Comment on Frame agreement, Ponte…",
        "Kommentar zu Frame agreement, Ponte…",
        "Commento su Frame agreement, Ponte…",
    ),
    "step_assigned": (
        "Waiting for you: Approve contract",
        "Wartet auf Sie: Approve contract",
        "Attende te: Approve contract",
    ),
    "escalated": (
        "Overdue: Approve contract, Frame agreement, Ponte…",
        "Überfällig: Approve contract, Frame agreement, Ponte…",
        "In ritardo: Approve contract, Frame agreement, Ponte…",
    ),
    "step_completed": (
        "Completed: Approve contract",
        "Abgeschlossen: Approve contract",
        "Completato: Approve contract",
    ),
}


def branches(template: str) -> set[str]:
    """The kinds of events that a template of transitions has a text for. The last branch is that of completed steps."""
    text = (TEMPLATES / "transition" / f"{template}.j2").read_text("utf-8")
    return {*re.findall(r'\bkind == "(\w+)"', text), "step_completed"}


FORGOTTEN = (
    ("en", "News: Frame agreement", "Something happened in Contract Frame agreement on 4 Mar 2026, 00:30."),
    ("de", "Neues: Frame agreement", "Am 04.03.2026, 00:30 ist etwas in Vertrag Frame agreement geschehen."),
    (
        "it",
        "Novità: Frame agreement",
        "È successo qualcosa in Contratto Frame agreement il 4 mar 2026, 00:30.",
    ),
)


@pytest.mark.parametrize(("tag", "title", "body"), FORGOTTEN)
def test_of_an_event_of_no_known_kind_only_that_it_happened_is_said(
    renderer: Renderer, tag: str, title: str, body: str
) -> None:
    made = notice(
        event={"kind": "", "at": AT, "by_name": None}, workspace_name="Frame agreement", language=tag
    )
    said = renderer.render(made)
    assert (said.title, said.body.startswith(body)) == (title, True)


@pytest.fixture(scope="module")
def renderer() -> Renderer:
    return Renderer(TEMPLATES)


KINDS = {kind.of_events for kind in EventKind}


@pytest.mark.parametrize(
    ("file", "what", "there"),
    [
        ("tests/support/render_notices.py", "an example in EVENTS", EVENTS.keys()),
        ("tests/delivery/test_render_what_is_said.py", "its titles in TITLES", TITLES.keys()),
        *((f"templates/transition/{name}.j2", "its text", branches(name)) for name in ("title", "body")),
    ],
)
def test_each_kind_of_event_has_an_example_titles_and_texts(file: str, what: str, there: set[str]) -> None:
    assert not KINDS - there, f"{file}: write {what} for {', '.join(sorted(KINDS - there))}"
    assert not there - KINDS, f"{file}: no event is {', '.join(sorted(there - KINDS))}"


@pytest.mark.parametrize("kind", EVENTS)
def test_each_event_has_its_own_title_in_three_languages(renderer: Renderer, kind: str) -> None:
    said = tuple(renderer.render(notice(event=event(kind), language=tag)).title for tag in ("en", "de", "it"))
    assert said == TITLES[kind]


@pytest.mark.parametrize("kind", EVENTS)
@pytest.mark.parametrize("tag", ["en", "de", "it"])
def test_titles_stay_under_sixty_characters_and_bodies_name_the_item(
    renderer: Renderer, kind: str, tag: str
) -> None:
    long = "Frame agreement for the maintenance of all lifts and escalators in the northern region"
    title_and_more = event(kind, **({"title": long} if "title" in EVENTS[kind] else {}))
    said = renderer.render(notice(event=title_and_more, workspace_name=long, language=tag))
    assert len(said.title) <= 60
    assert long in said.body


def test_a_new_document_says_who_added_what_where_and_when_in_the_persons_zone(renderer: Renderer) -> None:
    assert renderer.render(notice()).body == (
        "Ada Berg added “Frame agreement.pdf” to Contract Frame agreement, Ponte Ingegneria "
        "on 4 Mar 2026, 00:30.\nOpen it to see more."
    )
    assert "on 3 Mar 2026, 18:30." in renderer.render(notice(zone="America/New_York")).body


def test_something_important_asks_to_be_opened_today(renderer: Renderer) -> None:
    assert renderer.render(notice(severity=Severity.CRITICAL)).body.endswith("Please open it today.")


def test_an_approval_says_since_when_it_waits_and_until_when(renderer: Renderer) -> None:
    assert renderer.render(notice(event=event("step_assigned"))).body == (
        "“Approve contract” in Contract Frame agreement, Ponte Ingegneria waits for you since 4 Mar 2026, 00:30. "
        "It is due by 6 Mar 2026, 00:30.\nOpen it to decide."
    )


def test_an_approval_without_a_due_date_does_not_speak_of_one(renderer: Renderer) -> None:
    body = renderer.render(notice(event=event("step_assigned", due=None))).body
    assert "due" not in body


def test_who_stands_in_for_the_approver_is_not_told_that_it_waits_for_him(renderer: Renderer) -> None:
    said = renderer.render(notice(event=event("step_assigned", assignees=("user:zeno",))))
    assert said.title == "Waiting: Approve contract"
    assert "waits since 4 Mar 2026, 00:30 for someone else." in said.body


def test_a_step_given_to_a_group_waits_for_each_of_its_members(renderer: Renderer) -> None:
    said = renderer.render(notice(event=event("step_assigned", assignees=("group:legal",))))
    assert said.title == "Waiting for you: Approve contract"


def test_who_completed_a_step_gets_a_confirmation(renderer: Renderer) -> None:
    said = renderer.render(notice(event=event("step_completed", by="bob"), step="confirm"))
    assert said.title == "Done: Approve contract"
    assert said.body.startswith("You completed “Approve contract”")
    assert "approved" in said.body


@pytest.mark.parametrize(
    ("language", "undated", "without_result"),
    [
        (
            "en",
            "was completed. Extended ECM does not tell when, and by whom.",
            "Eve completed “Approve contract”",
        ),
        ("de", "ist abgeschlossen, in:", "Eve hat „Approve contract“"),
        (
            "it",
            "è completato. Extended ECM non dice quando né da chi.",
            "Eve ha completato «Approve contract»",
        ),
    ],
)
def test_what_is_not_known_of_a_completed_step_is_not_made_up(
    renderer: Renderer, language: str, undated: str, without_result: str
) -> None:
    unknown = event("step_completed", by=None, by_name=None, disposition=None, undated=True)
    said = renderer.render(notice(event=unknown, language=language))
    assert undated in said.body
    assert not any(c.isdigit() for c in said.body), "the run that saw it is not when it happened"
    plain = event("step_completed", by="eve", by_name="Eve", disposition=None)
    said = renderer.render(notice(event=plain, language=language))
    assert said.body.startswith(without_result)
    assert "—" not in said.body


@pytest.mark.parametrize("step", ["next", "handoff"])
def test_the_next_person_is_told_that_it_is_his_turn(renderer: Renderer, step: dict[str, object]) -> None:
    said = renderer.render(notice(event=event("step_completed"), step=step))
    assert said.title == "Your turn: Frame agreement, Ponte Ingegneria"
    assert said.body.endswith("The next step is yours. Open it to go on.")


def test_an_action_of_the_system_is_done_by_someone(renderer: Renderer) -> None:
    said = renderer.render(notice(event=event("document_added", by=None, by_name=None), language="de"))
    assert said.body.startswith("Jemand hat")


def test_a_name_that_is_not_known_falls_back_to_the_login(renderer: Renderer) -> None:
    given = event("document_added")
    del given["by_name"]
    assert renderer.render(notice(event=given)).body.startswith("ada added")


def test_a_value_that_was_not_set_is_a_dash_and_dates_are_written_as_dates(renderer: Renderer) -> None:
    moved = event("attribute_changed", attr="Contract.valid_until", **{"from": None, "to": date(2026, 5, 1)})
    assert "valid until changed from — to 1 May 2026." in renderer.render(notice(event=moved)).body


def test_a_condition_says_the_rules_own_sentence_in_the_persons_language(renderer: Renderer) -> None:
    said = renderer.render(notice("condition", language="de"))
    assert said.title == "Zu klären: Frame agreement, Ponte Ingegneria"
    assert "Ein laufender Vertrag braucht eine Kostenstelle." in said.body


def test_a_condition_never_quotes_the_values_that_decided_it(renderer: Renderer) -> None:
    said = renderer.render(notice("condition", why=("attr.salary is 90000",)))
    assert "90000" not in said.title + said.body


def test_a_rule_without_a_sentence_is_named(renderer: Renderer) -> None:
    assert "contract-rule" in renderer.render(notice("condition", description="")).body


def test_a_finding_that_cleared_is_said_to_be_put_right(renderer: Renderer) -> None:
    said = renderer.render(notice("condition", resolved=True))
    assert said.title == "Put right: Frame agreement, Ponte Ingegneria"
    assert "is as it should be again." in said.body


@pytest.mark.parametrize(
    ("due", "title"),
    [
        (date(2026, 6, 2), "Due in 90 days: Frame agreement, Ponte Ingegneria"),
        (date(2026, 3, 5), "Due tomorrow: Frame agreement, Ponte Ingegneria"),
        (date(2026, 3, 4), "Due today: Frame agreement, Ponte Ingegneria"),
        (date(2026, 3, 3), "Was due yesterday: Frame agreement, Ponte Ingegneria"),
        (date(2026, 2, 28), "Was due 4 days ago: Frame agreement, Ponte Ingegneria"),
        (datetime(2026, 3, 4, 12, tzinfo=UTC), "Due today: Frame agreement, Ponte Ingegneria"),
    ],
)
def test_a_milestone_counts_days_as_the_person_does(renderer: Renderer, due: date, title: str) -> None:
    assert renderer.render(notice("milestone", due=due)).title == title


def test_a_milestone_that_is_sent_late_counts_from_when_it_is_sent(renderer: Renderer) -> None:
    late = notice("milestone", due=date(2026, 3, 6), fire_at=AT, as_of=datetime(2026, 3, 5, 9, tzinfo=UTC))
    assert renderer.render(late).title.startswith("Due tomorrow")


def test_a_digest_has_a_line_for_each_notice_and_counts_what_it_leaves_out(renderer: Renderer) -> None:
    lines = tuple(f"Due tomorrow: Contract {n}" for n in range(15))
    said = renderer.render(notice("condition", family="digest", why=lines, language="it"))
    assert said.title == "15 notifiche per te"
    assert said.body.splitlines() == [f"- {line}" for line in lines[:12]] + ["e altre 3"]
    one = renderer.render(notice("condition", family="digest", why=lines[:1]))
    assert (one.title, one.body) == ("One notice for you", f"- {lines[0]}")


def test_the_text_never_holds_the_link_which_travels_beside_it(renderer: Renderer) -> None:
    said = [renderer.render(notice(event=event(kind))) for kind in EVENTS]
    assert not [s for s in said if "http" in s.title + s.body]
