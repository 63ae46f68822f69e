"""``spandocket alignment history``: versions, weekly windows and alerts of one evaluator or all."""

from __future__ import annotations

from typing import Any

import click

from cli.alignment_options import NUMBER, read_source, reading_options
from cli.context import Context, pass_context
from cli.output import default_format, format_option, say, write_object, write_rows


@click.command(epilog="Example: spandocket alignment history judge --field bad")
@click.argument("evaluator", required=False)
@reading_options
@click.option("--gate", type=NUMBER, help="A lower bound under this raises an alert.")
@format_option
@pass_context
def history(
    context: Context, /, evaluator: str | None, output_format: str | None, **asked: Any
) -> None:
    """Show every version of an evaluator and its weekly windows, with alerts.

    Without an evaluator: the windows of every evaluator of the field, with alerts corrected for
    having looked at so many.
    """
    from analytics.alignment.drift import traffic_sentences
    from analytics.alignment.report import report

    if evaluator is None and asked["pairs_file"] is None:
        _history_of_all(context, output_format, asked)
        return
    source = read_source(context, asked, evaluator)
    versions = report(source.frame, source.options, source.about).to_json()["versions"]
    if (output_format or default_format()) in ("json", "jsonl"):
        write_object(versions, output_format)
        return
    rows = [
        {"kind": "version", "name": entry["version"], "start": entry["first_label"],
         "end": entry["last_label"], "n": entry["labelled"], **_best(entry)}
        for entry in versions["segments"]
    ] + [
        {"kind": "window", "name": versions["reported"], "start": window["start"],
         "end": window["end"], "n": window["figure"]["n"], "figure": "",
         **{key: window["figure"][key] for key in ("value", "ci_low", "ci_high")}}
        for window in versions["windows"]
    ]  # fmt: skip
    columns = ("kind", "name", "start", "end", "n", "figure", "value", "ci_low", "ci_high")
    write_rows(rows, output_format, columns)
    for alert in versions["alerts"]:
        say(f"alert {alert['start']}: {alert['because']}; {'; '.join(alert['causes'])}")
    for sentence in traffic_sentences(versions["traffic"]):
        say(sentence)
    if versions["window_reason"]:
        say(f"no windows: {versions['window_reason']}")


def _best(entry: dict[str, Any]) -> dict[str, Any]:
    figure = entry["weighted"] if entry["weighted"]["value"] is not None else entry["raw"]
    return {"figure": entry["figure"]} | {
        key: figure[key] for key in ("value", "ci_low", "ci_high")
    }


def _history_of_all(context: Context, output_format: str | None, asked: dict[str, Any]) -> None:
    """Every evaluator's windows and alerts, one family of tests a week."""
    from analytics.alignment.drift import alerts_of_many
    from analytics.alignment.errors import AlignmentError
    from analytics.alignment.report import make_samples
    from analytics.alignment.windows import windows
    from cli.alignment_scores import scored_evaluators

    if asked["field_name"] is None:
        raise click.UsageError(
            "name an evaluator, or give --field for all of them, or --pairs FILE"
        )
    found = {}
    for name in scored_evaluators(context):
        try:
            source = read_source(context, asked, name)
            samples, version = make_samples(source.frame, source.options)
        except AlignmentError as error:
            say(f"{name} is left out: {error}")
            continue
        own = windows(samples[version])
        if own:
            found[name] = own
    alerts = alerts_of_many(found, asked["gate"])
    if (output_format or default_format()) in ("json", "jsonl"):
        write_object(
            {name: {"windows": [window.to_json() for window in own], "alerts": alerts[name]}
             for name, own in found.items()},
            output_format,
        )  # fmt: skip
        return
    rows = [
        {"evaluator": name, "start": window.start, "end": window.end, "n": window.figure.n,
         "value": window.figure.value, "ci_low": window.figure.ci_low,
         "ci_high": window.figure.ci_high,
         "alert": next((a["because"] for a in alerts[name] if a["start"] == window.start), "")}
        for name, own in found.items()
        for window in own
    ]  # fmt: skip
    columns = ("evaluator", "start", "end", "n", "value", "ci_low", "ci_high", "alert")
    write_rows(rows, output_format, columns)
    if not found:
        say("no evaluator has thirty labels with times")
