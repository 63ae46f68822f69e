"""Finish reasons out of a provider's whole answer, where a library keeps it and says no more."""

from __future__ import annotations

from typing import Any

from otlp_receiver.dialects.finish_reasons import fold_all


def answer_reasons(answer: Any) -> list[str] | None:
    """One reason a choice of OpenAI, Gemini or LangChain; the reason of Anthropic or Bedrock."""
    if not isinstance(answer, dict):
        return None
    several = _maps(answer.get("choices")) or _maps(answer.get("candidates"))
    if several:
        return fold_all([_first(one, "finish_reason", "finishReason") for one in several])
    generations = answer.get("generations")
    if isinstance(generations, list):
        chains = [one for batch in generations if isinstance(batch, list) for one in _maps(batch)]
        return fold_all([_of_generation(one) for one in chains])
    incomplete = answer.get("incomplete_details")
    if isinstance(incomplete, dict):
        return fold_all(incomplete.get("reason"))
    return fold_all(_first(answer, "stop_reason", "stopReason"))


def _of_generation(generation: dict[str, Any]) -> Any:
    """LangChain's own word for it, else the one that the message carries."""
    told = generation.get("generation_info")
    if isinstance(told, dict) and isinstance(told.get("finish_reason"), str):
        return told["finish_reason"]
    for step in ("message", "kwargs", "response_metadata"):
        generation = generation.get(step) or {}
        if not isinstance(generation, dict):
            return None
    return _first(generation, "finish_reason", "stop_reason", "stopReason")


def _maps(value: Any) -> list[dict[str, Any]]:
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def _first(value: dict[str, Any], *names: str) -> Any:
    return next((value[name] for name in names if value.get(name)), None)
