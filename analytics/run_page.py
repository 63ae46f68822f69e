"""The HTML page of a run: counts, and each cohort's distribution, limits and flagged traces."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_METRICS = ("duration_ms", "total_tokens", "cost_usd")
_BINS = 40
_COHORTS_MAX = 12
_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:60rem;padding:0 1rem}"
    "table{border-collapse:collapse}td,th{padding:.2rem .8rem;text-align:right}"
    "td:first-child,th:first-child{text-align:left}h2{margin-top:2rem}"
    "figure{margin:1rem 0;overflow-x:auto}"
)


def render(
    run: Mapping[str, Any], baselines: pl.DataFrame, traces: pl.DataFrame, outliers: pl.DataFrame
) -> str:
    """One self-contained page; the same input gives the same bytes.

    ``run`` is a row of ``runs`` with parsed JSON, ``baselines`` its rows, ``traces`` the facts of
    the window, ``outliers`` the ``resource_outliers`` findings by ``trace_id`` and ``metric``.
    """
    counts = run["counts"]
    about = (
        f"Project {escape(run['project'])}, as of {escape(str(run['as_of']))}: "
        f"{counts['traces_evaluated']} traces evaluated, {counts['traces_unchanged']} unchanged, "
        f"{counts['traces_waiting']} waiting."
    )
    legend = (
        f"The {_COHORTS_MAX} largest cohorts. Bars: traces of the window. Lines: median, p95 and "
        "p99. Dots: traces that were flagged for this metric."
    )
    sections = [
        f"<h1>Run {escape(run['run_id'])}</h1><p>{about}</p>",
        "<h2>Detectors</h2>",
        _table(counts["detectors"], ("detector", "version", "matched", "matched_new", "ambiguous")),
        "<h2>Queues</h2>",
        _table(counts["queues"], ("queue", "considered", "selected", "added", "duplicates")),
        f"<h2>Baselines</h2><p>{legend}</p>",
    ]
    narrow = baselines.filter(pl.col("cohort_level") == "operation_model_agent")
    sizes = narrow.group_by("cohort").agg(n=pl.col("n").max())
    largest = sizes.sort(["n", "cohort"], descending=[True, False]).head(_COHORTS_MAX)
    for cohort in largest["cohort"].to_list():
        sections.append(f"<h3>{escape(cohort)}</h3>")
        for metric in _METRICS:
            norm = narrow.filter((pl.col("cohort") == cohort) & (pl.col("metric") == metric))
            own = traces.filter((pl.col("cohort") == cohort) & (pl.col(metric) > 0))
            if norm.is_empty() or own.is_empty():
                continue
            flagged = own.join(
                outliers.filter(pl.col("metric") == metric), on="trace_id", how="semi"
            )
            figure = _figure(metric, own[metric], norm.row(0, named=True), flagged[metric])
            sections.append(f"<figure>{figure}</figure>")
    body = "\n".join(sections)
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        f"<title>Run {escape(run['run_id'])}</title><style>{_STYLE}</style>{body}</html>\n"
    )


def _table(rows: Iterable[Mapping[str, Any]], columns: tuple[str, ...]) -> str:
    head = "".join(f"<th>{escape(name)}</th>" for name in columns)
    lines = "".join(
        "<tr>" + "".join(f"<td>{escape(str(row[name]))}</td>" for name in columns) + "</tr>"
        for row in rows
    )
    return f"<table><tr>{head}</tr>{lines}</table>"


def _figure(metric: str, values: pl.Series, norm: Mapping[str, Any], flagged: pl.Series) -> str:
    """A histogram on the log scale with the norm's lines and the flagged traces, as SVG."""
    import vl_convert

    known = values.cast(pl.Float64).to_numpy()
    edges = np.geomspace(known.min() * 0.999, known.max() * 1.001, _BINS + 1)
    heights, _ = np.histogram(known, edges)
    bars = [
        {"from": float(low), "to": float(high), "traces": int(height), "base": 0}
        for low, high, height in zip(edges[:-1], edges[1:], heights, strict=True)
    ]
    lines = [{"at": norm[name], "line": name} for name in ("median", "p95", "p99")]
    dots = [{"at": float(value), "traces": 0} for value in flagged.to_list()]
    scale = {"type": "log", "domain": [float(edges[0]), float(edges[-1])], "nice": False}
    at = {"field": "at", "type": "quantitative", "scale": scale}
    height = {"field": "traces", "type": "quantitative", "title": "traces"}
    from_edge = {"field": "from", "type": "quantitative", "scale": scale}
    layers: list[dict[str, Any]] = [
        {
            "data": {"values": bars},
            "mark": {"type": "rect", "color": "#9db7d5"},
            "encoding": {
                "x": from_edge | {"title": f"{metric}, {norm['n']} traces"},
                "x2": {"field": "to"},
                "y": height,
                "y2": {"field": "base"},
            },
        },
        {
            "data": {"values": lines},
            "mark": "rule",
            "encoding": {"x": at, "color": {"field": "line", "type": "nominal", "title": None}},
        },
        {
            "data": {"values": dots},
            "mark": {"type": "point", "color": "#c0392b", "filled": True, "size": 40},
            "encoding": {"x": at, "y": height},
        },
    ]
    return str(vl_convert.vegalite_to_svg({"width": 620, "height": 160, "layer": layers}))
