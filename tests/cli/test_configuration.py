from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import pytest

from cli.configuration import Configuration, ConfigurationError, _section, load
from cli.setting_values import read_value, write_value
from cli.settings import settings


@pytest.fixture
def written(tmp_path):
    def write(text):
        path = tmp_path / "spandocket.toml"
        path.write_text(text, encoding="utf-8")
        return str(path)

    return write


def test_no_file_gives_the_defaults():
    assert load(None) == Configuration()


def test_an_empty_file_gives_the_defaults(written):
    assert load(written("")) == Configuration()


def test_every_problem_is_reported_at_once_with_file_and_key(written):
    path = written(
        """
        [receiver]
        hots = "0.0.0.0"
        grpc_port = "4317"
        [analysiss]
        [analysis]
        random_floor = true
        """
    )

    with pytest.raises(ConfigurationError) as caught:
        load(path)

    assert str(caught.value.message).splitlines() == [
        f"{path}: receiver.hots: unknown key; did you mean host?",
        f'{path}: receiver.grpc_port: expected a whole number, not "4317"',
        f"{path}: analysiss: unknown section; did you mean analysis?",
        f"{path}: analysis.random_floor: expected a number, not true",
    ]


def test_a_key_like_nothing_known_is_answered_with_all_keys(written):
    with pytest.raises(ConfigurationError, match="known: url"):
        load(written("[queue]\nzzz = 1"))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("receiver = 1", "receiver: expected a table, not 1"),
        ("[receiver", "is not TOML"),
        ("[receiver]\nhost = 'a'\nhost = 'b'", "is not TOML"),
    ],
)
def test_what_is_no_settings_file_is_refused(written, text, reason):
    with pytest.raises(ConfigurationError, match=reason):
        load(written(text))


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(ConfigurationError, match=r"cannot read .*missing.toml: No such file"):
        load(str(tmp_path / "missing.toml"))


@pytest.mark.parametrize(
    ("raw", "hint", "unit", "value"),
    [
        ("30s", float, "duration", 30.0),
        ("1.5m", float, "duration", 90.0),
        ("7d", int, "duration", 604_800),
        (2, float, "duration", 2.0),
        ("64MiB", int, "bytes", 2**26),
        (1024, int, "bytes", 1024),
        (1, float, None, 1.0),
        (["a", "b"], tuple[str, ...], None, ("a", "b")),
        ({"chat": 2}, dict[str, float], None, {"chat": 2.0}),
        ("full", Literal["full", "none"], None, "full"),
        ("a", str | None, None, "a"),
    ],
)
def test_values_are_read_with_type_and_unit(raw, hint, unit, value):
    result = read_value(raw, hint, unit)

    assert result == value
    assert type(result) is type(value)


@pytest.mark.parametrize(
    ("raw", "hint", "unit", "reason"),
    [
        ("30", float, "duration", 'one of ms, s, m, h, d, such as "30s", not "30"'),
        ("30 parsecs", float, "duration", "expected a number with one of"),
        ("-1s", float, "duration", "expected a number with one of"),
        (-1, float, "duration", "must not be negative"),
        (True, float, "duration", "not true"),
        ("64MB", int, "bytes", '"64MiB"'),
        (True, int, None, "expected a whole number, not true"),
        (1, bool, None, "expected true or false, not 1"),
        (1.5, int, None, "expected a whole number, not 1.5"),
        ("a", tuple[str, ...], None, 'expected a list, not "a"'),
        ([1], tuple[str, ...], None, "expected a text, not 1"),
        ([["a"]], tuple[str, ...], None, "expected a text"),
        ({"a": "b"}, dict[str, float], None, 'expected a number, not "b"'),
        ([1], dict[str, float], None, "expected a table"),
        ("fool", Literal["full", "none"], None, 'expected one of "full", "none"'),
        (1, str | None, None, "expected a text, not 1"),
    ],
)
def test_values_of_another_type_are_refused_with_what_was_expected(raw, hint, unit, reason):
    with pytest.raises(ValueError, match=r"expected|negative") as caught:
        read_value(raw, hint, unit)

    assert reason in str(caught.value)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Inner:
    rate: float = field(default=0.5, metadata={"doc": "A rate."})

    def __post_init__(self):
        if not 0 <= self.rate <= 1:
            raise ValueError(f"rate must lie between 0 and 1, is {self.rate}")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Outer:
    inner: _Inner = field(default_factory=_Inner)
    many: dict[str, _Inner] = field(default_factory=dict)


def test_sections_lie_within_sections():
    problems = []

    value = _section(_Outer, {"inner": {"rate": 1}, "many": {"a": {"rate": 0}}}, "f: s", problems)

    assert problems == []
    assert value == _Outer(inner=_Inner(rate=1.0), many={"a": _Inner(rate=0.0)})


def test_problems_within_inner_sections_carry_their_whole_path():
    problems = []

    _section(
        _Outer,
        {"inner": {"rat": 1}, "many": {"a": {"rate": 2}, "b": 1}},
        "f: s",
        problems,
    )

    assert problems == [
        "f: s.inner.rat: unknown key; did you mean rate?",
        "f: s.many.a: rate must lie between 0 and 1, is 2.0",
        "f: s.many.b: expected a table, not 1",
    ]


@pytest.mark.parametrize(
    "setting", list(settings(Configuration())), ids=lambda s: f"{s.section}.{s.key}"
)
def test_every_default_can_be_written_to_a_file_and_read_back(setting, written):
    path = written(f"[{setting.section}]\n{setting.key} = {setting.as_toml}\n")

    assert load(path) == Configuration()
    assert setting.doc.endswith(".")


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (604_800, "duration", '"7d"'),
        (90.0, "duration", '"1.5m"'),
        (0.2, "duration", '"200ms"'),
        (0, "duration", "0"),
        (2**26, "bytes", '"64MiB"'),
        (1500, "bytes", '"1500B"'),
        ((), None, "[]"),
        (("a",), None, '["a"]'),
        ({"a b": 1.5}, None, '{ "a b" = 1.5 }'),
        (True, None, "true"),
    ],
)
def test_values_are_written_with_the_unit_that_reads_best(value, unit, text):
    assert write_value(value, unit) == text


@pytest.mark.parametrize(
    ("setting", "reason"),
    [
        ("receiver.load_bytes = inf", "receiver.load_bytes: must be at most"),
        ("receiver.load_interval_seconds = nan", "receiver.load_interval_seconds: expected a"),
        ('receiver.drain_seconds = "1000000000d"', 'must be at most "36500d"'),
        ("store.keep_seconds = 1e300", "store.keep_seconds: must be at most"),
        (f"queue.lease_seconds = 1{'0' * 400}", "queue.lease_seconds: must be at most"),
        ("analysis.chunk_traces = 99999999999999999999", "analysis.chunk_traces: must be at most"),
        ("receiver.grpc_port = 99999", "grpc_port lies between 0 and 65535"),
        ("receiver.http_port = 4317", "grpc_port and http_port are both 4317"),
        ("receiver.http_port = -2", "http_port lies between -1 and 65535"),
        ("receiver.connections_max = 0", "connections_max lies between 1 and"),
        ("receiver.slots_max = -1", "slots_max lies between 1 and"),
        ('receiver.request_bytes_max = "2GiB"', "request_bytes_max lies between 1 and"),
        ("receiver.request_seconds = 0", "request_seconds must be above 0"),
        ("review.port = 65536", "port lies between 0 and 65535"),
        ("judge.usd_per_million_input_tokens = -1", "usd_per_million_input_tokens is a price"),
        ("judge.usd_max = nan", "judge.usd_max: expected a number, not nan"),
        ("judge.answer_tokens_max = 0", "answer_tokens_max is at least 1"),
        ("analysis = 5\n[[detectors]]\nname = 'a'", "analysis: expected a table, not 5"),
        ("analysis.detectors = 5\n[[detectors]]\nname = 'a'", "analysis.detectors: expected a"),
    ],
)
def test_settings_that_nothing_can_work_with_are_refused(written, setting, reason):
    with pytest.raises(ConfigurationError) as caught:
        load(written(setting))

    assert reason in caught.value.message


def test_a_declared_detector_without_a_condition_is_said_in_plain_words(written):
    path = written('[[detectors]]\nname = "slow"\n')

    with pytest.raises(ConfigurationError, match=r"analysis\.detectors\.slow: when is missing"):
        load(path)
