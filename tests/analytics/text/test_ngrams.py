from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from analytics.text.ngrams import RUN_BITS, WIDTH, WORD_BITS, Featurizer

FEATURIZER = Featurizer()
TEXTS = st.lists(st.text(max_size=40), min_size=1, max_size=16)


def columns_of(texts):
    features = FEATURIZER.features_of(texts)
    return [features.column[features.text == place].tolist() for place in range(len(texts))]


@given(TEXTS)
def test_a_text_has_the_same_columns_alone_as_among_others(texts):
    together = columns_of(texts)

    assert together == [columns_of([text])[0] for text in texts]


@given(TEXTS)
def test_columns_are_in_range_and_never_repeat(texts):
    for columns in columns_of(texts):
        assert len(columns) == len(set(columns))
        assert all(0 <= column < WIDTH for column in columns)


def test_saying_a_thing_often_adds_no_word():
    once = [column for column in columns_of(["ignore me"])[0] if column < 1 << WORD_BITS]
    often = [
        column
        for column in columns_of(["ignore me ignore me ignore me"])[0]
        if column < 1 << WORD_BITS
    ]

    assert set(once) < set(often)
    assert len(often) == len(once) + 1, "only the pair 'me ignore' is new"


def test_a_short_text_has_its_words_their_pair_and_its_runs():
    columns = columns_of(["ab cd"])[0]

    words = [column for column in columns if column < 1 << WORD_BITS]
    runs = [column for column in columns if column >= 1 << WORD_BITS]
    assert len(words) == 3, "ab, cd, ab cd"
    assert len(runs) == 5 + 4 + 3, "runs of three, four and five bytes of ' ab cd '"
    assert max(runs) < (1 << WORD_BITS) + (1 << RUN_BITS)


def test_different_words_rarely_share_a_column():
    words = [f"word{number}" for number in range(1000)]
    featurizer = Featurizer()
    seen = set()
    for word in words:
        features = featurizer.features_of([word])
        seen.update(features.column[features.column < 1 << WORD_BITS].tolist())

    assert len(seen) > 970
