"""Logs made anew by whoever has the signing key: by themselves they hold together."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
from gongji.audit.checkpoint import CheckpointBody, NoteSigner, SignedNote
from gongji.audit.leaf import LeafBody
from gongji.audit.tree import Growing, leaf_hash
from gongji.store.keys.suite import default_suite
from gongji.store.signing_key import signing_key

from tests.verify.changer import Change, Changer, with_value
from tests.verify.stored import Edit, Row, StoredDatabase

Told = Callable[..., list[str]]
"""What a verification says, given a checkpoint kept elsewhere or none."""


class Forger:
    """Writes another log in the place of a database's; its leaves stand in one order."""

    def __init__(self, changer: Changer, signer: NoteSigner) -> None:
        self._changer = changer
        self._signer = signer
        self._hasher = default_suite().hasher
        self._leaf = changer.tables["leaf"]
        self._checkpoint = changer.tables["checkpoint"]

    def cut(self) -> list[Edit]:
        """Remove the leaves since a checkpoint, and all that speaks of them."""
        rows = self._changer.rows
        kept = self._changer.chance.choice(rows["checkpoint"][:-1])
        size = kept[self._checkpoint.position("size")]
        later = [row for row in rows["checkpoint"] if row[0] > kept[0]]
        removed = [Edit("leaf", row, None) for row in rows["leaf"][size:]]
        removed += [Edit("checkpoint", row, None) for row in later]
        return [*removed, *self._writers(rows["leaf"][:size]), *self._tiles(size, [])]

    def fork(self) -> list[Edit]:
        """Have a leaf say that somebody else called, and sign everything anew."""
        rows = self._changer.rows
        size = rows["checkpoint"][-1][self._checkpoint.position("size")]
        place = self._changer.chance.randrange(size)
        leaf = rows["leaf"][place]
        forged = self._by_another(leaf)
        leaves = [*rows["leaf"][:place], forged, *rows["leaf"][place + 1 :]]
        checkpoints = [self._signed(row, leaves) for row in rows["checkpoint"]]
        changed = [edit for edit in checkpoints if edit.before != edit.after]
        return [Edit("leaf", leaf, forged), *changed, *self._tiles(size, leaves)]

    def _by_another(self, leaf: Row) -> Row:
        body = msgspec.json.decode(leaf[self._leaf.position("body")], type=LeafBody)
        forged = msgspec.structs.replace(body, caller="other")
        return with_value(self._leaf, leaf, "body", msgspec.json.encode(forged))

    def _grown(self, leaves: Sequence[Row]) -> Growing:
        growing = Growing(self._hasher, 0, lambda *_: b"")
        position = self._leaf.position("body")
        growing.extend(leaf_hash(self._hasher, row[position]) for row in leaves)
        return growing

    def _signed(self, row: Row, leaves: Sequence[Row]) -> Edit:
        table = self._checkpoint
        size = row[table.position("size")]
        root = self._grown(leaves[:size]).root()
        body = CheckpointBody(self._signer.name, size, root)
        note = str(SignedNote(body.text(), ()).with_signature(self._signer))
        after = with_value(table, row, "root", root)
        return Edit("checkpoint", row, with_value(table, after, "note", note))

    def _tiles(self, size: int, leaves: Sequence[Row]) -> Iterator[Edit]:
        kept = leaves or self._changer.rows["leaf"]
        made = {
            tile.tile_id: (tile.tile_id, tile.hashes)
            for tile in self._grown(kept[:size]).changed()
        }
        stored: dict[Any, Row] = {row[0]: row for row in self._changer.rows["tile"]}
        for key in {**stored, **made}:
            if stored.get(key) != made.get(key):
                yield Edit("tile", stored.get(key), made.get(key))

    def _writers(self, leaves: Sequence[Row]) -> Iterator[Edit]:
        table = self._leaf
        last = {
            row[table.position("writer")]: (
                row[table.position("writer")],
                row[table.position("number")],
                row[table.position("at")],
            )
            for row in leaves
        }
        for row in self._changer.rows["log_writer"]:
            if row != last.get(row[0]):
                yield Edit("log_writer", row, last.get(row[0]))


def check_other_logs(
    database: StoredDatabase,
    changer: Changer,
    key_file: Path,
    told: Told,
    *,
    kind: str,
    count: int,
) -> None:
    """Cut a tail off, or sign another log, some times: a checkpoint kept elsewhere tells."""
    notes = database.tables["checkpoint"].position("note")
    kept = changer.rows["checkpoint"][-1][notes]
    key = signing_key(key_file.with_name("checkpoint.key"), default_suite().signature)
    forger = Forger(changer, key.named(SignedNote.parse(kept).body().origin))
    for _ in range(count):
        change = Change(kind, tuple(getattr(forger, kind)()))
        database.edit(change.edits)
        assert any("另处保存的检查点" in sentence for sentence in told(kept))
        if kind == "fork":
            assert [] == [sentence for sentence in told() if "日志" in sentence]
        database.edit(change.undone)
