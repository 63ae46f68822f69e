"""Our figures on public sets beside the published ones, with what makes them differ."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from analytics.alignment.raters import chance_corrected, class_counts
from analytics.alignment.report import ReportOptions, report
from analytics.alignment.reviewers import pairwise_kappa
from analytics.alignment.score_types import ScaleOptions, ScoreType
from cli.judged_sets.readers import read_set

if TYPE_CHECKING:
    from collections.abc import Iterable

    from analytics.alignment.figure import Figure
    from analytics.alignment.report import Report
    from cli.judged_sets.records import JudgedSet

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = {
    "xstest": ROOT / "cli/demonstration/data/xstest",
    "pandalm": ROOT / "tests/data/judged_sets/pandalm",
    "unieval": ROOT / "tests/data/judged_sets/unieval",
}
XSTEST_HUMANS = {
    "llama2orig": (96.4, 0.93), "llama2new": (95.8, 0.93), "mistralinstruct": (97.6, 0.92),
    "mistralguard": (93.8, 0.89), "gpt4": (98.4, 0.97),
}  # fmt: skip
"""Raw agreement in per cent and Fleiss' kappa of the two annotators, by model."""
XSTEST_JUDGE = (0.803, 0.635)
PANDALM_KAPPA = (0.85, 0.88, 0.86)
PANDALM_MAJORITY = {"tie": 105, "first": 422, "second": 472}
UNIEVAL = {
    "topical_chat_naturalness": (0.443666, 0.513986, 0.373973),
    "topical_chat_coherence": (0.595143, 0.612942, 0.465915),
    "topical_chat_engagingness": (0.55651, 0.604739, 0.455941),
    "topical_chat_groundedness": (0.536209, 0.574954, 0.451533),
    "topical_chat_understandability": (0.380038, 0.467807, 0.360741),
    "topical_chat_overall": (0.632796, 0.662583, 0.487272),
    "qags_xsum_consistency": (0.461376, 0.48792, 0.399218),
    "qags_cnndm_consistency": (0.681681, 0.662255, 0.531636),
}
"""Pearson, Spearman and Kendall."""


def page() -> str:
    """The whole of ``docs/judged-sets.md``."""
    return "\n".join([*_head(), *_xstest(), *_pandalm(), *_unieval()]) + "\n"


def one_report(judged: JudgedSet, field: str, evaluator: str) -> Report:
    """The report on one field and one evaluator of a set."""
    known = {entry.name: entry for entry in judged.fields}[field]
    kind = ScoreType.CATEGORICAL if known.type == "categorical" else ScoreType.NUMERIC
    options = ReportOptions(scale=ScaleOptions(score_type=kind, labels=known.options))
    return report(judged.pairs(field, evaluator), options)


def annotators_of_xstest(judged: JudgedSet) -> dict[str, tuple[float, float, int]]:
    """By model: raw agreement in per cent, Fleiss' kappa, answers."""
    import csv

    path = FOLDERS["xstest"] / "labels_only_2250.csv"
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    options = {value: code for code, value in enumerate(judged.fields[0].options)}
    found = {}
    for model in XSTEST_HUMANS:
        codes = np.array(
            [[options[row["annotation_1"]], options[row["annotation_2"]]]
             for row in rows if row["model"] == model]
        )  # fmt: skip
        counts = class_counts(codes, len(options))
        raw = 100 * float((codes[:, 0] == codes[:, 1]).mean())
        found[model] = (raw, chance_corrected(counts, np.eye(len(options)), "fleiss"), len(codes))
    return found


def kappas_of_pandalm(judged: JudgedSet) -> list[float]:
    """Cohen's kappa of annotators 1-2, 1-3 and 2-3."""
    options = {value: float(code) for code, value in enumerate(judged.fields[0].options)}
    by_item: dict[str, dict[str, float]] = {}
    for answer in judged.answers:
        by_item.setdefault(answer.object_id, {})[answer.reviewer] = options[answer.value]
    table = np.array([[given[f"annotator_{n}"] for n in (1, 2, 3)] for given in by_item.values()])
    kappas = [pairwise_kappa(table[:, pair], 3) for pair in ([0, 1], [0, 2], [1, 2])]
    return [kappa for kappa in kappas if kappa is not None]


def _head() -> list[str]:
    return [
        "# Agreement on public sets",
        "",
        "Three published sets of human and judge verdicts, imported with one command each, and our",
        "figures beside the published ones. This page is written by `make docs` from the data.",
        "",
        "```sh",
        "spandocket alignment import xstest FOLDER    # labels_only_2250.csv",
        "spandocket alignment import pandalm FOLDER   # testset-v1.json.gz and the two judges",
        "spandocket alignment import unieval FOLDER   # topical_chat, qags_xsum, qags_cnndm",
        "spandocket alignment report --evaluator gpt4_judge --field response_type",
        "```",
        "",
    ]


def _rows(header: str, rows: Iterable[str]) -> list[str]:
    return [header, "|" + "---|" * (header.count("|") - 1), *rows, ""]


def _figure(entry: Figure) -> str:
    return f"{entry.value:.3f} [{entry.ci_low:.3f}, {entry.ci_high:.3f}]"


def _xstest() -> list[str]:
    judged = read_set("xstest", FOLDERS["xstest"])
    people = [
        f"| {model} | {n} | {raw:.1f} | {XSTEST_HUMANS[model][0]:.1f} | {kappa:.2f} | "
        f"{XSTEST_HUMANS[model][1]:.2f} |"
        for model, (raw, kappa, n) in annotators_of_xstest(judged).items()
    ]
    judge = one_report(judged, "response_type", "gpt4_judge")
    match = one_report(judged, "response_type", "string_match")
    return [
        "## XSTest: refusals",
        "",
        "Two annotators, by model:",
        "",
        *_rows("| model | answers | raw % | published | Fleiss' kappa | published |", people),
        "Evaluators against the settled label:",
        "",
        *_rows(
            "| evaluator | pairs | agreement | published | kappa | published |",
            [
                _judge_row("gpt4_judge", judge, *XSTEST_JUDGE),
                _judge_row("string_match", match, "-", "-"),
            ],
        ),
        f"{judge.scope['without_evaluator_score']['count']} verdicts of GPT-4 are no label; they",
        f"are failed evaluations here and leave {judge.raw['accuracy'].n} pairs. To four digits",
        f"kappa is {judge.raw['cohen_kappa'].value:.4f}.",
        "",
    ]


def _judge_row(name: str, found: Report, accuracy: object, kappa: object) -> str:
    agreement, beyond = found.raw["accuracy"], found.raw["cohen_kappa"]
    return (
        f"| {name} | {agreement.n} | {_figure(agreement)} | {accuracy} | "
        f"{_figure(beyond)} | {kappa} |"
    )


def _pandalm() -> list[str]:
    judged = read_set("pandalm", FOLDERS["pandalm"])
    kappas = kappas_of_pandalm(judged)
    reports = {
        name: one_report(judged, "better_answer", name) for name in ("pandalm-7b", "gpt-3.5-turbo")
    }
    counts = dict(
        zip(
            reports["pandalm-7b"].confusion["labels"],
            map(sum, reports["pandalm-7b"].confusion["counts"]),
            strict=True,
        )
    )
    people = reports["pandalm-7b"].ceiling
    return [
        "## PandaLM: which answer is better",
        "",
        *_rows(
            "| annotators | Cohen's kappa | published |",
            [
                f"| {pair} | {ours:.3f} | {theirs:.2f} |"
                for pair, ours, theirs in zip(
                    ("1 and 2", "1 and 3", "2 and 3"), kappas, PANDALM_KAPPA, strict=True
                )
            ],
        ),
        f"Majority: {counts['tie']} ties, {counts['first']} first, {counts['second']} second",
        f"(published {', '.join(str(count) for count in PANDALM_MAJORITY.values())}).",
        "",
        *_rows(
            "| judge | pairs | agreement | kappa | minus people, same yardstick |",
            [
                f"| {name} | {found.raw['accuracy'].n} | {_figure(found.raw['accuracy'])} | "
                f"{_figure(found.raw['cohen_kappa'])} | "
                f"{_figure(found.ceiling['evaluator_minus_human'])} |"
                for name, found in reports.items()
            ],
        ),
        f"People agree with each other in {people['human_loo'].value:.1%}: that is the ceiling.",
        "Verdicts of GPT-3.5 that name no answer are failed evaluations, and not ties.",
        "",
    ]


def _unieval() -> list[str]:
    judged = read_set("unieval", FOLDERS["unieval"])
    rows = []
    for field, published in UNIEVAL.items():
        evaluator = f"unieval_{field.rpartition('_')[2]}"
        raw = one_report(judged, field, evaluator).raw
        cells = [
            f"{_figure(raw[name])} | {theirs:.3f}"
            for name, theirs in zip(
                ("pearson", "spearman", "kendall_tau_b"), published, strict=True
            )
        ]
        rows.append(f"| {field} | {' | '.join(cells)} |")
    overall = one_report(judged, "topical_chat_overall", "unieval_overall").raw
    return [
        "## UniEval: numeric scores",
        "",
        *_rows("| field | Pearson | published | Spearman | published | tau-b | published |", rows),
        "Values are the same to every published digit; the intervals are ours and respect the",
        "dialogue contexts, from which six answers each come. Correlation is not agreement: the",
        f"overall score of Topical-Chat lies {-(overall['bias'].value or 0):.2f} below people's,",
        f"on another scale, and the concordance is {overall['ccc'].value:.2f}.",
    ]
