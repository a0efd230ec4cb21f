"""The runner of pages itself: what a page says is what is printed, or the line is named where it is not."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support import console_pages
from tests.support.console_pages import Mismatch, Page


@contextmanager
def page(tmp_path: Path, text: str, **instead: str) -> Iterator[Page]:
    (tmp_path / "page.md").write_text(text)
    environment = {**os.environ, "HOME": str(tmp_path)}
    with Page(tmp_path / "page.md", tmp_path, environment, instead) as it:
        yield it


GOOD = """
Words, and a block that is not run:
```bash
exit 1
```
```console
$ name=world
$ echo "hello, $name"
hello, world
$ printf '%s and %s\\n' one \\
two
one and two
$ date
...
```
"""


def test_commands_share_one_bash_and_print_what_the_page_says(tmp_path: Path) -> None:
    with page(tmp_path, GOOD) as it:
        it.run()


@pytest.mark.parametrize(
    ("wrong", "line", "got"),
    [
        ("hello, moon", 8, "hello, world"),
        ("", 8, "hello, world"),
        ("hello, world\nagain", 8, "hello, world"),
        ("hello ... moon", 8, "hello, world"),
    ],
)
def test_a_line_that_is_not_printed_fails_and_names_its_command(
    tmp_path: Path, wrong: str, line: int, got: str
) -> None:
    text = GOOD.replace("\nhello, world\n", f"\n{wrong}\n")
    with page(tmp_path, text) as it, pytest.raises(Mismatch) as said:
        it.run()
    assert str(said.value).startswith(f'page.md:{line}  echo "hello, $name"')
    assert got in str(said.value).partition("got:")[2]


TWO = """
```console terminal=other
$ echo ready; read -r _ < go; echo "went"; sleep 600
ready
```
```console
$ echo > go
```
```console terminal=other
went
```
"""


def test_another_terminal_is_waited_for_and_nothing_of_it_is_left(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "go")
    with page(tmp_path, TWO) as it:
        it.run()
        give_up = time.monotonic() + 30
        while len(it.processes()) < 3:  # two shells, and what sleeps: it begins after "went" was printed
            assert time.monotonic() < give_up
            time.sleep(0.01)  # between two looks
    assert it.processes() == []


def test_what_another_terminal_never_prints_fails_and_names_its_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(console_pages, "PATIENCE", 0.5)
    text = TWO.replace("\nwent\n", "\nwent away\n")
    os.mkfifo(tmp_path / "go")
    with page(tmp_path, text) as it, pytest.raises(Mismatch, match=r"page.md:10  terminal other"):
        it.run()


def test_a_text_of_the_page_may_stand_for_another_here(tmp_path: Path) -> None:
    text = "```console\n$ echo at 4200, not 14200\nat 4200, not 14200\n$ test 4200 = 5300 && echo yes\nyes\n```\n"
    with page(tmp_path, text, **{"4200": "5300"}) as it:
        it.run()


def test_output_without_a_command_is_refused() -> None:
    with pytest.raises(ValueError, match="line 2"):
        console_pages.steps("```console\nhello\n```\n")
