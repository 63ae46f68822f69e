"""Every noun of the command: where it lives and the sentence that the root help shows.

The sentence stands here so that ``spandocket --help`` imports none of the modules.
"""

from __future__ import annotations

from typing import NamedTuple


class Noun(NamedTuple):
    """A noun: ``module:attribute`` of its click command, and one sentence."""

    target: str
    sentence: str


NOUNS: dict[str, Noun] = {
    "serve": Noun("cli.serve:serve", "Receive OTLP spans and logs, and load them into the tables."),
    "import": Noun("cli.import_files:import_files", "Load OTLP files the way the receiver would."),
    "receiver": Noun("cli.receiver:receiver", "Show how the receiver is doing."),
    "tokens": Noun(
        "cli.tokens:tokens", "Create, list and revoke the tokens of senders and reviewers."
    ),
    "quarantine": Noun(
        "cli.quarantine:quarantine", "List, show, retry and drop requests that cannot be loaded."
    ),
    "spans": Noun("cli.spans:spans", "List, show and count canonical spans."),
    "dialects": Noun("cli.dialects:dialects", "List the GenAI dialects that are understood."),
    "prices": Noun("cli.prices:prices", "List model prices, and models without one."),
    "traces": Noun("cli.traces:traces", "List and show traces, and say where one is."),
    "sessions": Noun("cli.sessions:sessions", "List and show conversations, rolled up."),
    "analyze": Noun("cli.analyze:analyze", "Find what deserves a person and fill the queues."),
    "runs": Noun("cli.runs:runs", "Show what the batch job did, and when."),
    "detectors": Noun("cli.detectors:detectors", "List the detectors and their scorecards."),
    "baselines": Noun("cli.baselines:baselines", "List and compare resource baselines by cohort."),
    "findings": Noun("cli.findings:findings", "List what the detectors found."),
    "queues": Noun("cli.queues:queues", "Create and show annotation queues and their progress."),
    "items": Noun("cli.items:items", "Add, list, claim and finish queue items."),
    "fields": Noun("cli.fields:fields", "Create and list annotation fields."),
    "annotations": Noun("cli.annotations:group", "Add, list and import human answers."),
    "adjudications": Noun("cli.adjudications:adjudications", "Settle what reviewers disagree on."),
    "issues": Noun("cli.issues:issues", "Record known problems that answers point to."),
    "datasets": Noun("cli.datasets:datasets", "Keep reviewed objects for evaluation or training."),
    "views": Noun("cli.views:views", "Save filters over a queue's items."),
    "webhooks": Noun("cli.webhooks:webhooks", "Tell other programs what happens in the queues."),
    "reviewers": Noun("cli.reviewers:reviewers", "Tell who reviews, how much, how far they agree."),
    "audit": Noun("cli.audit:audit", "Read the log of every write to the queues."),
    "evaluations": Noun("cli.evaluations:evaluations", "List and import evaluator scores."),
    "alignment": Noun("cli.alignment:alignment", "Report how far evaluators agree with people."),
    "review": Noun("cli.review:review", "Serve the review page for the people of the queues."),
    "store": Noun("cli.store:store", "Compact the tables, apply retention, show their size."),
    "config": Noun("cli.config:config", "Show and check the settings."),
    "doctor": Noun("cli.doctor:doctor", "Check the installation, the ports and the stores."),
    "demo": Noun("cli.demo:demo", "Run the main path on real data shipped with the product."),
}
