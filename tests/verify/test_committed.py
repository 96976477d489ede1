"""Every column is in the text of its row, or it is said here what else it follows from."""

from __future__ import annotations

from gongji.store.schema import Schema
from gongji.store.seal import Vault

from tests.verify.stored import tables

RECOMPUTED = {
    "sealed": "opened, and held against the commitments beside it; a rekey rewrites it",
    "cert": "hashed again from the certificate in the seal; a rekey rewrites it",
}
"""Columns of records that the log does not commit to, and how each is checked."""

OF_THE_LOG = {
    "leaf": {
        "leaf_id": "the order of leaves, the tree's, and the ids of its checkpoint",
        "writer": "the body",
        "number": "the body, and no gap within the writer",
        "at": "the body",
        "body": "the root of the next checkpoint, and the tiles",
        "hashes": "the body",
        "private": "the body",
    },
    "log_writer": {
        "writer": "the last checkpoint, or leaves without one",
        "number": "the writer's last leaf",
        "at": "the writer's last leaf",
    },
    "checkpoint": {
        "checkpoint_id": "counts them",
        "size": "the note, and the tree",
        "root": "the note, and the tree",
        "at": "the latest of its writers' last leaves",
        "note": "its signature",
        "included": "the leaves before it, and the checkpoint before",
        "through": "the leaves before it",
        "ids": "the leaves it includes",
    },
    "tile": {"tile_id": "the tree", "hashes": "the tree"},
}
"""What each column of the log's own tables is held against."""

APART = {
    "vault": {
        "fingerprint": "the master key",
        "epoch": "twice the changes of the keys, less one that goes on",
    },
    "vault_key": dict.fromkeys(
        (
            *("purpose", "number", "suite", "is_current"),
            *("wrapped", "made_at", "valid_until"),
        ),
        "wrapped together with the key; which rows there are, from the changes",
    ),
    "upgrade": {"contract_from": "a version that this program upgrades from online"},
}
"""The same of the tables that are of no records."""


def test_what_is_not_in_a_row_s_text_is_listed() -> None:
    """A column added to a record is committed to, or this says that it is not."""
    uncommitted = set()
    for table in Schema(Vault.ephemeral()).tables.values():
        form = {name for _, name in (*table.form.clear, *table.form.hidden)}
        if not table.log:
            uncommitted |= {column.name for column in table.columns} - form
    assert RECOMPUTED.keys() == uncommitted


def test_of_every_other_table_each_column_is_listed() -> None:
    """A column added to one of those is held against something."""
    every = tables(postgres=False)
    logged = {t.name for t in Schema(Vault.ephemeral()).tables.values() if t.log}
    assert OF_THE_LOG.keys() == logged
    for name, columns in {**OF_THE_LOG, **APART}.items():
        assert list(columns) == [column.name for column in every[name].columns]
