"""Times in SQL filters: columns of time compared with what a person writes.

Polars compares a column of time with neither text nor a plain ``TIMESTAMP``, so such comparisons
are rewritten to nanoseconds since 1970, which is what lies on disk.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

_FORM = re.compile(
    r"(?P<date>\d{4}-\d\d-\d\d)(?:[T ](?P<clock>\d\d:\d\d(?::\d\d)?)(?:\.(?P<fraction>\d{1,9}))?"
    r"\s?(?P<zone>[Zz]|[+-]\d\d:?\d\d)?)?"
)
_TEXT = re.compile(r"'((?:[^']|'')*)'")
_SET_ASIDE = re.compile(r"\0(\d+)\0")
_PLACE = r"\0(?P<{}>\d+)\0"
_LITERAL = r"(?:(?:TIMESTAMP|DATETIME|DATE)\s*)?" + _PLACE + r"(?:\s*::\s*\w+)?"
_COMPARISON = r"<=|>=|<>|!=|==|=|<|>"


class UnreadableTimeError(ValueError):
    """A column of time is compared with a text that is no time; ``text`` is that text."""

    def __init__(self, text: str) -> None:
        super().__init__(f"{text!r} is no time; write one as '2026-03-01T08:00:00Z'")
        self.text = text


def with_times(filter_sql: str, time_columns: Collection[str]) -> str:
    """The filter, each comparison of a time column and a literal made one of integers.

    Literals are dates or RFC 3339 times, in UTC without a zone, plain or as ``TIMESTAMP '…'``.
    Raises :class:`UnreadableTimeError`.
    """
    if not time_columns:
        return filter_sql
    texts: list[str] = []

    def set_aside(found: re.Match[str]) -> str:
        texts.append(found[0])
        return f"\0{len(texts) - 1}\0"

    def moment(place: str) -> int:
        return _nanoseconds(texts[int(place)][1:-1])

    # What a text says is nobody's column, so texts stand aside while columns are looked for.
    filter_sql = _TEXT.sub(set_aside, filter_sql)
    column = rf'"?\b(?P<column>{"|".join(sorted(time_columns))})\b"?'
    first, second = _LITERAL.format("first"), _LITERAL.format("second")
    filter_sql = re.sub(
        rf"{column}\s*(?P<how>(?:NOT\s+)?BETWEEN)\s*{first}\s+AND\s+{second}",
        lambda found: (
            f"{_integer(found['column'])} {found['how']} "
            f"{moment(found['first'])} AND {moment(found['second'])}"
        ),
        filter_sql,
        flags=re.IGNORECASE,
    )
    one = _LITERAL.replace("(?P<{}>", "(?:")
    filter_sql = re.sub(
        rf"{column}\s*(?P<how>(?:NOT\s+)?IN)\s*\((?P<list>\s*{one}(?:\s*,\s*{one})*\s*)\)",
        lambda found: (
            f"{_integer(found['column'])} {found['how']} "
            f"({', '.join(str(moment(place)) for place in _SET_ASIDE.findall(found['list']))})"
        ),
        filter_sql,
        flags=re.IGNORECASE,
    )
    filter_sql = re.sub(
        rf"{column}\s*(?P<how>{_COMPARISON})\s*{first}",
        lambda found: f"{_integer(found['column'])} {found['how']} {moment(found['first'])}",
        filter_sql,
        flags=re.IGNORECASE,
    )
    filter_sql = re.sub(
        rf"{first}\s*(?P<how>{_COMPARISON})\s*{column}",
        lambda found: f"{moment(found['first'])} {found['how']} {_integer(found['column'])}",
        filter_sql,
        flags=re.IGNORECASE,
    )
    return _SET_ASIDE.sub(lambda found: texts[int(found[1])], filter_sql)


def _integer(column: str) -> str:
    return f'CAST("{column.lower()}" AS BIGINT)'


def _nanoseconds(text: str) -> int:
    form = _FORM.fullmatch(text.strip())
    if form is None:
        raise UnreadableTimeError(text)
    zone = (form["zone"] or "Z").upper().replace("Z", "+00:00")
    try:
        moment = datetime.fromisoformat(f"{form['date']}T{form['clock'] or '00:00'}{zone}")
    except ValueError as error:
        raise UnreadableTimeError(text) from error
    fraction = int((form["fraction"] or "").ljust(9, "0"))
    return int(moment.astimezone(UTC).timestamp()) * 1_000_000_000 + fraction
