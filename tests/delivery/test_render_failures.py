"""A template that fails for one notice fails for this one alone; a folder that can never work is refused at once."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.support.render_notices import TEMPLATES, event, notice
from vigil.delivery.rendering.render import RenderedText, Renderer, RenderError
from vigil.errors import BadInput


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the shipped templates, to be spoilt."""
    return Path(shutil.copytree(TEMPLATES, tmp_path / "templates"))


def test_one_notice_that_cannot_be_said_does_not_stop_the_others() -> None:
    broken = event("document_added")
    del broken["document_type"]
    first, second, third = Renderer(TEMPLATES).render_many(
        [notice(), notice(event=broken), notice("condition")]
    )
    assert isinstance(first, RenderedText)
    assert isinstance(third, RenderedText)
    assert isinstance(second, RenderError)
    assert second.file.endswith("transition/title.j2")
    assert second.line == 6
    assert f"{second.file}:6  rule contract-rule, workspace 100001: " in str(second)
    assert "'document_type'" in str(second)


def test_render_raises_what_render_many_returns() -> None:
    with pytest.raises(RenderError, match=r"transition/title\.j2:\d+  rule contract-rule"):
        Renderer(TEMPLATES).render(notice(event={"at": notice().fire_at}))


def test_an_error_inside_a_macro_names_the_macros_line(folder: Path) -> None:
    words = folder / "shared" / "words.j2"
    lines = words.read_text().splitlines()
    number = next(n for n, line in enumerate(lines, 1) if "type|phrase" in line)
    words.write_text("\n".join(line.replace("type|phrase", "type.colour") for line in lines))
    [said] = Renderer(folder).render_many([notice("condition")])
    assert isinstance(said, RenderError)
    assert (said.file, said.line) == (str(words), number)


def test_an_arithmetic_error_is_the_notices_own_too(folder: Path) -> None:
    (folder / "condition" / "body.j2").write_text("{{ workspace }}\n{{ 1 / (workspace - 100001) }}\n")
    [said] = Renderer(folder).render_many([notice("condition")])
    assert isinstance(said, RenderError)
    assert said.line == 2


def test_a_family_that_does_not_exist_is_an_error_that_lists_those_that_do() -> None:
    with pytest.raises(RenderError, match="condition, digest, milestone, transition"):
        Renderer(TEMPLATES).render(notice(family="milestones"))


def test_a_name_that_no_notice_has_refuses_the_folder_with_its_line(folder: Path) -> None:
    body = folder / "milestone" / "body.j2"
    body.write_text("{{ workspace_name }}\n{{ deadline }}\n")
    with pytest.raises(BadInput) as refused:
        Renderer(folder)
    [problem] = refused.value.problems
    assert (problem.file, problem.line, problem.key) == (str(body), 2, "deadline")


def test_everything_wrong_with_a_folder_is_said_at_once(folder: Path) -> None:
    (folder / "condition" / "title.j2").unlink()
    (folder / "milestone" / "title.j2").write_text("{{ due ")
    (folder / "transition" / "title.j2").write_text("{% if event %}{{ colour }}{% endif %}")
    with pytest.raises(BadInput) as refused:
        Renderer(folder)
    found = {(Path(p.file).parent.name, p.line) for p in refused.value.problems}
    assert found == {("condition", 1), ("milestone", 1), ("transition", 1)}


def test_a_folder_without_families_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no template family"):
        Renderer(tmp_path)


def test_a_catalogue_that_cannot_be_read_is_refused_with_its_line(folder: Path) -> None:
    (folder / "locale" / "de.po").write_text('msgid "Someone"\nmsgstr "Jemand"\nmsgctx "x"\n')
    with pytest.raises(BadInput, match=r"de\.po:3"):
        Renderer(folder)


def test_a_phrase_with_an_unknown_place_is_refused_before_a_notice_needs_it(folder: Path) -> None:
    catalogue = folder / "locale" / "de.po"
    catalogue.write_text(catalogue.read_text().replace("Zu klären: %(name)s", "Zu klären: %(nome)s"))
    with pytest.raises(
        BadInput, match=r'de\.po:\d+:1  the translation of "To be put right: %\(name\)s" does not'
    ):
        Renderer(folder)


def test_families_tell_which_fields_of_a_notice_they_use() -> None:
    families = Renderer(TEMPLATES).families()
    assert set(families) == {"transition", "condition", "milestone", "digest"}
    assert "event" in families["transition"]
    assert "due" not in families["transition"]
    assert {"due", "fire_at"} <= families["milestone"]
    assert "event" not in families["condition"] | families["milestone"]
    assert families["digest"] == {"why"}


def test_a_family_uses_what_its_included_templates_use(folder: Path) -> None:
    (folder / "shared" / "footer.j2").write_text("{{ occurrence }}")
    body = folder / "condition" / "body.j2"
    body.write_text(body.read_text() + '{% include "shared/footer.j2" %}')
    renderer = Renderer(folder)
    assert "occurrence" in renderer.families()["condition"]
    assert renderer.render(notice("condition")).body.endswith("o-1")
