"""``spandocket prices``: the prices in use, and the models that have none."""

from __future__ import annotations

import click

from cli.context import Context, pass_context
from cli.output import format_option, write_rows


@click.group(epilog="Example: spandocket prices missing")
def prices() -> None:
    """List model prices, and models without one."""


@prices.command("list", epilog="Example: spandocket prices list --format csv")
@format_option
@pass_context
def list_prices(context: Context, output_format: str | None) -> None:
    """List prices in US dollars per million tokens, those that are asked first at the top.

    A row with "above" is for calls with more input tokens than that.
    """
    from datetime import UTC, datetime

    from otlp_receiver.dialects.prices import load_prices

    def day(nanoseconds: int) -> str | None:
        if nanoseconds in (0, 2**63 - 1):
            return None
        return f"{datetime.fromtimestamp(nanoseconds // 10**9, UTC):%Y-%m-%d}"

    table = load_prices(context.configuration.receiver.prices)
    rows = [
        {
            "model": price.model,
            "from": day(price.since),
            "until": day(price.until),
            "input": price.input,
            "output": price.output,
            "cache_read": price.cache_read,
            "cache_write": price.cache_write,
            "reasoning": price.reasoning,
            "above": price.above or None,
        }
        for price in table.prices
    ]
    columns = ("model", "from", "until", "input", "output", "cache_read", "cache_write")
    write_rows(rows, output_format, (*columns, "reasoning", "above"))


@prices.command("missing", epilog="Example: spandocket prices missing --format table")
@format_option
@pass_context
def missing(context: Context, output_format: str | None) -> None:
    """List models without a price, with the share of all model calls that have no cost for it.

    A call that reported its cost needs no price; one whose tokens nobody knows has no cost at any
    price, and is not listed for it.
    """
    import polars as pl

    from otlp_receiver.dialects.prices import have_price, load_prices

    models = ("response_model", "request_model")
    columns = (*models, "provider_name", "cost_usd", "start_time", "input_tokens", "total_tokens")
    table = load_prices(context.configuration.receiver.prices)
    calls = (
        context.span_store.scan(
            "spans", project=context.project, where="is_model_call", columns=[*columns]
        )
        .with_columns(model=pl.coalesce("response_model", "request_model"))
        .collect()
    )
    unknown = calls.filter(pl.col("cost_usd").is_null()).with_columns(
        pl.col("start_time").dt.epoch("ns")
    )
    rows = (
        unknown.filter(~have_price(unknown, table))
        .group_by("model", "provider_name")
        .agg(
            calls=pl.len(),
            calls_percent=pl.len() * 100.0 / max(len(calls), 1),
            # Nobody's count is no count of zero.
            total_tokens=pl.when(pl.col("total_tokens").count() > 0).then(
                pl.col("total_tokens").sum()
            ),
        )
        .sort("calls", "model", "provider_name", descending=[True, False, False], nulls_last=True)
    )
    shown = ("model", "provider_name", "calls", "calls_percent", "total_tokens")
    write_rows(rows.iter_rows(named=True), output_format, shown)
