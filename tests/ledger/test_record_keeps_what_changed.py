"""`record` stores an observation when the content of a subject changed, and only then."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from tests.support.samples import MINUTE, T0, document, workspace
from vigil.compliance import facts as f
from vigil.compliance.facts import Fact
from vigil.ledger import Ledger
from vigil.ledger.observed import observations
from vigil.ledger.observed.observations import Recorded


@pytest.fixture
def book(ledger: Ledger) -> Book:
    return Book(ledger)


class Book:
    """A ledger with a clock that moves a minute at each recording."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger, self.now = ledger, T0

    def record(self, *facts: Fact, gone: tuple[tuple[str, str], ...] = ()) -> Recorded:
        self.now += MINUTE
        with self.ledger.write() as connection:
            return observations.record(connection, facts, self.now, 7, gone)

    def current(self, *workspaces: int) -> set[str]:
        with self.ledger.read() as connection:
            return {repr(x) for x in observations.current(connection, workspaces)}

    def changes(self, *workspaces: int, after: int = 0) -> list[Any]:
        with self.ledger.read() as connection:
            return observations.changes(connection, workspaces, after, observations.last_seq(connection))

    def seq(self) -> int:
        with self.ledger.read() as connection:
            return observations.last_seq(connection)


def test_the_same_facts_again_store_nothing(book: Book) -> None:
    facts = (workspace(1), document(10), f.User("ada", 5, "Ada"))
    assert book.record(*facts) == Recorded(3, 0, frozenset({1}))
    assert book.record(*facts) == Recorded(0, 3, frozenset())
    assert book.seq() == 3


def test_only_the_subject_that_changed_is_stored(book: Book) -> None:
    book.record(workspace(1), workspace(2), document(10, 1))
    renamed = workspace(2, name="Renamed")
    assert book.record(workspace(1), renamed, document(10, 1)) == Recorded(1, 2, frozenset({2}))
    assert book.current(1, 2) == {repr(workspace(1)), repr(renamed), repr(document(10, 1))}


def test_a_subject_twice_in_a_batch_counts_as_its_last(book: Book) -> None:
    assert book.record(workspace(1), workspace(1, name="Later")).new == 1
    assert book.current(1) == {repr(workspace(1, name="Later"))}


def test_a_value_that_goes_back_to_what_it_was_is_a_change_again(book: Book) -> None:
    for name in ("A", "B", "A"):
        assert book.record(workspace(1, name=name)).new == 1
    assert [c.after.name for c in book.changes(1)] == ["A", "B", "A"]


def test_where_it_was_read_is_no_change(book: Book) -> None:
    book.record(workspace(1, source="/v2/nodes/1"))
    assert book.record(workspace(1, source="/v2/businessworkspaces/1")).new == 0


def test_numbers_have_no_gaps_and_follow_the_order_of_the_facts(book: Book) -> None:
    book.record(*(workspace(n) for n in (3, 1, 2)))
    book.record(*(document(n, 1) for n in range(10, 3010)))
    changes = book.changes(1, 2, 3)
    assert book.seq() == 3003 == len(changes)
    assert [c.subject for c in changes if c.kind == "document"] == [str(n) for n in range(10, 3010)]


def test_what_is_gone_gets_a_tombstone_once(book: Book) -> None:
    book.record(workspace(1), document(10))
    assert book.record(gone=(("document", "10"),)) == Recorded(1, 0, frozenset({1}))
    assert book.current(1) == {repr(workspace(1))}
    assert book.record(gone=(("document", "10"),)).new == 0, "it cannot go twice"
    assert book.record(gone=(("document", "999"),)).new == 0, "what was never seen cannot go"


def test_a_workspace_that_is_gone_takes_its_parts_with_it(book: Book) -> None:
    step = f.Step(1, 9, 1, "Sign", (), T0)
    book.record(workspace(1), document(10), step, f.Roles(1, {"owner": ()}), workspace(2), document(20, 2))
    assert book.record(gone=(("workspace", "1"),)) == Recorded(4, 0, frozenset({1}))
    assert book.current(1, 2) == {repr(workspace(2)), repr(document(20, 2))}


def test_what_comes_back_unchanged_is_a_change(book: Book) -> None:
    book.record(workspace(1), document(10))
    book.record(gone=(("document", "10"),))
    assert book.record(document(10)).new == 1
    assert book.current(1) == {repr(workspace(1)), repr(document(10))}
    came, went, back = [c for c in book.changes(1) if c.kind == "document"]
    assert (came.before, came.after, came.first) == (None, document(10), True)
    assert (went.before, went.after, went.first) == (document(10), None, False)
    assert (back.before, back.after, back.first) == (None, document(10), False)


def test_attributes_that_could_not_be_read_keep_what_was_known(book: Book) -> None:
    book.record(*(workspace(n, attrs={"Contract.status": f"s{n}"}) for n in range(1, 1201)))
    blind = [workspace(n, name="Renamed", attrs={}, unread=frozenset({"attrs"})) for n in range(1, 1201)]
    assert book.record(*blind).new == 1200
    with book.ledger.read() as connection:
        for fact in observations.current(connection, range(1, 1201)):
            assert isinstance(fact, f.Workspace)
            assert (fact.name, fact.attrs) == ("Renamed", {"Contract.status": f"s{fact.id}"})
            assert fact.unread == {"attrs"}


def test_what_was_known_of_a_document_or_step_stays_known_when_no_longer_told(book: Book) -> None:
    paper = document(10, 1, type="Report")
    done = f.Step(1, 5, 6, "Check", (), T0, completed_at=T0, completed_by="bob", disposition="ok")
    book.record(workspace(1), paper, done)
    untyped = dataclasses.replace(paper, type=None, unknown=frozenset({"type"}))
    gone = frozenset({"completed_at", "completed_by", "disposition"})
    undated = dataclasses.replace(done, completed_at=None, completed_by=None, disposition=None, unknown=gone)
    assert book.record(untyped, undated).new == 0
    renamed = dataclasses.replace(untyped, name="Renamed")
    assert book.record(renamed).new == 1
    with book.ledger.read() as connection:
        found = {type(x): x for x in observations.current(connection, [1])}
    assert found[f.Document] == dataclasses.replace(paper, name="Renamed")
    assert found[f.Step] == done


def test_attributes_that_were_never_read_stay_unread(book: Book) -> None:
    blind = workspace(1, attrs={}, unread=frozenset({"attrs"}))
    assert book.record(blind).new == 1
    assert book.current(1) == {repr(blind)}


def test_a_document_that_moves_is_a_change_of_both_workspaces(book: Book) -> None:
    book.record(workspace(1), workspace(2), document(10, 1))
    before = book.seq()
    assert book.record(document(10, 2)).workspaces == {1, 2}
    assert book.current(1) == {repr(workspace(1))}
    assert book.current(2) == {repr(workspace(2)), repr(document(10, 2))}
    [left] = book.changes(1, after=before)
    assert (left.before, left.after) == (document(10, 1), None)
    with book.ledger.read() as connection:
        assert observations.changed_workspaces(connection, before, book.seq()) == {1, 2}


def test_seeing_a_workspace_unchanged_is_noted(book: Book) -> None:
    book.record(workspace(1), workspace(2))
    book.record(workspace(1))
    with book.ledger.read() as connection:
        seen = observations.seen(connection, "workspace", ["1", "2", "3"])
    assert seen == {"1": (workspace(1), book.now), "2": (workspace(2), book.now - MINUTE)}


def test_facts_without_a_workspace_are_the_directory(book: Book) -> None:
    ada, office = f.User("ada", 5, "Ada"), f.Group("office", 6, (f.user("ada"),))
    need = f.RequiredDocument("Contract", "Offer", True)
    book.record(ada, office, need, workspace(1))
    with book.ledger.read() as connection:
        assert set(map(repr, observations.directory(connection))) == {repr(ada), repr(office)}
        assert list(observations.directory(connection, ("required",))) == [need]
    book.record(gone=(("user", "ada"),))
    with book.ledger.read() as connection:
        assert list(observations.directory(connection)) == [office]


def test_a_walk_over_everything_comes_by_each_subject_once(book: Book) -> None:
    """Subjects sort by their bytes on both databases, whatever language PostgreSQL sorts by."""
    logins = ["ada", "Bert", "Ada", "ärger", "zoe", "a-b", "ab", "A b"]
    book.record(*(f.User(login, n, login) for n, login in enumerate(logins)))
    walked: list[str] = []
    cursor = ""
    with book.ledger.read() as connection:
        while some := observations.bodies(connection, "user", cursor, 3):
            walked += [subject for subject, _ in some]
            cursor = walked[-1]
    assert walked == sorted(logins)


def test_the_steps_of_a_process_are_found_by_its_number_alone(book: Book) -> None:
    book.record(*(f.Step(7, p, s, "Sign", (), T0) for p in (12, 120, 1, 2) for s in (1, 2)))
    with book.ledger.read() as connection:
        assert sorted(observations.steps_of(connection, "12")) == ["12/7/1", "12/7/2"]
        assert observations.workspaces_of_processes(connection, [12, 120, 99]) == {12: 7, 120: 7}


def test_what_is_there_now_comes_in_one_order_on_every_database(book: Book) -> None:
    """What is evaluated first is queued first, and a notice's place in the outbox is its turn."""
    book.record(document(30, 3), workspace(3), workspace(1), document(12, 1), document(11, 1), workspace(2))
    book.record(workspace(1, name="Later"))
    with book.ledger.read() as connection:
        found = [(type(x).__name__, x.id) for x in observations.current(connection, [3, 2, 1])]  # type: ignore[union-attr]
    documents = [("Document", 12), ("Document", 11)]
    assert found == [*documents, ("Workspace", 1), ("Workspace", 2), ("Document", 30), ("Workspace", 3)]


def test_odd_names_are_kept(book: Book) -> None:
    odd = [f.Group(name, n, ()) for n, name in enumerate(("a\x00b", "x/y", "quote'\"", "ünï", " ", "%_"))]
    assert book.record(*odd).new == len(odd)
    assert book.record(*odd).new == 0
