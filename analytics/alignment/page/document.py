"""The whole page: the report's JSON in, HTML text out; same report, same bytes."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

from analytics.alignment.page import more_sections, sections
from analytics.alignment.page.elements import text


def html_page(document: dict[str, Any]) -> str:
    """The report as one self-contained page."""
    style = (files("analytics.alignment.page") / "style.css").read_text(encoding="utf-8")
    scope = document["scope"]
    name = scope["evaluator"] or scope.get("file") or "evaluator"
    few = document["verdict"]["level"] == "too_few"
    body = "\n".join(
        part
        for part in (
            sections.scope_bar(document),
            more_sections.verdict(document),
            "" if few else sections.tiles(document),
            sections.matrix(document),
            "" if few else more_sections.options(document),
            "" if few else sections.pass_rate(document),
            more_sections.ceiling(document),
            "" if few else sections.agreement(document),
            more_sections.residuals(document),
            sections.sampling(document),
            more_sections.slices(document),
            more_sections.versions(document),
            more_sections.thresholds(document),
            more_sections.label_next(document),
        )
        if part
    )
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Alignment of {text(name)}</title>\n<style>\n{style}</style></head>\n"
        f"<body>\n<main>\n{body}\n</main>\n"
        f"<footer>Made by spandocket; seed {scope['seed']}. The same report with every figure: "
        "<code>spandocket alignment report --format json</code>.</footer>\n</body></html>\n"
    )
