"""`matches`: the whole text, refused with its place if a pattern is invalid, and no pattern costs more than its bound."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.compliance.cases import case, found, when
from tests.compliance.rule_files import CONDITION, MARK, only_problem, problems
from vigil.compliance.rules.operators import Op
from vigil.compliance.rules.regular_expressions import MOST_CHARACTERS, MOST_PARTS, check, matches

HOSTILE = [
    r"(a+)+$",
    r"(a|aa)+$",
    r"(.*)*b",
    r"(?:\w*a){100}",
    r"[ab]*a[ab]{200}",
    r"(?:.?){200}b",
    rf"{'a?' * 120}b",
]


def leaf(pattern: str) -> str:
    return f"{CONDITION}when: {{field: name, op: matches, value: {MARK}'{pattern}'}}\n"


@pytest.mark.parametrize(
    ("pattern", "text", "met"),
    [
        (r"[A-Z]{2}-\d{6}", "DE-004711", True),
        (r"[A-Z]{2}-\d{6}", "DE-004711 (old)", False),
        (r"[A-Z]{2}-\d{6}", "de-004711", False),
        (r"(?i)[A-Z]{2}-\d{6}", "de-004711", True),
        (r".*004.*", "DE-004711", True),
        (r"a|b", "ab", False),
        (r"a.*b", "a\nb", False),
        (r"\w+", "Grüße", True),
        (r"a", "a\n", False),
        (r"Tel \(?ext\.? \d+\)?", "Tel (ext. 12)", True),
        (r"AB\(?x\)?", "AB(x)", True),
        (r"[(?x]+", "(x?", True),
        (r"[(?x:]+", "(?x:", True),
        (r"a\(?x:b", "ax:b", True),
        (r"(?i-x:a)b", "Ab", True),
        (r"(?P<x>a)b", "ab", True),
    ],
)
def test_the_whole_text_matches_or_does_not(pattern: str, text: str, met: bool) -> None:
    assert matches(text, pattern) is met
    assert list(found(when("name", "matches", f"'{pattern}'"), case(1), case(2))) == []
    given = when("attr.text", "matches", f"'{pattern}'")
    assert bool(found(given, case(1, text=text))) is bool(found(given, case(1, text=(text, "-")))) is met


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        ("(DE|IT", '"(DE|IT" is not a regular expression; unclosed group, at character 1'),
        ("ab*?[z-a]", "invalid character class range, the start must be <= the end, at character 6"),
        (r"(?=a)b", "look-around, including look-ahead and look-behind, is not supported, at character 1"),
        (r"(a)\1", "backreferences are not supported, at character 4"),
        ("a)|(b", "unopened group, at character 2"),
        ("(?x) a # all", "the flag x of a regular expression is not supported"),
        ("a(?ix-s:b)", "the flag x of a regular expression is not supported"),
        ("a{1000}{1000}{1000}", "is not a regular expression; it is too large"),
        ("a{16}{17}", "have 272 parts; 256 are allowed"),
        (r"(?:\d{20}x){20}", "have 420 parts; 256 are allowed"),
        (r"(?:[)]\w){200}", "have 400 parts"),
        (r"[(?<]a{200}b{99}>", "have 301 parts"),
        ("([^]a[b]]{200}c){2}", "have 402 parts"),
        ("a" * 257, "a regular expression of 257 characters; 256 are allowed"),
    ],
)
def test_what_is_none_or_costs_too_much_is_refused_where_it_stands(pattern: str, said: str) -> None:
    problem = only_problem(leaf(pattern))
    assert said in problem.message and problem.key == "value"


_PIECES = st.sampled_from(
    ("(", ")", "[", "]", "^", "?", "x", "i", "-", ":", "\\", "a", "(?x)", "(?i-x)", "(?x:", "(?")
)


@given(st.lists(_PIECES, max_size=8).map("".join))
@example("[(](?x)a")
@example("[]](?ix)a")
@example(r"\\(?x)")
def test_no_pattern_that_is_let_in_has_the_flag_x(pattern: str) -> None:
    if accepted(pattern):
        # With the flag this ends in a comment, without it in a group that nothing closes.
        with pytest.raises(ValueError, match="unclosed group"):
            check(f"{pattern}#(")


def accepted(pattern: str) -> bool:
    try:
        check(pattern)
    except ValueError:
        return False
    return True


FEW_PARTS = [
    r"[A-Z]{2}\d{2}[A-Z0-9]{4}\d{7}([A-Z0-9]?){0,16}",
    r"(?P<year>(?i:\d)){200}",
    r"\p{L}{200}",
    r"\{5}{9}",
    r"[{9}]{200}",
    r"[(?:]{200}",
]


@pytest.mark.parametrize("pattern", FEW_PARTS)
def test_what_has_few_parts_is_taken(pattern: str) -> None:
    check(pattern)
    assert problems(leaf(pattern).replace(MARK, "")) == []


@pytest.mark.parametrize("pattern", HOSTILE)
def test_time_grows_with_the_text_and_not_faster(pattern: str) -> None:
    """A backtracking engine needs longer than the universe for the longer of these; a linear one sixteen times as long."""
    check(pattern)
    took = {length: min(_seconds(pattern, "a" * length + "!") for _ in range(3)) for length in (500, 8000)}
    assert took[8000] < 16 * 8 * max(took[500], 0.001)


def _seconds(pattern: str, text: str) -> float:
    began = time.process_time()
    matches(text, pattern)
    return time.process_time() - began


def test_patterns_of_any_size_need_little_memory_and_time_when_they_are_read() -> None:
    """In a process of its own, which may have a gigabyte of memory beyond what it begins with, and ten seconds of processor time."""
    code = """
import resource, polars
from vigil.compliance.rules.regular_expressions import check
polars.Series(["a"]).str.contains("b")
begun = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (begun + 2**30, begun + 2**30))
resource.setrlimit(resource.RLIMIT_CPU, (10, 10))
wild = [
    "a{1000}" * 30, "[" * 200, "(" * 256, "(" * 120 + "a" + "){9}" * 30, "((a{99}){99}){99}", r"(?:\\pL{99}){99}", "(?:){4294967295}",
]
refused = 0
for pattern in wild:
    try:
        check(pattern)
    except ValueError:
        refused += 1
print(refused)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout.strip()) == (0, "7"), done.stderr


def test_the_page_says_the_bounds() -> None:
    assert (MOST_CHARACTERS, MOST_PARTS) == (256, 256)  # docs/rules.md


def test_every_operator_is_whole_in_its_row() -> None:
    for op in Op:
        assert op.row.compare or op.row.text or op.positive is Op.PRESENT, op
        assert (op.opposite is not None) or not op.row.negates, op
        assert set(op.row.mistaken_for) <= set(Op) - {op}, op
        assert op.row.mistaken_for, op
    words = [word for op in Op for word in op.row.also]
    assert len(words) == len(set(words)) and not set(words) & set(Op)
