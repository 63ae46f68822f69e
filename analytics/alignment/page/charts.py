"""Charts of the later sections: bars, a line with its band, curves in the unit square."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import altair as alt

from analytics.alignment.page.drawing import BLUE, GREY, RED, WIDTH, values

if TYPE_CHECKING:
    from collections.abc import Sequence


def bars(rows: Sequence[dict[str, Any]]) -> Any:
    """Two bars a name; rows hold name, series, value."""
    series = list(dict.fromkeys(row["series"] for row in rows))
    names = list(dict.fromkeys(row["name"] for row in rows))
    return (
        alt.Chart(values(rows))
        .mark_bar(height=10)
        .encode(
            y=alt.Y("name:N", title=None, sort=names),
            yOffset=alt.YOffset("series:N", sort=series),
            x=alt.X("value:Q", title=None),
            color=alt.Color(
                "series:N", title=None, scale=alt.Scale(domain=series, range=[GREY, BLUE])
            ),
        )
        .properties(width=WIDTH, height=34 * len(names))
    )


def line_with_band(rows: Sequence[dict[str, Any]], title: str) -> Any:
    """A line by day with its interval; rows hold start, value, low, high."""
    day = alt.X("start:T", title=None, axis=alt.Axis(format="%d %b", tickCount=5))
    base = alt.Chart(values(rows))
    band = base.mark_area(color=BLUE, opacity=0.18).encode(x=day, y="low:Q", y2="high:Q")
    line = base.mark_line(color=BLUE, point=True).encode(
        x=day, y=alt.Y("value:Q", title=title, scale=alt.Scale(zero=False))
    )
    first = alt.Chart(values(rows[:1])).mark_rule(color=GREY, strokeDash=[4, 3])
    return (band + line + first.encode(y="value:Q")).properties(width=WIDTH + 40, height=160)


def unit_curve(
    rows: Sequence[dict[str, float]],
    titles: tuple[str, str],
    *,
    diagonal: bool = False,
    level: float | None = None,
    dots: bool = False,
) -> Any:
    """A curve of x and y within the unit square, beside a dashed diagonal or level."""
    unit = alt.Scale(domain=[0, 1])
    ordered = [{**row, "order": index} for index, row in enumerate(rows)]
    base = alt.Chart(values(ordered))
    mark = base.mark_line(color=BLUE, point={"color": BLUE}) if dots else base.mark_line(color=BLUE)
    curve = mark.encode(
        x=alt.X("x:Q", title=titles[0], scale=unit),
        y=alt.Y("y:Q", title=titles[1], scale=unit),
        order="order:Q",
    )
    ends: list[dict[str, float]] = []
    if diagonal:
        ends = [{"x": 0, "y": 0}, {"x": 1, "y": 1}]
    elif level is not None:
        ends = [{"x": 0, "y": level}, {"x": 1, "y": level}]
    dash = alt.Chart(values(ends)).mark_line(color=GREY, strokeDash=[4, 3])
    return (dash.encode(x="x:Q", y="y:Q") + curve).properties(width=WIDTH - 20, height=WIDTH - 20)


def differences(entry: dict[str, Any]) -> Any:
    """Differences against means with the mean and the limits of agreement."""
    lines = [
        {"at": entry[name]["value"]} for name in ("mean_difference", "limit_low", "limit_high")
    ]
    points = (
        alt.Chart(values(entry["points"]))
        .mark_circle(color=BLUE, opacity=0.45, size=18)
        .encode(
            x=alt.X("mean:Q", title="mean of both", scale=alt.Scale(zero=False)),
            y=alt.Y("difference:Q", title="evaluator minus people"),
        )
    )
    rules = alt.Chart(values(lines)).mark_rule(color=GREY, strokeDash=[4, 3])
    return (points + rules.encode(y="at:Q")).properties(width=WIDTH, height=WIDTH - 30)


def lines_by_threshold(rows: Sequence[dict[str, Any]], suggested: float | None) -> Any:
    """TPR, TNR and MCC by threshold, the suggested one marked."""
    series = ["tpr", "tnr", "mcc"]
    long = [
        {"threshold": row["threshold"], "series": name, "value": row[name]}
        for row in rows
        for name in series
        if row[name] is not None
    ]
    colours = alt.Scale(domain=series, range=[BLUE, GREY, RED])
    lines = (
        alt.Chart(values(long))
        .mark_line()
        .encode(
            x=alt.X("threshold:Q", title="threshold", scale=alt.Scale(zero=False, nice=False)),
            y=alt.Y("value:Q", title=None),
            color=alt.Color("series:N", title=None, scale=colours),
        )
    )
    marks = [] if suggested is None else [{"threshold": suggested}]
    mark = alt.Chart(values(marks)).mark_rule(strokeDash=[4, 3])
    return (mark.encode(x="threshold:Q") + lines).properties(width=WIDTH - 20, height=WIDTH - 20)
