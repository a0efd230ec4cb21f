"""The same arguments give the same estate to the byte, and every estate is one that the loader takes."""

from __future__ import annotations

import ast
import sys
from collections import Counter
from datetime import date
from pathlib import Path

import pytest

from vigil.sandbox.estate.load import load
from vigil.sandbox.generate import generator as module
from vigil.sandbox.generate.builder import business_days_after
from vigil.sandbox.generate.generator import generate, generate_load

FILES = ["events.jsonl", "meta.json", "types.jsonl", "users.jsonl", "workspaces.jsonl"]


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_the_demo_is_the_same_to_the_byte_each_time(tmp_path: Path) -> None:
    generate(tmp_path / "a")
    generate(tmp_path / "b")
    assert sorted(contents(tmp_path / "a")) == FILES
    assert contents(tmp_path / "a") == contents(tmp_path / "b")


def test_another_seed_is_another_background_and_the_same_story(tmp_path: Path) -> None:
    generate(tmp_path / "a", seed=1)
    generate(tmp_path / "b", seed=2)
    a, b = load(tmp_path / "a"), load(tmp_path / "b")
    story = [w for w in a.workspaces if a.workspaces[w] == b.workspaces.get(w)]
    assert len(story) == 37
    assert [e.data for e in a.events if e.workspace in story] == [
        e.data for e in b.events if e.workspace in story
    ]
    assert {w.name for w in a.workspaces.values()} != {w.name for w in b.workspaces.values()}


@pytest.mark.parametrize("seed", range(8))
def test_every_seed_gives_an_estate_that_loads(tmp_path: Path, seed: int) -> None:
    generate(tmp_path, seed=seed)
    assert len(load(tmp_path).workspaces) == 51


def test_the_demo_is_as_large_as_it_says(tmp_path: Path) -> None:
    made = generate(tmp_path)
    estate = load(tmp_path)
    assert (made.workspaces, made.events) == (len(estate.workspaces), len(estate.events))
    assert Counter(w.type for w in estate.workspaces.values()).keys() == {
        "Contract",
        "Customer case",
        "Project",
        "Permit",
        "Supplier",
        "Policy",
    }
    assert 20 <= len(estate.users) <= 30
    assert len({u.zone for u in estate.users.values()}) >= 5
    assert {"de", "it", "en"} <= {u.language for u in estate.users.values()}
    assert {d.platform for u in estate.users.values() for d in u.devices} == {"android", "ios", "web"}


def test_the_demo_begins_on_its_first_day_and_ends_after_the_last(tmp_path: Path) -> None:
    made = generate(tmp_path, days=3)
    assert made.start.isoformat() == "2026-03-02T00:00:00+01:00"
    assert made.end.isoformat() == "2026-03-05T00:00:00+01:00"
    assert max(e.ts for e in load(tmp_path).events) <= made.end


def test_a_larger_scale_adds_workspaces_and_keeps_the_story(tmp_path: Path) -> None:
    generate(tmp_path / "one")
    assert generate(tmp_path / "three", scale=3).workspaces == 81
    one, three = load(tmp_path / "one"), load(tmp_path / "three")
    assert [w for w in one.workspaces.values() if three.workspaces[w.id] != w] == []


def test_a_start_that_is_no_monday_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="must be a Monday, and 2026-03-03 is not"):
        generate(tmp_path, start=date(2026, 3, 3))


def test_another_monday_tells_the_same_week_later(tmp_path: Path) -> None:
    made = generate(tmp_path, start=date(2027, 1, 11))
    assert made.start.date() == date(2027, 1, 11)
    assert len(load(tmp_path).workspaces) == 51


@pytest.mark.parametrize(("workspaces", "events"), [(1, 10), (7, 31), (200, 2000)])
def test_a_load_estate_has_exactly_as_much_as_was_asked_for(
    tmp_path: Path, workspaces: int, events: int
) -> None:
    made = generate_load(tmp_path, workspaces, events)
    estate = load(tmp_path)
    assert (len(estate.workspaces), len(estate.events)) == (workspaces, events)
    assert (made.workspaces, made.events) == (workspaces, events)


def test_a_load_estate_is_the_same_to_the_byte_each_time(tmp_path: Path) -> None:
    generate_load(tmp_path / "a", 50, 500, seed=3)
    generate_load(tmp_path / "b", 50, 500, seed=3)
    generate_load(tmp_path / "c", 50, 500, seed=4)
    assert contents(tmp_path / "a") == contents(tmp_path / "b")
    assert contents(tmp_path / "a") != contents(tmp_path / "c")


def test_a_load_estate_has_something_of_everything(tmp_path: Path) -> None:
    generate_load(tmp_path, 100, 3000)
    kinds = Counter(e.kind for e in load(tmp_path).events)
    assert kinds.keys() >= {
        "workspace_created",
        "document_added",
        "version_added",
        "attribute_changed",
        "step_assigned",
        "step_completed",
        "comment_added",
    }
    assert min(kinds.values()) >= 50


def test_too_few_events_for_the_workspaces_are_refused_with_the_number_needed(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="100 workspaces take 3"):
        generate_load(tmp_path, 100, 100)


def test_the_generator_needs_the_standard_library_alone() -> None:
    folder = Path(module.__file__).parent
    for name in ("generator", "builder", "background", "demo_people", "scenarios"):
        tree = ast.parse((folder / f"{name}.py").read_text())
        imported = {n.module or "" for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)}
        imported |= {a.name for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names}
        strangers = {
            i
            for i in imported
            if i.split(".")[0] not in sys.stdlib_module_names and not i.startswith("vigil.sandbox.")
        }
        assert strangers == set(), name


def test_business_days_are_counted_over_the_weekend() -> None:
    assert business_days_after(date(2026, 3, 5), 1) == date(2026, 3, 6)
    assert business_days_after(date(2026, 3, 6), 1) == date(2026, 3, 9)
    assert business_days_after(date(2026, 3, 5), 7) == date(2026, 3, 16)
