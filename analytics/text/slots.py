"""What an assistant can ask for that a user may have given already, told by its form."""

from __future__ import annotations

import re
from dataclasses import dataclass

from analytics.text.sought import Sought


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """One kind of fact: how it is asked for, and what it looks like when it is given."""

    name: str
    asked: re.Pattern[str]
    given: re.Pattern[str]


def _slot(name: str, asked: str, given: str) -> Slot:
    return Slot(
        name=name,
        asked=re.compile(rf"\b(?:{asked})\b", re.IGNORECASE),
        given=re.compile(given),
    )


SLOTS = (
    _slot("email address", r"e-?mail(?: address)?", r"[\w.+-]+@[\w-]+\.[\w.]+"),
    _slot("phone number", r"phone(?: number)?|telephone", r"(?:\+?\d[\s().-]?){9,14}\d?"),
    _slot(
        "order number",
        r"(?:order|booking|reservation|confirmation|ticket|case|reference)"
        r"(?: (?:number|id|code|reference))?",
        r"(?i:\b(?:order|booking|reservation|confirmation|ticket|case|reference)\b[^.?!\n]{0,25}?)"
        r"#?\b(?=[A-Z0-9-]*\d)[A-Z0-9][A-Z0-9-]{3,}\b",
    ),
    _slot(
        "user id",
        r"(?:user|customer|account|member)[ -]?(?:id|number|name)",
        r"(?i:\b(?:user|customer|account|member)[ -]?(?:id|number|name)\b[^.?!\n]{0,20}?)"
        r"\b(?=\w*[\d_])\w{4,}\b",
    ),
    _slot(
        "name",
        r"(?:your|full|first and last) name",
        r"(?i:\b(?:my name is|i am|i'm|this is) )[A-Z][a-z]+ [A-Z][a-z]+",
    ),
    _slot(
        "date",
        r"(?:what|which) (?:date|day)|when would you like|travel dates?",
        r"(?i:\b(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.? \d{1,2}\b|"
        r"\b\d{1,2}(?:st|nd|rd|th)? (?:of )?(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)|"
        r"\b\d{4}-\d{2}-\d{2}\b|\b\d{1,2}/\d{1,2}(?:/\d{2,4})?\b)",
    ),
    _slot(
        "postcode",
        r"(?:zip|postal) ?code|postcode",
        r"(?i:\b(?:zip|postal|post) ?code\b[^.?!\n]{0,15}?)\b[\dA-Z]{4,8}\b|\b\d{5}(?:-\d{4})?\b",
    ),
)
"""Facts that have a form. A fact without one is caught only when a question is asked twice."""

ANY_SLOT_ASKED = Sought("|".join(slot.asked.pattern for slot in SLOTS))
"""Whether a text names any of these facts."""
