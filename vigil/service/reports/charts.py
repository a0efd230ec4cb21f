"""The chart of notices by day and rule, as SVG without scripts or external resources."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from datetime import date, timedelta

import pygal
from pygal.style import Style

DAYS = 14
RULES = 9  # with a colour of their own; the others are combined

_COLOURS = (
    "#1f77b4", "#ff7f0e", "#2ca02c", "#d62728", "#9467bd", "#8c564b", "#e377c2", "#bcbd22", "#17becf", "#7f7f7f",
)  # fmt: skip
_STYLE = Style(background="#ffffff", plot_background="#ffffff", colors=_COLOURS, font_family="sans-serif")
_NEEDLESS = re.compile(r"<!--.*?-->|<\?xml.*?\?>|<script.*?(?:/>|</script>)", re.DOTALL)


def by_day(counts: Mapping[tuple[date, str], int], last: date) -> str:
    """Stacked bars of the `DAYS` days up to `last`: (day, rule) -> sent notices. The rules with the most come first."""
    days = [last - timedelta(days=n) for n in reversed(range(DAYS))]
    inside = {key: n for key, n in counts.items() if key[0] in days}
    total: Counter[str] = Counter()
    for (_, rule), n in inside.items():
        total[rule] += n
    named = [rule for rule, _ in total.most_common(RULES)]
    chart = pygal.StackedBar(
        style=_STYLE, js=(), width=1000, height=420, legend_at_bottom=False, truncate_legend=30, show_y_guides=True,
        title=f"Notices sent by day and rule, to {last:%d %B %Y}", y_title="notices", x_label_rotation=0, print_values=False,
    )  # fmt: skip
    chart.x_labels = [f"{day:%a %d}" for day in days]
    for rule in named:
        chart.add(rule, [inside.get((day, rule), 0) or None for day in days])
    if len(total) > len(named):
        rest = [sum(n for (at, rule), n in inside.items() if at == day and rule not in named) for day in days]
        chart.add(f"{len(total) - len(named)} other rules", [n or None for n in rest])
    return _bare(str(chart.render(is_unicode=True)))


def _bare(picture: str) -> str:
    """The SVG without the scripts and comments of the library."""
    return _NEEDLESS.sub("", picture).strip()
