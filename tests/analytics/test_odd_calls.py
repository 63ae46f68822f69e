"""Calls that stand for others: nothing odd is passed over, whatever stands beside it."""

from __future__ import annotations

import json

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.detectors import odd_calls
from analytics.detectors.odd_calls import Forms, form_of, traces_with_odd_calls

PARAMETERS = {
    "type": "object",
    "properties": {"query": {"type": "string"}, "limit": {"type": "integer"}},
    "required": ["query"],
}
DECLARED = json.dumps([{"name": name, "parameters": PARAMETERS} for name in ("open", "search")])
CHOOSY = json.dumps(
    [{"name": "open", "parameters": {"properties": {"query": {"enum": ["a", "b"]}}}}]
)

SAID = st.sampled_from(
    [
        "",
        " ",
        "a",
        "b",
        "id",
        "name",
        'say "id"',
        "back\\slash",
        "über",
        '{"query":',
        "a:",
        "\n",
        "5",
    ]
)
IDS = st.sampled_from(["c1", "c2", "", " ", " c", 'c"', "c\\", 5, None])
ARGUMENTS = st.one_of(
    SAID,
    st.sampled_from([None, {}, [], {"limit": 5}, {"query": 5}, {"query": None}]),
    st.fixed_dictionaries({"query": SAID}, optional={"limit": st.sampled_from([5, "5"])}),
    st.fixed_dictionaries({"query": SAID}, optional={"id": SAID, "name": SAID, "type": SAID}),
)


@st.composite
def parts(draw):
    kinds = ["tool_call"] * 8 + ["text", "server_tool_call", "tool_call "]
    part = {"type": draw(st.sampled_from(kinds))}
    if part["type"] == "text":
        return part | {"content": draw(SAID)}
    members = {
        "id": draw(IDS),
        "name": draw(st.sampled_from(["open", "open", "search", "", "öffnen", 'o"', None])),
        "arguments": draw(ARGUMENTS),
    }
    kept = draw(st.permutations(list(members)))[: draw(st.sampled_from([2, 3, 3, 3, 3]))]
    return part | {key: members[key] for key in kept}


@st.composite
def outputs(draw):
    """JSON of a message, mostly of one call; now and then something that is no JSON any more."""
    message = {"role": draw(st.sampled_from(["assistant", "a"]))}
    message["parts"] = draw(
        st.lists(parts(), min_size=1, max_size=draw(st.sampled_from([1, 1, 2])))
    )
    if draw(st.booleans()):
        message["finish_reason"] = draw(st.sampled_from(["tool_call", "stop"]))
    text = json.dumps(
        [message],
        ensure_ascii=draw(st.booleans()),
        indent=draw(st.sampled_from([None, None, 1])),
        separators=draw(st.sampled_from([(",", ":"), (", ", ": ")])),
    )
    if draw(st.sampled_from([False] * 7 + [True])):
        old = draw(st.sampled_from(["a", '"id"', ":", '"c', "}", '"query":']))
        new = draw(
            st.sampled_from(["\\q", "\\ud800", '"i\\u0064"', ": ", "\t", "\xa0", "\x01", ""])
        )
        text = text.replace(old, new, 1)
    return text


def odd(outputs, definitions):
    """The outputs that are told as odd when they are looked at together."""
    frame = pl.DataFrame(
        {
            "trace_id": [str(place) for place in range(len(outputs))],
            "tool_definitions": definitions,
            "output_messages": outputs,
        },
        schema=dict.fromkeys(("trace_id", "tool_definitions", "output_messages"), pl.String),
    )
    return {int(trace) for trace in traces_with_odd_calls(frame, ())}


def odd_alone(outputs, definitions):
    """The outputs that are odd when each is looked at for itself: nothing stands for it."""
    pairs = zip(outputs, definitions, strict=True)
    return {place for place, (output, own) in enumerate(pairs) if odd([output], [own])}


@settings(max_examples=60, deadline=None)
@given(
    said=st.lists(outputs(), min_size=1, max_size=12),
    definitions=st.lists(st.sampled_from([None, DECLARED, DECLARED, CHOOSY]), min_size=12),
    many=st.sampled_from([1, 3, 1_000]),
)
def test_no_call_hides_behind_another_one(said, definitions, many):
    definitions = definitions[: len(said)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(odd_calls, "_MANY", many)
        assert odd(said, definitions) == odd_alone(said, definitions)


def output(arguments, call_id="c1", name="open"):
    call = {"type": "tool_call", "id": call_id, "name": name, "arguments": arguments}
    return json.dumps([{"role": "assistant", "parts": [call], "finish_reason": "tool_call"}])


PROPER = [output({"query": f"number {number}"}) for number in range(3)]


@pytest.mark.parametrize("many", [1, 1_000])
@pytest.mark.parametrize(
    "strange",
    [
        output({"query": 5}),
        output({"query": "a"}, call_id=""),
        output({"query": "a"}, name=""),
        output({"query": "a"}, name="close"),
        output({"question": "a"}),
        output({"query": "a", "limit": "5"}),
        output('{"query": '),
        output({"query": "a"})[:-1],
        output({"query": "a"}).replace('"a"', '"\\q"'),
        output({"query": "a"}).replace('"a"', '"\\ud800"'),
        output({"query": "a"}).replace(': "a"', ':\xa0"a"'),
        json.dumps(json.loads(output({"query": "a"})) * 2),
    ],
)
def test_what_is_odd_is_told_among_proper_calls(monkeypatch, strange, many):
    monkeypatch.setattr(odd_calls, "_MANY", many)
    assert odd([*PROPER, strange, *PROPER], [DECLARED] * 7) == {3}


@pytest.mark.parametrize("many", [1, 1_000])
def test_an_empty_text_of_arguments_stands_for_no_other_text(monkeypatch, many):
    monkeypatch.setattr(odd_calls, "_MANY", many)
    assert odd([output(""), output("{"), output("{}")], [None] * 3) == {1}


def test_proper_calls_of_many_kinds_are_not_odd(monkeypatch):
    """So many that one expression would be too long for them."""
    monkeypatch.setattr(odd_calls, "_MANY", 1)
    said = [output({"query": "a", "limit": 10**number}) for number in range(18)] * 3
    assert odd(said, [DECLARED] * len(said)) == set()
    monkeypatch.setattr(odd_calls, "_FORMS_CHARACTERS_MAX", 1)
    assert odd(said, [DECLARED] * len(said)) == set()


def test_a_form_is_that_of_what_differs_in_values_of_strings_alone():
    form = f"^(?:{form_of(output({'query': 'a'}))})$"
    others = [
        output({"query": 'any "text" at all\n'}, call_id="another"),
        output({"query": "a"}, call_id=" "),
        output({"query": "a"}, name="search"),
        output({"query": ["a"]}),
        output({"query": "a"}) + " ",
    ]
    assert pl.Series(others).str.contains(form).to_list() == [True, *[False] * 4]


def test_forms_share_how_they_begin_and_end():
    def said_plainly(*args, **values):
        return json.dumps(json.loads(output(*args, **values)), ensure_ascii=False)

    said = [
        said_plainly({"query": value}, call_id=value, name=f"{value}en") for value in ("op", "ö")
    ]
    forms = Forms.of(said)
    assert forms.head == '[{"role": "assistant", "parts": [{"type": "tool_call", "id": '
    assert forms.tail == '}}], "finish_reason": "tool_call"}]'
    others = [
        said_plainly({"query": 'say "query", or nothing'}, call_id="ü", name="open"),
        said_plainly({"query": "é"}, name="öen"),
        said_plainly({"query": "a"}, name="en"),
        said_plainly({"query": "a"}, name="open").replace("assistant", "a"),
        said_plainly({"query": "a"}, name="open").replace('"a"', '"\\q"'),
        forms.head + forms.tail,
        forms.head[: -len(forms.tail)] + forms.tail,
        "",
    ]
    assert forms.has(pl.Series([*said, *others])).to_list() == [True] * 4 + [False] * 6


def test_one_text_is_a_form_whose_beginning_and_end_do_not_overlap():
    said = json.dumps([{"parts": [{"type": "tool_call", "name": "open", "arguments": {}}]}])
    forms = Forms.of([said, said])
    assert forms.has(pl.Series([said, said + said, said[:-1], said[1:]])).to_list() == (
        [True] + [False] * 3
    )


def test_a_beginning_that_is_an_end_too_counts_once():
    forms = Forms(head="aba", middle="^(?:)$", tail="ba")
    assert forms.has(pl.Series(["ababa", "aba", "abaxba"])).to_list() == [True, False, False]
