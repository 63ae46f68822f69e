"""Languages of what users wrote: guessed when clear, and slices of a stored report."""

from __future__ import annotations

import json

import polars as pl
import pytest
from test_stored_data import answer, boolean_field, queue_store, trace
from test_stored_design import reported, scores

from analytics.alignment.languages import language_of
from span_store.schema import SPANS
from span_store.store import SpanStore

__all__ = ["queue_store"]
TEXTS = {
    "en": "Can you tell me how to change the address of my order? It is not in the list.",
    "de": "Wie kann ich die Adresse der Bestellung ändern? Sie ist nicht auf der Liste.",
    "fr": "Comment est-ce que je peux changer l'adresse dans le formulaire pour mon colis ?",
    "es": "No sé cómo cambiar la dirección de mi pedido, qué hago para que lo envíen?",
    "ja": "注文の住所を変更するにはどうすればいいですか",
    "zh": "如何更改我的订单地址",
    "ru": "Как изменить адрес моего заказа?",
}


@pytest.mark.parametrize("language", list(TEXTS))
def test_clear_texts_have_a_language(language):
    assert language_of(TEXTS[language]) == language


@pytest.mark.parametrize("text", ["", "12345 !!", "ok", "SELECT 1", "Madrid Berlin Paris"])
def test_unclear_texts_have_none(text):
    assert language_of(text) is None


def test_a_stored_report_compares_languages_when_asked(command, tmp_path, queue_store):
    boolean_field(queue_store)
    rows = []
    for number in range(80):
        answer(queue_store, trace(number), value=number % 2 == 0)
        said = TEXTS["de" if number < 40 else "en"]
        message = [{"role": "user", "parts": [{"type": "text", "content": said}]}]
        rows.append(
            dict.fromkeys(SPANS.names)
            | {"project": "default", "trace_id": trace(number), "span_id": f"{number:016x}",
               "name": "chat", "start_time": number, "end_time": number + 1,
               "is_model_call": True, "input_messages": json.dumps(message)}
        )  # fmt: skip
    SpanStore(tmp_path / "data").append(
        "spans", pl.DataFrame(rows, schema=SPANS.polars, orient="row")
    )
    # Wrong in every German trace, right in every English one.
    scores(command, tmp_path, range(80), lambda number: (number % 2 == 0) == (number >= 40))

    plain, asked = reported(command), reported(command, "--by-language")

    assert not any(row["column"] == "language" for row in plain["slices"]["rows"])
    found = {row["value"]: row for row in asked["slices"]["rows"] if row["column"] == "language"}
    assert found["de"]["agreement"]["value"] == 0
    assert found["en"]["agreement"]["value"] == 1
