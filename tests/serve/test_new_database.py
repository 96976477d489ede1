"""A start beside a lost database, and the sample beside real data."""

from __future__ import annotations

from pathlib import Path

import pytest
from gongji.serve.settings import DATABASE, KEY_FILE

from tests.cli.command import gongji
from tests.cli.started import Caller, run, started
from tests.patience import PATIENCE_S


def serve(data: Path, *options: str) -> tuple[int, str]:
    """Start a server that does not come to serve; return its exit code and sentence."""
    address = ["--address", "127.0.0.1:0", "--no-gateway"]
    ended = gongji("serve", *address, "--data", str(data), *options)
    return ended.exit_code, ended.stderr


def test_a_server_makes_a_second_database_only_if_asked(tmp_path: Path) -> None:
    """Beside the key of a lost database a start is refused, with the sample too; `--new`
    makes one, once: it is refused where there is one."""
    data = tmp_path / "var"
    options = ["--no-gateway", "--data", str(data)]
    with started(*options, "--sample") as server, Caller(server) as caller:
        settled = caller.settle("11111111-1111-4111-8111-111111111111")
        assert not settled.receipt.replayed
        server.end()
    key = (data / KEY_FILE).read_bytes()
    (data / DATABASE).unlink()
    for sample in ([], ["--sample"]):
        code, told = serve(data, *sample)
        assert 1 == code
        assert "--new" in told
        assert not (data / DATABASE).exists()
    with started(*options, "--new", "--sample") as server:
        server.end()
    assert key == (data / KEY_FILE).read_bytes()
    code, told = serve(data, "--new")
    assert (1, True) == (code, "这里已有数据库：请去掉 --new" in told)


@pytest.mark.parametrize("how", ["deleted", "replaced"])
def test_a_database_that_goes_away_ends_the_service(how: str, tmp_path: Path) -> None:
    """Nothing is acknowledged that a file without a name would take along: the service
    ends with the reason, and does not start anew by itself."""
    data = tmp_path / "var"
    options = ["--no-gateway", "--data", str(data)]
    with started(*options) as server:
        path = data / DATABASE
        if how == "replaced":
            path.with_name("other").write_bytes(path.read_bytes())
            path.with_name("other").replace(path)
        else:
            path.unlink()
        told = server.silence()
        assert 1 == server.process.wait(PATIENCE_S)
    assert "在运行中被移走、删除或换成了另一个" in told
    if how == "deleted":
        assert 1 == serve(data)[0]


@pytest.fixture
def persons(tmp_path: Path) -> Path:
    """One invented person who is not of the sample, as a file to import."""
    file = tmp_path / "persons.csv"
    file.write_text(
        "person_no,cert_type,cert_no,name,phone,insured_place,contribution_base_yuan,"
        "enrolments,kin,died_on\n"
        "R001,01,341199196304120778,钱示九,10000000009,341102,8000.00,"
        "310/11/1/2015-01-01/,,\n",
        encoding="utf-8",
    )
    return file


def test_the_sample_is_not_mixed_with_other_people(
    tmp_path: Path, persons: Path
) -> None:
    """Where anybody is on record who is not of the sample, it is refused; where only the
    sample is, a further start with it is one without."""
    data = tmp_path / "var"
    options = ["--no-gateway", "--data", str(data)]
    with started(*options, "--sample") as server:
        server.end()
    with started(*options, "--sample") as server:
        target = ["--target", server.address, "--data", str(data)]
        imported = run("import", str(persons), *target)
        assert 0 == imported.returncode, imported.stderr
        server.end()
    code, told = serve(data, "--sample")
    assert (1, True) == (code, "请去掉 --sample" in told)
    with started(*options) as server:
        server.end()
