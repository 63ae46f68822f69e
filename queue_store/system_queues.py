"""The queues that every project has, one a failure category."""

from __future__ import annotations

from queue_store.model import SystemQueueSpec

SYSTEM_QUEUES: tuple[SystemQueueSpec, ...] = tuple(
    SystemQueueSpec(name=name, detector=name, description=description, instructions=instructions)
    for name, description, instructions in (
        (
            "jailbreaking",
            "Attempts to get around the assistant's rules, and answers that gave in to one.",
            (
                "Did somebody try to inject, override or role-play the instructions away, or "
                "misuse a tool to the same end? Did the assistant follow? Harmless play and a "
                "plain unsafe request that was rightly refused do not belong here."
            ),
        ),
        (
            "refusal",
            "Requests the assistant turned down although it should have handled them.",
            (
                "Was the request allowed and answerable? A decline, a dodge or needless limits "
                "count. A right refusal (unsafe, unsupported, not enough given) does not."
            ),
        ),
        (
            "frustration",
            "Users who are clearly annoyed, disappointed or losing trust.",
            (
                "Look for annoyance, repeated corrections, a loss of trust. "
                "A neutral question or one short reply is not evidence."
            ),
        ),
        (
            "forgetting",
            "Answers that lost what the conversation had settled before.",
            (
                "Did the assistant ask again, contradict or ignore something said earlier in this "
                "conversation? What was never said or never settled does not count."
            ),
        ),
        (
            "laziness",
            "Work the assistant avoided: partial, stopped early or handed back.",
            (
                "Was the work possible and asked for, and left undone? "
                "A block by missing access, context or policy does not count."
            ),
        ),
        (
            "inappropriate_content",
            "Sexual or otherwise unfit content.",
            (
                "Is there sexual, explicit or otherwise unfit material? Health and anatomy, mild "
                "romance and talk about safety rules do not count."
            ),
        ),
        (
            "trashing",
            "Agents that circle between tools and get nowhere.",
            (
                "Do the same calls or states come back without getting closer to the goal? "
                "A retry after a passing error and a visible approach do not count."
            ),
        ),
        (
            "tool_call_errors",
            "Tool calls that failed or were malformed.",
            "Which call failed, why, and did the assistant cope with it?",
        ),
        (
            "resource_outliers",
            "Unusual latency, wait for the first token, token usage or cost.",
            "Compare with the baseline in the reason. Was the effort worth it for this task?",
        ),
        (
            "output_schema_validation",
            "Structured answers that miss the schema they were asked to meet.",
            "Does the answer parse, is it whole, does it meet the declared schema?",
        ),
        (
            "empty_response",
            "Empty or degenerate answers where a real one was expected.",
            "Was an answer expected here? A turn that only calls tools is fine.",
        ),
    )
)
"""Names are the detectors' ids."""
