"""How good the semantic detectors are, on labelled data: writes ``docs/detector-quality.md``.

``python -m benchmarks.detectors --data DIR [--output FILE]``. DIR is the folder of labelled sets
that ``python -m analytics.text.train`` learns from; nothing of it is copied. Everything is seeded.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
import polars as pl

from analytics.detectors.catalog import load
from analytics.detectors.prefilters import PREFILTERS
from analytics.judge.prompts import messages
from analytics.judge.transcript import transcript
from analytics.text import corpora
from analytics.text.card import unseen_scores
from analytics.text.evidence import rule_evidence
from analytics.text.head import shipped_head
from analytics.text.measures import quality
from analytics.text.phrases import RULES
from analytics.text.recipes import OTHER_MODELS, RECIPES
from analytics.text.scoring import probabilities
from analytics.text.training import train
from benchmarks.labelled_traces import (
    CONFIG,
    call,
    customer_runs,
    decisions,
    ranking,
    task_dialogues,
)

SEED = 20
CHARACTERS_PER_TOKEN = 4.0

HEADER = (
    "| rung | measured on | n | positives | flagged | precision | recall | false positives "
    "| PR-AUC |\n|---|---|---|---|---|---|---|---|---|"
)
DETECTORS = {detector.id: detector for detector in load(CONFIG)}


def row(rung, name, labels, scores, threshold=0.5, order=None):
    """One line; ``order`` ranks what ``scores`` only splits, for the area under the curve."""
    labels = np.asarray(labels, dtype=np.int64)
    found = quality(labels, np.asarray(scores, float), threshold, SEED)
    area = found.pr_auc if order is None else quality(labels, order, threshold, SEED).pr_auc
    return (
        f"| {rung} | {name} | {found.n} | {found.positives} | {found.flagged} | {found.precision} "
        f"| {found.recall} | {found.false_positive_rate} | {area} |"
    )


def whole(detector, name, traces, labels):
    """Two lines: what the detector claims, and what it claims or finds ambiguous."""
    answers, context = decisions(DETECTORS[detector], traces)
    claimed = [answer == "matched" for answer in answers]
    noticed = [answer in ("matched", "ambiguous") for answer in answers]
    sure = ranking(DETECTORS[detector], context)
    order = np.array([sure.get(spans[0]["trace_id"], 0.0) for spans in traces])
    return [
        row("detector, matched", name, labels, claimed, order=order),
        row("detector, matched or ambiguous", name, labels, noticed, order=order),
    ]


def prefilter(detector, name, traces, labels):
    """What the string prefilter lets through: its recall is the ceiling of the rungs above."""
    _, context = decisions(DETECTORS[detector], traces)
    flags = context.semantic.flags
    passed = dict(zip(flags["trace_id"], flags[detector], strict=True))
    return row(
        "prefilter", name, labels, [passed.get(spans[0]["trace_id"], False) for spans in traces]
    )


def head_rows(recipe, folder, within):
    """The head by cross-validation, and on what it never saw (parts with both labels or one)."""
    head = shipped_head(recipe.specification.name)
    learned = recipe.training(folder)
    held_out = train(learned, recipe.specification, SEED).held_out
    lines = [row("classifier", within, learned["label"], held_out, head.rung.matched_at)]
    lines.append(
        row("classifier, ambiguous", within, learned["label"], held_out, head.rung.ambiguous_at)
    )
    for name, labels, scores in unseen_scores(head, recipe.held_out(folder)):
        lines.append(row("classifier", f"{name} (across)", labels, scores, head.rung.matched_at))
    return lines


def jailbreaking(folder):
    recipe = RECIPES["jailbreak"]
    learned = recipe.training(folder)
    lines = head_rows(recipe, folder, "all sets, 5 grouped folds (within)")
    for platform in ("reddit", "discord", "website"):
        lines.append(_without_platform(recipe, learned, platform))
    said = rule_evidence(learned["text"], RULES["jailbreak"])
    strengths = [evidence.strength for evidence in said]
    lines.append(row("rules, strength >= 0.6", "all sets", learned["label"], strengths, 0.6))
    prompts = [call(f"p{n}", [("user", text)]) for n, text in enumerate(learned["text"])]
    lines.append(prefilter("jailbreaking", "all sets", prompts, learned["label"]))
    seen = "all sets (the shipped head has seen them)"
    lines += whole("jailbreaking", seen, prompts, learned["label"])
    lines += _injections(folder)
    requests = corpora.request_prompts(folder)["text"]
    traces = [call(f"q{n}", [("user", text)]) for n, text in enumerate(requests)]
    lines += whole("jailbreaking", "plain requests (across)", traces, [0] * len(traces))
    lines += on_runs("jailbreaking", folder)
    return lines


def _without_platform(recipe, learned, platform):
    """Train without one platform's jailbreaks (and their near copies), test on them alone."""
    tested = learned.filter((pl.col("part") == platform) & (pl.col("label") == 1))
    rest = learned.filter(
        ~((pl.col("part") == platform) & (pl.col("label") == 1))
        & ~pl.col("group").is_in(tested["group"].implode())
    )
    # A tenth of the ordinary texts is set aside too, so that precision means something.
    kept = pl.Series(np.random.default_rng(SEED).random(rest.height) > 0.1)
    ordinary = rest.filter(~kept & (rest["label"] == 0))
    head = train(rest.filter(kept | (rest["label"] == 1)), recipe.specification, SEED).head
    test = pl.concat([tested, ordinary])
    scores = probabilities(head, test["text"])
    name = f"{platform}, trained without it (across)"
    return row("classifier", name, test["label"], scores, head.rung.matched_at)


def _injections(folder):
    attacks = corpora.injected_instructions(folder)
    customers = corpora.customer_texts(folder).filter(pl.col("part") == "tool")["text"].head(250)
    documents = [text[:400] for text in customers]
    traces, labels = [], []
    for number, text in enumerate(attacks["text"]):
        hidden = f"{documents[number % len(documents)]}\n{text}"
        traces.append(call(f"a{number}", [("user", "Summarise this.")], tool_result=hidden))
        labels.append(1)
    for number, text in enumerate(documents):
        traces.append(call(f"d{number}", [("user", "Summarise this.")], tool_result=text))
        labels.append(0)
    name = "bipia attacks in tool results (across)"
    lines = whole("jailbreaking", name, traces, labels)
    unread = [n for n in range(len(traces)) if n >= attacks.height or n % 9]
    return lines + whole(
        "jailbreaking",
        f"{name}, those not read",
        [traces[n] for n in unread],
        [labels[n] for n in unread],
    )


def refusal(folder):
    lines = head_rows(RECIPES["refusal"], folder, "Yi and self_instruct, 5 grouped folds (within)")
    xstest = corpora.xstest_answers(folder)
    wrong = (xstest["label"] == 1) & ~xstest["group"].str.starts_with("contrast_")
    lines += _answers("refusal", "xstest, refused though safe (across)", xstest, wrong)
    answers = corpora.refusal_answers(folder, ("yi", *OTHER_MODELS))
    harmless = answers["part"].str.contains("harmless")
    wrong = (answers["label"] == 1) & harmless
    name = "refusal_direction, refused though harmless (Yi within, others across)"
    lines += _answers("refusal", name, answers, wrong)
    return lines + on_runs("refusal", folder)


def _answers(detector, name, frame, wanted):
    rows = frame.select("request", "text").rows()
    traces = [
        call(f"{name} {n}", [("user", request), ("assistant", text)])
        for n, (request, text) in enumerate(rows)
    ]
    labels = wanted.cast(pl.Int64)
    return [prefilter(detector, name, traces, labels), *whole(detector, name, traces, labels)]


def inappropriate_content(folder):
    lines = head_rows(
        RECIPES["sexual"], folder, "openai_moderation and self_instruct, 5 grouped folds (within)"
    )
    texts = corpora.moderated_texts(folder)
    traces = [call(f"m{n}", [("user", text)]) for n, text in enumerate(texts["text"])]
    name = "openai_moderation (the shipped head has seen it)"
    lines.append(prefilter("inappropriate_content", name, traces, texts["label"]))
    strengths = [said.strength for said in rule_evidence(texts["text"], RULES["explicit"])]
    lines.append(
        row(
            "rules, strength >= 0.85", "openai_moderation (across)", texts["label"], strengths, 0.85
        )
    )
    lines += whole("inappropriate_content", name, traces, texts["label"])
    return lines + on_runs("inappropriate_content", folder)


def frustration(folder):
    return on_runs("frustration", folder) + on_ordinary("frustration", folder)


def forgetting(folder):
    dialogues = list(task_dialogues(folder))
    traces = [call(name, turns) for name, turns, _ in dialogues]
    labels = [label for _, _, label in dialogues]
    lines = whole("forgetting", "ci_tod, last turn contradicts history (across)", traces, labels)
    return lines + on_runs("forgetting", folder)


def laziness(folder):
    return on_runs("laziness", folder) + on_ordinary("laziness", folder)


def on_runs(detector, folder):
    """Flags on ordinary traffic without labels: every flag counts as a false positive here."""
    traces = [call(name, turns) for name, turns, _ in customer_runs(folder)]
    return whole(detector, "tau_bench runs, unlabelled", traces, [0] * len(traces))


def on_ordinary(detector, folder):
    rows = corpora.ordinary_answers(folder).select("request", "text").rows()
    traces = [
        call(f"o{n}", [("user", request), ("assistant", text)])
        for n, (request, text) in enumerate(rows)
    ]
    return whole(detector, "self_instruct, unlabelled", traces, [0] * len(traces))


SECTIONS = {
    "jailbreaking": jailbreaking,
    "refusal": refusal,
    "inappropriate_content": inappropriate_content,
    "frustration": frustration,
    "forgetting": forgetting,
    "laziness": laziness,
}


def judge_cost(folder, input_price, output_price):
    """What asking a judge about every ambiguity would take, per thousand traces."""
    traces = [call(name, turns) for name, turns, _ in customer_runs(folder)]
    lines = [
        "| detector | ambiguous per 1,000 traces | input tokens | US dollars |",
        "|---|---|---|---|",
    ]
    for detector in PREFILTERS:
        answers, context = decisions(DETECTORS[detector], traces)
        unsure = [
            spans[0]["trace_id"]
            for spans, answer in zip(traces, answers, strict=True)
            if answer == "ambiguous"
        ]
        parts = context.messages_of(pl.Series(unsure, dtype=pl.String))
        characters = 0
        for own in parts.partition_by("trace_id"):
            asked = messages(detector, transcript(own, 12_000))
            characters += sum(len(entry["content"]) for entry in asked)
        per_thousand = 1000 / len(traces)
        tokens = characters / CHARACTERS_PER_TOKEN * per_thousand
        asked = len(unsure) * per_thousand
        dollars = (tokens * input_price + asked * 120 * output_price) / 1e6
        lines.append(f"| {detector} | {asked:.0f} | {tokens:,.0f} | {dollars:.3f} |")
    return lines


def document(folder, input_price, output_price):
    parts = [
        "# Quality of the semantic detectors\n",
        "Written by `python -m benchmarks.detectors --data DIR`; do not edit by hand.\n",
        INTRODUCTION,
    ]
    for name, section in SECTIONS.items():
        sys.stderr.write(f"measuring {name}\n")
        detector = DETECTORS[name]
        parts.append(f"## {name} (version {detector.version})\n\n{NOTES[name]}\n")
        parts.append("\n".join([HEADER, *section(folder)]) + "\n")
    parts.append("## What a judge would cost\n")
    parts.append(
        "On the 200 `tau_bench` runs, were every ambiguity asked once: tokens counted as "
        f"characters divided by {CHARACTERS_PER_TOKEN:.0f}, "
        f"at ${input_price} per million input and "
        f"${output_price} per million output tokens, 120 tokens an answer.\n"
    )
    parts.append("\n".join(judge_cost(folder, input_price, output_price)) + "\n")
    parts.append(
        "The quality of a judge is not in this table: no model is shipped and none was reachable "
        "when it was written. Its verdicts are stored as evaluations, so `spandocket alignment "
        "report --evaluator judge:DETECTOR` measures yours against people.\n"
    )
    return "\n".join(parts)


INTRODUCTION = """Precision and recall with 95 % Wilson intervals; PR-AUC (average precision) with a
bootstrap interval; a dash where a figure is not defined. *Within* is cross-validation in
which copies of a text stay in one fold; *across* is data that the classifier never saw.
`matched` is what a detector claims; `ambiguous` is what it hands on (to a judge, to people by
sampling). Rung 1 is the classifier and rules together, as they ship; rung 3 (learned from
people's verdicts) is measured on your own verdicts by `spandocket detectors train`.
"""

NOTES = {
    "jailbreaking": """User texts go to the jailbreak head, which learned from long prompts, and to
rules, which also read short ones; tool results go to injection rules. Rules about orders on the
reader's answer or code were written after every ninth attack of `bipia` had been read; the rows
without those stand apart. One such order is only ambiguous. Injected questions and tasks that are
harmless out of their context are not recognisable by their words. The prompts of the sets are in
English and from 2022-2023.""",
    "refusal": """The classifier rows say whether an answer declines; the detector rows ask whether
it should not have. Rules say whether a request asks for harm: then it is declined rightly. The
claim is kept for requests without any sensitive word; what lies between is ambiguous. `xstest` is
built from requests whose words mislead, safe and unsafe; the rules on requests were written after
its prompts had been read, so those rows flatter them.""",
    "inappropriate_content": """One labelled set with 144 positives exists here. The head learned
from it; the rules on acts, wishes and advances were written without it, so that their row is
across. Some of what they flag there is abuse or spam with such words, labelled as not sexual.
Health, safety, teaching and art without such phrases claim nothing. Graphic violence is only
ambiguous.""",
    "frustration": """A labelled heuristic: no adequate labelled data, so recall is not known. The
rows count flags on ordinary traffic, which simulated customers of an airline are only roughly: all
the claims on their runs were read, and in each the customer says to be frustrated or unhappy.""",
    "forgetting": """A labelled heuristic for what was asked again, forbidden and done, or said
otherwise of the same thing. `ci_tod` labels contradicted facts: another place or event than agreed,
which most of them are, takes reading and a knowledge base, so recall there is low. Its judge is
shown the whole session.""",
    "laziness": """A labelled heuristic: no adequate labelled data, so recall is not known. The rows
count flags on ordinary answers.""",
}


def main(arguments=None):
    parser = argparse.ArgumentParser(prog="python -m benchmarks.detectors", description=__doc__)
    parser.add_argument("--data", type=Path, help="folder of the labelled sets")
    parser.add_argument("--output", type=Path, default=Path("docs/detector-quality.md"))
    parser.add_argument("--input-price", type=float, default=0.15, help="$ per million tokens")
    parser.add_argument("--output-price", type=float, default=0.6, help="$ per million tokens")
    options = parser.parse_args(arguments)
    if options.data is None:
        print("not measured: give the folder of labelled sets with --data")
        return
    text = document(options.data, options.input_price, options.output_price)
    options.output.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
