"""Groups of a frame's rows: what is least, greatest, first, or the sum in each of them.

Once the order is known in which the rows stand group by group, numbers are taken in that order and
neighbours tell the rest: no hash table, and no row is moved of which only the first matters.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Places = NDArray[np.int64]
    Booleans = NDArray[np.bool_]

_LAST = np.iinfo(np.int64).max
_FIRST = np.iinfo(np.int64).min


class Groups:
    """Groups of rows; every answer has one value a group, null where the group has none.

    ``keys`` are equal within a group, and groups stand one after another; ``places`` says which
    row of the frame each key belongs to, None for the frame's own order. Columns are handed in as
    they stand in the frame.
    """

    def __init__(self, keys: NDArray[Any], places: Places | None) -> None:
        is_first = np.ones(len(keys), np.bool_)
        is_first[1:] = keys[1:] != keys[:-1]
        self.begins = np.flatnonzero(is_first)
        self.sizes = np.diff(self.begins, append=len(keys))
        self.numbers = np.repeat(np.arange(len(self.begins)), self.sizes)
        self.keys = keys[self.begins]
        self._places = places

    def __len__(self) -> int:
        return len(self.begins)

    def within(self, holds: pl.Series) -> Groups:
        """The rows that it holds for; the keys of the answer are the numbers of these groups."""
        return self._inner(self._chosen(holds))

    def alone(self, frame: pl.DataFrame, holds: pl.Series) -> tuple[pl.DataFrame, Groups]:
        """The rows that it holds for in a frame of their own, and their groups in that frame.

        The keys of the groups are the numbers of these groups.
        """
        is_chosen = holds.fill_null(value=False)
        chosen = self._chosen(is_chosen)
        places = None
        if self._places is not None:
            places = (np.cumsum(is_chosen.to_numpy()) - 1)[self._places[chosen]]
        rows = pl.DataFrame([column.filter(is_chosen) for column in frame.get_columns()])
        return rows, Groups(self.numbers[chosen], places)

    def spread(self, frame: pl.DataFrame, size: int) -> pl.DataFrame:
        """Rows that belong to these groups as rows of the ``size`` groups that they lie in."""
        if len(self) == size:
            return frame
        numbers = np.full(size, -1, np.int64)
        numbers[self.keys] = np.arange(len(self))
        wanted = pl.Series(numbers)
        return frame.select(pl.all().gather(wanted.set(wanted < 0, None)))

    def least(self, column: pl.Series) -> pl.Series:
        """The least of whole numbers."""
        return self._extreme(column, np.minimum, _LAST)

    def greatest(self, column: pl.Series) -> pl.Series:
        """The greatest of whole numbers."""
        return self._extreme(column, np.maximum, _FIRST)

    def count(self, holds: pl.Series) -> pl.Series:
        """How many rows it holds for; unknown counts as not."""
        chosen = self._chosen(holds)
        return pl.Series(holds.name, np.bincount(self.numbers[chosen], minlength=len(self)))

    def total(self, column: pl.Series) -> pl.Series:
        """The sum of what is known, in the order of the rows; null when nothing is."""
        inner = self._known(column)
        values = inner.ordered(column.fill_null(0).to_numpy())
        if column.dtype.is_float():
            found = _compensated_sums(values, inner.begins, inner.sizes)
        else:
            found = np.add.reduceat(values, inner.begins) if len(inner) else values
        return self._of(inner, pl.Series(column.name, found, dtype=column.dtype))

    def first(self, holds: pl.Series | None = None) -> pl.Series:
        """Where in the frame the first row stands that it holds for."""
        if holds is None:
            return pl.Series(self.rows(self.begins))
        inner = self.within(holds)
        return self._of(inner, inner.first())

    def last(self) -> pl.Series:
        """Where in the frame the last row stands."""
        return pl.Series(self.rows(self.begins + self.sizes - 1))

    def alike(self, column: pl.Series) -> tuple[pl.Series, pl.DataFrame]:
        """The first known text of each group, and ``group, value`` of those that know several."""
        inner = self._known(column)
        hashes = inner.ordered(column.hash(0).to_numpy())
        differs = (hashes[1:] != hashes[:-1]) & (inner.numbers[1:] == inner.numbers[:-1])
        has_several = np.zeros(len(inner), np.bool_)
        has_several[inner.numbers[1:][differs]] = True
        chosen = np.flatnonzero(has_several[inner.numbers])
        numbers = inner.numbers[chosen]
        several = pl.DataFrame(
            {
                "group": numbers if inner is self else inner.keys[numbers],
                "value": taken([column], pl.Series(inner.rows(chosen)))[0],
            }
        )
        return self._of(inner, taken([column], inner.first())[0]), several

    def column(self, column: pl.Series) -> pl.Series:
        """The column's values row by row, as the groups stand."""
        places = self._places
        return column if places is None else column.gather(places)

    def ordered(self, values: NDArray[Any]) -> NDArray[Any]:
        """The frame's values row by row, as the groups stand."""
        return values if self._places is None else values[self._places]

    def rows(self, ordered: Places) -> Places:
        """Where in the frame these rows of the groups stand."""
        return ordered if self._places is None else np.asarray(self._places[ordered])

    def _known(self, column: pl.Series) -> Groups:
        """The rows in which the column is known."""
        if not column.null_count():
            return self
        chosen = self._chosen(column.is_not_null())
        return self if len(chosen) == len(self.numbers) else self._inner(chosen)

    def _inner(self, chosen: Places) -> Groups:
        return Groups(self.numbers[chosen], self.rows(chosen))

    def _of(self, inner: Groups, answers: pl.Series) -> pl.Series:
        """Answers about inner groups as answers about these."""
        return answers if inner is self else inner.spread(answers.to_frame(), len(self)).to_series()

    def _extreme(self, column: pl.Series, function: np.ufunc, otherwise: int) -> pl.Series:
        values = self.ordered(column.fill_null(otherwise).to_numpy())
        found = function.reduceat(values, self.begins) if len(self) else values
        answer = pl.Series(column.name, found)
        return answer.set(answer == otherwise, None) if column.null_count() else answer

    def _chosen(self, holds: pl.Series) -> Places:
        return np.flatnonzero(self.ordered(holds.fill_null(value=False).to_numpy()))


def taken(columns: Sequence[pl.Series], places: pl.Series) -> list[pl.Series]:
    """The values of columns of one frame that stand in these places, null where a place is.

    To look places up in a column of many pieces takes several times what it takes to leave rows
    out; what is left is looked up in one piece, or stands in the right order already.
    """
    known = places.drop_nulls().to_numpy()
    is_ascending = len(known) == len(places) and (known[1:] > known[:-1]).all()
    if not is_ascending and columns[0].n_chunks() == 1:
        return [column.gather(places) for column in columns]
    is_wanted = np.zeros(len(columns[0]), np.bool_)
    is_wanted[known] = True
    wanted = pl.Series(is_wanted)
    chosen = [column.filter(wanted).rechunk() for column in columns]
    if is_ascending:
        return chosen
    at = places.fill_null(0).to_numpy()
    there = pl.Series((np.cumsum(is_wanted) - 1)[at])
    if places.null_count():
        there = there.set(places.is_null(), None)
    return [column.gather(there) for column in chosen]


def _compensated_sums(
    values: NDArray[np.float64], begins: Places, sizes: Places
) -> NDArray[np.float64]:
    """Kahan's sums, as Polars makes them of groups: all first values, and so on."""
    largest_first = np.argsort(-sizes, kind="stable")
    begins, reach = begins[largest_first], -sizes[largest_first]
    sums = np.zeros(len(begins))
    errors = np.zeros(len(begins))
    for place in range(-int(reach.min(initial=0))):
        some = slice(0, int(np.searchsorted(reach, -place)))
        added = values[begins[some] + place] - errors[some]
        total = sums[some] + added
        errors[some] = (total - sums[some]) - added
        sums[some] = total
    found = np.empty(len(begins))
    found[largest_first] = sums
    return found
