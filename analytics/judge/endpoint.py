"""One question to an OpenAI-compatible endpoint, one verdict back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from openai import APIConnectionError, APIError, APIStatusError, OpenAI

from analytics.judge.errors import (
    InvalidVerdictError,
    JudgeNotConfiguredError,
    JudgeUnavailableError,
)
from analytics.judge.verdict import SCHEMA, Verdict, parse

if TYPE_CHECKING:
    from collections.abc import Mapping

    from analytics.config import JudgeConfig
    from analytics.judge.budget import Budget, Pace


_FIRST_WAIT_SECONDS = 0.5
_WAIT_SECONDS_MAX = 8.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A verdict and what it took."""

    verdict: Verdict
    input_tokens: int
    output_tokens: int
    attempts: int


class Endpoint:
    """Asks, waits, retries: every request, also a repeated one, is paced and counted."""

    def __init__(
        self, config: JudgeConfig, *, api_key: str | None, budget: Budget, pace: Pace
    ) -> None:
        if not config.url:
            raise JudgeNotConfiguredError("url", "the base URL of an OpenAI-compatible endpoint")
        if not config.model:
            raise JudgeNotConfiguredError("model", "the model's name as the endpoint knows it")
        self.config = config
        self.budget = budget
        self.pace = pace
        self._client = OpenAI(
            base_url=config.url,
            api_key=api_key or "none",
            timeout=config.timeout_seconds,
            # The client's own retries would go past the budget and the pace.
            max_retries=0,
        )

    def close(self) -> None:
        """Give the connections back."""
        self._client.close()

    def ask(self, messages: list[dict[str, str]]) -> Answer:
        """A verdict, after at most ``retries`` more attempts when there was none.

        Asked again: answers that are no verdict, at once; lost connections, 408, 409, 429 and 5xx,
        after what ``retry-after`` says, else after growing waits.
        Raises :class:`InvalidVerdictError` or :class:`JudgeUnavailableError`. Every attempt is
        counted in the budget; an exhausted budget ends the attempts early.
        """
        attempts = 0
        while True:
            attempts += 1
            self.pace.wait()
            try:
                return self._attempt(messages, attempts)
            except (InvalidVerdictError, JudgeUnavailableError) as error:
                is_last = attempts > self.config.retries or self.budget.is_exhausted
                if is_last or not error.is_passing:
                    raise
                if isinstance(error, JudgeUnavailableError):
                    asked_for = error.wait_seconds
                    growing = min(_FIRST_WAIT_SECONDS * 2.0 ** (attempts - 1), _WAIT_SECONDS_MAX)
                    self.pace.pause(growing if asked_for is None else asked_for)

    def _attempt(self, messages: list[dict[str, str]], attempts: int) -> Answer:
        completion = self._complete(messages)
        usage = getattr(completion, "usage", None)
        tokens = (_count(usage, "prompt_tokens"), _count(usage, "completion_tokens"))
        self.budget.spend(*tokens)
        return Answer(
            verdict=_verdict(completion),
            input_tokens=tokens[0],
            output_tokens=tokens[1],
            attempts=attempts,
        )

    def _complete(self, messages: list[dict[str, str]]) -> Any:
        options: dict[str, Any] = {}
        match self.config.output:
            case "json_schema":
                schema = {"name": "verdict", "strict": True, "schema": SCHEMA}
                options["response_format"] = {"type": "json_schema", "json_schema": schema}
            case "json_object":
                options["response_format"] = {"type": "json_object"}
            case _:
                pass
        try:
            return self._client.chat.completions.create(
                model=self.config.model,
                messages=messages,  # type: ignore[arg-type]  # Plain dicts are what is sent.
                temperature=0,
                max_tokens=self.config.answer_tokens_max,
                **options,
            )
        except APIStatusError as error:
            self.budget.spend(0, 0)
            raise JudgeUnavailableError(
                f"{self.config.url} answered {error.status_code}",
                error.status_code,
                wait_seconds=_asked_wait(error.response.headers),
            ) from error
        except APIConnectionError as error:
            self.budget.spend(0, 0)
            raise JudgeUnavailableError(f"{self.config.url}: {error}") from error
        except (APIError, ValueError) as error:
            self.budget.spend(0, 0)
            raise InvalidVerdictError(f"the response cannot be read ({error})", None) from error


def _verdict(completion: Any) -> Verdict:
    """The verdict of a completion; a cut or refused one is an error, not a 'no'."""
    choices = getattr(completion, "choices", None)
    if not isinstance(choices, list) or not choices:
        raise InvalidVerdictError("the response holds no choice", None)
    # The client builds its objects from whatever came, unchecked.
    message = getattr(choices[0], "message", None)
    content, refusal = getattr(message, "content", None), getattr(message, "refusal", None)
    if refusal:
        raise InvalidVerdictError("the model declined to judge", str(refusal))
    if content is not None and not isinstance(content, str):
        raise InvalidVerdictError(f"its content is no text but {type(content).__name__}", None)
    ending = getattr(choices[0], "finish_reason", None)
    if ending in ("length", "content_filter"):
        raise InvalidVerdictError(f"the answer ended because of {ending}", content)
    return parse(content)


def _asked_wait(headers: Mapping[str, str]) -> float | None:
    """The wait that the endpoint asks for; None where it asks for none, or for a moment."""
    for name, unit in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        try:
            seconds = float(headers[name]) / unit
        except (KeyError, ValueError):
            continue
        if seconds >= 0:
            return seconds
    return None


def _count(usage: Any, name: str) -> int:
    value = getattr(usage, name, None)
    # Less than nothing would give budget back.
    return max(value, 0) if isinstance(value, int) else 0
