"""Trace and span ids as arguments: hex digits in either case, lower case inside."""

from __future__ import annotations

import click


class HexId(click.ParamType[str]):
    """An id of a fixed number of hex digits."""

    def __init__(self, noun: str, digits: int) -> None:
        self.noun = noun
        self.digits = digits
        self.name = f"{noun} id"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The id in lower case; refuses anything else, saying what is wrong with it."""
        text = value.strip().lower()
        strange = sorted(set(text) - set("0123456789abcdef"))
        if strange:
            self.fail(f"{value!r} is no {self.name}: {strange[0]!r} is no hex digit.", param, ctx)
        if len(text) != self.digits:
            found = f"{value!r} has {len(text)} digits"
            self.fail(f"{found}; a {self.name} has {self.digits}.", param, ctx)
        return text


TRACE_ID = HexId("trace", 32)
SPAN_ID = HexId("span", 16)
