"""One template is broken: its notices are worded by others, every other is said as it was, and the place is named."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.render_notices import TEMPLATES, notice
from vigil.compliance.channels import TextFormat
from vigil.delivery.rendering.render import RenderedText, Renderer, RenderError
from vigil.errors import BadInput

KINDS = ("transition", "condition", "milestone", "digest")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copytree(TEMPLATES, tmp_path / "templates")
    shutil.copytree(TEMPLATES / "milestone", tmp_path / "templates" / "stern")
    return tmp_path / "templates"


def said(renderer: Renderer, *families: str) -> list[RenderedText | RenderError]:
    return renderer.render_many([notice(f if f in KINDS else "milestone", family=f) for f in families])


BREAKS: dict[str, Callable[[Path], object]] = {
    "does not parse": lambda family: (family / "body.j2").write_text("{% if %}"),
    "has no title": lambda family: (family / "title.j2").unlink(),
    "names what no notice has": lambda family: (family / "title.j2").write_text("{{ deadline }}"),
    "asks for an unknown filter": lambda family: (family / "title.j2").write_text("{{ rule|loud }}"),
    "takes in what is not there": lambda family: (family / "body.j2").write_text(
        '{% include "shared/no.j2" %}'
    ),
    "takes in what is broken": lambda family: (
        (family.parent / "shared" / "more.j2").write_text("{{ "),
        (family / "body.j2").write_text('{% import "shared/more.j2" as more %}'),
    ),
    "is not UTF-8": lambda family: (family / "body.j2").write_bytes(b"\xff\xfe"),
    "takes in itself": lambda family: (family / "body.j2").write_text(
        '{% include "stern/body.j2" %}{{ deadline }}'
    ),
}


@pytest.mark.parametrize("how", BREAKS)
def test_a_family_is_worded_by_that_of_its_kind_when_it(how: str, folder: Path) -> None:
    before = said(Renderer(folder), *KINDS)
    BREAKS[how](folder / "stern")
    with pytest.raises(BadInput):
        Renderer(folder)
    renderer = Renderer(folder, tolerant=True)
    assert [Path(p.file).parent.name for p in renderer.problems][:1] in (["stern"], ["shared"])
    assert said(renderer, *KINDS) == before
    assert said(renderer, "stern") == [before[KINDS.index("milestone")]]
    assert "stern" not in renderer.families()


def test_a_family_that_is_not_there_is_worded_by_that_of_its_kind(folder: Path) -> None:
    renderer = Renderer(folder, tolerant=True)
    assert renderer.problems == ()
    assert said(renderer, "storn") == said(renderer, "milestone")


@pytest.mark.parametrize("kind", ["condition", "transition", "digest"])
def test_with_a_broken_family_a_notice_says_at_least_what_it_is_about(kind: str, folder: Path) -> None:
    (folder / kind / "title.j2").write_text("{{ ")
    (one,) = Renderer(folder, tolerant=True).render_many(
        [notice(kind, workspace_name="Müller & Söhne", description="Ask them.", why=("one line", "another"))]
    )
    assert isinstance(one, RenderedText)
    assert one.title == "Müller & Söhne"
    assert one.body == ("- one line\n- another" if kind == "digest" else "Ask them.")


def test_without_a_folder_of_templates_notices_are_said_and_escaped_as_ever(tmp_path: Path) -> None:
    nowhere = Renderer(tmp_path / "none", TextFormat.HTML, tolerant=True)
    assert "there is no such folder" in nowhere.problems[0].message
    (one,) = nowhere.render_many([notice("condition", workspace_name="<b>x</b>\u202e", description="")])
    assert isinstance(one, RenderedText)
    assert one.title == "&lt;b&gt;x&lt;/b&gt;" and one.body


@pytest.mark.parametrize(
    "content", [b'msgid "x"\nmsgctx', b"\xff\xfe", b'msgid "Due %(when)s: %(name)s"\nmsgstr "%(n)s"\n']
)
def test_readers_of_a_broken_catalogue_read_english_and_others_their_own(
    content: bytes, folder: Path
) -> None:
    english, italian = (notice("condition", language=tag) for tag in ("en", "it"))
    before = Renderer(folder).render_many([english, italian])
    (folder / "locale" / "de.po").write_bytes(content)
    renderer = Renderer(folder, tolerant=True)
    assert [Path(p.file).name for p in renderer.problems] == ["de.po"]
    assert renderer.render_many([english, italian]) == before
    assert renderer.render_many([notice("condition", language="de")]) == before[:1]
