"""From each version of the schema to the next: what is released stays as it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from gongji.store import sql
from gongji.store.former_clear import FormerDatabase, seal_former
from gongji.store.keys import table as keys
from gongji.store.online import OnlineStep
from gongji.store.schema import Schema
from gongji.store.tables_3 import TABLES_3

_LONG_AGO: Final = 0
"""When the keys of version 2 were made, which nobody has noted."""

Change = str | Callable[[FormerDatabase], None]
"""A statement, or what statements alone cannot do."""

Changes = Callable[[Schema, sql.Dialect], Iterator[Change]]
"""Yields the changes that lead to the next version, whatever the schema says today."""

Step = Changes | OnlineStep
"""Made while no server is there, or while servers go on."""

_PARTITIONED_2: Final = {
    "settlement": "settled_at",
    "entry": "at",
}
"""The tables of version 2 that are partitioned, with the column that says the year."""

_COLUMNS_2: Final = {
    "settlement": """
settlement_id {TEXT}{KEY} NOT NULL, patient {TEXT} NOT NULL, institution {TEXT} NOT NULL,
settled_at {INTEGER}, reversed_at {INTEGER}, doc {BLOB} NOT NULL
""",
    "entry": """
entry_id {TEXT}{KEY} NOT NULL, transaction_id {TEXT} NOT NULL, position {INTEGER} NOT NULL,
ledger_account {TEXT} NOT NULL, fen {INTEGER} NOT NULL, at {INTEGER} NOT NULL,
kind {INTEGER}, balance_after_fen {INTEGER} NOT NULL CHECK (balance_after_fen >= 0),
version {INTEGER}, reference {TEXT} NOT NULL
""",
}

_REST_2: Final = """
CREATE TABLE settled_day (
  settled_day_id {TEXT} PRIMARY KEY NOT NULL, pooling_area {TEXT} NOT NULL,
  day {TEXT} NOT NULL
){CLUSTERED};
INSERT INTO settled_day
  SELECT DISTINCT pooling_area || '/' || service_day, pooling_area, service_day
  FROM settlement_1;
INSERT INTO settlement
  SELECT settlement_id, patient, institution, settled_at, reversed_at, doc
  FROM settlement_1;
INSERT INTO entry
  SELECT entry_id, transaction_id, position, ledger_account, fen, at, kind,
    balance_after_fen, nullif(version, 0), reference
  FROM entry_1;
DROP INDEX accumulator_by_person_no;
DROP INDEX credit_by_person_no;
DROP TABLE settlement_1;
DROP TABLE entry_1;
CREATE INDEX settled_day_by_pooling_area_day
  ON settled_day (pooling_area, day, settled_day_id);
CREATE INDEX settlement_by_patient_settled_at
  ON settlement (patient, settled_at, settlement_id);
CREATE INDEX settlement_by_institution_settled_at
  ON settlement (institution, settled_at, settlement_id);
CREATE INDEX settlement_by_institution_reversed_at
  ON settlement (institution, reversed_at, settlement_id) WHERE reversed_at IS NOT NULL;
CREATE INDEX entry_by_ledger_account_version
  ON entry (ledger_account, version, entry_id) WHERE version IS NOT NULL
"""

_YEARS_2: Final = range(2022, 2029)
"""The years version 2 made partitions for; later ones are added by the catalog."""


def _to_2(_: Schema, dialect: sql.Dialect) -> Iterator[Change]:
    """Partition settlements and entries by year; index only what is asked for."""
    words = {
        **{str(name): word for name, word in dialect.types.items()},
        "CLUSTERED": dialect.clustered,
        # A partitioned table's key includes the year's column: it stands at the end.
        "KEY": "" if dialect.partitions else " PRIMARY KEY",
    }
    for table, instant in _PARTITIONED_2.items():
        template = _COLUMNS_2[table].strip()
        columns = template.format_map(words)
        yield f"ALTER TABLE {table} RENAME TO {table}_1"
        if dialect.partitions:
            yield from _partitioned_2(table, columns, instant)
            continue
        options = dialect.clustered if table == "entry" else ""
        yield f"CREATE TABLE {table} ({columns}){options}"
    yield from _REST_2.format_map(words).split(";")


def _partitioned_2(
    table: str,
    columns: str,
    instant: str,
) -> Iterator[str]:
    # The new table's key takes the name of the old one's.
    yield f"ALTER INDEX {table}_pkey RENAME TO {table}_1_pkey"
    key = f"PRIMARY KEY ({table}_id, {instant})"
    yield f"CREATE TABLE {table} ({columns}, {key}) PARTITION BY RANGE ({instant})"
    yield f"CREATE TABLE {table}_rest PARTITION OF {table} DEFAULT"
    for year in _YEARS_2:
        first, after = sql.year_bounds(year)
        yield (
            f"CREATE TABLE {table}_{year} PARTITION OF {table} "
            f"FOR VALUES FROM ({first}) TO ({after})"
        )


_STATEMENTS_3: Final[tuple[str, ...]] = (
    """
CREATE TABLE rules (digest {TEXT} PRIMARY KEY NOT NULL, document {BLOB} NOT NULL,
  first_used_at {INTEGER} NOT NULL)
""",
    "ALTER TABLE credit ADD COLUMN rules_digest {TEXT}",
    """
CREATE INDEX settlement_by_patient_reversed_at
  ON settlement (patient, reversed_at, settlement_id) WHERE reversed_at IS NOT NULL
""",
    "ALTER TABLE credit ADD COLUMN owed_fen {INTEGER} CHECK (owed_fen >= 0)",
    "ALTER TABLE credit ADD COLUMN corrected_at {INTEGER}",
    """
CREATE TABLE brought_forward (
  brought_forward_id {TEXT} PRIMARY KEY NOT NULL, person_no {TEXT} NOT NULL,
  year {INTEGER} NOT NULL, batch {TEXT} NOT NULL, fen {INTEGER} NOT NULL,
  reference {TEXT} NOT NULL, at {INTEGER} NOT NULL
){CLUSTERED}
""",
    """
CREATE INDEX brought_forward_by_person_no
  ON brought_forward (person_no, brought_forward_id)
""",
    # Until now balances had no batch: those of one year are what its file said, so that
    # the same file again changes nothing.
    """
INSERT INTO brought_forward
  SELECT person_no || '/' || year || '/default', person_no, year, 'default', sum(fen),
    max(CASE WHEN place = 1 THEN transaction_id END), max(at)
  FROM (
    SELECT substr(ledger_account, 7) AS person_no, {YEAR} AS year, fen, at,
      transaction_id,
      row_number() OVER (
        PARTITION BY ledger_account, {YEAR} ORDER BY version
      ) AS place
    FROM entry WHERE kind = 2
  ) AS brought
  GROUP BY person_no, year
""",
    "ALTER TABLE person ADD COLUMN known_from {INTEGER}",
    """
CREATE INDEX person_by_known_from
  ON person (known_from, person_no) WHERE known_from IS NOT NULL
""",
    """
CREATE TABLE person_revision (
  revision_id {TEXT} PRIMARY KEY NOT NULL, owner {TEXT} NOT NULL, known_from {INTEGER},
  known_until {INTEGER} NOT NULL, doc {BLOB} NOT NULL, sealed {BLOB} NOT NULL,
  commitments {BLOB}
)
""",
    "CREATE INDEX person_revision_by_owner ON person_revision (owner, revision_id)",
    """
CREATE INDEX person_revision_by_known_from
  ON person_revision (known_from, revision_id) WHERE known_from IS NOT NULL
""",
    "ALTER TABLE institution ADD COLUMN known_from {INTEGER}",
    """
CREATE INDEX institution_by_known_from
  ON institution (known_from, code) WHERE known_from IS NOT NULL
""",
    """
CREATE TABLE institution_revision (
  revision_id {TEXT} PRIMARY KEY NOT NULL, owner {TEXT} NOT NULL, known_from {INTEGER},
  doc {BLOB} NOT NULL
)
""",
    """
CREATE INDEX institution_revision_by_owner
  ON institution_revision (owner, revision_id)
""",
    """
CREATE INDEX institution_revision_by_known_from
  ON institution_revision (known_from, revision_id) WHERE known_from IS NOT NULL
""",
    """
CREATE TABLE settled_message (
  message_id {TEXT} PRIMARY KEY NOT NULL, settlement_id {TEXT} NOT NULL, caller {TEXT} NOT NULL
){CLUSTERED}
""",
    # A message that was settled twice before stays so; its first settlement answers.
    """
INSERT INTO settled_message
  SELECT institution || '/' || msgid, settlement_id, coalesce(caller, '')
  FROM (
    SELECT institution, settlement_id, {MSGID} AS msgid, {REQUEST} AS request_id,
      row_number() OVER (
        PARTITION BY institution, {MSGID} ORDER BY settled_at, settlement_id
      ) AS place
    FROM settlement
  ) AS settled LEFT JOIN request USING (request_id)
  WHERE msgid <> '' AND place = 1
""",
    """
CREATE TABLE staged_person (
  staged_id {TEXT} PRIMARY KEY NOT NULL, cert {TEXT} NOT NULL, number {INTEGER} NOT NULL,
  base {INTEGER} NOT NULL, sealed {BLOB} NOT NULL, commitments {BLOB}
)
""",
    "CREATE INDEX staged_person_by_cert ON staged_person (cert, staged_id)",
    "CREATE TABLE staged_institution (staged_id {TEXT} PRIMARY KEY NOT NULL, doc {BLOB} NOT NULL)",
    """
CREATE TABLE staged_set (
  set_id {TEXT} PRIMARY KEY NOT NULL, request_key {TEXT} NOT NULL, registry {TEXT} NOT NULL
)
""",
    """
CREATE TABLE unmerged (
  registry {TEXT} PRIMARY KEY NOT NULL, set_id {TEXT} NOT NULL,
  import_id {TEXT} NOT NULL, at {INTEGER} NOT NULL
)
""",
    "CREATE TABLE turn (registry {TEXT} PRIMARY KEY NOT NULL, number {INTEGER} NOT NULL)",
    """
CREATE TABLE applied_import (
  import_id {TEXT} PRIMARY KEY NOT NULL, registry {TEXT} NOT NULL,
  number {INTEGER} NOT NULL, at {INTEGER} NOT NULL, received {INTEGER} NOT NULL,
  written {INTEGER} NOT NULL, unchanged {INTEGER} NOT NULL, refused {INTEGER} NOT NULL,
  caller {TEXT} NOT NULL, areas {BLOB} NOT NULL, caller_kind {TEXT} NOT NULL,
  credential {TEXT} NOT NULL
)
""",
    """
CREATE INDEX applied_import_by_registry_number
  ON applied_import (registry, number, import_id)
""",
    """
CREATE TABLE guesses (
  guesses_id {TEXT} PRIMARY KEY NOT NULL, wrong {INTEGER} NOT NULL,
  since {INTEGER} NOT NULL, paused_until {INTEGER}
){CLUSTERED}
""",
    """
CREATE TABLE access (
  access_id {TEXT}{ALONE} NOT NULL, person_no {TEXT} NOT NULL, at {INTEGER} NOT NULL,
  caller {TEXT} NOT NULL, caller_kind {TEXT} NOT NULL, credential {TEXT} NOT NULL,
  subject {TEXT} NOT NULL, identification {INTEGER} NOT NULL, purpose {INTEGER} NOT NULL,
  method {TEXT} NOT NULL, fields {TEXT} NOT NULL, request_id {TEXT} NOT NULL{BY_YEAR}
""",
    "CREATE INDEX access_by_person_no_at ON access (person_no, at, access_id)",
    """
CREATE TABLE lost_accesses (
  lost_id {TEXT} PRIMARY KEY NOT NULL, noticed_at {INTEGER} NOT NULL, most {INTEGER} NOT NULL
)
""",
    "ALTER TABLE vault ADD COLUMN epoch {INTEGER} NOT NULL DEFAULT 1",
    "ALTER TABLE person ADD COLUMN commitments {BLOB}",
    *(
        f"ALTER TABLE {table} ADD COLUMN {column} {{BLOB}}"
        for table in ("request", "binding", "settlement", "credit", "premium")
        for column in ("sealed", "commitments")
    ),
    *TABLES_3,
    "CREATE TABLE upgrade (contract_from {INTEGER} NOT NULL)",
    """
CREATE TABLE leaf (
  leaf_id {TEXT}{ASSIGNED} NOT NULL, writer {TEXT} NOT NULL, number {INTEGER} NOT NULL,
  at {INTEGER} NOT NULL, body {BLOB} NOT NULL, hashes {BLOB} NOT NULL,
  private {BLOB} NOT NULL{LEAF_BY_YEAR}
""",
    "CREATE INDEX leaf_by_at ON leaf (at, leaf_id)",
    """
CREATE TABLE log_writer (
  writer {TEXT} PRIMARY KEY NOT NULL, number {INTEGER} NOT NULL, at {INTEGER} NOT NULL
){CLUSTERED}
""",
    """
CREATE TABLE checkpoint (
  checkpoint_id {TEXT} PRIMARY KEY NOT NULL, size {INTEGER} NOT NULL,
  root {BLOB} NOT NULL, at {INTEGER} NOT NULL, note {TEXT} NOT NULL,
  included {BLOB} NOT NULL, through {TEXT} NOT NULL, ids {TEXT} NOT NULL
)
""",
    """
CREATE TABLE seal_count (
  count_id {TEXT} PRIMARY KEY NOT NULL, number {INTEGER} NOT NULL, seals {INTEGER} NOT NULL
)
""",
    """
CREATE TABLE started (
  start_id {TEXT} PRIMARY KEY NOT NULL, at {INTEGER} NOT NULL, version {TEXT} NOT NULL,
  settings {BLOB} NOT NULL, files {BLOB} NOT NULL, plugins {BLOB} NOT NULL
)
""",
    "CREATE INDEX checkpoint_by_size ON checkpoint (size, checkpoint_id)",
    "CREATE INDEX checkpoint_by_through ON checkpoint (through, checkpoint_id)",
    "CREATE TABLE tile (tile_id {TEXT} PRIMARY KEY NOT NULL, hashes {BLOB} NOT NULL)",
)
"""What version 3 adds, in order.

`{TEXT}`, `{INTEGER}`, `{BLOB}` are the database's types, `{YEAR}` the civil year in
Shanghai of the column `at`, `{MSGID}` and `{REQUEST}` the message id and the request id
in a settlement's `doc`. `{ALONE}` and `{BY_YEAR}` make the key of a table that is
partitioned by `at` if the database can, `{ASSIGNED}` and `{LEAF_BY_YEAR}` that of leaves.
"""

_REPEATED: Final = """
SELECT message_id, first.settlement_id, settlement.settlement_id
FROM settlement
  JOIN settled_message AS first ON message_id = institution || '/' || {MSGID}
WHERE {MSGID} <> '' AND first.settlement_id <> settlement.settlement_id
ORDER BY message_id, settled_at, settlement.settlement_id
"""

_MSGID_SQLITE: Final = "json_extract(CAST(doc AS TEXT), '$.bill.msgid')"

_MSGID_POSTGRES: Final = "(convert_from(doc, 'UTF8')::json #>> '{bill,msgid}')"

_REQUEST_SQLITE: Final = "json_extract(CAST(doc AS TEXT), '$.request_id')"

_REQUEST_POSTGRES: Final = "(convert_from(doc, 'UTF8')::json ->> 'request_id')"

_YEAR_SQLITE: Final = (
    "CAST(strftime('%Y', at / 1000000 + 28800, 'unixepoch') AS INTEGER)"
)

_YEAR_POSTGRES: Final = (
    "CAST(extract(year FROM to_timestamp(at / 1000000) AT TIME ZONE 'Asia/Shanghai') "
    "AS BIGINT)"
)


def _by_year(key: str, dialect: sql.Dialect) -> str:
    """Return the end of a table that is partitioned by `at`, "" if none can be."""
    if not dialect.partitions:
        return ""
    return f", PRIMARY KEY ({key}, at)) PARTITION BY RANGE (at)"


def _to_3(schema: Schema, dialect: sql.Dialect) -> Iterator[Change]:
    """Add what version 3 keeps."""
    words = {
        **{str(name): word for name, word in dialect.types.items()},
        "CLUSTERED": dialect.clustered,
        "YEAR": _YEAR_POSTGRES if dialect.partitions else _YEAR_SQLITE,
        "MSGID": _msgid(dialect),
        "REQUEST": _REQUEST_POSTGRES if dialect.partitions else _REQUEST_SQLITE,
        "ALONE": "" if dialect.partitions else " PRIMARY KEY",
        "BY_YEAR": _by_year("access_id", dialect) or f"){dialect.clustered}",
        "ASSIGNED": " PRIMARY KEY",
        "LEAF_BY_YEAR": _by_year("leaf_id", dialect) or ")",
    }
    if dialect.sequences:
        yield "CREATE SEQUENCE leaf_id"
        words["ASSIGNED"] = " DEFAULT lpad(nextval('leaf_id')::text, 16, '0')"
    for statement in _STATEMENTS_3:
        yield statement.strip().format_map(words)
    yield keys.create(dialect)
    yield lambda database: keys.write(database, schema.vault.wrapped(_LONG_AGO))
    yield from seal_former(schema)


def _msgid(dialect: sql.Dialect) -> str:
    return _MSGID_POSTGRES if dialect.partitions else _MSGID_SQLITE


def repeated_messages(dialect: sql.Dialect) -> str:
    """Return the SELECT of message, first settlement and each that repeats it."""
    return _REPEATED.format(MSGID=_msgid(dialect))


LOG_SINCE: Final = 3
"""The version since which everything written leaves a leaf."""

UPGRADES_SINCE: Final = 3
"""The version since which a database says whether it is being upgraded."""

MESSAGES_SINCE: Final = 3
"""The version since which a message settles once."""

STEPS: Final[Mapping[int, Step]] = {1: _to_2, 2: _to_3}
"""Each step by the version it starts from. Forward only."""
