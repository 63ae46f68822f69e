"""What a run may spend, and how fast it may ask."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class Budget:
    """Counts calls and cost of one run; says no when either is used up."""

    def __init__(
        self,
        *,
        calls_max: int,
        usd_max: float,
        usd_per_million_input_tokens: float,
        usd_per_million_output_tokens: float,
    ) -> None:
        self.calls_max = calls_max
        self.usd_max = usd_max
        self.prices = (usd_per_million_input_tokens, usd_per_million_output_tokens)
        self.calls = 0
        self.input_tokens = 0
        self.output_tokens = 0

    @property
    def usd(self) -> float:
        """What was spent so far, by the prices in the settings."""
        tokens = (self.input_tokens, self.output_tokens)
        return sum(price * n for price, n in zip(self.prices, tokens, strict=True)) / 1e6

    @property
    def is_exhausted(self) -> bool:
        """Whether another call would exceed the budget; prices of zero never exhaust it."""
        return self.calls >= self.calls_max or (self.usd_max > 0 and self.usd >= self.usd_max)

    def spend(self, input_tokens: int, output_tokens: int) -> None:
        """Record one call, also a failed one: it may have cost something."""
        self.calls += 1
        self.input_tokens += input_tokens
        self.output_tokens += output_tokens


class Pace:
    """Keeps calls at least so far apart. Clock and sleep are given: this room has no clock."""

    def __init__(
        self,
        calls_per_minute: float,
        *,
        monotonic: Callable[[], float],
        sleep: Callable[[float], None],
    ) -> None:
        self.gap_seconds = 60.0 / calls_per_minute if calls_per_minute > 0 else 0.0
        self._monotonic = monotonic
        self._sleep = sleep
        self._next = 0.0

    def wait(self) -> None:
        """Return when the next call may go out."""
        now = self._monotonic()
        if now < self._next:
            self._sleep(self._next - now)
            now = self._next
        self._next = now + self.gap_seconds

    def pause(self, seconds: float) -> None:
        """Let some time pass before the next call."""
        if seconds > 0:
            self._sleep(seconds)
