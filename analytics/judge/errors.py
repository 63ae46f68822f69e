"""What can go wrong with the judge.

JudgeError                  (an AnalyticsError)
├── JudgeNotConfiguredError a setting that the judge needs is missing or makes no sense
├── InvalidVerdictError     the model answered something that is not a verdict
└── JudgeUnavailableError   the endpoint refused, failed or did not answer
"""

from __future__ import annotations

from analytics.errors import AnalyticsError

WAIT_SECONDS_MAX = 120.0
"""An endpoint that asks for more patience is not asked again."""

_PASSING = (408, 409, 429)
_REFUSED = (400, 413, 422)
"""The endpoint does not take this very question."""


class JudgeError(AnalyticsError):
    """Base of every error of this package."""

    kind = "judge_error"
    """What the evaluation's ``error_type`` says."""
    is_passing = True
    """Whether asking again may help."""
    is_outage = False
    """Whether the question is fine and a later run may have an answer."""


class JudgeNotConfiguredError(JudgeError):
    """A setting that the judge needs is missing or makes no sense."""

    kind = "not_configured"

    def __init__(self, setting: str, reason: str) -> None:
        self.setting = setting
        self.reason = reason
        super().__init__(f"the judge cannot run: set judge.{setting}: {reason}")


class InvalidVerdictError(JudgeError):
    """The model answered something that is not a verdict; never read as 'not matched'."""

    kind = "invalid_verdict"

    def __init__(self, reason: str, answer: str | None) -> None:
        self.reason = reason
        self.answer = answer
        super().__init__(f"the judge's answer is not a verdict: {reason}")


class JudgeUnavailableError(JudgeError):
    """The endpoint refused, failed or did not answer, after the retries."""

    kind = "unavailable"

    def __init__(
        self, reason: str, status: int | None = None, *, wait_seconds: float | None = None
    ) -> None:
        self.reason = reason
        self.status = status
        self.wait_seconds = wait_seconds
        self.is_outage = status not in _REFUSED
        wait = wait_seconds or 0.0
        self.is_passing = (
            status is None or status in _PASSING or status >= 500
        ) and wait <= WAIT_SECONDS_MAX
        super().__init__(f"the judge cannot be asked: {reason}")
        self.kind = f"http_{status}" if status is not None else "no_connection"
