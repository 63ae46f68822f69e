"""Finish reasons that only the output messages tell.

The stored messages are JSON that is valid and already in the product's words. Nearly all hold one
reason, near their end: it is cut out by its place, which costs a third of a pattern over the whole
text. Where that does not settle it, the pattern is asked.
"""

from __future__ import annotations

import numpy as np
import polars as pl

_KEY = '"finish_reason"'
_CUT_BYTES = 64
"""Longer than the key with any usual word behind it."""
_MEMBER = r'[,{]\s*"finish_reason":\s*"[^"\\]+"'
"""A quote inside a text is escaped, so the pattern cannot match inside one."""


def told_reasons(given: pl.Series, messages: pl.Series) -> pl.Series:
    """``given`` (lists of reasons), and where it is null the reasons of the messages, if any."""
    asked = (given.is_null() & messages.is_not_null()).arg_true()
    if asked.is_empty():
        return given
    texts = messages if len(asked) == len(messages) else messages.gather(asked)
    where = texts.str.find(_KEY, literal=True)
    told = where.is_not_null().arg_true()
    if told.is_empty():
        return given
    texts, asked = texts.gather(told), asked.gather(told)
    words = _one_word(texts, where.gather(told))
    found = (
        words.to_frame("word")
        .select(pl.when(pl.col("word").is_not_null()).then(pl.concat_list("word")).otherwise(None))
        .to_series()
    )
    unsettled = words.is_null().arg_true()
    if len(unsettled):
        found = _spread(found, unsettled, _all_words(texts.gather(unsettled)))
    return _spread(given, asked, found)


def _one_word(texts: pl.Series, where: pl.Series) -> pl.Series:
    """The word behind a text's only key; null where the key is not alone or the word not plain."""
    rest = pl.DataFrame({"text": texts, "at": where}).lazy()
    rest = rest.select(tail=pl.col("text").cast(pl.Binary).bin.slice("at"))
    cut = pl.col("tail").bin.slice(len(_KEY), _CUT_BYTES)
    after = pl.col("tail").bin.slice(len(_KEY))
    pieces = cut.cast(pl.String, strict=False).str.extract(r'^:\s*"([^"\\]+)"')
    alone = ~after.bin.contains(_KEY.encode())
    return rest.select(pl.when(alone).then(pieces)).collect().to_series()


def _all_words(texts: pl.Series) -> pl.Series:
    """Every reason in each text; null where there is none."""
    members = texts.str.extract_all(_MEMBER)
    words = members.list.eval(pl.element().str.extract(r':\s*"([^"]+)"$'))
    return (
        words.to_frame("words")
        .select(pl.when(pl.col("words").list.len() > 0).then("words"))
        .to_series()
    )


def _spread(values: pl.Series, at: pl.Series, new: pl.Series) -> pl.Series:
    """The values with others at these rows; lists cannot be scattered."""
    if len(at) == len(values):
        return new.rename(values.name)
    rows = np.arange(len(values))
    rows[at.to_numpy()] = np.arange(len(values), len(values) + len(at))
    return pl.concat([values, new.cast(values.dtype)]).gather(rows)
