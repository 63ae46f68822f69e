"""Small pieces of HTML: text is escaped here and nowhere else."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


def text(value: Any) -> str:
    """Any value as escaped text; a dash for none."""
    return "&ndash;" if value is None else escape(str(value))


def number(value: float | None, digits: int = 3) -> str:
    """A number as text; a dash for none."""
    return "&ndash;" if value is None else f"{value:.{digits}f}".replace("-", "&minus;")


def value_of(entry: dict[str, Any], digits: int = 3) -> str:
    """A figure's value without its interval."""
    return number(entry["value"], digits)


def percent(value: float | None) -> str:
    """A share as a percentage; a dash for none."""
    return "&ndash;" if value is None else f"{value:.1%}"


def figure(entry: dict[str, Any]) -> str:
    """``0.558 [0.447, 0.663]``; without a value the reason."""
    if entry["value"] is None:
        return f'<span class="soft">{text(entry["null_reason"])}</span>'
    if entry["ci_low"] is None:
        return number(entry["value"])
    bounds = f"[{number(entry['ci_low'])}, {number(entry['ci_high'])}]"
    return f'<span class="interval">{number(entry["value"])} {bounds}</span>'


def table(header: Sequence[str], rows: Iterable[Sequence[str]], numbers: Sequence[int] = ()) -> str:
    """A table of cells that are HTML already; ``numbers`` are the right-aligned columns."""

    def cell(tag: str, index: int, inner: str) -> str:
        return f"<{tag}{' class=number' if index in numbers else ''}>{inner}</{tag}>"

    head = "".join(cell("th", index, text(name)) for index, name in enumerate(header))
    body = "".join(
        "<tr>" + "".join(cell("td", index, inner) for index, inner in enumerate(row)) + "</tr>"
        for row in rows
    )
    return f'<div class="wide"><table><tr>{head}</tr>{body}</table></div>'


def section(title: str, *parts: str, anchor: str = "") -> str:
    """A section with its heading; empty parts are left out, and so is an empty section."""
    inner = "\n".join(part for part in parts if part)
    mark = f' id="{anchor}"' if anchor else ""
    return f"<section{mark}><h2>{text(title)}</h2>\n{inner}\n</section>" if inner else ""


def warnings(sentences: Iterable[str]) -> str:
    """A line for each warning."""
    return "".join(f'<p class="warning">{text(sentence)}</p>' for sentence in sentences)


def cases(items: Sequence[str], omitted: int = 0) -> str:
    """A list of object ids, and how many more there are."""
    more = f"<li>and {omitted} more</li>" if omitted else ""
    return (
        '<ul class="cases">'
        + "".join(f"<li><code>{text(item)}</code></li>" for item in items)
        + more
        + "</ul>"
    )
