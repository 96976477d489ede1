"""Commands that find nothing say so, and print what there is to say all the same."""

from __future__ import annotations

from tests.cli.command import StartSandbox, gongji


def test_no_records_and_no_totals(serving: StartSandbox) -> None:
    """A statement of days on which nothing happened says so, sum and all; so do totals."""
    where = ["--target", serving()]
    statement = gongji("statement", "CZ001", "--month", "2020-01", *where)
    first, *_, last = statement.stdout.splitlines()
    assert first.endswith("2020-01-01 至 2020-01-31：没有记录")
    assert "合计\t\t\t0.00\t" == last
    days = ["--from", "2020-01-01", "--to", "2020-01-31"]
    of_hospital = ["--institution", "H34110000001", *days, *where]
    first, _ = gongji("reconcile", *of_hospital).stdout.splitlines()
    assert "# 合计：没有" == first
