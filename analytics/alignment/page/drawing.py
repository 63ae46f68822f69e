"""Charts as SVG text: Altair describes, vl-convert draws, without a browser and without a network.

Every chart is at most 340 pixels wide, so that it is readable on a phone without shrinking.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import altair as alt
import vl_convert

if TYPE_CHECKING:
    from collections.abc import Sequence

WIDTH = 230
BLUE, GREY, RED = "#1f5fa8", "#8a8f98", "#b3261e"
_CONFIG = {
    "font": "Helvetica, Arial, sans-serif",
    "view": {"stroke": "#d5d8dd"},
    "axis": {"labelFontSize": 11, "titleFontSize": 11, "titleFontWeight": "normal",
             "gridColor": "#eceef1", "labelLimit": 150, "domainColor": "#9aa0a8"},
    "legend": {"labelFontSize": 11, "titleFontSize": 11, "orient": "bottom"},
    "background": "transparent",
}  # fmt: skip


def drawn(chart: Any, name: str, description: str) -> str:
    """A chart as an SVG element that scales with the page; same chart, same bytes.

    ``name`` makes the ids of its parts unique in the page.
    """
    specification = chart.configure(**_CONFIG).to_dict()
    svg = vl_convert.vegalite_to_svg(specification)
    ids = {}
    for number, found in enumerate(re.findall(r'id="([^"]+)"', svg)):
        ids[found] = f"{name}-{number}"
    for old, new in ids.items():
        svg = svg.replace(f'id="{old}"', f'id="{new}"').replace(f"url(#{old})", f"url(#{new})")
    size = re.search(r'width="([0-9.]+)" height="([0-9.]+)"', svg)
    assert size is not None
    return svg.replace(
        f'width="{size[1]}" height="{size[2]}"',
        f'style="width:100%;max-width:{size[1]}px;height:auto" role="img" '
        f'aria-label="{description}"',
        1,
    )


def values(rows: Sequence[dict[str, Any]]) -> Any:
    """Rows as inline data."""
    return alt.InlineData(values=list(rows))


def intervals(
    rows: Sequence[dict[str, Any]], domain: tuple[float, float] | None, series: Sequence[str]
) -> Any:
    """Dots with their intervals, one line a name; rows hold name, series, value, low, high."""
    colours = [BLUE, GREY, RED][: len(series)]
    order = list(dict.fromkeys(row["name"] for row in rows))
    scale = alt.Scale(domain=list(domain)) if domain else alt.Scale(zero=False, nice=True)
    base = alt.Chart(values(rows)).encode(
        y=alt.Y("name:N", title=None, sort=order),
        yOffset=alt.YOffset("series:N", sort=list(series)),
        color=alt.Color(
            "series:N",
            title=None,
            scale=alt.Scale(domain=list(series), range=colours),
            legend=alt.Legend() if len(series) > 1 else None,
        ),
    )
    rules = base.mark_rule(strokeWidth=2).encode(
        x=alt.X("low:Q", title=None, scale=scale), x2="high:Q"
    )
    dots = base.mark_point(filled=True, size=45, opacity=1).encode(x=alt.X("value:Q", title=None))
    height = (16 * len(series) + 6) * len(order)
    return (rules + dots).properties(width=WIDTH, height=height)
