"""A signal ends a wait at once, whenever it comes, and leaves no handler behind."""

from __future__ import annotations

import signal
import time

import pytest

from cli.stopping import Stop


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_before_the_wait_ends_it(number):
    before = signal.getsignal(number)

    with Stop() as stop:
        signal.raise_signal(number)
        signal.raise_signal(number)
        stop.wait(3600)
        assert stop.is_set

    assert signal.getsignal(number) is before


def test_a_signal_during_the_wait_ends_it():
    alarm = signal.signal(signal.SIGALRM, lambda *_: signal.raise_signal(signal.SIGTERM))
    try:
        with Stop() as stop:
            signal.setitimer(signal.ITIMER_REAL, 0.05)
            stop.wait(3600)
            assert stop.is_set
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, alarm)


def test_without_a_signal_a_wait_takes_its_time():
    with Stop() as stop:
        begin = time.monotonic()
        stop.wait(0.05)

        assert not stop.is_set
        assert time.monotonic() - begin >= 0.04
