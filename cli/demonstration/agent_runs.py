"""tau-bench airline runs as traces: one agent span, a chat span a model turn, a span a tool call.

The source is a list of runs in OpenAI's chat form. It holds no times and no token counts, and its
1,164 calls share 134 ids, even within a run; these three are derived
(:mod:`cli.demonstration.derived`). A simulated user's last message, to which the agent never
answered, belongs to no span and is left out.
"""

from __future__ import annotations

import gzip
import json
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from cli.demonstration.derived import (
    hexadecimal,
    model_call_nanoseconds,
    pause_nanoseconds,
    share,
    token_count,
    tool_call_nanoseconds,
)
from cli.demonstration.records import SpanRecord

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cli.demonstration.records import Attribute

SERVICE = "airline-agent"
_AGENT = "airline_agent"
_MODEL = "gpt-4o"
_PERIOD_NANOSECONDS = 7 * 86_400 * 1_000_000_000


def read_runs() -> list[dict[str, Any]]:
    """The 200 runs as the source holds them."""
    packed = files("cli.demonstration") / "data" / "tau_bench" / "gpt-4o-airline.json.gz"
    runs = json.loads(gzip.decompress(packed.read_bytes()))
    assert isinstance(runs, list)
    return runs


def spans_of_runs(runs: list[dict[str, Any]], period_start: int) -> Iterator[SpanRecord]:
    """Every span of every run; the runs begin at derived moments of seven days.

    ``period_start`` is in nanoseconds since 1970 UTC.
    """
    for run in runs:
        key = f"{run['task_id']}-{run['trial']}"
        begin = period_start + int(share("tau", "begin", key) * _PERIOD_NANOSECONDS)
        yield from _Run(key, run, begin).spans()


class _Run:
    """One run on its way to spans: the clock and the history grow with every message."""

    def __init__(self, key: str, run: dict[str, Any], begin: int) -> None:
        self.key = key
        self.run = run
        self.begin = begin
        self.clock = begin
        self.trace_id = hexadecimal(32, "tau", key)
        self.agent_span_id = self._span_id("agent")
        self.history: list[dict[str, Any]] = []
        self.instructions = ""
        self.tokens = {"input": 0, "output": 0}
        self.call: dict[str, Any] = {}

    def spans(self) -> Iterator[SpanRecord]:
        """The spans of the run, children first, as an exporter sends them."""
        for index, message in enumerate(self.run["traj"]):
            match message["role"]:
                case "system":
                    self.instructions = message["content"]
                case "user":
                    if self.history:
                        self.clock += pause_nanoseconds(message["content"], self.key, index)
                    self.history.append(_text("user", message["content"]))
                case "assistant":
                    yield self._model_call(index, message)
                case "tool":
                    yield self._tool_call(index, message)
        yield self._agent()

    def _span_id(self, part: object) -> str:
        return hexadecimal(16, "tau", self.key, part)

    def _model_call(self, index: int, message: dict[str, Any]) -> SpanRecord:
        answer = _assistant(message, f"call_{hexadecimal(24, 'tau', self.key, index)}")
        instructions = json.dumps([{"type": "text", "content": self.instructions}])
        asked = json.dumps(self.history)
        answered = json.dumps([answer])
        input_tokens = token_count(self.instructions) + token_count(asked)
        output_tokens = token_count(answered)
        self.tokens["input"] += input_tokens
        self.tokens["output"] += output_tokens
        self.call = answer["parts"][-1]
        start = self.clock
        self.clock += model_call_nanoseconds(input_tokens, output_tokens, self.key, index)
        self.history.append({key: answer[key] for key in ("role", "parts")})
        attributes: dict[str, Attribute] = {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "openai",
            "gen_ai.request.model": _MODEL,
            "gen_ai.response.model": _MODEL,
            "gen_ai.response.finish_reasons": [answer["finish_reason"]],
            "gen_ai.agent.name": _AGENT,
            "gen_ai.conversation.id": f"airline-{self.key}",
            "gen_ai.usage.input_tokens": input_tokens,
            "gen_ai.usage.output_tokens": output_tokens,
            "gen_ai.system_instructions": instructions,
            "gen_ai.input.messages": asked,
            "gen_ai.output.messages": answered,
        }
        return self._span(index, f"chat {_MODEL}", "client", start, attributes)

    def _tool_call(self, index: int, message: dict[str, Any]) -> SpanRecord:
        result = message["content"]
        call_id = self.call["id"]
        start = self.clock
        self.clock += tool_call_nanoseconds(result, self.key, index)
        self.history.append(
            {
                "role": "tool",
                "parts": [{"type": "tool_call_response", "id": call_id, "response": result}],
            }
        )
        failed = result.startswith("Error")
        attributes: dict[str, Attribute] = {
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": message["name"],
            "gen_ai.tool.type": "function",
            "gen_ai.tool.call.id": call_id,
            "gen_ai.tool.call.arguments": json.dumps(self.call["arguments"]),
            "gen_ai.agent.name": _AGENT,
            "gen_ai.conversation.id": f"airline-{self.key}",
        }
        # The convention gives a failed call an error type and no result.
        attributes |= (
            {"error.type": "tool_error"} if failed else {"gen_ai.tool.call.result": result}
        )
        name = f"execute_tool {message['name']}"
        return self._span(index, name, "internal", start, attributes, result if failed else None)

    def _agent(self) -> SpanRecord:
        answers = [message for message in self.history if message["role"] == "assistant"]
        attributes: dict[str, Attribute] = {
            "gen_ai.operation.name": "invoke_agent",
            "gen_ai.agent.name": _AGENT,
            "gen_ai.conversation.id": f"airline-{self.key}",
            "gen_ai.usage.input_tokens": self.tokens["input"],
            "gen_ai.usage.output_tokens": self.tokens["output"],
            "gen_ai.input.messages": json.dumps(self.history[:1]),
            "gen_ai.output.messages": json.dumps(answers[-1:]),
            "tau_bench.task_id": self.run["task_id"],
            "tau_bench.trial": self.run["trial"],
            "tau_bench.reward": float(self.run["reward"]),
            "user.id": self.run["info"]["task"]["user_id"],
        }
        return self._span("agent", f"invoke_agent {_AGENT}", "internal", self.begin, attributes)

    def _span(
        self,
        part: object,
        name: str,
        kind: Any,
        start: int,
        attributes: dict[str, Attribute],
        error_message: str | None = None,
    ) -> SpanRecord:
        span_id = self._span_id(part)
        return SpanRecord(
            service_name=SERVICE,
            trace_id=self.trace_id,
            span_id=span_id,
            parent_span_id=None if span_id == self.agent_span_id else self.agent_span_id,
            name=name,
            kind=kind,
            start=start,
            end=self.clock,
            attributes=attributes,
            error_message=error_message,
        )


def _text(role: str, content: str) -> dict[str, Any]:
    return {"role": role, "parts": [{"type": "text", "content": content}]}


def _assistant(message: dict[str, Any], call_id: str) -> dict[str, Any]:
    """An answer in OpenTelemetry's message schema; the source makes one call a turn at most."""
    parts: list[dict[str, Any]] = []
    if message["content"]:
        parts.append({"type": "text", "content": message["content"]})
    calls = message.get("tool_calls") or []
    parts += [
        {
            "type": "tool_call",
            "id": call_id,
            "name": call["function"]["name"],
            "arguments": json.loads(call["function"]["arguments"]),
        }
        for call in calls
    ]
    return {"role": "assistant", "parts": parts, "finish_reason": "tool_call" if calls else "stop"}
