"""The alignment report on a terminal, within 100 columns."""

from __future__ import annotations

import sys
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from analytics.alignment.meanings import MEANINGS, rate_title
from cli.alignment_more_text import heading, interval, number, print_more

WIDTH_MAX = 100


def console() -> Console:
    """A console of at most 100 columns on stdout."""
    wide = Console().width if sys.stdout.isatty() else WIDTH_MAX
    return Console(width=min(WIDTH_MAX, wide), soft_wrap=False, highlight=False)


def print_report(document: dict[str, Any]) -> None:
    """Print every section that has something to say."""
    out = console()
    _scope(out, document)
    verdict = document["verdict"]
    out.print(Text(" ".join([verdict["sentence"], *(f"({r})" for r in verdict["reasons"])]),
                   style="bold"))  # fmt: skip
    _confusion(out, document["confusion"])
    if verdict["level"] == "too_few":
        return
    _agreement(out, document)
    for entry in document["zero_errors"]:
        out.print(Text(entry["sentence"]))
    _pass_rate(out, document["pass_rate"])
    _sampling(out, document["sampling"])
    print_more(out, document)


def _scope(out: Console, document: dict[str, Any]) -> None:
    scope, panel = document["scope"], document["sampling"]
    name = scope["evaluator"] or scope.get("file") or "evaluator"
    version = f" version {scope['evaluator_version']}" if scope["evaluator_version"] else ""
    against = f" against {scope['field']}" if scope["field"] else " against people"
    out.print(Text(f"Alignment of {name}{version}{against}", style="bold underline"))
    out.print(Text(f"{scope['score_type']} scores; " + "; ".join(scope["mapping"])))
    worth = "" if panel["kish_n_eff"] is None else f", worth {panel['kish_n_eff']:.0f}"
    out.print(
        Text(f"{scope['population']} items, {scope['labelled']} labels{worth}, "
             f"{scope['pairs']} pairs, {scope['ties']} ties")
    )  # fmt: skip
    for entry in panel["excluded_from_weighted"]:
        out.print(Text(f"left out of weighted figures: {entry['count']} ({entry['sentence']})"))
    zero = panel["zero_probability"]["sentence"]
    for warning in [*scope["warnings"], *panel["warnings"], *([zero] if zero else [])]:
        out.print(Text(f"! {warning}", style="yellow"))


def _confusion(out: Console, matrix: dict[str, Any]) -> None:
    heading(out, "Matrix (rows people, columns evaluator; raw count, weighted share)")
    if matrix["null_reason"]:
        out.print(Text(matrix["null_reason"]))
        return
    labels, shares = matrix["labels"], matrix["weighted_shares"]
    if len(labels) > 7:
        out.print(Text(f"{len(labels)} classes: see --format json or --html for the matrix"))
        return
    table = Table("", *(escape(str(label)[:16]) for label in labels), box=None, pad_edge=False)
    for row, label in enumerate(labels):
        cells = []
        for column in range(len(labels)):
            share = f" {shares[row][column]:.1%}" if shares else ""
            cells.append(f"{matrix['counts'][row][column]}{share}")
        table.add_row(Text(str(label)[:16], style="bold"), *cells)
    out.print(table)


def _agreement(out: Console, document: dict[str, Any]) -> None:
    heading(out, "Agreement with 95 % intervals")
    table = Table("figure", "raw", "weighted", "n", "meaning", box=None, pad_edge=False)
    reasons: dict[str, list[str]] = {}
    for name, raw in document["raw"].items():
        weighted = document["weighted"][name]
        if raw["value"] is None:
            reasons.setdefault(raw["null_reason"], []).append(name)
            if weighted["value"] is None:
                continue
        elif weighted["value"] is None:
            reasons.setdefault(weighted["null_reason"], []).append(f"{name} (weighted)")
        table.add_row(
            name, interval(raw), interval(weighted), str(raw["n"]), Text(MEANINGS[name].sentence)
        )
    out.print(table)
    for reason, names in reasons.items():
        if not reason.startswith("does not apply"):
            listed = "every weighted figure" if len(names) > 6 else ", ".join(names)
            out.print(Text(f"none for {listed}: {reason}", style="dim"))


def _pass_rate(out: Console, rates: dict[str, Any]) -> None:
    if rates["of"] is None:
        heading(out, "Pass rate")
        out.print(Text(str(rates["default_reason"]), style="dim"))
        return
    heading(out, rate_title(rates))
    table = Table("estimator", "value", "n", "n_eff", "meaning", box=None, pad_edge=False)
    for name in ("naive", "human_weighted", "ppi", "stratified", "rogan_gladen"):
        figure = rates[name]
        chosen = " *" if name == rates["default"] else ""
        text = MEANINGS[name].sentence if figure["value"] is not None else figure["null_reason"]
        style = "bold" if chosen else "dim" if name == "naive" else ""
        table.add_row(
            Text(name + chosen, style=style), interval(figure), str(figure["n"]),
            number(figure["n_eff"], 0), Text(text),
        )  # fmt: skip
    out.print(table)
    out.print(Text(f"* {rates['default_reason']}"))
    for warning in rates["warnings"]:
        out.print(Text(f"! {warning}", style="yellow"))


def _sampling(out: Console, panel: dict[str, Any]) -> None:
    """How items came before people: by stratum, and by the rule that took them."""
    if not panel["strata"] and not panel["rules"]:
        return
    heading(out, "Sampling")
    table = Table("part", "items", "labels", "mean p", "weight", box=None, pad_edge=False)
    for name in ("stratum", "rule"):
        for entry in panel["strata" if name == "stratum" else "rules"]:
            share = entry["weight_share"]
            table.add_row(
                Text(f"{name} {entry[name]}"), str(entry["items"]), str(entry["labelled"]),
                number(entry["mean_probability"]), "-" if share is None else f"{share:.1%}",
            )  # fmt: skip
    out.print(table)
