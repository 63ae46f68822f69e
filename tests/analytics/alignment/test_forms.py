"""The forms of a report: terminal, JSON, CSV, Markdown and the page."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import numpy as np
import polars as pl
import pytest
from alignment_builders import enqueue_bias, two_by_two

from analytics.alignment.page.document import html_page
from analytics.alignment.report import ReportOptions, report

SECTIONS = {"scope", "confusion", "raw", "weighted", "pass_rate", "ceiling", "sampling",
            "versions", "thresholds"}  # fmt: skip
FIGURE = ["value", "ci_low", "ci_high", "method", "n", "n_eff", "weighted", "null_reason", "seed"]


@pytest.fixture
def pairs_file(tmp_path):
    path = tmp_path / "pairs.csv"
    enqueue_bias(population=True).write_csv(path)
    return path


class Page(HTMLParser):
    """Tags that must close, do; nothing is fetched."""

    VOID = frozenset({"meta", "br", "link", "img", "input", "hr"})

    def __init__(self, text):
        super().__init__()
        self.open, self.outside, self.ids = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        if tag not in self.VOID:
            self.open.append(tag)
        for name, value in attributes:
            if name == "id":
                self.ids.append(value)
            if name in ("src", "href") and not value.startswith("#"):
                self.outside.append((tag, value))

    def handle_startendtag(self, tag, attributes):
        pass

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_json_has_every_section_and_figures_of_one_form(command, pairs_file):
    document = command("alignment", "report", "--pairs", pairs_file, "--format", "json").json

    assert set(document) >= SECTIONS
    for section in ("raw", "weighted"):
        for figure in document[section].values():
            assert list(figure) == FIGURE
            assert (figure["value"] is None) == (figure["null_reason"] is not None)


def bare_numbers(value, path=""):
    """Paths of numbers with a fraction that stand alone, outside any figure."""
    if isinstance(value, dict):
        if "null_reason" in value and "ci_low" in value:
            return []
        return [p for key, inner in value.items() for p in bare_numbers(inner, f"{path}.{key}")]
    if isinstance(value, list):
        return [p for inner in value for p in bare_numbers(inner, path)]
    return [path] if isinstance(value, float) and value != int(value) else []


NO_ESTIMATES = (
    # Points of curves, what tests and models are made of, and what was asked for.
    ".thresholds.sweep", ".thresholds.roc", ".thresholds.precision_recall", ".thresholds.suggested",
    ".thresholds.reliability", ".thresholds.chosen_spread", ".thresholds.current",
    ".ceiling.dawid_skene.prior", ".ceiling.dawid_skene.raters",
    ".ceiling.dawid_skene.log_likelihood", ".ceiling.alternative_test.epsilon",
    ".ceiling.alternative_test.p_values", ".pass_rate.power", ".residuals.points",
)  # fmt: skip


def test_every_estimate_of_every_section_is_a_figure():
    rng = np.random.default_rng(4)
    truth = rng.integers(0, 2, 300)
    rows = []
    for rater in ("a", "b", "c"):
        human = np.where(rng.random(300) < 0.9, truth, 1 - truth)
        rows.append(
            pl.DataFrame({"item": np.arange(300), "rater": rater, "human": human,
                          "evaluator": np.clip(rng.normal(0.3 + 0.4 * truth, 0.2), 0, 1)})
        )  # fmt: skip
    frame = pl.concat(rows).with_columns(
        evaluator=pl.col("evaluator").first().over("item"),
        inclusion_probability=pl.when(pl.col("item") % 3 == 0).then(0.5).otherwise(0.25),
        stratum=pl.format("s{}", pl.col("item") % 3),
    )
    document = report(frame, ReportOptions()).to_json()
    numbers = pl.DataFrame({"human": rng.normal(size=90), "rater": ["a", "b", "c"] * 30,
                            "item": np.repeat(np.arange(30), 3),
                            "evaluator": np.repeat(rng.normal(size=30), 3)})  # fmt: skip
    numeric = report(numbers, ReportOptions()).to_json()

    assert numeric["ceiling"]["icc"]["A,1"]["ci_low"] is not None
    for found in (document, numeric):
        for section in ("raw", "weighted", "pass_rate", "ceiling", "thresholds", "residuals"):
            bare = [
                path
                for path in bare_numbers(found[section], f".{section}")
                if not path.startswith(NO_ESTIMATES)
            ]
            assert bare == []


def test_scope_names_versions_and_a_hash_of_the_design():
    frame = two_by_two(20, 5, 10, 15, inclusion_probability=0.5).with_row_index("item")

    first = report(frame, ReportOptions()).scope
    shuffled = report(frame.sample(fraction=1, shuffle=True, seed=1), ReportOptions()).scope
    other = frame.with_columns(inclusion_probability=pl.lit(0.4))

    assert set(first["libraries"]) == {"numpy", "polars", "scikit-learn", "scipy"}
    assert shuffled["design_hash"] == first["design_hash"]
    assert report(other, ReportOptions()).scope["design_hash"] != first["design_hash"]


def test_table_fits_a_hundred_columns(command, pairs_file):
    said = command("alignment", "report", "--pairs", pairs_file, "--format", "table")

    assert said.code == 0
    assert "0.558 [0.447, 0.663]" in said.out
    assert max(map(len, said.out.splitlines())) <= 100


def test_csv_has_a_row_for_every_figure(command, pairs_file, tmp_path):
    said = command("alignment", "report", "--pairs", pairs_file, "--format", "csv")
    (tmp_path / "out.csv").write_text(said.out)
    rows = pl.read_csv(tmp_path / "out.csv")

    assert rows.filter(section="weighted", name="tpr")["value"][0] == pytest.approx(0.557692)
    assert set(rows["section"]) == {"raw", "weighted", "pass_rate"}


def test_markdown_names_the_figures(command, pairs_file):
    said = command("alignment", "report", "--pairs", pairs_file, "--format", "markdown")

    assert "| Catch rate (TPR) | 0.558 [0.447, 0.663] | 0.800 [0.746, 0.845] |" in said.out


def test_page_is_well_formed_and_fetches_nothing(command, pairs_file, tmp_path):
    out = tmp_path / "page.html"
    said = command("alignment", "report", "--pairs", pairs_file, "--html", out)
    text = out.read_text()
    page = Page(text)

    assert said.code == 0
    assert page.open == []
    assert page.outside == []
    assert len(page.ids) == len(set(page.ids))
    assert "@import" not in text
    assert not re.search(r"url\((?!#)", text)
    assert text.count("<svg") >= 2


def test_page_lists_the_cases_of_each_cell():
    frame = pl.DataFrame({"item": ["a<b", "c"], "human": [1, 0], "evaluator": [0, 0]})

    text = html_page(report(frame, ReportOptions()).to_json())

    assert "people 1, evaluator 0: 1" in text
    assert "<code>a&lt;b</code>" in text


def test_a_rate_without_an_error_shows_how_large_the_error_may_be(command, tmp_path):
    frame = pl.DataFrame({"human": [1] * 20 + [0] * 30, "evaluator": [1] * 25 + [0] * 25})
    path = tmp_path / "pairs.csv"
    frame.write_csv(path)
    page = tmp_path / "page.html"

    told = "miss rate: no error in 20, so at most 13.9% (one-sided 95 %)"
    entry = command("alignment", "report", "--pairs", path, "--html", page).json["zero_errors"][0]

    assert entry["sentence"] == told
    assert entry["error"]["ci_high"] == pytest.approx(1 - 0.05 ** (1 / 20))
    assert told in page.read_text()
    for form in ("table", "markdown"):
        assert told in command("alignment", "report", "--pairs", path, "--format", form).out


def test_same_data_same_bytes():
    first, second = (report(enqueue_bias(), ReportOptions()).to_json() for _ in range(2))

    assert first == second
    assert html_page(first) == html_page(second)


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
def test_every_kind_of_file_gives_the_same_report(command, tmp_path, ending):
    frame = enqueue_bias()
    write = {"csv": frame.write_csv, "jsonl": frame.write_ndjson, "parquet": frame.write_parquet}
    path = tmp_path / f"pairs.{ending}"
    write[ending](path)

    document = command("alignment", "report", "--pairs", path).json

    assert document["weighted"]["mcc"]["value"] == pytest.approx(0.486057, abs=1e-6)
    assert document["scope"]["labels"] == ["0", "1"]


def test_page_of_every_score_type_is_well_formed():
    numbers = [1.5, 2.5, 3.0, 4.25, 2.0, 1.0] * 6
    frames = {
        "numeric": {"human": numbers, "evaluator": [value + 0.5 for value in numbers]},
        "ordinal": {"human": [1, 2, 3, 4, 5, 3] * 6, "evaluator": [1, 2, 3, 5, 5, 2] * 6},
        "categorical": {"human": ["a", "b", "c"] * 12, "evaluator": ["a", "b", "b"] * 12},
        "scored": {"human": [1, 0, 1, 0] * 9, "evaluator": [0.9, 0.2, 0.4, 0.3] * 9},
        "raters": {"item": [f"i{n // 2}" for n in range(40)], "rater": ["x", "y"] * 20,
                   "human": [1, 0, 1, 1] * 10, "evaluator": [1, 1, 0, 0] * 10},
    }  # fmt: skip

    for name, columns in frames.items():
        text = html_page(report(pl.DataFrame(columns), ReportOptions()).to_json())
        page = Page(text)
        assert page.open == [], name
        assert len(page.ids) == len(set(page.ids)), name
        assert "nan" not in text.lower().split("<style>")[0], name
