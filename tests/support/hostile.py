"""Names and values that somebody with an account in Extended ECM may write, to have them do something where Vigil shows them.

One list for every output. What is added here is tried on all of them.
"""

from __future__ import annotations

import unicodedata

MEGABYTES = "Ten megabytes " + "x" * 10_000_000

HOSTILE: dict[str, str] = {
    # Markdown and the links that GFM makes by itself
    "bare http": "see http://evil.example/a",
    "bare https": "https://evil.example",
    "bare HTTPS in capitals": "HTTPS://EVIL.EXAMPLE/x",
    "bare www": "www.evil.example",
    "bare WWW after a bracket": "(WWW.evil.example)",
    "bare ftp": "ftp://evil.example/x",
    "mail address": "pay@evil.example",
    "mailto": "mailto:pay@evil.example",
    "xmpp": "xmpp:pay@evil.example/room",
    "link": "[click](https://evil.example)",
    "link that closes ours": "a](https://evil.example)[b",
    "reference": "[a]: https://evil.example",
    "footnote": "[^1]: https://evil.example",
    "link in brackets": "<https://evil.example>",
    "javascript link": "[click](javascript:alert(1))",
    "image": "![x](https://evil.example/pixel.png)",
    "script": "<script>alert(1)</script>",
    "image of HTML": "<img src=x onerror=alert(1)>",
    "comment of HTML": "<!-- -->",
    "entity": "&lt;b&gt; &#60;img src=x&#62; &colon;",
    "table": "a | b | c\n|---|---|\n| d | e |",
    "backticks": "``` ` `` ```` code",
    "heading": "# Approved",
    "heading below": "Approved\n===",
    "rule": "---",
    "list": "- one\n- two",
    "numbered list": "1. one",
    "task": "- [x] done",
    "quote": "> said",
    "code by indentation": "    rm -rf /",
    "emphasis": "**bold** _it_ ~~gone~~ *a*",
    "backslashes": "\\[a\\](https\\://evil.example) \\",
    "line breaks": "one\r\ntwo\rthree\n\nfour\u2028five\u2029six\x85seven",
    # templates, formats, headers, addresses
    "Jinja": "{{ rule }} {% for x in y %} {# #}",
    "format": "{} {0} {rule} %s %(name)s %d ${HOME}",
    "header in an address": "a%0d%0aBcc: eve@evil.example",
    "header": "x\r\nBcc: eve@evil.example\r\n\r\nbody",
    "two addresses": "a@x.example,b@y.example",
    "javascript": "javascript:alert(1)",
    "markup of Rich": "[red]x[/red] [link=https://evil.example]y[/link] [/]",
    # spreadsheets
    "formula": "=1+1",
    "formula by minus": "-1+cmd|'/c calc'!A1",
    "formula by plus": "+1",
    "formula by at": "@SUM(A1)",
    "formula after a semicolon": ";=1+1",
    "formula after a space": " \t =1",
    "formula after a line break": "\n=1",
    "formula after a return": "\r=1",
    "formula after a tab": "a\t=1",
    "formula on a second line": "a\n=1",
    "formula after nothing that is seen": "\u200b\ufeff\u2060=1",
    "formula after NUL": "\0=1",
    "wide formula": "＝1+1",
    "wide plus, minus and at": "x;＋1;－1;＠A1",
    "formula after an apostrophe": "'=1",
    "formula after a quotation mark": '"=1',
    "hyperlink of a spreadsheet": '=HYPERLINK("https://evil.example";"x")',
    # terminals
    "ANSI colour": "\x1b[31mred\x1b[0m",
    "ANSI clear": "\x1b[2J\x1b[H",
    "title of a terminal": "\x1b]0;pwned\x07",
    "link of a terminal": "\x1b]8;;https://evil.example\x1b\\x\x1b]8;;\x1b\\",
    "C1 CSI": "\x9b31mred",
    "backspaces": "safe\x08\x08\x08\x08evil",
    "bell and vertical tab": "\x07\x0b\x0c",
    "delete": "a\x7fb",
    "NUL": "a\0b",
    # what turns a line round, or is not seen
    "RTL override": "fdp\u202eexe.gpj",
    "embedding": "\u202aabc\u202c",
    "isolates": "\u2066abc\u2069 \u2067def\u2069",
    "nothing that is seen": "\u200b\u200c\u200d\u2060\ufeff\u00ad\u3164\u115f",
    "joiners in a word": "ad\u200dmin pay\u200cpal",
    "tags": "ok\U000e0041\U000e0042\U000e007f",
    "accents": "Z" + "\u0334\u0311\u0342" * 400,
    "accents alone": "\u0301" * 5000,
    "lone surrogate": "a\ud800b\udfffc",
    "nonchar": "a\ufffe\uffffb",
    "private use": "a\ue000b",
    # sizes
    "megabytes": MEGABYTES,
    "megabytes of accents": "a" + "\u0301" * 3_000_000,
    "megabytes of lines": "a\n" * 1_000_000,
    "a long word": "W" * 5_000,
}
"""What it is -> the text."""

HONEST: tuple[str, ...] = (
    "R&D_plan *v2*",
    "Müller & Söhne GmbH",
    "Contract [draft] (final) #3",
    "Q1/Q2 <internal>",
    "50% of 3 + 4 = 7",
    "naïve café, Đorđević, Łódź",
    "مشروع الطريق",
    "می‌خواهم",
    "שלום\u200f!",
    "契約書＿第２版",
    "ไม่มีที่สิ้นสุด",
    "👩‍👩‍👧 family, 🇮🇹, 👍🏽, ❤️",
    "plan_2026_final.docx",
    "C:\\data\\x",
)
"""Names of honest people. Each reads the same everywhere."""

STEERING = frozenset(
    character
    for character in map(chr, range(0x11000))
    if unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp")
) | frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200b\u2060\ufeff")
"""Characters that steer a terminal or a reader, and may be in nothing that is one line."""


def seen(text: str) -> str:
    """A text as a reader sees it: without what shows nothing, and with one space for any number."""
    unseen = dict.fromkeys(map(ord, "\u2060\u200a\u200b\ufeff"))
    return " ".join(text.translate(unseen).split())
