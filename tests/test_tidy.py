"""The house style, as far as a machine can see it."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
ROOMS = ("otlp_receiver", "span_store", "analytics", "queue_store", "review_app", "cli")
SKIPPED = {".venv", ".git", "build", "dist", "demo-output"}
FILE_LINES_MAX = 400
FUNCTION_LINES_MAX = 60
EMPTY_NAMES = {
    "utils",
    "util",
    "common",
    "helpers",
    "helper",
    "core",
    "manager",
    "misc",
    "base_classes",
}


def files(*suffixes):
    return sorted(
        path
        for path in ROOT.rglob("*")
        if path.suffix in suffixes and not SKIPPED.intersection(path.relative_to(ROOT).parts)
    )


def shipped():
    places = (*ROOMS, "client")
    return [path for path in files(".py") if path.relative_to(ROOT).parts[0] in places]


def names(paths):
    return [str(path.relative_to(ROOT)) for path in paths]


def test_every_room_has_a_readme_with_one_title():
    for room in ROOMS:
        readme = ROOT / room / "README.md"

        assert readme.exists(), f"{room} has no README.md"


def test_every_document_has_one_title_and_it_comes_first():
    wrong = []
    for path in files(".md"):
        if "data" in path.relative_to(ROOT).parts:
            continue
        text = re.sub(
            r"^```.*?^```", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL
        )
        titles = re.findall(r"^# .+", text, flags=re.MULTILINE)
        if len(titles) != 1 or not text.startswith("# "):
            wrong.append(path)

    assert names(wrong) == []


def test_files_stay_small():
    long = [
        path
        for path in shipped()
        if len(path.read_text(encoding="utf-8").splitlines()) > FILE_LINES_MAX
    ]

    assert names(long) == [], f"more than {FILE_LINES_MAX} lines: look for the second noun"


def test_functions_stay_small():
    long = []
    for path in shipped():
        if "versions" in path.parts:
            continue  # A migration is frozen as it was written.
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or node.lineno) - node.lineno + 1
                if lines > FUNCTION_LINES_MAX:
                    long.append(f"{path.relative_to(ROOT)}:{node.lineno} {node.name} {lines}")

    assert long == []


def test_files_are_named_by_what_they_hold():
    assert [name for name in names(shipped()) if Path(name).stem in EMPTY_NAMES] == []


def test_no_work_is_left_for_later_in_a_comment():
    pattern = re.compile(r"#.*\b(TODO|FIXME|XXX|HACK)\b")

    assert [p for p in names(shipped()) if pattern.search((ROOT / p).read_text("utf-8"))] == []


def test_nothing_names_a_place_of_one_machine():
    pattern = re.compile(r"(?<![\w.])/(work|home/\w+|Users)/")
    texts = files(".py", ".md", ".toml", ".txt", ".sh", ".yaml", ".yml", ".json", ".html")
    wrong = [p for p in texts if p != Path(__file__) and pattern.search(p.read_text("utf-8"))]

    assert names(wrong) == []


@pytest.mark.parametrize("room", ROOMS)
def test_importing_a_room_alone_loads_no_engine(room):
    tree = ast.parse((ROOT / room / "__init__.py").read_text(encoding="utf-8"))
    imported = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]

    assert [ast.unparse(node) for node in imported] == []
