"""Rows in an export, and files of one proof: whatever is changed is found and named."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import pytest
from gongji.audit.checkpoint import CheckpointFaultError
from gongji.audit.hashing import base64, default_hasher
from gongji.audit.order import LogFaultError
from gongji.audit.tree import ProofError
from gongji.client.log import note_of
from gongji.client.log_check import (
    Checked,
    CheckedConsistency,
    CheckedInclusion,
    CheckedLog,
    CheckedNote,
    check_export,
    check_file,
)
from gongji.client.log_files import ExportedLeaf, document, encoded
from msgspec.structs import replace

from tests.client.logs import KeptLog, body_of, row_line, row_text

HASH = default_hasher()

TEXTS = [row_text(number) for number in range(4)]

HASHES = [HASH(text) for text in TEXTS]

LOG = KeptLog([body_of(1, records=b"".join(HASHES)), *map(body_of, range(2, 300))])

FAULTS = (CheckpointFaultError, LogFaultError, ProofError)


def export(*rows: bytes, log: KeptLog = LOG) -> list[bytes]:
    """An export whose first leaf tells these rows."""
    head, _, *rest = log.lines()
    leaf = ExportedLeaf(log.bodies[0].decode(), base64(b"".join(HASHES)))
    return [head, encoded(leaf), *rows, *rest]


def test_rows_agree_with_their_leaf_told_or_not() -> None:
    """Those that were written over since have their hash alone."""
    for told in ([], [0], [3], [0, 2], [0, 1, 2, 3]):
        found = check_export(export(*[row_line(at, TEXTS[at]) for at in told]))
        assert ({"account": len(told)} if told else {}) == dict(found.rows)
        assert 4 - len(told) == found.untold


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([row_line(0, TEXTS[1])], "记录被改动"),
        ([row_line(0, TEXTS[0].replace(b":0}", b":9}"))], "account 的一条记录"),
        ([row_line(4, TEXTS[0])], "没有这一记录"),
        ([row_line(-1, TEXTS[3])], "没有这一记录"),
        ([row_line(1, TEXTS[1]), row_line(0, TEXTS[0])], "没有这一记录"),
        ([row_line(0, TEXTS[0]), row_line(0, TEXTS[0])], "没有这一记录"),
        ([row_line(0, b"[1]")], "第 3 行读不懂"),
        ([row_line(0, b'{"table":"a","name":"x"}')], "第 3 行读不懂"),
        ([row_line(0, b'{"table":"a","hidden":{"n":"P1"}}')], "a 的 n 应为承诺"),
        ([row_line(0, b"[" * 100_000)], "第 3 行读不懂"),
    ],
)
def test_a_row_that_is_not_its_leafs_is_named(rows: list[bytes], said: str) -> None:
    """Changed, of another leaf, twice, out of order, or with something personal."""
    with pytest.raises(LogFaultError, match=said):
        check_export(export(*rows))


def test_a_row_needs_a_leaf_that_is_told() -> None:
    """Neither before the first, nor behind a hash alone, nor at another leaf."""
    lines = export()
    row = row_line(0, TEXTS[0])
    alone = encoded(ExportedLeaf(hash=base64(HASH(b"\0" + LOG.bodies[0]))))
    for bent in (
        [lines[0], row, *lines[1:]],
        [lines[0], alone, row, *lines[2:]],
        [*lines[:3], row, *lines[3:]],
    ):
        with pytest.raises(LogFaultError, match="没有这一记录"):
            check_export(bent)


def checked(content: bytes, **options: Any) -> Checked:
    """What is found of a file."""
    return check_file(BytesIO(content), **options)


def test_each_kind_of_file_is_known_by_its_form() -> None:
    """An export, a proof, a comparison, a checkpoint."""
    key = LOG.public_key
    proof = LOG.inclusion(0, HASHES, {1: TEXTS[1]})
    files: dict[type[Checked], bytes] = {
        CheckedLog: b"".join(export()),
        CheckedInclusion: document(proof),
        CheckedConsistency: document(LOG.compared(200)),
        CheckedNote: LOG.checkpoint().note.encode(),
    }
    for kind, content in files.items():
        found = checked(content, key=key, kept=note_of(LOG.checkpoint().note))
        assert isinstance(found, kind)
        assert (299, LOG.tree().root()) == (found.size, found.root)


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b"[" * 100_000, b"a\n\nb"])
def test_what_is_no_file_of_a_log_is_refused(content: bytes) -> None:
    """In a sentence that names what there is."""
    with pytest.raises(LogFaultError, match="不是导出的账本、证明或检查点"):
        checked(content)


OTHER = KeptLog.of(299)


PROOF = LOG.inclusion(0, HASHES, {1: TEXTS[1]})

CHANGED = TEXTS[1].decode().replace(":1}", ":5}")

BENT_PROOFS: dict[str, dict[str, Any]] = {
    "another index": {"index": 1},
    "an index beyond": {"index": 299},
    "another body": {"body": body_of(1).decode()},
    "no body": {"body": "", "leaf_hash": base64(HASHES[0])},
    "other rows": {"records": base64(b"".join(HASHES[::-1]))},
    "a shorter path": {"path": PROOF.path[:-1]},
    "a longer path": {"path": (*PROOF.path, PROOF.path[0])},
    "a path of no hashes": {"path": ("AAAA", *PROOF.path[1:])},
    "a path of no text": {"path": ("?", *PROOF.path[1:])},
    "a row moved": {"rows": (replace(PROOF.rows[0], position=2),)},
    "a row changed": {"rows": (replace(PROOF.rows[0], text=CHANGED),)},
    "another checkpoint": {"checkpoint": LOG.checkpoint(298).note},
    "another log's": {"checkpoint": OTHER.checkpoint().note},
    "another hash": {"hash": "MD5"},
}


@pytest.mark.parametrize("name", BENT_PROOFS)
def test_a_bent_proof_does_not_hold(name: str) -> None:
    """Whatever of it is changed."""
    bent = replace(PROOF, **BENT_PROOFS[name])
    with pytest.raises(FAULTS):
        checked(document(bent), key=LOG.public_key)


COMPARED = LOG.compared(200)

BENT_COMPARISONS: dict[str, dict[str, Any]] = {
    "a fork": {"before": OTHER.checkpoint(200).note},
    "a tail cut off": {"before": COMPARED.checkpoint, "checkpoint": COMPARED.before},
    "a shorter path": {"path": COMPARED.path[1:]},
    "a longer path": {"path": (*COMPARED.path, COMPARED.path[0])},
    "another order": {"path": COMPARED.path[::-1]},
    "unsigned": {"before": COMPARED.before[:-10] + "\n"},
}


@pytest.mark.parametrize("name", BENT_COMPARISONS)
def test_a_bent_comparison_does_not_hold(name: str) -> None:
    """Whatever of it is changed."""
    bent = replace(COMPARED, **BENT_COMPARISONS[name])
    with pytest.raises(FAULTS):
        checked(document(bent), key=LOG.public_key)


def test_a_file_is_compared_with_the_checkpoint_kept_elsewhere() -> None:
    """One of its size and another root is a fork; a comparison must be from or to it."""
    for content, kept, said in (
        (document(LOG.inclusion(0, HASHES)), OTHER.checkpoint(), "两个根"),
        (LOG.checkpoint().note.encode(), OTHER.checkpoint(), "两个根"),
        (document(LOG.compared(200)), OTHER.checkpoint(200), "与之矛盾"),
        (document(LOG.compared(200)), LOG.checkpoint(150), "无关"),
    ):
        with pytest.raises(LogFaultError, match=said):
            checked(content, key=LOG.public_key, kept=note_of(kept.note))
    with pytest.raises(LogFaultError, match="--log-key"):
        checked(LOG.checkpoint().note.encode())
