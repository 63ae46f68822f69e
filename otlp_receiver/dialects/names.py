"""Operations that only a span's name tells, for libraries that send no operation attribute."""

from __future__ import annotations

from typing import Any

import polars as pl

from otlp_receiver.dialects.detection import CODES

_BY_NAME = (
    # dialect codes, pattern of the name, operation
    ("J1", r"^call_llm$", "chat"),
    ("J1 J2", r"^(agent_run \[|invoke_agent )", "invoke_agent"),
    ("J1 J2", r"^execute_tool ", "execute_tool"),
    ("J1 J2", r"^invocation$", "invoke_workflow"),
    ("F1 F2 F3+", r"^running (tool|output function)", "execute_tool"),
    ("F1 F2 F3+", r"^agent run$|^invoke_agent ", "invoke_agent"),
    ("O", r"claude_code\.llm_request", "chat"),
    ("O", r"claude_code\.tool$", "execute_tool"),
    ("O", r"claude_code\.interaction", "invoke_agent"),
    ("N", r"^litellm_request$", "chat"),
    ("C1 C2", r"^[a-z0-9_]+\.(chat|invoke_model)$", "chat"),
    ("C1 C2", r"^[a-z0-9_]+\.completion$", "text_completion"),
    ("C1 C2", r"^[a-z0-9_]+\.embeddings?$", "embeddings"),
    ("JG", r"^generate_content ", "generate_content"),
)


def operation_of_name() -> pl.Expr:
    """The operation column of a frame of ``operation``, ``name``, ``dialect`` (an index)."""
    expression: Any = pl.when(pl.col("operation").is_not_null()).then(pl.col("operation"))
    for codes, pattern, operation in _BY_NAME:
        numbers = [CODES.index(code) for code in codes.split()]
        holds = pl.col("dialect").is_in(numbers) & pl.col("name").str.contains(pattern)
        expression = expression.when(holds).then(pl.lit(operation))
    filled: pl.Expr = expression.otherwise(None)
    return filled
