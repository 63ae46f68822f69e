"""The sections of the page that every report has, made from the report's JSON alone."""

from __future__ import annotations

from typing import Any

from analytics.alignment.meanings import MEANINGS, headline, rate_title
from analytics.alignment.page.drawing import drawn, intervals
from analytics.alignment.page.elements import (
    cases,
    figure,
    number,
    percent,
    section,
    table,
    text,
    warnings,
)

_BOUNDED = (
    "accuracy", "balanced_accuracy", "tpr", "tnr", "ppv", "npv", "f1", "mcc", "cohen_kappa",
    "weighted_kappa", "gwet_ac1", "krippendorff_alpha", "within_one", "pearson", "spearman",
    "kendall_tau_b", "ccc",
)  # fmt: skip
ESTIMATORS = ("naive", "human_weighted", "ppi", "stratified", "rogan_gladen")


def scope_bar(document: dict[str, Any]) -> str:
    """Who was compared with whom, on what, and what was left out."""
    scope, panel = document["scope"], document["sampling"]
    name = scope["evaluator"] or scope.get("file") or "evaluator"
    against = scope["field"] or "people"
    worth = panel["kish_n_eff"]
    facts = [
        ("version", scope["evaluator_version"]),
        ("scores", scope["score_type"]),
        ("positive class", scope["positive"]),
        ("population", scope["population"]),
        ("labels", scope["labelled"]),
        ("worth", None if worth is None else f"{worth:.0f}"),
        ("pairs", scope["pairs"]),
        ("reference", "one rater" if scope["single_rater"] else "several raters"),
        ("ties left out", scope["ties"] or None),
        ("left out of weighted", _left_out(panel)),
        ("labelled", _window(scope["window"])),
        ("confidence", f"{scope['confidence']:.0%}"),
    ]
    items = "".join(
        f"<li>{text(label)} <b>{text(value)}</b></li>"
        for label, value in facts
        if value is not None
    )
    zero = panel["zero_probability"]["sentence"]
    told = [*scope["warnings"], *panel["warnings"], *([zero] if zero else [])]
    mapping = "; ".join(scope["mapping"])
    return (
        f"<h1>{text(name)} against {text(against)}</h1>"
        f'<ul class="scope">{items}</ul><p class="soft">{text(mapping)}</p>{warnings(told)}'
    )


def _left_out(panel: dict[str, Any]) -> str | None:
    """The share of labels that weighted figures leave out; None for none."""
    found = panel["excluded_share"]
    return f"{found:.0%}" if found else None


def _window(window: dict[str, Any]) -> str | None:
    if window["first"] is None:
        return None
    return f"{window['first'][:10]} to {window['last'][:10]}"


def tiles(document: dict[str, Any]) -> str:
    """The three figures of the score type, weighted where that is possible, raw beside."""
    parts = []
    for name in headline(document["scope"]["score_type"]):
        raw, weighted = document["raw"][name], document["weighted"][name]
        title = MEANINGS[name].title
        if name == "tnr":
            title, raw, weighted = "False alarms (1 - TNR)", complement(raw), complement(weighted)
        main = weighted if weighted["value"] is not None else raw
        kind = "weighted" if main is weighted else "raw"
        if main["value"] is None:
            reason = text(main["null_reason"])
            body = f'<div class="value">&ndash;</div><div class="small">{reason}</div>'
        else:
            bounds = (
                ""
                if main["ci_low"] is None
                else (f"95 % {number(main['ci_low'])} to {number(main['ci_high'])}, ")
            )
            body = (
                f'<div class="value">{number(main["value"])}</div>'
                f'<div class="small">{bounds}n {main["n"]}, {kind}</div>'
            )
            if main is weighted:
                body += f'<div class="small">raw {number(raw["value"])}</div>'
        parts.append(f'<div class="tile"><div>{text(title)}</div>{body}</div>')
    told = "".join(f"<p>{text(entry['sentence'])}.</p>" for entry in document["zero_errors"])
    return f'<div class="tiles">{"".join(parts)}</div>{told}'


def complement(entry: dict[str, Any]) -> dict[str, Any]:
    """The figure of one minus the rate."""
    if entry["value"] is None:
        return entry
    turned = {"value": 1 - entry["value"]}
    if entry["ci_low"] is not None:
        turned |= {"ci_low": 1 - entry["ci_high"], "ci_high": 1 - entry["ci_low"]}
    return entry | turned


def matrix(document: dict[str, Any]) -> str:
    """Counts and weighted shares, the rates of both sides, and the cases of every cell."""
    entry = document["confusion"]
    if entry["null_reason"]:
        return section("Matrix", f'<p class="soft">{text(entry["null_reason"])}</p>')
    labels, shares = entry["labels"], entry["weighted_shares"]
    head = "".join(f"<th>{text(label)}</th>" for label in labels)
    body = ""
    known = {(cell["human"], cell["evaluator"]): index for index, cell in enumerate(entry["cells"])}
    for row, label in enumerate(labels):
        cells = ""
        for column, other in enumerate(labels):
            count = entry["counts"][row][column]
            share = f'<br><span class="soft">{shares[row][column]:.1%}</span>' if shares else ""
            index = known.get((label, other))
            inner = f'<a href="#cell-{index}">{count}</a>' if index is not None else str(count)
            colour = "29, 107, 58" if row == column else "179, 38, 30"
            total = max(1, sum(entry["counts"][row]))
            shade = f'style="background: rgba({colour}, {0.35 * count / total:.3f})"'
            cells += f"<td {shade}>{inner}{share}</td>"
        body += f"<tr><th>{text(label)}</th>{cells}</tr>"
    grid = (
        f'<div class="wide"><table class="matrix"><tr><th class="soft">people &darr; evaluator '
        f"&rarr;</th>{head}</tr>{body}</table></div>"
    )
    people, machine = entry["human_positive_rate"], entry["evaluator_positive_rate"]
    kind = "weighted" if people["weighted"]["value"] is not None else "raw"
    rates = ""
    if people[kind]["value"] is not None:
        rates = (
            f"<p>People say <b>{text(entry['positive'])}</b> in {percent(people[kind]['value'])}, "
            f"the evaluator in {percent(machine[kind]['value'])} ({kind}).</p>"
        )
    # A link whose target lies within closed details opens them.
    lists = "".join(
        f"<details><summary>people {text(cell['human'])}, evaluator "
        f"{text(cell['evaluator'])}: {cell['count']}</summary>"
        f'<div id="cell-{index}">{cases(cell["items"], cell["items_omitted"])}</div></details>'
        for index, cell in enumerate(entry["cells"])
    )
    return section("Matrix", grid, rates, "<h3>Cases of each cell</h3>", lists)


def agreement(document: dict[str, Any]) -> str:
    """Every coefficient, drawn and as a table."""
    rows: list[list[str]] = []
    reasons: dict[str, list[str]] = {}
    drawn_rows: list[dict[str, Any]] = []
    for name, raw in document["raw"].items():
        weighted = document["weighted"][name]
        if raw["value"] is None and weighted["value"] is None:
            if not raw["null_reason"].startswith("does not apply"):
                reasons.setdefault(raw["null_reason"], []).append(MEANINGS[name].title)
            continue
        rows.append([text(MEANINGS[name].title), figure(raw), figure(weighted), str(raw["n"]),
                     text(MEANINGS[name].sentence)])  # fmt: skip
        for series, entry in (("weighted", weighted), ("raw", raw)):
            if name in _BOUNDED and entry["ci_low"] is not None:
                drawn_rows.append(
                    {"name": MEANINGS[name].title, "series": series, "value": entry["value"],
                     "low": entry["ci_low"], "high": entry["ci_high"]}
                )  # fmt: skip
    shown = [s for s in ("weighted", "raw") if any(row["series"] == s for row in drawn_rows)]
    low = min([0.0, *(row["low"] for row in drawn_rows)])
    picture = (
        drawn(intervals(drawn_rows, (low, 1.0), shown), "agreement", "Agreement with intervals")
        if drawn_rows
        else ""
    )
    missing = "".join(
        f'<p class="soft">No {text(", ".join(names))}: {text(reason)}.</p>'
        for reason, names in reasons.items()
    )
    listing = table(["figure", "raw", "weighted", "n", "meaning"], rows, (3,)) if rows else ""
    return section(
        "Agreement",
        picture,
        missing,
        f'<details open><summary>Every figure</summary><div class="figures">{listing}</div>'
        "</details>",
    )


def pass_rate(document: dict[str, Any]) -> str:
    """Five estimates of the true rate, the default named."""
    entry = document["pass_rate"]
    if entry["of"] is None:
        return section("Pass rate", f'<p class="soft">{text(entry["default_reason"])}</p>')
    rows, drawn_rows = [], []
    for name in ESTIMATORS:
        value = entry[name]
        label = MEANINGS[name].title + (" (default)" if name == entry["default"] else "")
        rows.append([text(label), figure(value), str(value["n"]), number(value["n_eff"], 0)])
        if value["ci_low"] is not None:
            kind = "uncorrected" if name == "naive" else "corrected"
            drawn_rows.append({"name": label, "series": kind, "value": value["value"],
                               "low": value["ci_low"], "high": value["ci_high"]})  # fmt: skip
    series = [s for s in ("corrected", "uncorrected") if any(r["series"] == s for r in drawn_rows)]
    picture = (
        drawn(intervals(drawn_rows, None, series), "pass-rate", "Estimates of the rate")
        if drawn_rows
        else ""
    )
    saved = entry["labels_saved"]["value"]
    worth = f"<p>With the evaluator's help each label is worth {saved:.2f}.</p>" if saved else ""
    listing = table(["estimate", "value", "n", "worth"], rows, (2, 3))
    return section(
        rate_title(entry),
        f'<div class="columns"><div>{picture}</div><div>{listing}'
        f"<p>Default: {text(entry['default_reason'])}.</p>{worth}"
        f"{warnings(entry['warnings'])}</div></div>",
    )


def sampling(document: dict[str, Any]) -> str:
    """How items came before people, and what the weights make of them."""
    panel = document["sampling"]
    parts = []
    for name, entries in (("stratum", panel["strata"]), ("rule", panel["rules"])):
        if not entries:
            continue
        rows = [
            [text(s[name]), str(s["items"]), str(s["labelled"]), percent(s["reviewed_share"]),
             number(s["mean_probability"]), percent(s["weight_share"])]
            for s in entries
        ]  # fmt: skip
        header = [name, "items", "labels", "reviewed", "mean p", "share of weight"]
        parts.append(table(header, rows, (1, 2, 3, 4, 5)))
    if panel["kish_n_eff"] is not None:
        parts.append(
            f"<p>{panel['weighted']} labels with a known probability are worth "
            f"{panel['kish_n_eff']:.0f} (positive {panel['kish_n_eff_positive']:.0f}, negative "
            f"{panel['kish_n_eff_negative']:.0f}).</p>"
        )
    for entry in panel["excluded_from_weighted"]:
        more = entry["count"] - len(entry["items"])
        parts.append(
            f"<details><summary>{entry['count']} left out of weighted figures: "
            f"{text(entry['sentence'])}</summary>{cases(entry['items'], more)}</details>"
        )
    return section("Sampling", *parts)
