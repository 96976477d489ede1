"""An exported log proves itself; whatever is changed in it is found and named."""

from __future__ import annotations

import pytest
from gongji.audit.checkpoint import CheckpointFaultError
from gongji.audit.hashing import base64, default_hasher
from gongji.audit.order import LogFaultError
from gongji.audit.tree import leaf_hash
from gongji.client.log import note_of
from gongji.client.log_check import check_export
from gongji.client.log_files import ExportedLeaf, encoded

from tests.client.logs import ORIGIN, KeptLog, body_of

HASH = default_hasher()

HONEST = KeptLog.of(600)


def test_an_honest_log_proves_itself_up_to_its_last_leaf() -> None:
    """With the key and a checkpoint from elsewhere, or without."""
    for size in (0, 1, 255, 256, 257, 512, 599, 600):
        kept = note_of(HONEST.checkpoint(size).note)
        found = check_export(HONEST.lines(), HONEST.public_key, kept)
        assert (ORIGIN, 600, HONEST.tree().root()) == (
            found.origin,
            found.size,
            found.root,
        )
        assert found.until
    assert check_export(HONEST.lines()) == found


def test_leaves_of_which_the_hash_alone_is_told_are_checked_too() -> None:
    """Whoever may see some cities only can check the whole tree."""
    lines = HONEST.lines()
    for place in (1, 256, 600):
        digest = leaf_hash(HASH, HONEST.bodies[place - 1])
        lines[place] = encoded(ExportedLeaf(hash=base64(digest)))
    assert 600 == check_export(lines).size


@pytest.mark.parametrize("place", [1, 255, 256, 257, 300, 600])
def test_a_leaf_changed_removed_or_added_is_found(place: int) -> None:
    """At the edges of tiles as elsewhere, though the head is as it was."""
    lines = HONEST.lines()
    other = encoded(ExportedLeaf(body=body_of(10_000).decode()))
    for bent in (
        [*lines[:place], other, *lines[place + 1 :]],
        [*lines[:place], *lines[place + 1 :]],
        [*lines[:place], other, *lines[place:]],
        [*lines[:place], lines[place][:-3], *lines[place + 1 :]],
        [*lines[:place], b"{}", *lines[place + 1 :]],
        lines[:place],
    ):
        with pytest.raises(LogFaultError):
            check_export(bent)


def test_swapped_leaves_are_found_and_named() -> None:
    """A writer's leaves come in their order."""
    lines = HONEST.lines()
    lines[256], lines[257] = lines[257], lines[256]
    with pytest.raises(LogFaultError, match="第 256 号叶不在其位"):
        check_export(lines)


def test_hashes_of_rows_that_are_not_the_leafs_are_found() -> None:
    """They stand beside the body, and their hash in it."""
    log = KeptLog([body_of(1, records=bytes(64))])
    lines = log.lines()
    for records, held in ((bytes(64), True), (bytes(32), False), (b"", False)):
        leaf = ExportedLeaf(body=log.bodies[0].decode(), records=base64(records))
        lines[1] = encoded(leaf)
        if held:
            assert 1 == check_export(lines).size
            continue
        with pytest.raises(LogFaultError, match="第 2 行"):
            check_export(lines)


def test_a_tail_cut_off_with_its_checkpoint_needs_one_kept_elsewhere() -> None:
    """By itself the shorter log is whole: it only says up to when it proves."""
    for size in (599, 512, 256, 255, 0):
        shorter = KeptLog.of(size)
        assert size == check_export(shorter.lines()).size
        with pytest.raises(LogFaultError, match="尾部被截去"):
            check_export(shorter.lines(), kept=note_of(HONEST.checkpoint().note))


def test_a_fork_is_found_by_a_checkpoint_kept_elsewhere() -> None:
    """A log that was written anew, and signed by the same key, from some leaf on."""
    for size in (1, 256, 300):
        anew = [*HONEST.bodies[: size - 1], *map(body_of, range(1000, 2000))]
        forked = KeptLog(anew)
        kept = note_of(HONEST.checkpoint(size).note)
        assert 999 + size == check_export(forked.lines()).size
        with pytest.raises(LogFaultError, match="分叉"):
            check_export(forked.lines(), kept=kept)


def test_neither_another_logs_checkpoint_nor_another_key_is_taken() -> None:
    """A head replayed from another log, a key that did not sign."""
    other = KeptLog(HONEST.bodies, "gongji.example/other")
    lines = HONEST.lines()
    for head, key in (
        (other.lines()[0], HONEST.public_key),
        (lines[0], other.public_key),
    ):
        with pytest.raises(CheckpointFaultError):
            check_export([head, *lines[1:]], key)
    with pytest.raises(CheckpointFaultError, match="有效签名"):
        check_export(lines, kept=note_of(other.checkpoint(300).note))


@pytest.mark.parametrize(
    "lines", [[], [b""], [b"{}"], [b"\xff"], [b"[1]"], [b'{"form":"x"}']]
)
def test_what_is_no_export_is_refused_in_a_sentence(lines: list[bytes]) -> None:
    """Empty, of another form, no text."""
    with pytest.raises(LogFaultError, match="导出"):
        check_export(lines)
