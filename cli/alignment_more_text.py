"""The later sections of the report on a terminal: ceiling, threshold, versions, what is next."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text

from analytics.alignment.drift import traffic_sentences
from cli.alignment_people import has_news, reviewer_rows

if TYPE_CHECKING:
    from rich.console import Console


def number(value: float | None, digits: int = 3) -> str:
    """A number in few characters; a dash for none."""
    return "-" if value is None else f"{value:.{digits}f}"


def interval(figure: dict[str, Any]) -> str:
    """``0.558 [0.447, 0.663]``, or a dash."""
    if figure["value"] is None:
        return "-"
    if figure["ci_low"] is None:
        return f"{number(figure['value'])} [no interval]"
    return f"{number(figure['value'])} [{number(figure['ci_low'])}, {number(figure['ci_high'])}]"


def heading(out: Console, text: str) -> None:
    """A section's name."""
    out.print()
    out.print(Text(text, style="bold"))


def print_more(out: Console, document: dict[str, Any]) -> None:
    """Print the sections that the data allow."""
    _options(out, document["option_sets"])
    _ceiling(out, document["ceiling"])
    _thresholds(out, document["thresholds"])
    _versions(out, document["versions"])
    _next(out, document["label_next"])


def _options(out: Console, entry: dict[str, Any]) -> None:
    if entry["null_reason"]:
        return
    from analytics.alignment.option_sets import best_block

    kind = best_block(entry)
    heading(out, f"Options ({kind})")
    table = Table("option", "catch rate", "TNR", "MCC", box=None, pad_edge=False)
    for row in entry["options"]:
        cells = (interval(row[kind][name]) for name in ("tpr", "tnr", "mcc"))
        table.add_row(Text(row["option"]), *cells)
    out.print(table)
    out.print(
        Text(
            f"sets overlap: Jaccard {interval(entry['jaccard'][kind])}, "
            f"MASI {interval(entry['masi'][kind])}"
        )
    )


def _ceiling(out: Console, entry: dict[str, Any]) -> None:
    heading(out, "Human ceiling")
    if entry["null_reason"]:
        out.print(Text(entry["null_reason"], style="dim"))
        _reviewers(out, entry["reviewers"])
        return
    table = Table("figure", "value", box=None, pad_edge=False)
    for title, name in (
        ("people with each other", "human_loo"),
        ("evaluator, same yardstick", "evaluator_loo"),
        ("evaluator minus people", "evaluator_minus_human"),
        ("alpha of people", "alpha_humans"),
        ("alpha with the evaluator", "alpha_with_evaluator"),
    ):
        table.add_row(title, interval(entry[name]))
    if "fleiss_kappa_humans" in entry:
        table.add_row("Fleiss' kappa of people", interval(entry["fleiss_kappa_humans"]))
    for title, name in (("unanimous items", "unanimous"), ("contested items", "contested")):
        table.add_row(title, interval(entry["certainty"][name]))
    out.print(table)
    test = entry["alternative_test"]
    if not test["null_reason"]:
        may = "may" if test["passed"] else "may not"
        told = (
            f"alternative annotator test: {may} stand in for a person (winning rate "
            f"{number(test['winning_rate']['value'], 2)}, advantage {interval(test['advantage'])})"
        )
        if not test["reliable"]:
            told += "; unreliable: it wants three people and fifty items"
        out.print(Text(told))
    _reviewers(out, entry["reviewers"])


def _reviewers(out: Console, entries: list[dict[str, Any]]) -> None:
    if not has_news(entries):
        return
    heading(out, "Reviewers (agreement with others, adjudications, gold items, themselves)")
    table = Table(
        "reviewer", "labels", "others", "adjudicated", "gold", "again", "again, kappa", box=None,
        pad_edge=False,
    )  # fmt: skip
    for row in reviewer_rows(entries):
        table.add_row(*(Text(value or "-") for value in row.values()))
    out.print(table)


def _thresholds(out: Console, entry: dict[str, Any]) -> None:
    if entry["null_reason"]:
        return
    heading(out, "Threshold")
    if entry["warning"]:
        out.print(Text(f"! {entry['warning']}", style="yellow"))
    if entry["suggested"] is None:
        out.print(Text(entry["advice"]))
        out.print(Text(f"AUC {interval(entry['auc'])}"))
        return
    tested, shown = entry["out_of_fold"]["value"], entry["in_sample"]["value"]
    out.print(
        Text(
            f"suggested {entry['suggested']:g} for {entry['objective_sentence']}: "
            f"{number(tested)} out of fold, "
            f"{number(shown)} in sample; {entry['advice']}"
        )
    )
    out.print(Text(f"AUC {interval(entry['auc'])}"))


def _versions(out: Console, entry: dict[str, Any]) -> None:
    moved = traffic_sentences(entry["traffic"])
    if len(entry["segments"]) < 2 and len(entry["windows"]) < 2 and not moved:
        return
    heading(out, "Versions and drift")
    table = Table("version", "labels", "figure", "raw", "weighted", box=None, pad_edge=False)
    for segment in entry["segments"]:
        table.add_row(
            Text(str(segment["version"] or "-")), str(segment["labelled"]), segment["figure"],
            interval(segment["raw"]), interval(segment["weighted"]),
        )  # fmt: skip
    out.print(table)
    for alert in entry["alerts"]:
        told = f"! {alert['start']}: {alert['because']}; {'; '.join(alert['causes'])}"
        out.print(Text(told, style="yellow"))
    for sentence in moved:
        out.print(Text(f"! {sentence}", style="yellow"))


def _next(out: Console, entry: dict[str, Any]) -> None:
    if entry["null_reason"]:
        return
    heading(out, "Label next")
    for cell in entry["cells"]:
        if cell["sentence"]:
            out.print(Text(cell["sentence"]))
