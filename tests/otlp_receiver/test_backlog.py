"""What waits to be loaded, and since when."""

from otlp_receiver.backlog import Backlog

SECOND = 1_000_000_000


def test_what_is_loaded_waits_no_longer() -> None:
    backlog = Backlog()
    backlog.add(3, 10 * SECOND, requests=3, items=30)
    backlog.add(5, 12 * SECOND, requests=2, items=20)

    backlog.loaded(3)

    assert (backlog.size(), backlog.oldest()) == ((2, 20), 12 * SECOND)


def test_what_was_loaded_before_its_sync_was_told_never_waits() -> None:
    backlog = Backlog()

    backlog.loaded(4)
    backlog.add(4, 10 * SECOND, items=3)

    assert (backlog.size(), backlog.oldest()) == ((0, 0), None)


def test_a_late_report_takes_nothing_back() -> None:
    backlog = Backlog()
    backlog.loaded(7)
    backlog.loaded(2)

    backlog.add(6, 10 * SECOND)
    backlog.add(8, 11 * SECOND)

    assert backlog.oldest() == 11 * SECOND
