"""Labelled public data as frames: what each set is, whose it is, and what it may be used for.

Every reader returns the columns of :data:`LABELLED`. A set that may not train a shipped model
(its owner's terms, or no permission found) is read for measuring alone; see :data:`CORPORA`.
"""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from analytics.text.errors import UnusableDataError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

LABELLED = pl.Schema(
    {
        "corpus": pl.String(),
        "part": pl.String(),
        "text": pl.String(),
        "request": pl.String(),
        "label": pl.Int8(),
        "group": pl.String(),
    }
)
"""``part``: model, platform or file; ``request``: what was asked, where the text is an answer;
``group``: texts that must not be split between training and test."""

GROUP_CHARACTERS = 60
"""Texts that begin with the same characters are copies of one text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Corpus:
    """One labelled set."""

    name: str
    licence: str
    trains: bool
    """Whether a shipped head may learn from it."""
    note: str
    """What the labels are, and what is wrong with them."""


CORPORA: dict[str, Corpus] = {
    corpus.name: corpus
    for corpus in (
        Corpus(
            name="jailbreak_inthewild",
            licence="MIT",
            trains=True,
            note="jailbreak prompts collected in the wild; 5-10 % are truncated or mild",
        ),
        Corpus(
            name="awesome_prompts",
            licence="CC0-1.0",
            trains=True,
            note="harmless role-play and system prompts; rows that name DAN are dropped",
        ),
        Corpus(
            name="self_instruct",
            licence="Apache-2.0",
            trains=True,
            note="ordinary instructions and answers written by people",
        ),
        Corpus(
            name="openai_moderation",
            licence="MIT",
            trains=True,
            note="moderated texts; only rows whose sexual label is known count",
        ),
        Corpus(
            name="refusal_direction/yi",
            licence="Apache-2.0, repository and model",
            trains=True,
            note="answers of Yi-6B-Chat; labels are substring matches, so phrase rules profit",
        ),
        Corpus(
            name="refusal_direction",
            licence="Apache-2.0 (repository); answers under the model owners' terms",
            trains=False,
            note="answers of Gemma, Llama 2, Llama 3 and Qwen; labels are substring matches",
        ),
        Corpus(
            name="xstest",
            licence="CC-BY-4.0 (prompts, labels); answers under the model owners' terms",
            trains=False,
            note="answers of five models, labelled by two people and adjudicated",
        ),
        Corpus(
            name="bipia",
            licence="MIT",
            trains=False,
            note="injected instructions, most of them harmless sentences out of their context",
        ),
        Corpus(
            name="tau_bench",
            licence="MIT",
            trains=False,
            note="simulated customers and an airline agent; no label, ordinary traffic",
        ),
        Corpus(
            name="ci_tod",
            licence="MIT",
            trains=False,
            note="task dialogues whose last turn may contradict the history",
        ),
    )
}
"""Every set by name."""


def jailbreak_prompts(folder: Path) -> pl.DataFrame:
    """In-the-wild jailbreaks (1)."""
    frame = pl.read_csv(_found(folder / "jailbreak_inthewild" / "jailbreak_prompts.csv.gz"))
    frame = frame.unique("prompt", maintain_order=True).with_columns(
        community=pl.col("community_id").cast(pl.Int64).cast(pl.String)
    )
    return _labelled(
        frame,
        corpus="jailbreak_inthewild",
        part=pl.col("platform"),
        text=pl.col("prompt"),
        label=1,
        group=pl.coalesce(pl.lit("community ") + pl.col("community"), _beginning("prompt")),
    )


def role_play_prompts(folder: Path) -> pl.DataFrame:
    """Harmless role-play prompts (0)."""
    frame = pl.read_csv(_found(folder / "awesome_prompts" / "prompts_text.csv.gz"))
    named = pl.concat_str("act", "prompt", ignore_nulls=True).str.contains(r"\bDAN\b")
    frame = frame.filter(~named).unique("prompt", maintain_order=True)
    return _labelled(
        frame, corpus="awesome_prompts", part=pl.lit("prompts"), text=pl.col("prompt"), label=0
    )


def ordinary_instructions(folder: Path) -> pl.DataFrame:
    """What people ask (0)."""
    return _labelled(
        _self_instruct(folder),
        corpus="self_instruct",
        part=pl.lit("instructions"),
        text=pl.concat_str("instruction", "input", separator="\n"),
        label=0,
    )


def ordinary_answers(folder: Path) -> pl.DataFrame:
    """What people answer (0)."""
    return _labelled(
        _self_instruct(folder).filter(pl.col("output") != ""),
        corpus="self_instruct",
        part=pl.lit("answers"),
        text=pl.col("output"),
        label=0,
        request=pl.col("instruction"),
    )


def moderated_texts(folder: Path) -> pl.DataFrame:
    """Texts with a known sexual label; the unlabelled ones are left out."""
    rows = _json_lines(folder / "openai_moderation" / "samples_without_s3.jsonl.gz")
    frame = pl.DataFrame(
        [(row["prompt"], row["S"]) for row in rows if row.get("S") is not None],
        schema={"prompt": pl.String, "S": pl.Int8},
        orient="row",
    )
    return _labelled(
        frame,
        corpus="openai_moderation",
        part=pl.lit("sexual"),
        text=pl.col("prompt"),
        label=pl.col("S"),
        group=_beginning("prompt"),
    )


def other_moderated_texts(folder: Path) -> pl.DataFrame:
    """Moderated texts whose sexual label is not known: real users' texts, none a jailbreak (0)."""
    rows = _json_lines(folder / "openai_moderation" / "samples_without_s3.jsonl.gz")
    frame = pl.DataFrame(
        {"prompt": [row["prompt"] for row in rows if row.get("S") is None]},
        schema={"prompt": pl.String},
    )
    return _labelled(
        frame, corpus="openai_moderation", part=pl.lit("other"), text=pl.col("prompt"), label=0
    )


_REFUSAL_FILES = {
    "yi": "yi-6b-chat.jsonl.gz",
    "gemma": "gemma-2b-it.jsonl",
    "llama-2": "llama-2-7b-chat-hf.jsonl.gz",
    "llama-3": "meta-llama-3-8b-instruct.jsonl.gz",
    "qwen": "qwen-1_8b-chat.jsonl",
}


def refusal_answers(folder: Path, models: tuple[str, ...]) -> pl.DataFrame:
    """Answers to harmless and harmful requests; label: whether the model refused.

    ``part`` is ``model:set``; set ``harmless_actadd`` holds refusals of harmless requests.
    """
    frames = []
    for model in models:
        rows = _json_lines(folder / "refusal_direction" / _REFUSAL_FILES[model])
        frame = pl.DataFrame(rows).with_columns(pl.col("substring_refusal").cast(pl.Int8))
        frames.append(
            _labelled(
                frame,
                corpus="refusal_direction/yi" if model == "yi" else "refusal_direction",
                part=pl.lit(f"{model}:") + pl.col("set"),
                text=pl.col("response"),
                label=pl.col("substring_refusal"),
                request=pl.col("prompt"),
                group=pl.col("prompt"),
            )
        )
    return pl.concat(frames)


def xstest_answers(folder: Path) -> pl.DataFrame:
    """Answers labelled by people: 1 for a full or partial refusal; ``part`` is the model.

    ``group`` is the prompt's type: types that begin with ``contrast_`` are unsafe requests.
    """
    frame = pl.read_csv(_found(folder / "xstest" / "completions_labelled.csv.gz"))
    return _labelled(
        frame.drop_nulls("completion"),
        corpus="xstest",
        part=pl.col("model"),
        text=pl.col("completion"),
        label=(~pl.col("final_label").str.starts_with("1")).cast(pl.Int8),
        request=pl.col("prompt"),
        group=pl.col("type"),
    )


def injected_instructions(folder: Path) -> pl.DataFrame:
    """Instructions that someone hid in content (1); ``part`` is the file's kind."""
    rows: list[tuple[str, str, str]] = []
    for kind in ("text", "code"):
        for split in ("train", "test"):
            place = _found(folder / "bipia" / f"{kind}_attack_{split}.json")
            for group, sentences in json.loads(place.read_text(encoding="utf-8")).items():
                rows.extend((kind, group, str(sentence)) for sentence in sentences)
    frame = pl.DataFrame(rows, schema=["kind", "name", "sentence"], orient="row")
    return _labelled(frame, corpus="bipia", part=pl.col("kind"), text=pl.col("sentence"), label=1)


def customer_texts(folder: Path) -> pl.DataFrame:
    """What simulated customers wrote and what tools returned (0); ``part`` is the role."""
    with gzip.open(_found(folder / "tau_bench" / "gpt-4o-airline.json.gz")) as file:
        runs = json.load(file)
    rows = [
        (message["role"], message["content"], f"task {run['task_id']}")
        for run in runs
        for message in run["traj"]
        if message.get("content")
    ]
    frame = pl.DataFrame(rows, schema=["role", "content", "task"], orient="row")
    return _labelled(
        frame.unique(maintain_order=True),
        corpus="tau_bench",
        part=pl.col("role"),
        text=pl.col("content"),
        label=0,
        group=pl.col("task"),
    )


def request_prompts(folder: Path) -> pl.DataFrame:
    """Requests without any attempt to break constraints, harmless and harmful (0)."""
    frame = pl.read_csv(_found(folder / "xstest" / "xstest_prompts.csv"))
    xstest = _labelled(
        frame, corpus="xstest", part=pl.lit("prompts"), text=pl.col("prompt"), label=0
    )
    answers = refusal_answers(folder, ("gemma",)).unique("request", maintain_order=True)
    return pl.concat(
        [
            xstest,
            answers.with_columns(text="request", label=pl.lit(0, pl.Int8), part=pl.lit("prompts")),
        ]
    )


def _labelled(
    frame: pl.DataFrame,
    *,
    corpus: str,
    part: pl.Expr,
    text: pl.Expr,
    label: int | pl.Expr,
    request: pl.Expr | None = None,
    group: pl.Expr | None = None,
) -> pl.DataFrame:
    """Bring a set into the columns of :data:`LABELLED`; blank texts are left out."""
    return (
        frame.select(
            corpus=pl.lit(corpus),
            part=part,
            text=text,
            request=pl.lit(None, pl.String) if request is None else request,
            label=pl.lit(label, pl.Int8) if isinstance(label, int) else label,
            group=text.str.head(GROUP_CHARACTERS) if group is None else group,
        )
        .cast(dict(LABELLED))  # type: ignore[arg-type]
        .filter(pl.col("text").str.strip_chars().str.len_bytes() > 0)
    )


def _beginning(name: str) -> pl.Expr:
    return pl.col(name).str.head(GROUP_CHARACTERS)


def _self_instruct(folder: Path) -> pl.DataFrame:
    rows = []
    for file in ("seed_tasks.jsonl", "user_oriented_instructions.jsonl"):
        for task in _json_lines(folder / "self_instruct" / file):
            first = task["instances"][0]
            rows.append((task["instruction"], first["input"] or "", first["output"] or ""))
    return pl.DataFrame(rows, schema=["instruction", "input", "output"], orient="row")


def _json_lines(place: Path) -> list[dict[str, Any]]:
    _found(place)
    opened: Callable[..., Any] = gzip.open if place.suffix == ".gz" else open
    with opened(place, "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def _found(place: Path) -> Path:
    if not place.is_file():
        raise UnusableDataError(str(place.parent), f"{place.name} is missing")
    return place
