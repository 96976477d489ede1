"""Phase log: each leaf against itself, its writer, the tree and its checkpoints."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from gongji.audit.commitment import Commitments
from gongji.audit.hashing import HASH_BYTES, base64
from gongji.audit.leaf import Leaf, LeafBody, LeafPrivate, body_of, private_of
from gongji.store.table import Row, micros
from gongji.verify.finding import Discrepancy, unchecked
from gongji.verify.segments import Output
from gongji.verify.snapshot import UnreadableError
from gongji.verify.types import wrong_type
from gongji.verify.work import Bench, VerifyTask, task

_KEY_PARTS: Final = (2, 3)

_DISAGREEING: Final = {
    "writer": "与正文不符",
    "number": "与正文不符",
    "at": "与正文不符",
    "body": "不是原样",
    "private": "与正文的 private 或 subject 不符",
    "hashes": "与正文的 records 不符",
}
"""What is said of a column that does not agree with the body."""


@task("leaves")
def read_leaves(bench: Bench, job: VerifyTask, output: Output) -> None:
    """Check leaves one by one; hand on their places, and what they say of each row."""
    table = bench.tables["leaf"]
    read = 0
    try:
        for row in bench.snapshot.read(table, job.span):
            read += 1
            if fault := _fault_of(_Checked(bench, output), row):
                message, column = fault
                output.found(
                    Discrepancy(
                        phase="log",
                        leaf_id=str(row[0]),
                        column=column,
                        message=message,
                    )
                )
    except UnreadableError as error:
        output.found(
            Discrepancy(phase="log", table="leaf", message=f"不能读取：{error}")
        )
    output.count("leaves", read)


def _fault_of(checked: _Checked, row: Row) -> tuple[str, str] | None:
    """Return what is wrong with a leaf, and in which column; None if nothing is."""
    try:
        return checked.check(row)
    except Exception as error:  # noqa: BLE001 - one leaf says nothing of the others
        return unchecked(error), ""


class _Checked:
    """One leaf that is checked and, as far as it can be read, handed on."""

    def __init__(self, bench: Bench, output: Output) -> None:
        self._bench = bench
        self._output = output

    def check(self, row: Row) -> tuple[str, str] | None:
        """Return what is wrong with a leaf, and in which column; None if nothing is."""
        # hot path: once for each leaf.
        table = self._bench.tables["leaf"]
        if column := wrong_type(table, row):
            return "值的类型不符", column
        leaf: Leaf = table.record(row)
        self._output.put_last("order", self._place(leaf))
        try:
            body, private = body_of(leaf), private_of(leaf)
        except (msgspec.DecodeError, ValueError):
            return "正文或密存部分不是日志叶的 JSON", "body"
        self._name_rows(leaf, private)
        column = self._disagreeing(leaf, body, private)
        return (_DISAGREEING[column], column) if column else None

    def _place(self, leaf: Leaf) -> tuple[Any, ...]:
        digest = self._bench.hasher(b"\x00" + leaf.body)
        return leaf.leaf_id, leaf.writer, leaf.number, micros(leaf.at), digest

    def _name_rows(self, leaf: Leaf, private: LeafPrivate) -> None:
        for position, key in enumerate(private.keys):
            if len(key) not in _KEY_PARTS:
                continue
            table, name = key[0], key[-1]
            start = position * HASH_BYTES
            digest = leaf.hashes[start : start + HASH_BYTES]
            said = (table, name, leaf.leaf_id, private.salt, digest, len(key) == 3)
            self._output.put("named", f"{table}/{name}", said)

    def _disagreeing(self, leaf: Leaf, body: LeafBody, private: LeafPrivate) -> str:
        """Return the first column that does not agree with the body, "" if all do."""
        hasher = self._bench.hasher
        subject = _committed(Commitments(hasher, private.salt), private.subject)
        agreeing = (
            ("writer", leaf.writer == body.writer),
            ("number", leaf.number == body.number),
            ("at", micros(leaf.at) == body.at),
            ("body", msgspec.json.encode(body) == leaf.body),
            ("private", base64(hasher(leaf.private)) == body.private),
            ("private", subject == body.subject),
            ("hashes", len(leaf.hashes) == len(private.keys) * HASH_BYTES),
            ("hashes", base64(hasher(leaf.hashes)) == body.records),
        )
        return next((name for name, holds in agreeing if not holds), "")


def _committed(commitments: Commitments, subject: str) -> str:
    return commitments.of(subject) if subject else ""
