"""The user's own model prices: whether the loader can read them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cli.checks.model import failed, good

if TYPE_CHECKING:
    from cli.checks.model import Check


def check_prices(file: str) -> Check:
    """Whether the file of ``receiver.prices`` can be read, line by line."""
    from otlp_receiver.dialects.prices import PriceFileError, load_prices

    try:
        load_prices(file)
    except PriceFileError as error:
        remedy = "Correct the file, or receiver.prices; configs/prices.csv shows the form."
        return failed("prices", str(error), remedy)
    return good("prices", file)
