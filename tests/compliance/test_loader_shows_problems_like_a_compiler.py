"""The excerpt that `vigil validate` prints: the line, a caret under what is wrong, what is allowed beside it."""

from __future__ import annotations

import pytest

from tests.compliance.rule_files import ADDED, DUE, MILESTONE, TRANSITION, problems
from vigil.compliance.rules.loader import frame
from vigil.errors import Problem


def shown(text: str) -> str:
    (problem,) = problems(text)
    return frame(problem, text)


def test_a_name_stands_under_its_line_with_what_is_allowed_and_what_was_meant() -> None:
    text = f"{MILESTONE}{DUE}steps:\n  - {{id: early, at: -90d, to: [role: ownr]}}\n"
    assert shown(text) == (
        'r.yaml:6:38  unknown role "ownr" in `to`\n'
        "  6 |   - {id: early, at: -90d, to: [role: ownr]}\n"
        "    |                                      ^^^^ roles of Contract: owner, steward, legal counsel."
        ' Did you mean "owner"?'
    )


@pytest.mark.parametrize(
    ("value", "carets"),
    [("legal cousel", 12), ('"legal cousel"', 14), ("'x'  # why", 3), ("nobody", 6)],
)
def test_the_carets_are_as_wide_as_what_is_wrong(value: str, carets: int) -> None:
    lines = shown(f"{TRANSITION}{ADDED}to:\n  - role: {value}\n").splitlines()
    assert lines[2].startswith(f"    |           {'^' * carets} roles of Contract")


def test_a_tab_before_the_place_keeps_the_caret_below_it() -> None:
    lines = frame(Problem("f", 1, 3, "wrong"), "a\tb").splitlines()
    assert lines == ["f:1:3  wrong", "  1 | a\tb", "    |  \t^"]


def test_a_problem_beyond_the_text_is_shown_without_a_line() -> None:
    assert frame(Problem("f", 9, 1, "no rule; write one"), "a") == "f:9:1  no rule\n    | write one"


def test_the_plain_line_holds_the_same_words_on_one_line() -> None:
    (problem,) = problems(f"{TRANSITION}{ADDED}to: [role: ownr]\n")
    assert str(problem) == (
        'r.yaml:5:12  unknown role "ownr" in `to`; roles of Contract: owner, steward, legal counsel. '
        'Did you mean "owner"?'
    )


@pytest.mark.parametrize(
    ("message", "said"),
    [("found a list", "found a list. Did"), ("of two.", "of two. Did"), ("which?", "which? Did")],
)
def test_in_one_line_a_stop_parts_what_is_wrong_from_what_was_meant(message: str, said: str) -> None:
    assert said in str(Problem("f", 1, 3, message, hint='Did you mean "in"?'))
    assert str(Problem("f", 1, 3, message)) == f"f:1:3  {message}"
