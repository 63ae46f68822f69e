"""Values: what fits a field, and how text reads as a value."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from queue_store.errors import InvalidValueError
from queue_store.model import Field, FieldOption, FieldPurpose, FieldType
from queue_store.values import checked
from tests.queue_store.desk import NOW


def field(kind, **facts):
    settings = {
        "options": (),
        "multiple": False,
        "minimum": None,
        "maximum": None,
        "required": False,
        "purpose": FieldPurpose.FEEDBACK,
        "positive": None,
    } | facts
    return Field(
        id=1,
        project="p",
        name="field",
        version=1,
        type=kind,
        description="",
        created_at=NOW,
        created_by="a",
        **settings,
    )


MOODS = (FieldOption(value="calm"), FieldOption(value="angry"), FieldOption(value="sad"))


@pytest.mark.parametrize(
    ("definition", "given_value", "stored"),
    [
        (field(FieldType.BOOLEAN), "yes", True),
        (field(FieldType.BOOLEAN), False, False),
        (field(FieldType.INTEGER), "4", 4),
        (field(FieldType.INTEGER), 4.0, 4),
        (field(FieldType.INTEGER), "4.0", 4),
        (field(FieldType.INTEGER), "9007199254740993.0", 9007199254740993),
        (field(FieldType.NUMBER), "0.5", 0.5),
        (field(FieldType.NUMBER), 1, 1.0),
        (field(FieldType.STRING), "None", "None"),
        (field(FieldType.CATEGORICAL, options=MOODS), "calm", "calm"),
        (field(FieldType.CATEGORICAL, options=MOODS, multiple=True), "sad, calm", ["calm", "sad"]),
        (
            field(FieldType.CATEGORICAL, options=MOODS, multiple=True),
            '["sad","calm"]',
            ["calm", "sad"],
        ),
    ],
)
def test_a_fitting_value_is_stored_in_one_form(definition, given_value, stored):
    assert checked(definition, given_value) == stored
    assert type(checked(definition, given_value)) is type(stored)


@pytest.mark.parametrize(
    ("definition", "bad"),
    [
        (field(FieldType.BOOLEAN), "maybe"),
        (field(FieldType.BOOLEAN), 1),
        (field(FieldType.BOOLEAN), None),
        (field(FieldType.INTEGER), 4.5),
        (field(FieldType.INTEGER), "4.5"),
        (field(FieldType.INTEGER), "1e999999999"),
        (field(FieldType.INTEGER), "nan"),
        (field(FieldType.INTEGER), True),
        (field(FieldType.INTEGER, minimum=1.0), 0),
        (field(FieldType.NUMBER), "nan"),
        (field(FieldType.NUMBER, maximum=1.0), 1.5),
        (field(FieldType.STRING), None),
        (field(FieldType.STRING, maximum=3.0), "four"),
        (field(FieldType.CATEGORICAL, options=MOODS), "Calm"),
        (field(FieldType.CATEGORICAL, options=MOODS), None),
        (field(FieldType.CATEGORICAL, options=MOODS, multiple=True), []),
        (field(FieldType.CATEGORICAL, options=MOODS, multiple=True), '["glad"]'),
    ],
)
def test_a_value_outside_its_field_is_refused(definition, bad):
    with pytest.raises(InvalidValueError) as caught:
        checked(definition, bad)

    assert caught.value.field == "field"


@given(
    value=st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text()),
    kind=st.sampled_from([FieldType.BOOLEAN, FieldType.INTEGER, FieldType.NUMBER]),
)
def test_checking_a_stored_value_again_changes_nothing(value, kind):
    definition = field(kind, minimum=0.0 if kind is not FieldType.BOOLEAN else None)
    try:
        once = checked(definition, value)
    except InvalidValueError:
        return

    assert checked(definition, once) == once
