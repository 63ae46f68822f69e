"""The transition table, the README's diagram and the database say the same."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from sqlalchemy import inspect, text
from sqlalchemy.exc import DBAPIError

import queue_store
from queue_store.model import TRANSITIONS, ItemState, allowed_moves

README = Path(queue_store.__file__).parent / "README.md"


def test_the_diagram_is_the_transition_table():
    diagram = re.search(r"```mermaid\n(.*?)```", README.read_text("utf-8"), re.DOTALL)[1]
    drawn = {
        (before, after, action.strip())
        for before, after, actions in re.findall(
            r"^\s+(\w+) --> (\w+): (.+)$", diagram, re.MULTILINE
        )
        for action in actions.split(",")
    }

    assert drawn == {
        (before.value, after.value, action.value)
        for action, moves in TRANSITIONS.items()
        for before, after in moves
    }


def test_the_check_of_the_database_is_the_transition_table(store):
    checks = inspect(store.database.engine).get_check_constraints("items")
    (sql,) = [check["sqltext"] for check in checks if check["name"] == "items_move_allowed"]
    pairs = re.findall(r"came_from = '(\w+)'.*?state = '(\w+)'", sql)

    assert sorted(pairs) == sorted((a.value, b.value) for a, b in allowed_moves())


@pytest.mark.parametrize("after", list(ItemState))
def test_the_database_itself_refuses_a_move_that_is_not_in_the_table(desk, after):
    desk.queue()
    desk.add(1)
    desk.complete(desk.next())
    forged = {
        "pending": "labels_done = 0, open_seats = 1",
        "in_progress": "labels_done = 0",
        "skipped": "skip_reason = 'x'",
        "completed": "completed_at = 1",
    }.get(after.value, "skip_reason = NULL")
    cleared = "" if after is ItemState.COMPLETED else ", completed_at = NULL"
    move = f"UPDATE items SET came_from = state, state = '{after.value}', {forged}{cleared}"
    allowed = (ItemState.COMPLETED, after) in allowed_moves()

    with desk.store.database.engine.connect() as connection:
        if allowed:
            connection.execute(text(move))
        else:
            with pytest.raises(DBAPIError, match="move_allowed"):
                connection.execute(text(move))
        connection.rollback()


@pytest.mark.parametrize("seats", [-1, 0, 2])
def test_the_database_itself_refuses_seats_that_do_not_add_up(desk, seats):
    desk.queue()
    desk.add(1)

    with (
        desk.store.database.engine.connect() as connection,
        pytest.raises(DBAPIError, match="seats_counted"),
    ):
        connection.execute(text(f"UPDATE items SET open_seats = {seats}"))
