"""Standard errors under cluster sampling equal those of R's ``survey::svykappa``.

Two yes/no questions about 183 schools of 15 districts: whether the school met its growth target
(``comp.imp``) and whether it met the school-wide one (``sch.wide``). The counts below were made
from the public Academic Performance Index of the California Department of Education, 2000, in the
cluster sample of 757 districts that the documentation of the survey package uses.
"""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from analytics.alignment import tables
from analytics.alignment.linearised import cell_influence, standard_error
from analytics.alignment.report import ReportOptions, report

# District, school type, then how many schools answered (school-wide, comparable improvement) with
# yes/yes, yes/no, no/no; nobody answered no/yes.
SCHOOLS = """
637 E 6 2 0   637 H 1 0 0   637 M 2 0 0   437 E 2 0 0   437 H 1 0 0   437 M 1 0 0
778 E 1 0 0   778 M 0 0 1   197 E 9 0 1   197 M 0 1 2   406 E 2 0 0
815 E 0 2 0   815 H 0 0 1   815 M 0 0 1   178 E 2 0 0   178 H 1 0 0   178 M 0 0 1
255 E 10 2 1  255 M 3 0 0   568 E 2 1 1   568 H 2 1 1   568 M 0 1 0   135 E 26 5 3
510 E 12 3 1  510 H 0 1 1   510 M 2 0 1   716 E 21 4 5  716 H 1 2 0   716 M 4 0 0
61 E 9 1 0    61 M 1 0 2    413 E 1 0 0   448 E 9 0 0   448 H 1 0 0   448 M 1 1 0
"""
DISTRICTS = 757


@pytest.fixture(scope="module")
def schools():
    words = SCHOOLS.split()
    rows = []
    for start in range(0, len(words), 5):
        district, kind, *counts = words[start : start + 5]
        for answers, count in zip(((1, 1), (1, 0), (0, 0)), counts, strict=True):
            rows += [(district, kind, *answers)] * int(count)
    return pl.DataFrame(rows, schema=["cluster", "kind", "human", "evaluator"], orient="row")


def kappa_and_error(schools, inside, sampled_share):
    """Kappa of the schools ``inside``, whose districts all count."""
    human, evaluator = schools["human"].to_numpy(), schools["evaluator"].to_numpy()
    clusters = schools["cluster"].rank("dense").to_numpy().astype(np.int64) - 1
    cell = human * 2 + evaluator
    shares = np.bincount(cell[inside], minlength=4).reshape(2, 2) / inside.sum()
    measure = tables.kappa(tables.nominal_distance(2))
    value = float(measure(shares[None].astype(complex)).real[0])
    influence = np.where(inside, cell_influence(measure, shares).ravel()[cell], 0.0)
    return value, standard_error(influence, inside * 1.0, clusters, sampled_share)


def test_kappa_of_a_cluster_sample_has_the_published_error(schools):
    assert schools.height == 183
    everything = np.ones(183, dtype=bool)

    value, error = kappa_and_error(schools, everything, 15 / DISTRICTS)
    _, without_correction = kappa_and_error(schools, everything, 0.0)

    assert value == pytest.approx(0.553215, abs=1e-6)
    assert error == pytest.approx(0.039858, abs=1e-6)
    assert without_correction == pytest.approx(0.040258, abs=1e-6)


@pytest.mark.parametrize(
    ("kind", "value", "error"),
    [
        ("E", 0.4827586, 0.0716370),
        ("H", 0.4285714, 0.1638083),
        ("M", 0.7491639, 0.1235138),
    ],
)
def test_kappa_of_a_part_of_a_cluster_sample_has_the_published_error(schools, kind, value, error):
    inside = (schools["kind"] == kind).to_numpy()

    found = kappa_and_error(schools, inside, 15 / DISTRICTS)

    assert found == pytest.approx((value, error), abs=1e-7)


def test_the_report_takes_the_error_of_the_clusters(schools):
    figure = report(schools.drop("kind"), ReportOptions()).raw["cohen_kappa"]
    half = (np.arctanh(figure.ci_high) - np.arctanh(figure.ci_low)) / 2

    assert figure.value == pytest.approx(0.553215, abs=1e-6)
    assert half * (1 - figure.value**2) / 1.959964 == pytest.approx(0.040258, abs=1e-6)
