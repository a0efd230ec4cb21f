"""Where commands print: standard output and standard error, each made safe."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from vigil import safe_text


class Terminal(Console):
    """A console on which no text moves the cursor, changes a colour or turns a line round, whoever wrote it.

    All that Rich lays out passes `render`.
    """

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """As Rich's own, with the text of every piece made safe."""
        for segment in super().render(renderable, options):
            if segment.control or (segment.text.isascii() and segment.text.isprintable()):
                yield segment
            else:
                yield Segment(safe_text.terminal(segment.text), segment.style, segment.control)


console = Terminal()
errors = Terminal(stderr=True)


def tell(line: str, *, machine: bool = False) -> None:
    """Print a line as it is: to stderr where the output is read by a `machine`."""
    (errors if machine else console).print(line, markup=False, highlight=False, soft_wrap=True)
