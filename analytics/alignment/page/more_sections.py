"""The sections that a report has when the data allow: ceiling, thresholds, versions, slices, next.

A section whose data do not allow it says why in one line.
"""

from __future__ import annotations

from typing import Any

from analytics.alignment.drift import traffic_sentences
from analytics.alignment.meanings import MEANINGS
from analytics.alignment.option_sets import best_block
from analytics.alignment.page.charts import (
    bars,
    differences,
    line_with_band,
    lines_by_threshold,
    unit_curve,
)
from analytics.alignment.page.drawing import drawn
from analytics.alignment.page.elements import (
    figure,
    number,
    section,
    table,
    text,
    value_of,
    warnings,
)


def verdict(document: dict[str, Any]) -> str:
    """What the evaluator may be used for, and why not for more."""
    entry = document["verdict"]
    reasons = "".join(f"<p>{text(reason)}</p>" for reason in entry["reasons"])
    sizes = ", ".join(f"{text(name)} {count}" for name, count in entry["class_sizes"].items())
    level = entry["level"].replace("_", "-")
    return (
        f'<div class="verdict {level}"><strong>{text(entry["sentence"])}</strong>{reasons}'
        f'<p class="soft">Decided by the lower bound of {text(entry["figure"])}: '
        f"{number(entry['lower_bound'])}; labels: {sizes}.</p></div>"
    )


def _absent(title: str, reason: str) -> str:
    return section(title, f'<p class="soft">{text(reason)}</p>')


def ceiling(document: dict[str, Any]) -> str:
    """People among themselves, the evaluator on the same yardstick."""
    entry = document["ceiling"]
    if entry["null_reason"]:
        people = _reviewers(entry["reviewers"])
        return _absent("Human ceiling", entry["null_reason"]) + people
    rows = [
        {"name": person["rater"], "series": series, "value": person[key]["value"]}
        for person in entry["by_rater"]
        for series, key in (("the person", "human"), ("the evaluator", "evaluator"))
        if person[key]["value"] is not None
    ]
    picture = drawn(bars(rows), "ceiling", "Each person and the evaluator against the others")
    figures = [
        ["people with each other", figure(entry["human_loo"])],
        ["evaluator, same yardstick", figure(entry["evaluator_loo"])],
        ["evaluator minus people", figure(entry["evaluator_minus_human"])],
        ["alpha of people", figure(entry["alpha_humans"])],
        ["alpha with the evaluator", figure(entry["alpha_with_evaluator"])],
        ["unanimous items", figure(entry["certainty"]["unanimous"])],
        ["contested items", figure(entry["certainty"]["contested"])],
        ["ties", figure(entry["tie_rate"])],
    ]
    if "kappa_human_human" in entry:
        figures.insert(5, ["kappa, people by pairs", figure(entry["kappa_human_human"])])
        figures.insert(6, ["Fleiss' kappa of people", figure(entry["fleiss_kappa_humans"])])
        figures.insert(7, ["AC1 of people", figure(entry["gwet_ac1_humans"])])
        figures.insert(8, ["kappa, evaluator and person", figure(entry["kappa_human_evaluator"])])
    listing = table(["figure", "value"], figures)
    return section(
        "Human ceiling",
        f'<div class="columns"><div>{picture if rows else ""}</div><div>{listing}'
        f"{_alternative(entry['alternative_test'])}</div></div>",
        _reviewers(entry["reviewers"]),
    )


def _alternative(entry: dict[str, Any]) -> str:
    if entry["null_reason"]:
        return ""
    outcome = "may stand in for a person" if entry["passed"] else "may not stand in for a person"
    caution = "" if entry["reliable"] else " Fewer than three people or fifty items: unreliable."
    return (
        f"<p>Alternative annotator test: the evaluator {outcome} (winning rate "
        f"{value_of(entry['winning_rate'], 2)}, advantage {figure(entry['advantage'])}, "
        f"epsilon {entry['epsilon']}).{caution}</p>"
    )


def _reviewers(entries: list[dict[str, Any]]) -> str:
    rows = [
        [text(entry["rater"]), str(entry["labels"]), figure(entry["agreement_with_others"]),
         figure(entry["agreement_with_adjudication"]), figure(entry["gold_accuracy"]),
         figure(entry["repeat_consistency"]["agreement"]),
         figure(entry["repeat_consistency"]["kappa"])]
        for entry in entries
    ]  # fmt: skip
    if not rows:
        return ""
    header = ["reviewer", "labels", "with others", "with adjudications", "on gold items",
              "with themselves", "kappa with themselves"]  # fmt: skip
    return f"<details><summary>Reviewers</summary>{table(header, rows, (1,))}</details>"


def versions(document: dict[str, Any]) -> str:
    """Segments, the weekly line, alerts, and version against version."""
    entry = document["versions"]
    parts = []
    if len(entry["segments"]) > 1:
        rows = [
            [text(s["version"]), str(s["labelled"]), text(s["figure"]), figure(s["raw"]),
             figure(s["weighted"])]
            for s in entry["segments"]
        ]  # fmt: skip
        header = ["version", "labels", "figure", "raw", "weighted"]
        parts.append(table(header, rows, (1,)))
    points = [
        {"start": window["start"], "value": window["figure"]["value"],
         "low": window["figure"]["ci_low"], "high": window["figure"]["ci_high"]}
        for window in entry["windows"] if window["figure"]["ci_low"] is not None
    ]  # fmt: skip
    if len(points) > 1:
        name = entry["segments"][-1]["figure"]
        parts.append(drawn(line_with_band(points, name), "drift", "The figure by week"))
    parts.append(
        warnings(
            f"{alert['start']}: {alert['because']}; {'; '.join(alert['causes'])}"
            for alert in entry["alerts"]
        )
    )
    parts.append(warnings(traffic_sentences(entry["traffic"])))
    parts += [_compared(found) for found in entry["comparisons"]]
    if not any(parts):
        return _absent("Versions and drift", entry["window_reason"] or "one version, one window")
    return section("Versions and drift", *parts)


def _compared(found: dict[str, Any]) -> str:
    kind = "weighted" if "weighted" in found else "raw"
    rows = [
        [text(name), number(entry["first"]["value"]), number(entry["second"]["value"]),
         figure(entry["difference"])]
        for name, entry in found[kind].items()
    ]  # fmt: skip
    one, two = text(found["first"]), text(found["second"])
    test = found.get("mcnemar")
    told = ""
    if test:
        told = (
            f"<p>Only {one} right: {test['first_only_right']}, only {two} right: "
            f"{test['second_only_right']}; McNemar mid-p {number(test['mid_p'], 4)}.</p>"
        )
    flipped = table(
        ["item", "people", str(found["first"]), str(found["second"])],
        [[f"<code>{text(f['item'])}</code>", text(f["human"]), text(f["first"]), text(f["second"])]
         for f in found["flipped"]],
    )  # fmt: skip
    return (
        f"<h3>{one} against {two}, {found['n']} common items</h3>"
        + table(["figure", str(found["first"]), str(found["second"]), "difference"], rows)
        + told
        + f"<details><summary>{found['flipped_count']} flipped items</summary>{flipped}</details>"
    )


def _suggested(entry: dict[str, Any]) -> str:
    if entry["suggested"] is None:
        return f"<p>A threshold is {text(entry['advice'])}.</p>"
    spread = entry["chosen_spread"]
    steady = "" if not spread else f", chosen between {spread['low']:g} and {spread['high']:g}"
    return (
        f"<p>Suggested threshold <b>{entry['suggested']:g}</b>{steady}, for "
        f"{text(entry['objective_sentence'])}: {value_of(entry['out_of_fold'])} on sessions it was "
        f"not chosen on, {value_of(entry['in_sample'])} in sample (optimism "
        f"{value_of(entry['optimism'])}). It is {text(entry['advice'])}.</p>"
    )


def thresholds(document: dict[str, Any]) -> str:
    """The sweep, ROC and precision-recall, reliability, and the tested suggestion."""
    entry = document["thresholds"]
    if entry["null_reason"]:
        return _absent("Threshold", entry["null_reason"])
    baseline = (
        f"Precision and recall, area {value_of(entry['pr_auc'], 2)}, "
        f"baseline {value_of(entry['prevalence'], 2)}"
    )
    pictures = [
        (lines_by_threshold(entry["sweep"], entry["suggested"]), "sweep", "Sweep"),
        (unit_curve(entry["roc"], ("false alarms", "caught"), diagonal=True), "roc",
         f"ROC, area {value_of(entry['auc'], 2)}"),
        (unit_curve(entry["precision_recall"], ("recall", "precision"),
                    level=entry["prevalence"]["value"]), "pr",
         baseline),
    ]  # fmt: skip
    if "reliability" in entry:
        points = [{"x": row["score"], "y": row["share"]} for row in entry["reliability"]]
        picture = unit_curve(points, ("score", "share of high values"), diagonal=True, dots=True)
        pictures.append((picture, "reliability", "Reliability"))
    shown = "".join(
        f"<div><h3>{title}</h3>{drawn(chart, name, title)}</div>" for chart, name, title in pictures
    )
    told = _suggested(entry) + warnings(filter(None, [entry["warning"]]))
    rows = [
        [f"{row['threshold']:g}", number(row["tpr"]), number(row["tnr"]), number(row["ppv"]),
         number(row["f1"]), number(row["mcc"])]
        for row in entry["sweep"]
    ]  # fmt: skip
    header = ["threshold", "TPR", "TNR", "PPV", "F1", "MCC"]
    listing = table(header, rows, (0, 1, 2, 3, 4, 5))
    scores = [["AUC", figure(entry["auc"])], ["Brier", figure(entry["brier"])],
              ["PR area", figure(entry["pr_auc"])],
              ["calibration error", figure(entry["ece"])]]  # fmt: skip
    return section(
        "Threshold",
        told,
        f'<div class="columns three">{shown}</div>',
        table(["figure", "value"], scores),
        f"<details><summary>Every threshold</summary>{listing}</details>",
    )


def options(document: dict[str, Any]) -> str:
    """Every option of answers that are sets, and how much whole sets overlap."""
    entry = document["option_sets"]
    if entry["null_reason"]:
        return ""
    kind = best_block(entry)
    names = ("tpr", "tnr", "ppv", "mcc", "cohen_kappa")
    rows = [
        [text(row["option"]), *(figure(row[kind][name]) for name in names)]
        for row in entry["options"]
    ]
    told = (
        f"<p>Sets overlap: Jaccard {figure(entry['jaccard'][kind])}, MASI "
        f"{figure(entry['masi'][kind])} ({kind}, {entry['jaccard'][kind]['n']} items).</p>"
    )
    header = ["option", *(MEANINGS[name].title for name in names)]
    return section("Options", told, table(header, rows))


def residuals(document: dict[str, Any]) -> str:
    """Where the evaluator's numbers lie above or below people's."""
    entry = document["residuals"]
    if entry["null_reason"]:
        return ""
    picture = drawn(differences(entry), "residuals", "Differences against means")
    told = (
        f"<p>Mean difference {value_of(entry['mean_difference'])}; 95 % of single differences lie "
        f"between {value_of(entry['limit_low'])} and {value_of(entry['limit_high'])}.</p>"
    )
    return section("Differences", picture, told)


def slices(document: dict[str, Any]) -> str:
    """Agreement in each part, corrected for looking at many."""
    rows = [
        [text(row["column"]), text(row["value"]), str(row["n"]),
         figure(row["agreement"]) if row["agreement"] else "too few",
         figure(row["difference"]) if row["difference"] else "&ndash;", number(row["p_adjusted"])]
        for row in document["slices"]["rows"]
    ]  # fmt: skip
    if not rows:
        return ""
    header = ["part", "value", "n", "agreement", "against the rest", "p, corrected"]
    return section("Slices", table(header, rows, (2, 4, 5)))


def label_next(document: dict[str, Any]) -> str:
    """Which labels would help most."""
    entry = document["label_next"]
    if entry["null_reason"]:
        return _absent("Label next", entry["null_reason"])
    told = "".join(f"<p>{text(c['sentence'])}.</p>" for c in entry["cells"] if c["sentence"])
    rows = [
        [f"<code>{text(item['item'])}</code>", number(item["probability"], 4),
         number(item["importance"], 4), text(item["reason"])]
        for item in entry["items"]
    ]  # fmt: skip
    listing = table(["item", "p", "importance", "why"], rows, (1, 2))
    summary = f"The next {entry['count']} items"
    if entry["half_width_now"] is not None:
        summary += f": ±{entry['half_width_now']:.3f} becomes ±{entry['half_width_then']:.3f}"
    return section("Label next", told, f"<details><summary>{summary}</summary>{listing}</details>")
