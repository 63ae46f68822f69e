"""The demonstration, act by act: receive, analyse, queue, answer, align."""

from __future__ import annotations

import csv
import json
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from cli.demonstration.agent_runs import SERVICE as AGENT_SERVICE
from cli.demonstration.agent_runs import read_runs, spans_of_runs
from cli.demonstration.errors import NotLoadedError
from cli.demonstration.judged_answers import (
    ANNOTATORS,
    FIELD,
    JUDGE,
    LABELS,
    POSITIVE,
    STRING_MATCH,
    answers_of_people,
    final_label,
    object_id,
    read_answers,
    scores_of_answers,
    spans_of_answers,
)
from cli.demonstration.judged_answers import SERVICE as JUDGED_SERVICE
from cli.demonstration.progress import progress_bar
from cli.demonstration.published import PUBLISHED, PUBLISHED_JUDGE, agreement
from cli.demonstration.sending import send_scores, send_spans
from cli.demonstration.server import Server
from cli.demonstration.stage import typed

if TYPE_CHECKING:
    from cli.demonstration.judged_answers import Row
    from cli.demonstration.stage import Stage

PERIOD_START = 1_793_577_600_000_000_000
"""2026-11-02 00:00 UTC, the first moment of the demonstrated week: a constant, so that every
demonstration stores the same bytes."""

_LOAD_SECONDS = 60.0
_EXPECTED = {"spans": 6068, "evaluations": 4500}


def play(stage: Stage) -> None:
    """Run every act; raises :class:`DemonstrationError` when one does not succeed."""
    stage.clear()
    rows = read_answers()
    with Server(stage.folder, stage.environment) as server:
        stage.say(f"spandocket serve listens on {server.grpc_endpoint} (OTLP over gRPC).")
        _send(server.grpc_endpoint, rows)
        _wait_until_loaded(stage)
        _analyse(stage)
        _answer(stage, rows)
        _align(stage, rows)
    stage.say("\nThe server stopped cleanly.")
    _next(stage)


def _send(endpoint: str, rows: list[Row]) -> None:
    endpoint = f"http://{endpoint}"
    runs = list(spans_of_runs(read_runs(), PERIOD_START))
    with progress_bar("Sending agent runs (tau-bench)", len(runs), "spans") as sent:
        send_spans(endpoint, AGENT_SERVICE, runs, sent)
    answers = list(spans_of_answers(rows, PERIOD_START))
    with progress_bar("Sending model answers (XSTest)", len(answers), "spans") as sent:
        send_spans(endpoint, JUDGED_SERVICE, answers, sent)
    scores = list(scores_of_answers(rows, PERIOD_START))
    with progress_bar("Sending evaluator scores", len(scores), "log records") as sent:
        send_scores(endpoint, scores, sent)


def _wait_until_loaded(stage: Stage) -> None:
    """Acknowledged is durable already; the tables follow within a second or so."""
    import polars as pl

    from span_store.store import SpanStore

    store = SpanStore(stage.folder)
    deadline = time.monotonic() + _LOAD_SECONDS
    with progress_bar("Loading into the tables", sum(_EXPECTED.values()), "rows") as loaded:
        known = 0
        while True:
            counts = {
                table: store.scan(table).select(pl.len()).collect().item() for table in _EXPECTED
            }
            loaded(sum(counts.values()) - known)
            known = sum(counts.values())
            if counts == _EXPECTED:
                return
            if time.monotonic() > deadline:
                raise NotLoadedError(counts, _EXPECTED)
            time.sleep(0.2)


def _analyse(stage: Stage) -> None:
    stage.show("analyze", "--format", "table")
    stage.show("queues", "progress", "--format", "table")
    queues = [json.loads(line) for line in stage.run("queues", "progress").splitlines()]
    fullest = max(queues, key=lambda queue: queue["total"])["queue"]
    stage.show("items", "list", fullest, "--limit", "5", "--format", "table")


def _answer(stage: Stage, rows: list[Row]) -> None:
    """The recorded answers of the people, as a file that anyone could have written."""
    path = stage.folder / "human_answers.csv"
    answers = [asdict(answer) for answer in answers_of_people(rows)]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(answers[0]))
        writer.writeheader()
        writer.writerows(answers)
    options = [word for label in LABELS for word in ("--option", label)]
    stage.show("fields", "create", FIELD, "--type", "categorical", *options)
    stage.show("annotations", "import", stage.short(path))


def _align(stage: Stage, rows: list[Row]) -> None:
    for evaluator in (JUDGE, STRING_MATCH):
        page = stage.folder / f"alignment_{evaluator}.html"
        stage.show(
            *("alignment", "report", "--evaluator", evaluator, "--field", FIELD),
            *("--positive", POSITIVE, "--html", stage.short(page), "--format", "table"),
        )
    _compare(stage, rows)


def _compare(stage: Stage, rows: list[Row]) -> None:
    """The stored answers' agreement beside the figures published with the data."""
    model_of = {object_id(row): row["model"] for row in rows}
    answers: dict[str, dict[str, Any]] = {}
    for line in stage.run("annotations", "list", "--format", "jsonl").splitlines():
        answer = json.loads(line)
        answers.setdefault(answer["object_id"], {})[answer["reviewer"]] = answer["value"]
    stage.say("\nThe two annotators, here and as published:")
    click.echo(
        f"{'model':<17}{'n':>5}  {'raw %':>6} {'published':>10}  {'kappa':>6} {'published':>10}"
    )
    for model, (raw, kappa) in PUBLISHED.items():
        pairs = [
            (given[ANNOTATORS[0]], given[ANNOTATORS[1]])
            for judged, given in answers.items()
            if model_of[judged] == model
        ]
        here = agreement(pairs)
        click.echo(
            f"{model:<17}{here.n:>5}  {100 * here.raw:>6.1f} {raw:>10.1f}"
            f"  {here.fleiss_kappa:>6.2f} {kappa:>10.2f}"
        )
    settled = {object_id(row): final_label(row) for row in rows}
    verdicts = [json.loads(x) for x in stage.run("evaluations", "list").splitlines()]
    judged = [
        (settled[v["object_id"]], v["label"])
        for v in verdicts
        if v["evaluator"] == JUDGE and v["label"] is not None
    ]
    here = agreement(judged)
    accuracy, kappa = PUBLISHED_JUDGE
    stage.say("\nThe GPT-4 judge against the settled labels, here and as published:")
    click.echo(
        f"{'accuracy':<9}{here.raw:.4f}  published {accuracy:.3f}    "
        f"kappa {here.cohen_kappa:.4f}  published {kappa:.3f}    n {here.n}"
    )


def _next(stage: Stage) -> None:
    failing = "error_count > 0"
    stage.say("\nWhat you would type next:")
    for arguments in (
        ("traces", "list", "--where", failing, "--limit", "5"),
        ("items", "next", "tool_call_errors", "--reviewer", "me"),
        ("review", "--port", "4380"),
    ):
        click.echo(f"  {typed(stage.folder, arguments)}")
