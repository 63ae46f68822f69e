"""Addresses to listen on, however they are written."""

from __future__ import annotations

from contextlib import closing

import pytest

from otlp_receiver.addresses import bound, why_not, with_port


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", "127.0.0.1:4317"),
        ("localhost", "localhost:4317"),
        ("::1", "[::1]:4317"),
        ("[::1]", "[::1]:4317"),
        ("::", "[::]:4317"),
    ],
)
def test_ipv6_is_written_in_brackets(host: str, expected: str) -> None:
    assert with_port(host, 4317) == expected


def test_a_taken_port_is_told_from_an_address_elsewhere() -> None:
    with closing(bound("127.0.0.1", 0)) as taken:
        taken.listen()

        assert "in use" in why_not("127.0.0.1", taken.getsockname()[1])
    # 192.0.2.0/24 is set aside for documentation: no machine has it.
    assert "assign" in why_not("192.0.2.1", 0)
