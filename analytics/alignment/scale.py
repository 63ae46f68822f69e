"""Score types, and the written mapping that turns scores into classes, pass or fail.

Nothing is guessed silently: every rule applied is a sentence in :attr:`Scale.mapping`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import polars as pl

from analytics.alignment.errors import InvalidPairsError, UselessThresholdError
from analytics.alignment.score_types import Scale, ScaleOptions, ScoreType
from analytics.alignment.words import (
    JUDGED,
    Direction,
    as_numbers,
    direction,
    mixed,
    one_of,
    readable,
    spellings,
    turned,
    word_pair,
)

if TYPE_CHECKING:
    from analytics.alignment.pairs import Pairs

ORDINAL_LEVELS_MAX = 11


def decide_scale(pairs: Pairs, options: ScaleOptions) -> Scale:
    """Find the score type and the mapping from the values and the options.

    Raises :class:`UnknownOptionError` for a positive or pass value that nobody used,
    :class:`InvalidPairsError` naming human values outside the given labels, and
    :class:`UselessThresholdError`.
    """
    human = sorted(pairs.ratings["human"].unique().to_list())
    evaluator = sorted(pairs.items["evaluator"].drop_nulls().unique().to_list())
    scale = _decided(pairs, options, human, evaluator)
    for option, given, side, values in (
        ("threshold", options.threshold, "the evaluator's scores", evaluator),
        ("human-threshold", options.human_threshold, "people's answers", human),
    ):
        is_cut = as_numbers(values) and scale.score_type is not ScoreType.CATEGORICAL
        if given is not None and values and not is_cut:
            raise UselessThresholdError(option, side, values)
    return scale


def _decided(pairs: Pairs, options: ScaleOptions, human: list[str], evaluator: list[str]) -> Scale:
    wanted = options.score_type
    if options.labels:
        return _labelled(pairs, options, human, evaluator)
    outside: tuple[str, ...] = ()
    if wanted is ScoreType.BOOLEAN:
        outside = tuple(value for value in evaluator if not readable(value))
        evaluator = [value for value in evaluator if value not in outside]
    # A side that said nothing is read as the other one is; a yes or no that nobody answered yet
    # is one nevertheless, whatever the evaluator's scores are.
    if wanted is ScoreType.BOOLEAN and not human and word_pair(evaluator) is None:
        human = ["false", "true"]
    human_pair, evaluator_pair = word_pair(human or evaluator), word_pair(evaluator or human)
    human_numbers = as_numbers(human or evaluator)
    evaluator_numbers = as_numbers(evaluator or human)
    if wanted is None or wanted is ScoreType.BOOLEAN:
        scale = _two_valued(options, human_pair, evaluator_pair, human_numbers, evaluator_numbers)
        if scale is not None:
            return replace(scale, outside=outside)
        if wanted is ScoreType.BOOLEAN:
            raise InvalidPairsError(
                [f"human: {', '.join(human[:5])}; evaluator: {', '.join(evaluator[:5])}"],
                "They are not two values, nor numbers with a threshold",
            )
    two_valued = human_pair or evaluator_pair
    if human_numbers and evaluator_numbers and wanted is not ScoreType.CATEGORICAL:
        values = [*human_numbers.values(), *evaluator_numbers.values()]
        whole = all(value == int(value) for value in values) and (
            len(set(values)) <= ORDINAL_LEVELS_MAX or wanted is ScoreType.ORDINAL
        )
        if wanted is ScoreType.ORDINAL or (wanted is None and whole and not two_valued):
            return _ordinal(options, human_numbers, evaluator_numbers)
        return _numeric(options, human_numbers, evaluator_numbers)
    if wanted in (ScoreType.NUMERIC, ScoreType.ORDINAL):
        bad = pairs.ratings.filter(pl.col("human").cast(pl.Float64, strict=False).is_null())
        problems = [f"row {r}: human is {v!r}" for r, v in bad.select("row", "human").iter_rows()]
        raise InvalidPairsError(
            problems or ["evaluator values are not numbers"],
            "Numbers are needed; give the order of names with labels",
        )
    if wanted is None:
        _refuse_mixed(pairs, human, evaluator)
    return _categorical(options, sorted({*human, *evaluator}), ScoreType.CATEGORICAL)


def _refuse_mixed(pairs: Pairs, human: list[str], evaluator: list[str]) -> None:
    """One boolean in several spellings must not become classes that never agree."""
    for side, values, frame in (
        ("human", human, pairs.ratings), ("evaluator", evaluator, pairs.items)
    ):  # fmt: skip
        if mixed(values) and mixed([*human, *evaluator]):
            first = frame.group_by(side, maintain_order=True).agg(pl.col("row").first())
            raise InvalidPairsError(
                [f"row {row}: {side} is {v!r}" for v, row in first.drop_nulls().iter_rows()],
                "One boolean is spelled in several ways: use one pair of words on a side, or "
                "--type categorical",
            )


def _two_valued(
    options: ScaleOptions,
    human_pair: tuple[str, str] | None,
    evaluator_pair: tuple[str, str] | None,
    human_numbers: dict[str, float] | None,
    evaluator_numbers: dict[str, float] | None,
) -> Scale | None:
    """A boolean scale when one side has two known words and the other words or numbers."""
    if human_pair and evaluator_pair:
        return _boolean(options, human_pair, evaluator_pair)
    if human_pair and evaluator_numbers:
        return _boolean_human(options, human_pair, evaluator_numbers)
    if evaluator_pair and human_numbers:
        return _boolean_evaluator(options, human_numbers, evaluator_pair)
    return None


def _boolean(options: ScaleOptions, human: tuple[str, str], evaluator: tuple[str, str]) -> Scale:
    # Names come from the side whose words say what is good.
    pair = evaluator if evaluator in JUDGED and human not in JUDGED else human
    way = direction(options, pair)
    codes = (way.high_code, 1 - way.high_code)
    mapping = [way.sentence]
    if human != evaluator:
        mapping.append(
            f"human {human[0]}/{human[1]} and evaluator {evaluator[0]}/{evaluator[1]} "
            f"are read as {pair[0]}/{pair[1]}"
        )
    human_codes, evaluator_codes = spellings(human, codes), spellings(evaluator, codes)
    return _two_classes(way, human_codes, evaluator_codes, {}, {}, mapping, None)


def _two_classes(
    way: Direction,
    human: dict[str, int],
    evaluator: dict[str, int],
    human_numbers: dict[str, float],
    evaluator_numbers: dict[str, float],
    mapping: list[str],
    threshold: float | None,
    reason: str | None = None,
) -> Scale:
    negative = way.low if way.positive == way.high else way.high
    return Scale(
        score_type=ScoreType.BOOLEAN,
        labels=(negative, way.positive),
        human_codes=human,
        evaluator_codes=evaluator,
        human_numbers=human_numbers,
        evaluator_numbers=evaluator_numbers,
        human_binary=human,
        evaluator_binary=evaluator,
        positive=way.positive,
        pass_value=way.pass_value,
        pass_named=way.pass_named,
        threshold=threshold,
        mapping=tuple(mapping),
        binary_reason=reason,
    )


def _cut(numbers: dict[str, float], threshold: float, way: Direction) -> dict[str, int]:
    return {
        text: way.high_code if number >= threshold else 1 - way.high_code
        for text, number in numbers.items()
    }


def _threshold(given: float | None, numbers: dict[str, float]) -> float | None:
    """The threshold asked for; one half for scores between 0 and 1; else none."""
    if given is not None:
        return given
    return 0.5 if all(0 <= number <= 1 for number in numbers.values()) else None


def _boolean_human(
    options: ScaleOptions, human: tuple[str, str], evaluator: dict[str, float]
) -> Scale:
    human = turned(options, human)
    way = direction(options, human)
    threshold = _threshold(options.threshold, evaluator)
    numbers = {text: float(code) for text, code in spellings(human, (1, 0)).items()}
    codes = spellings(human, (way.high_code, 1 - way.high_code))
    mapping = [way.sentence]
    if threshold is None:
        reason = "the evaluator's scores are numbers outside 0 to 1 and no threshold was given"
        return _two_classes(way, codes, {}, numbers, evaluator, mapping, None, reason)
    how = "as asked" if options.threshold is not None else "the default for scores in 0 to 1"
    mapping.append(
        f"evaluator score >= {threshold:g} is read as {way.high}, below as {way.low} ({how})"
    )
    cut = _cut(evaluator, threshold, way)
    return _two_classes(way, codes, cut, numbers, evaluator, mapping, threshold)


def _boolean_evaluator(
    options: ScaleOptions, human: dict[str, float], evaluator: tuple[str, str]
) -> Scale:
    evaluator = turned(options, evaluator)
    way = direction(options, evaluator)
    threshold = _threshold(options.human_threshold, human)
    numbers = {text: float(code) for text, code in spellings(evaluator, (1, 0)).items()}
    codes = spellings(evaluator, (way.high_code, 1 - way.high_code))
    mapping = [way.sentence]
    if threshold is None:
        reason = "human values are numbers outside 0 to 1 and no human threshold was given"
        return _two_classes(way, {}, codes, human, numbers, mapping, None, reason)
    mapping.append(f"human value >= {threshold:g} is read as {way.high}, below as {way.low}")
    return _two_classes(way, _cut(human, threshold, way), codes, human, numbers, mapping, None)


def _numeric(options: ScaleOptions, human: dict[str, float], evaluator: dict[str, float]) -> Scale:
    """Numbers on both sides; a binary reading only when both thresholds were given."""
    binary_human: dict[str, int] = {}
    binary_evaluator: dict[str, int] = {}
    mapping = ["numbers on both sides are compared as they are"]
    positive = passing = reason = None
    if options.human_threshold is not None and options.threshold is not None:
        way = direction(options, turned(options, ("pass", "fail")))
        binary_human = _cut(human, options.human_threshold, way)
        binary_evaluator = _cut(evaluator, options.threshold, way)
        positive, passing = way.positive, way.pass_value
        mapping.append(
            f"{way.high}: human value >= {options.human_threshold:g}, "
            f"evaluator score >= {options.threshold:g}; positive class: {positive}"
        )
    else:
        reason = "scores are numbers: give both thresholds for pass and fail"
    return Scale(
        score_type=ScoreType.NUMERIC, labels=(), human_codes={}, evaluator_codes={},
        human_numbers=human, evaluator_numbers=evaluator, human_binary=binary_human,
        evaluator_binary=binary_evaluator, positive=positive, pass_value=passing,
        pass_named=positive is not None, threshold=options.threshold, mapping=tuple(mapping),
        binary_reason=reason,
    )  # fmt: skip


def _ordinal(options: ScaleOptions, human: dict[str, float], evaluator: dict[str, float]) -> Scale:
    """Whole numbers on both sides: the scale runs from the lowest to the highest seen."""
    values = [*human.values(), *evaluator.values()]
    if all(value == int(value) for value in values) and max(values) - min(values) <= 100:
        levels = [float(level) for level in range(int(min(values)), int(max(values)) + 1)]
    else:
        levels = sorted(set(values))
    code = {level: index for index, level in enumerate(levels)}
    base = _numeric(options, human, evaluator)
    sentence = f"an ordinal scale from {levels[0]:g} to {levels[-1]:g}, quadratic weights"
    return Scale(
        score_type=ScoreType.ORDINAL, labels=tuple(f"{level:g}" for level in levels),
        human_codes={text: code[number] for text, number in human.items()},
        evaluator_codes={text: code[number] for text, number in evaluator.items()},
        human_numbers=human, evaluator_numbers=evaluator, human_binary=base.human_binary,
        evaluator_binary=base.evaluator_binary, positive=base.positive,
        pass_value=base.pass_value, pass_named=base.pass_named, threshold=options.threshold,
        mapping=(sentence, *base.mapping[1:]), binary_reason=base.binary_reason,
    )  # fmt: skip


def _categorical(
    options: ScaleOptions, labels: list[str], kind: ScoreType, outside: tuple[str, ...] = ()
) -> Scale:
    codes = {label: index for index, label in enumerate(labels)}
    positive = one_of(options.positive, labels, "positive value")
    passing = one_of(options.pass_value, labels, "pass value")
    target = positive or (passing and f"not {passing}")
    binary: dict[str, int] = {}
    if positive is not None:
        binary = {label: int(label == positive) for label in labels}
    elif passing is not None:
        binary = {label: int(label != passing) for label in labels}
    mapping = [f"classes: {', '.join(labels)}"]
    if target:
        mapping.append(f"positive class: {target}, against all others")
    if outside:
        mapping.append(f"evaluator values that are no class count as no score: {len(outside)}")
    # Names of points count their steps; numbers are what they are.
    numbers = as_numbers(labels) or {label: float(index) for label, index in codes.items()}
    ordered = numbers if kind is ScoreType.ORDINAL else {}
    return Scale(
        score_type=kind, labels=tuple(labels), human_codes=codes, evaluator_codes=codes,
        human_numbers=ordered, evaluator_numbers=ordered, human_binary=binary,
        evaluator_binary=binary, positive=target,
        pass_value=passing or (positive and f"not {positive}"), pass_named=bool(target),
        threshold=None, mapping=tuple(mapping), outside=outside,
        binary_reason=None if target else "several classes: name the positive one",
    )  # fmt: skip


def _labelled(pairs: Pairs, options: ScaleOptions, human: list[str], evaluator: list[str]) -> Scale:
    """Classes as given; a human value outside them is refused, an evaluator's is no score."""
    labels = list(options.labels)
    strangers = sorted(set(human) - set(labels))
    if strangers:
        rows = pairs.ratings.filter(pl.col("human").is_in(strangers))
        raise InvalidPairsError(
            [f"row {row}: human is {v!r}" for row, v in rows.select("row", "human").iter_rows()],
            f"The labels are {', '.join(labels)}",
        )
    pair = word_pair(labels)
    outside = tuple(sorted(set(evaluator) - set(labels)))
    if pair and options.score_type in (None, ScoreType.BOOLEAN) and len(labels) == 2:
        scale = _boolean(options, pair, pair)
        return scale if not outside else _with_outside(scale, outside)
    if options.score_type is None and options.positive in labels and set(evaluator) == set(outside):
        yes_no = word_pair(evaluator)
        if yes_no is not None and yes_no not in JUDGED:
            return _yes_no(options.positive, labels, yes_no)
    kind = options.score_type or ScoreType.CATEGORICAL
    return _categorical(options, labels, kind, outside)


def _yes_no(positive: str, labels: list[str], words: tuple[str, str]) -> Scale:
    """A detector that says yes or no, beside people's classes: yes means the positive one."""
    human = {label: int(label == positive) for label in labels}
    evaluator = spellings(words, (1, 0))
    return Scale(
        score_type=ScoreType.BOOLEAN, labels=(f"not {positive}", positive), human_codes=human,
        evaluator_codes=evaluator, human_numbers={}, evaluator_numbers={}, human_binary=human,
        evaluator_binary=evaluator, positive=positive, pass_value=f"not {positive}",
        pass_named=True, threshold=None, binary_reason=None,
        mapping=(
            f"positive class: {positive}, against all others",
            f"evaluator {words[0]} is read as {positive}, {words[1]} as any other class",
        ),
    )  # fmt: skip


def _with_outside(scale: Scale, outside: tuple[str, ...]) -> Scale:
    return replace(scale, outside=outside)
