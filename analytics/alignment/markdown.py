"""The report as Markdown, short enough for a pull request."""

from __future__ import annotations

from typing import Any

from analytics.alignment.drift import traffic_sentences
from analytics.alignment.meanings import MEANINGS, headline, rate_title
from analytics.alignment.option_sets import best_block

_ESTIMATORS = ("naive", "human_weighted", "ppi", "stratified", "rogan_gladen")


def markdown(document: dict[str, Any]) -> str:
    """Scope, headline figures, matrix, pass rate and every coefficient that has a value."""
    scope = document["scope"]
    name = scope["evaluator"] or scope.get("file") or "evaluator"
    version = f" version {scope['evaluator_version']}" if scope["evaluator_version"] else ""
    parts = [f"## Alignment of {_cell(name)}{_cell(version)} against {_cell(_against(scope))}"]
    parts.append(
        f"{scope['score_type']} scores, {scope['labelled']} labels, {scope['population']} items; "
        + _cell("; ".join(scope["mapping"]))
    )
    zero = document["sampling"]["zero_probability"]["sentence"]
    told = [*scope["warnings"], *document["sampling"]["warnings"], *([zero] if zero else [])]
    parts += [f"> **Note:** {_cell(sentence)}" for sentence in told]
    entry = document["verdict"]
    parts.append(f"**{entry['sentence']}** " + _cell("; ".join(entry["reasons"])))
    if entry["level"] == "too_few":
        return "\n\n".join([*parts, _matrix(document["confusion"])]) + "\n"
    parts.append(_headline(document))
    parts += [_cell(entry["sentence"]) for entry in document["zero_errors"]]
    parts.append(_matrix(document["confusion"]))
    parts.append(_options(document["option_sets"]))
    parts.append(_rates(document["pass_rate"]))
    parts.append(_ceiling(document["ceiling"]))
    parts.append(_drift(document["versions"]))
    parts.append(_agreement(document))
    return "\n\n".join(part for part in parts if part) + "\n"


def _against(scope: dict[str, Any]) -> str:
    return scope["field"] or "people"


def _cell(value: Any) -> str:
    """Text that cannot break a table or start markup."""
    out = str(value)
    for sign in "\\`*_{}[]<>|#":
        out = out.replace(sign, f"\\{sign}")
    return out.replace("\n", " ")


def _figure(entry: dict[str, Any]) -> str:
    if entry["value"] is None:
        return f"none: {_cell(entry['null_reason'])}"
    if entry["ci_low"] is None:
        return f"{entry['value']:.3f}"
    return f"{entry['value']:.3f} [{entry['ci_low']:.3f}, {entry['ci_high']:.3f}]"


def _table(header: list[str], rows: list[list[str]]) -> str:
    lines = ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


def _headline(document: dict[str, Any]) -> str:
    rows = [
        [MEANINGS[name].title, _figure(document["weighted"][name]), _figure(document["raw"][name])]
        for name in headline(document["scope"]["score_type"])
    ]
    return _table(["figure", "weighted", "raw"], rows)


def _matrix(entry: dict[str, Any]) -> str:
    if entry["null_reason"]:
        return ""
    labels = [_cell(label) for label in entry["labels"]]
    rows = [
        [f"**{label}**", *(str(count) for count in counts)]
        for label, counts in zip(labels, entry["counts"], strict=True)
    ]
    return _table(["people \\ evaluator", *labels], rows)


def _options(entry: dict[str, Any]) -> str:
    if entry["null_reason"]:
        return ""
    kind = best_block(entry)
    rows = [
        [_cell(row["option"]), *(_figure(row[kind][name]) for name in ("tpr", "tnr", "mcc"))]
        for row in entry["options"]
    ]
    overlap = ", ".join(
        f"{title} {_figure(entry[name][kind])}"
        for title, name in (("Jaccard", "jaccard"), ("MASI", "masi"))
    )
    listing = _table(["option", *(MEANINGS[name].title for name in ("tpr", "tnr", "mcc"))], rows)
    return f"### Options ({kind})\n\nOverlap of sets: {overlap}.\n\n{listing}"


def _rates(entry: dict[str, Any]) -> str:
    if entry["of"] is None:
        return ""
    rows = [
        [MEANINGS[name].title + (" (default)" if name == entry["default"] else ""),
         _figure(entry[name])]
        for name in _ESTIMATORS
    ]  # fmt: skip
    return f"### {_cell(rate_title(entry))}\n\n" + _table(["estimate", "value"], rows)


def _ceiling(entry: dict[str, Any]) -> str:
    if entry["null_reason"]:
        return _reviewers(entry["reviewers"])
    rows = [
        ["people with each other", _figure(entry["human_loo"])],
        ["evaluator, same yardstick", _figure(entry["evaluator_loo"])],
        ["evaluator minus people", _figure(entry["evaluator_minus_human"])],
        ["alpha of people", _figure(entry["alpha_humans"])],
    ]
    if "fleiss_kappa_humans" in entry:
        rows.append(["Fleiss' kappa of people", _figure(entry["fleiss_kappa_humans"])])
    people = _reviewers(entry["reviewers"])
    ceiling = "### Human ceiling\n\n" + _table(["figure", "value"], rows)
    return f"{ceiling}\n\n{people}" if people else ceiling


_KNOWN = ("agreement_with_others", "agreement_with_adjudication", "gold_accuracy")


def _reviewers(entries: list[dict[str, Any]]) -> str:
    """A row for each reviewer of whom more is known than a number of labels."""
    rows = []
    for entry in entries:
        figures = [*(entry[name] for name in _KNOWN), *entry["repeat_consistency"].values()]
        if any(figure["value"] is not None for figure in figures):
            cells = ["" if figure["value"] is None else _figure(figure) for figure in figures]
            rows.append([_cell(entry["rater"]), str(entry["labels"]), *cells])
    header = ["reviewer", "labels", "with others", "with adjudications", "on gold items",
              "with themselves", "kappa with themselves"]  # fmt: skip
    return "### Reviewers\n\n" + _table(header, rows) if rows else ""


def _drift(entry: dict[str, Any]) -> str:
    told = [
        f"{alert['start']}: {alert['because']}; {'; '.join(alert['causes'])}"
        for alert in entry["alerts"]
    ]
    told += traffic_sentences(entry["traffic"])
    return "\n".join(f"> **Alert:** {_cell(sentence)}" for sentence in told)


def _agreement(document: dict[str, Any]) -> str:
    rows = [
        [MEANINGS[name].title, _figure(raw), _figure(document["weighted"][name]), str(raw["n"])]
        for name, raw in document["raw"].items()
        if raw["value"] is not None
    ]
    if not rows:
        return ""
    listing = _table(["figure", "raw", "weighted", "n"], rows)
    return f"<details><summary>Every figure</summary>\n\n{listing}\n\n</details>"
