"""The text of a mail around the notice, in its person's language, and the notice as HTML. Both are stored with the queued row."""

from __future__ import annotations

from vigil.delivery.rendering.language import Language
from vigil.delivery.rendering.render import RenderedText

OPEN = "Open in Extended ECM"
SEEN = "I have seen it"


def mail_texts(html: RenderedText, speaking: Language) -> dict[str, str]:
    """The `mail` of a queued message. `title` and `body` are safe markup, the others plain text."""
    return {
        "title": html.title,
        "body": html.body,
        "open": speaking.phrase(OPEN),
        "seen": speaking.phrase(SEEN),
        "language": str(speaking.locale).replace("_", "-"),
    }
