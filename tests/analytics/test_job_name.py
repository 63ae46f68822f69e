from __future__ import annotations

from analytics import job


def test_the_job_stays_callable_after_its_parts_were_imported():
    from analytics.job.execution import Job

    assert callable(job.run)
    assert Job is not job.run
