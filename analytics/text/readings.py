"""What texts say, worked out once for all the conversations that repeat them.

Every trace of a session holds the session so far: one text stands in dozens of conversations.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

from analytics.text.attributes import attributes
from analytics.text.facts import values
from analytics.text.memory import amnesia, reminded
from analytics.text.questions import questions, settled_questions, slots_asked
from analytics.text.wishes import wishes

if TYPE_CHECKING:
    from collections.abc import Callable

Value = TypeVar("Value")


class Once(dict[str, Value], Generic[Value]):
    """By text what a function says of it; the function is called once a text."""

    def __init__(self, work_out: Callable[[str], Value]) -> None:
        super().__init__()
        self._work_out = work_out

    def __missing__(self, text: str) -> Value:
        value = self[text] = self._work_out(text)
        return value


class Readings:
    """What each text of some conversations says, as far as anybody asked."""

    def __init__(self) -> None:
        self.values = Once(values)
        self.attributes = Once(attributes)
        self.wishes = Once(wishes)
        self.reminded = Once(reminded)
        self.amnesia = Once(amnesia)
        self.slots_asked = Once(slots_asked)
        self.settled_questions = Once(settled_questions)
        self.questions = Once(questions)
