"""A witness keeps what it saw, and finds a log that was forked or cut."""

from __future__ import annotations

from pathlib import Path

import pytest
from gongji.audit.checkpoint import CheckpointFaultError, SignedNote, verifier_of
from gongji.audit.order import LogFaultError
from gongji.client.witness import WitnessFolder

from tests.client.logs import KeptLog, body_of

NOW = 1_764_460_800


@pytest.fixture
def folder(tmp_path: Path) -> WitnessFolder:
    return WitnessFolder(tmp_path / "kept", "witness.example")


def taken(folder: WitnessFolder, log: KeptLog) -> int:
    """The size that a witness takes from a log."""
    return folder.take(log.checkpoint(), log.consistency, NOW).size


def test_a_witness_keeps_each_checkpoint_cosigned(
    folder: WitnessFolder, tmp_path: Path
) -> None:
    """Under its size, readable by nobody else; once seen it stays as it is."""
    for size in (1, 255, 256, 600):
        assert size == taken(folder, KeptLog.of(size))
    kept = sorted((tmp_path / "kept").glob("0*"))
    assert ["1", "255", "256", "600"] == [one.name.lstrip("0") for one in kept]
    before = [one.read_bytes() for one in kept]
    assert 600 == taken(folder, KeptLog.of(600))
    assert before == [one.read_bytes() for one in kept]
    for one in kept:
        note = SignedNote.parse(one.read_text("utf-8"))
        assert note.signed_by(verifier_of(folder.public_key))
        assert note.signed_by(verifier_of(KeptLog.of(1).public_key))
        assert 0o600 == one.stat().st_mode & 0o777


def test_a_witness_goes_on_where_it_was(folder: WitnessFolder, tmp_path: Path) -> None:
    """Also as another process."""
    taken(folder, KeptLog.of(300))
    again = WitnessFolder(tmp_path / "kept", "witness.example")
    assert folder.public_key == again.public_key
    assert 301 == taken(again, KeptLog.of(301))


@pytest.mark.parametrize("size", [299, 256, 255, 1, 0])
def test_a_tail_cut_off_is_found(folder: WitnessFolder, size: int) -> None:
    """However much of it; what was kept stays."""
    taken(folder, KeptLog.of(300))
    with pytest.raises(LogFaultError, match="尾部被截去：曾见 300 叶"):
        taken(folder, KeptLog.of(size))
    last = folder.last()
    assert last
    assert 300 == last.size


@pytest.mark.parametrize("first", [1, 256, 300])
def test_a_fork_is_found(folder: WitnessFolder, first: int) -> None:
    """Written anew from some leaf on: as large, or larger than what was seen."""
    taken(folder, KeptLog.of(300))
    before = KeptLog.of(first - 1).bodies
    anew = [*before, *map(body_of, range(1000, 1301 - first))]
    for more in (0, 50):
        forked = KeptLog([*anew, *map(body_of, range(2000, 2000 + more))])
        with pytest.raises(LogFaultError, match="分叉"):
            taken(folder, forked)


def test_a_log_that_shrinks_between_two_questions_is_found(
    folder: WitnessFolder,
) -> None:
    """It showed a checkpoint, and proves a smaller one."""
    taken(folder, KeptLog.of(300))
    with pytest.raises(LogFaultError, match="曾见 600 叶"):
        folder.take(KeptLog.of(600).checkpoint(), KeptLog.of(400).consistency, NOW)


def test_the_key_of_the_first_visit_is_that_of_all(
    folder: WitnessFolder, tmp_path: Path
) -> None:
    """Or the one that was given before; a log of another name is another log."""
    taken(folder, KeptLog.of(3))
    other = KeptLog(KeptLog.of(4).bodies, "gongji.example/other")
    with pytest.raises(CheckpointFaultError):
        taken(folder, other)
    pinned = WitnessFolder(tmp_path / "pinned", "w", other.public_key)
    with pytest.raises(CheckpointFaultError):
        taken(pinned, KeptLog.of(3))
    assert 4 == taken(pinned, other)


def test_a_checkpoint_that_was_changed_in_the_folder_is_no_ground(
    folder: WitnessFolder, tmp_path: Path
) -> None:
    """Nothing is taken over it."""
    taken(folder, KeptLog.of(300))
    (kept,) = (tmp_path / "kept").glob("0*")
    kept.write_text(kept.read_text("utf-8").replace("\n300\n", "\n3\n"), "utf-8")
    with pytest.raises(CheckpointFaultError):
        taken(folder, KeptLog.of(301))
