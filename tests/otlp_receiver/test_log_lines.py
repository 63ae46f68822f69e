"""Log lines are sentences with keys that machines can rely on."""

from __future__ import annotations

import logging
import re
from pathlib import Path

from otlp_receiver.log_lines import LogLines

ROOT = Path(__file__).parents[2]


def line(message: str, *values: object, **keys: object) -> str:
    record = logging.makeLogRecord(
        {"msg": message, "args": values, "levelname": "WARNING", "created": 1.25, "msecs": 250.0}
        | keys
    )
    return LogLines().format(record)


def test_keys_follow_the_sentence_event_first() -> None:
    said = line("Lost %d.", 3, project="shop", event="lost", code=-9)

    assert said == "1970-01-01T00:00:01.250Z WARNING Lost 3. event=lost code=-9 project=shop"


def test_values_that_would_break_the_line_are_json() -> None:
    said = line("No.", event="no", reasons={"no id": 2}, who="a b", odd='x\ny="1"', empty="")

    assert said.endswith(r'No. event=no empty="" odd="x\ny=\"1\"" reasons={"no id":2} who="a b"')


def test_every_event_is_in_the_readme_with_its_keys_and_no_other() -> None:
    sources = [path.read_text(encoding="utf-8") for path in _sources()]
    used = {name for source in sources for name in re.findall(r'"event": "(\w+)"', source)}
    readme = (ROOT / "otlp_receiver" / "README.md").read_text(encoding="utf-8")
    section = readme.partition("## Logs")[2].partition("## Limits")[0]
    rows = re.findall(r"^\| (`.*?`) \|", section, flags=re.MULTILINE)
    told = {name for row in rows for name in re.findall(r"`(\w+)`", row)}

    assert told == used
    silent = [
        source[match.start() : match.start() + 60]
        for source in sources
        for match in re.finditer(r"logger\.(?:info|warning|error|exception)\(", source)
        if "event" not in source[match.start() : match.start() + 400]
    ]
    assert silent == []


def _sources() -> list[Path]:
    return sorted([*(ROOT / "otlp_receiver").rglob("*.py"), *(ROOT / "cli").glob("*.py")])
