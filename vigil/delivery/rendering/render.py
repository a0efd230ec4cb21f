"""Renders a notice in the recipient's language: title and body from the templates of its family.

`templates/<family>/{title,body}.j2` have the fields of `vigil.compliance.notices.Notice` as variables and nothing else; any other name
refuses the whole set when it is loaded. The two formats are `TextFormat.PLAIN` and `TextFormat.HTML`: see
docs/decisions/0002-plain-text-and-html.md.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path

from jinja2 import Environment, Template, TemplateError

from vigil.compliance.channels import TextFormat
from vigil.compliance.notices import Notice
from vigil.delivery.rendering.language import Language, Languages
from vigil.delivery.rendering.templates import FIELDS, PARTS, environment, examine, where
from vigil.errors import BadInput, VigilError
from vigil.safe_text import BODY, bounded, one_line

log = logging.getLogger("vigil.delivery.rendering.render")

_values_of = attrgetter(*FIELDS)
# What a template can raise for one notice's data. Anything else (MemoryError, a kill) does not come from the notice.
_FAILURES = (TemplateError, ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError)


PLAIN = ""
"""The family of the texts below. They describe a notice that no template can render: short, and in phrases of the catalogues."""

_PLAIN_TITLE = """\
{% set name = workspace_name|short(42) or description|phrase or rule %}
{% if resolved %}{% trans name %}Put right: {{ name }}{% endtrans %}{% else %}{{ name }}{% endif %}"""
_PLAIN_BODY = """\
{% if kind == "digest" %}
{% for line in why %}
- {{ line|short(110) }}
{% endfor %}
{% else %}
{{ description|phrase or rule }}
{% endif %}"""


@dataclass(frozen=True, slots=True)
class RenderedText:
    """The text of a notice. The title is one line; the body may have several. In HTML both are safe markup."""

    title: str
    body: str


class RenderError(VigilError):
    """A notice could not be rendered. `file` and `line` are the template's; other notices are not affected."""

    def __init__(self, notice: Notice, file: str, line: int, reason: str) -> None:
        self.rule, self.workspace, self.occurrence = notice.rule, notice.workspace, notice.occurrence
        self.file, self.line, self.reason = file, line, reason
        super().__init__(
            f"{file}:{line}  rule {notice.rule}, workspace {notice.workspace}: {reason}. "
            "Correct the template; what a notice may lack, ask with `is defined` first."
        )


class Renderer:
    """The templates of one folder, compiled once for each requested language.

    Raises BadInput if a family lacks a part, a template does not parse, or uses a name that Notice does not have. A `tolerant` one
    raises nothing: `problems` lists the faults. Notices of an unusable family are rendered with the family of their kind or, if that
    is unusable, with texts of this module; readers of an unusable catalogue get English.
    """

    def __init__(
        self,
        templates_dir: Path | str,
        text_format: TextFormat = TextFormat.PLAIN,
        tolerant: bool = False,
    ) -> None:
        self._folder = Path(templates_dir)
        self._format = text_format
        self._tolerant = tolerant
        self._languages = Languages(self._folder / "locale")
        found = examine(self._folder)
        self.problems = (*found.problems, *self._languages.problems)
        if self.problems and not tolerant:
            raise BadInput(self.problems)
        self._families = found.usable
        self._environments: dict[str, Environment] = {}
        self._compiled: dict[tuple[str, str], tuple[Template, Template]] = {}

    @property
    def languages(self) -> tuple[str, ...]:
        """The languages with phrases; any other language falls back to English."""
        return self._languages.names

    def language(self, tag: str) -> Language:
        """The language for a person with this tag."""
        return self._languages.of(tag)

    def families(self) -> Mapping[str, set[str]]:
        """Each family with the fields of Notice that its templates use, which a rule's kind must provide."""
        return {family: set(used) for family, used in self._families.items()}

    def render(self, notice: Notice) -> RenderedText:
        """The notice in its person's language and zone. Raises RenderError."""
        try:
            title, body = self._templates(self._family(notice), notice.person.language)
            seen = dict(zip(FIELDS, _values_of(notice), strict=True))
            head, text = one_line(title.render(seen).strip()), body.render(seen).strip()
            # Markup is not cut: that of a mail is as long as its values, which are cut; markup that is too long is not used.
            return RenderedText(head, text if self._format is TextFormat.HTML else bounded(text, BODY))
        except _FAILURES as error:
            raise self._explain(notice, error) from error

    def _family(self, notice: Notice) -> str:
        """The family that renders a notice; PLAIN for the texts of this module."""
        if notice.family in self._families:
            return notice.family
        if self._tolerant:
            return notice.kind if notice.kind in self._families else PLAIN
        raise LookupError(
            f'there is no template family "{notice.family}"; there are {", ".join(self._families)}'
        )

    def render_many(self, notices: Iterable[Notice]) -> list[RenderedText | RenderError]:
        """One result for each notice, in order. A notice that cannot be rendered gives its error and does not affect the others."""
        return [self._try(notice) for notice in notices]

    def _try(self, notice: Notice) -> RenderedText | RenderError:
        try:
            return self.render(notice)
        except RenderError as error:
            log.error("%s", error)
            return error

    def _templates(self, family: str, tag: str) -> tuple[Template, Template]:
        language = self._languages.of(tag)
        found = self._compiled.get((family, language.name))
        if found is not None:
            return found
        speaking = self._environments.get(language.name)
        if speaking is None:
            speaking = self._environments[language.name] = environment(self._folder, self._format, language)
        if family == PLAIN:
            title, body = map(speaking.from_string, (_PLAIN_TITLE, _PLAIN_BODY))
        else:
            title, body = (speaking.get_template(f"{family}/{part}.j2") for part in PARTS)
        self._compiled[family, language.name] = title, body
        return title, body

    def _explain(self, notice: Notice, error: Exception) -> RenderError:
        file, line = where(error, self._folder) or (str(self._folder / notice.family), 1)
        return RenderError(notice, file, line, str(error) or type(error).__name__)


__all__ = ["RenderError", "RenderedText", "Renderer"]
