"""The consoles of commands: standard output and standard error, each with safe text."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from vigil import safe_text


class Terminal(Console):
    """A console on which no text of a name can move the cursor, change a colour or reverse a line.

    All output of Rich passes through `render`.
    """

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Render as Rich does, with the text of every segment made safe."""
        for segment in super().render(renderable, options):
            if segment.control or (segment.text.isascii() and segment.text.isprintable()):
                yield segment
            else:
                yield Segment(safe_text.terminal(segment.text), segment.style, segment.control)


console = Terminal()
errors = Terminal(stderr=True)


def tell(line: str, *, machine: bool = False) -> None:
    """Print a line unchanged: to stderr if a `machine` reads the output."""
    (errors if machine else console).print(line, markup=False, highlight=False, soft_wrap=True)
