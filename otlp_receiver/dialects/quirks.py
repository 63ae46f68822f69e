"""What libraries do that nobody would expect, and the test that shows how it is read."""

from __future__ import annotations

QUIRKS: tuple[tuple[str, str], ...] = (
    # what senders do and what is made of it, test in tests/otlp_receiver or tests/span_store
    (
        "Content comes in log records, before or after its span, in any order.",
        "test_varied_captures.py: test_spans_and_logs_may_arrive_one_by_one_in_any_order",
    ),
    (
        "Numbers come as texts, lists and maps as JSON texts, and the other way round.",
        "test_varied_captures.py: test_other_types_say_the_same",
    ),
    (
        "A limit on the length of values cuts JSON anywhere: content_truncated, the raw stays.",
        "test_varied_captures.py: test_texts_may_be_cut_anywhere",
    ),
    (
        "A limit of 128 attributes loses the oldest: scope, name and what is left tell the rest.",
        "test_captures.py: test_every_field_that_the_telemetry_holds_agrees_with_the_truth",
    ),
    (
        "Flattened lists have gaps and more than ten entries; an index may be a bomb.",
        "test_rows.py: test_an_index_bomb_is_one_more_message_and_marks_the_gap",
    ),
    (
        "Two instrumentations make spans of one call, with spans between or in two traces.",
        "test_twins.py: test_a_span_between_two_of_one_call_changes_nothing",
    ),
    (
        "Client and server of one tool call both make a span.",
        "test_twins.py: test_a_client_and_a_server_of_one_tool_call_count_once",
    ),
    (
        "The Vercel AI SDK writes the schema on the outer span.",
        "test_relations.py: test_a_schema_on_the_outer_span_reaches_the_call_in_another_request",
    ),
    (
        "LiteLLM writes the schema on the raw request below its call, as Python's repr.",
        "test_relations.py: test_litellms_schema_on_the_raw_request_reaches_its_call",
    ),
    (
        "LiteLLM V2 writes OpenAI's messages where the convention wants parts.",
        (
            "test_library_versions.py:"
            " test_litellms_second_form_has_openais_messages_and_numbered_tools"
        ),
    ),
    (
        "An exception is told by a log record alone.",
        "test_relations.py: test_an_exception_in_a_log_makes_the_span_an_error",
    ),
    (
        "Semantic Kernel writes cached and reasoning tokens into the text of a log line.",
        "test_relations.py: test_semantic_kernels_usage_in_a_log_line_reaches_the_call",
    ),
    (
        "LangChain's exporters lose refusals, empty answers and ids on the model's own span.",
        "test_told_answers.py: test_the_next_step_of_a_chain_tells_the_refusal_beside_it",
    ),
    (
        "OpenInference flattens a refusal into a text; its answer's JSON knows better.",
        (
            "test_openinference_forms.py:"
            " test_a_refusal_that_openinference_flattens_away_is_read_from_its_answer"
        ),
    ),
    (
        "One span holds both OpenInference's form and the convention's: the richer is taken.",
        (
            "test_mixed_spans.py:"
            " test_of_two_forms_of_one_answer_the_richer_is_taken_else_the_conventions"
        ),
    ),
    (
        "A library reports an error of its own about what a tool raised.",
        (
            "test_wrapped_errors.py:"
            " test_what_a_tool_raised_stands_above_the_librarys_error_about_it"
        ),
    ),
    (
        "Google's ADK writes messages on the calls alone, none on the agent around them.",
        (
            "test_told_by_neighbours.py:"
            " test_adks_calls_tell_what_began_and_what_ended_the_agents_run"
        ),
    ),
    (
        "Semantic Kernel's agent does not say what it was asked; the logs of its calls do.",
        "test_told_by_calls.py: test_the_first_call_tells_what_the_agent_was_asked",
    ),
    (
        "Semantic Kernel names the offered tools on the loop around the calls.",
        (
            "test_told_by_calls.py:"
            " test_the_loop_names_the_tools_of_its_calls_and_the_agent_defines_them"
        ),
    ),
    (
        "OpenLIT leaves the calls of tools out of a conversation's history.",
        (
            "test_told_by_calls.py:"
            " test_the_answer_before_tells_the_tool_call_that_the_history_lacks"
        ),
    ),
    (
        "Of many messages that went into LangChain's agents, OpenInference flattens the first.",
        (
            "test_mixed_spans.py:"
            " test_of_an_agents_many_messages_openinference_flattens_the_first_alone"
        ),
    ),
    (
        "OpenLIT's span of a failed call has no attributes: its name tells the call.",
        "test_more_libraries.py: test_a_span_without_attributes_is_told_by_its_name",
    ),
    (
        "LlamaIndex makes a span like a call's for what it does before one.",
        "test_more_libraries.py: test_what_llama_index_does_before_a_call_is_no_call",
    ),
    (
        "OpenInference leaves a model's thoughts out of the flattened answer.",
        (
            "test_more_libraries.py:"
            " test_thoughts_that_openinference_leaves_out_are_read_from_its_answer"
        ),
    ),
    (
        "A call that failed names the model asked for as the one that answered.",
        ("test_more_libraries.py: test_a_call_that_failed_was_not_answered_by_the_model_asked_for"),
    ),
    (
        "OpenInference sends a single argument of LangChain's tools without its name.",
        (
            "test_told_by_neighbours.py:"
            " test_a_bare_argument_has_the_name_that_the_node_of_its_call_tells"
        ),
    ),
    (
        "A streamed answer of LangChain names the model asked for as the one that answered.",
        (
            "test_told_by_neighbours.py:"
            " test_the_model_asked_for_makes_way_for_the_one_that_answered"
        ),
    ),
    (
        "A score names the answer by its response id alone.",
        "test_judged.py: test_a_score_is_given_the_span_of_its_answer_whichever_came_first",
    ),
    (
        "One score is sent as a span event and as a log record.",
        "test_rows.py: test_one_score_sent_as_event_and_as_log_is_one_evaluation",
    ),
    (
        "Langfuse's kinds of tokens exclude each other, unless the raw usage was sent.",
        (
            "test_langfuse_forms.py: test_langfuses_kinds_of_tokens_exclude_each_other"
            "_unless_the_total_says_otherwise"
        ),
    ),
    (
        "Anthropic's own input excludes what was cached.",
        "test_documented_dialects.py: test_claude_code_counts_its_cache_into_the_input",
    ),
    (
        "Google's ADK counts the reasoning of LiteLLM's models twice.",
        "test_library_versions.py: test_adk_counts_litellms_reasoning_twice",
    ),
    (
        "Google's ADK makes a span for the merged answers of parallel tools.",
        "test_library_versions.py: test_adks_span_for_merged_answers_is_no_call_of_a_tool",
    ),
    (
        "The first chunk comes in seconds or milliseconds, also when nothing was streamed.",
        "test_documented_dialects.py: test_the_first_chunk_has_its_own_unit_and_needs_a_stream",
    ),
    (
        "Events of chunks were dropped: the first that is left was not the first.",
        "test_documented_dialects.py: test_a_first_chunk_event_counts_unless_events_were_lost",
    ),
    (
        "Logfire announces running spans with placeholders.",
        "test_rows.py: test_placeholders_of_running_spans_are_dropped",
    ),
    (
        "MLflow's convention mode puts the model that answered where the one asked for belongs.",
        (
            "test_library_versions.py:"
            " test_mlflows_convention_mode_keeps_the_model_asked_for_in_an_argument"
        ),
    ),
    (
        "A provider is a framework's name, a prompt, or one of Azure's many names.",
        "test_documented_dialects.py: test_providers_have_the_conventions_names",
    ),
    (
        "A schema is asked for as a single tool that the model must call.",
        "test_openinference_forms.py: test_one_forced_tool_is_a_schema_that_was_asked_for",
    ),
    (
        "Strands checks a structured answer in a span like a tool's.",
        "test_library_versions.py: test_strands_check_of_a_structured_answer_is_no_call_of_a_tool",
    ),
    (
        "A tool's own schema stands where its arguments belong.",
        "test_openinference_forms.py: test_a_tools_own_schema_is_not_its_arguments",
    ),
    (
        "AgentCore moves a span's content into one log record named after the scope.",
        "test_documented_dialects.py: test_agentcore_keeps_strands_own_keys_in_the_content",
    ),
    (
        "A library that knows no price or no usage says 0: the cost is unknown.",
        "test_library_versions.py: test_a_call_whose_tokens_are_all_zero_has_no_known_cost",
    ),
)
"""Shown in ``docs/dialects.md``; that every test exists is tested."""
