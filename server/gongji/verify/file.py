"""Phase file: what the database says of its own pages, indexes and definitions."""

from __future__ import annotations

from gongji.verify.finding import Discrepancy
from gongji.verify.segments import Output
from gongji.verify.snapshot import UnreadableError
from gongji.verify.work import Bench, VerifyTask, task


@task("file")
def check_file(bench: Bench, job: VerifyTask, output: Output) -> None:
    """Do one of the snapshot's own tasks."""
    output.count("objects", 1)
    try:
        for finding in bench.snapshot.check_file(bench.schema, job.words):
            output.found(finding)
    except UnreadableError as error:
        output.found(Discrepancy(phase="file", message=f"不能读取：{error}"))
