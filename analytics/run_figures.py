"""The plots of a run's page, as SVG: distributions with limits and flags, hours of the week."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    import polars as pl

_BINS = 40
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_LINES = ("median", "p95", "p99", "limit")
_COLOURS = ("#4c6b8a", "#8a8a8a", "#b0b0b0", "#c0392b")


def distribution(
    metric: str, values: pl.Series, norm: Mapping[str, Any], flagged: pl.Series
) -> str:
    """A histogram on the log scale with the norm's lines and the flagged traces.

    ``norm`` holds n, median, p95, p99 and ``limit``; what is None or NaN has no line.
    """
    known = values.cast(float).to_numpy()
    marks = [float(norm[name]) for name in _LINES if norm.get(name)]
    low, high = min(known.min(), *marks), max(known.max(), *marks)
    edges = np.geomspace(low * 0.999, high * 1.001, _BINS + 1)
    heights, _ = np.histogram(known, edges)
    bars = [
        {"from": float(left), "to": float(right), "traces": int(height), "base": 0}
        for left, right, height in zip(edges[:-1], edges[1:], heights, strict=True)
    ]
    lines = [{"at": norm[name], "line": name} for name in _LINES if norm.get(name)]
    dots = [{"at": float(value), "traces": 0} for value in flagged.sort().to_list()]
    scale = {"type": "log", "domain": [float(edges[0]), float(edges[-1])], "nice": False}
    at = {"field": "at", "type": "quantitative", "scale": scale}
    height = {"field": "traces", "type": "quantitative", "title": "traces"}
    title = f"{metric}, {norm['n']} traces, {flagged.len()} flagged"
    from_edge = {"field": "from", "type": "quantitative", "scale": scale, "title": title}
    colour = {
        "field": "line",
        "type": "nominal",
        "title": None,
        "scale": {"domain": list(_LINES), "range": list(_COLOURS)},
    }
    layers: list[dict[str, Any]] = [
        {
            "data": {"values": bars},
            "mark": {"type": "rect", "color": "#9db7d5"},
            "encoding": {
                "x": from_edge,
                "x2": {"field": "to"},
                "y": height,
                "y2": {"field": "base"},
            },
        },
        {"data": {"values": lines}, "mark": "rule", "encoding": {"x": at, "color": colour}},
        {
            "data": {"values": dots},
            "mark": {"type": "point", "color": "#c0392b", "filled": True, "size": 40},
            "encoding": {"x": at, "y": height},
        },
    ]
    return _svg({"width": 620, "height": 160, "layer": layers})


def week(metric: str, hours: pl.DataFrame) -> str:
    """The hours of the week, coloured by how they compare with the usual.

    ``hours`` holds ``weekday``, ``hour``, ``n`` and ``ratio``; see :mod:`analytics.seasons`.
    """
    cells = [
        {"day": _DAYS[row["weekday"] - 1], "hour": row["hour"], "ratio": round(row["ratio"], 4)}
        for row in hours.sort("weekday", "hour").iter_rows(named=True)
    ]
    colour = {
        "field": "ratio",
        "type": "quantitative",
        "title": "times usual",
        "scale": {
            "type": "log",
            "domain": [0.5, 1, 2],
            "clamp": True,
            "scheme": "redblue",
            "reverse": True,
        },
    }
    chart = {
        "data": {"values": cells},
        "mark": "rect",
        "encoding": {
            "x": {
                "field": "hour",
                "type": "ordinal",
                "title": f"{metric}: hour of the day, UTC",
                "scale": {"domain": list(range(24))},
            },
            "y": {
                "field": "day",
                "type": "ordinal",
                "title": None,
                "scale": {"domain": list(_DAYS)},
            },
            "color": colour,
        },
    }
    return _svg({"width": 620, "height": 120, **chart})


def _svg(chart: Mapping[str, Any]) -> str:
    import vl_convert

    return str(vl_convert.vegalite_to_svg(dict(chart)))
