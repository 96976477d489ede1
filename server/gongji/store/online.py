"""A step of the schema that is made while servers of both versions are at work.

Its three phases: expand (扩展) adds what the newer program needs and the older one does
not see; backfill (补写) fills in what rows of before lack, once no older program is left;
contract (收缩) removes what only the older one needed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from gongji.store import sql

Statements = Callable[[sql.Dialect], Iterator[str]]
"""Yields statements, each of which may be run again: IF EXISTS, IF NOT EXISTS."""


@dataclass(frozen=True, slots=True)
class OnlineStep:
    """A step from one version to the next.

    expand    nullable columns, tables and indexes; nothing an older program writes may
              fail for it
    backfill  table and column of each value that is NULL until a row is written by the
              newer program; rows are written again through the committer, with a leaf.
              Not for tables that are append-only
    contract  what ends the older program's part
    """

    expand: Statements
    backfill: tuple[tuple[str, str], ...]
    contract: Statements


def forgetting(table: str, column: str, version: int) -> Iterator[str]:
    """Yield what has a row lose a column when a program of before a version writes it.

    PostgreSQL. The older program changes what the column was made of and does not know
    it; and the leaf it leaves speaks of a row without that column.
    """
    name = f"{table}_{column}_forgotten"
    yield f"""
CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF coalesce(nullif(current_setting('gongji.schema', true), ''), '0')::int < {version} THEN
    NEW.{column} := NULL;
  END IF;
  RETURN NEW;
END $$
"""
    yield (
        f"CREATE OR REPLACE TRIGGER {name} BEFORE UPDATE ON {table} "
        f"FOR EACH ROW EXECUTE FUNCTION {name}()"
    )


def remembering(table: str, column: str) -> Iterator[str]:
    """Yield what ends `forgetting`."""
    name = f"{table}_{column}_forgotten"
    yield f"DROP TRIGGER IF EXISTS {name} ON {table}"
    yield f"DROP FUNCTION IF EXISTS {name}()"
