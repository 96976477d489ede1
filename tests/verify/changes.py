"""The kinds of changes that somebody may make of what is stored."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any, Final

from gongji.audit.hashing import base64

from tests.verify.changer import Changer, Kind, NotThisTimeError, with_value
from tests.verify.stored import Edit, Row, StoredTable
from tests.verify.values import another, compact

# --- one value -------------------------------------------------------------------------


def _value_of_another_row(changer: Changer) -> list[Edit]:
    table = changer.table()
    column = changer.column(table)
    row, other = changer.two_rows(table.name)
    value = other[table.position(column.name)]
    return [Edit(table.name, row, with_value(table, row, column.name, value))]


def _value_replaced(changer: Changer) -> list[Edit]:
    table = changer.table()
    column = changer.column(table)
    row = changer.row(table.name)
    before = row[table.position(column.name)]
    value = another(changer.chance, column, before)
    return [Edit(table.name, row, with_value(table, row, column.name, value))]


def _values_swapped(changer: Changer) -> list[Edit]:
    table = changer.table()
    column = changer.column(table)
    first, second = changer.two_rows(table.name)
    position = table.position(column.name)
    return [
        Edit(table.name, row, with_value(table, row, column.name, other[position]))
        for row, other in ((first, second), (second, first))
    ]


# --- whole rows ------------------------------------------------------------------------


def _row_removed(changer: Changer) -> list[Edit]:
    table = changer.table()
    return [Edit(table.name, changer.row(table.name), None)]


def _row_doubled(changer: Changer) -> list[Edit]:
    table = changer.table()
    row = changer.row(table.name)
    if not table.key:
        return [Edit(table.name, None, row)]
    column = table.columns[table.position(table.key[0])]
    key = another(changer.chance, column, row[0])
    return [Edit(table.name, None, with_value(table, row, column.name, key))]


def _rows_swapped(changer: Changer) -> list[Edit]:
    """Everything of two rows but their keys."""
    table = changer.table()
    if not table.key:
        raise NotThisTimeError
    first, second = changer.two_rows(table.name)
    held = [table.position(name) for name in table.key]
    return [
        Edit(
            table.name,
            row,
            tuple([row[at] if at in held else other[at] for at in range(len(row))]),
        )
        for row, other in ((first, second), (second, first))
    ]


def _blanked(changer: Changer) -> list[Edit]:
    """What says something of a person, as an erasure leaves it, without one."""
    named = [t for t in changer.tables.values() if _has(t, "commitments")]
    table = changer.chance.choice(named)
    row = changer.row(table.name)
    position = table.position("sealed")
    empty = None if table.columns[position].null else b""
    after = with_value(table, row, "sealed", empty)
    return [Edit(table.name, row, with_value(table, after, "commitments", None))]


def _row_put_back(changer: Changer) -> list[Edit]:
    """A row as it was earlier, which its log still says."""
    if not changer.older:
        raise NotThisTimeError
    return [changer.chance.choice(changer.older)]


def _row_in_empty(changer: Changer) -> list[Edit]:
    table = changer.empty_table()
    row = tuple([another(changer.chance, column, None) for column in table.columns])
    return [Edit(table.name, None, row)]


def _has(table: StoredTable, column: str) -> bool:
    return any(one.name == column for one in table.columns)


# --- money -----------------------------------------------------------------------------


def _entries(changer: Changer, purse: str) -> list[Row]:
    """Return a purse's entries in their order."""
    table = changer.tables["entry"]
    account, version = table.position("ledger_account"), table.position("version")
    found = [row for row in changer.rows["entry"] if row[account] == purse]
    return sorted(found, key=lambda row: row[version] or 0)


def _entry_moved(changer: Changer) -> list[Edit]:
    """To another purse, or to another day."""
    table = changer.tables["entry"]
    row, other = changer.two_rows("entry")
    column = changer.chance.choice(("ledger_account", "at"))
    value = other[table.position(column)]
    if column == "at" and value == row[table.position("at")]:
        value += 86_400_000_000
    return [Edit("entry", row, with_value(table, row, column, value))]


def _balance_and_entries(changer: Changer) -> list[Edit]:
    """A fen more in an entry, in the balances since, and less in its counterpart."""
    table, accounts = changer.tables["entry"], changer.tables["account"]
    account = changer.row("account")
    chain = _entries(changer, f"purse:{account[0]}")
    if not chain:
        raise NotThisTimeError
    first = changer.chance.randrange(len(chain))
    edits = []
    for place, row in enumerate(chain[first:]):
        after = _plus(table, row, "balance_after_fen", 1)
        if place == 0:
            after = _plus(table, after, "fen", 1)
        edits.append(Edit("entry", row, after))
    edits.append(Edit("entry", *_counterpart(changer, chain[first])))
    more = _plus(accounts, account, "balance_fen", 1)
    return [*edits, Edit("account", account, more)]


def _counterpart(changer: Changer, entry: Row) -> tuple[Row, Row]:
    table = changer.tables["entry"]
    transaction, key = table.position("transaction_id"), entry[0]
    for row in changer.rows["entry"]:
        same = row[transaction] == entry[transaction] and row[0] != key
        if same and not row[table.position("version")]:
            return row, _plus(table, row, "fen", -1)
    raise NotThisTimeError


def _plus(table: StoredTable, row: Row, column: str, more: int) -> Row:
    return with_value(table, row, column, row[table.position(column)] + more)


# --- settlements -----------------------------------------------------------------------


def _of_settlement(
    changer: Changer, change: Callable[[dict[str, Any]], None]
) -> list[Edit]:
    """A settlement whose document was changed."""
    table = changer.tables["settlement"]
    row = changer.row("settlement")
    content = json.loads(row[table.position("doc")])
    change(content)
    after = with_value(table, row, "doc", compact(content))
    return [Edit("settlement", row, after)]


def _clause_swapped(changer: Changer) -> list[Edit]:
    def change(content: dict[str, Any]) -> None:
        lines = content["lines"]
        if len(lines) < 2:
            raise NotThisTimeError
        first, second = changer.chance.sample(range(len(lines)), 2)
        rules = lines[first]["rule"], lines[second]["rule"]
        if rules[0] == rules[1]:
            raise NotThisTimeError
        lines[first]["rule"], lines[second]["rule"] = rules[::-1]

    return _of_settlement(changer, change)


def _input_and_outcome(changer: Changer) -> list[Edit]:
    """A yuan more in the bill, out of catalogue, and paid in cash."""

    def change(content: dict[str, Any]) -> None:
        bill = content["bill"]
        bill["total_fen"] += 100
        bill["out_of_catalogue_fen"] = bill.get("out_of_catalogue_fen", 0) + 100
        content["cash_fen"] = content.get("cash_fen", 0) + 100
        for line in content["lines"][-1:]:
            line["fen"] += 100

    return _of_settlement(changer, change)


# --- the log ---------------------------------------------------------------------------


def _private_changed(changer: Changer) -> list[Edit]:
    """The salt, the subject, or the rows a leaf names."""
    table = changer.tables["leaf"]
    row = changer.row("leaf")
    private = json.loads(row[table.position("private")])
    changed = _PRIVATE[changer.chance.choice(list(_PRIVATE))](changer, private)
    return [Edit("leaf", row, with_value(table, row, "private", compact(changed)))]


_PRIVATE: Final[Mapping[str, Callable[[Changer, dict[str, Any]], dict[str, Any]]]] = {
    "salt": lambda changer, private: {
        **private,
        "salt": base64(changer.chance.randbytes(16)),
    },
    "subject": lambda _, private: {
        **private,
        "subject": private.get("subject", "") + "1",
    },
    "another row": lambda _, private: {
        **private,
        "keys": [[*key[:-1], f"{key[-1]}1"] for key in private["keys"]],
    },
    "removed": lambda _, private: {
        **private,
        "keys": [[key[0], "", key[-1]] for key in private["keys"]],
    },
    "in another order": lambda _, private: {
        **private,
        "keys": private["keys"][::-1],
    },
}


def _leaves_reordered(changer: Changer) -> list[Edit]:
    """Two leaves under each other's ids."""
    table = changer.tables["leaf"]
    first, second = changer.two_rows("leaf")
    return [
        Edit("leaf", row, with_value(table, row, "leaf_id", other[0]))
        for row, other in ((first, second), (second, first))
    ]


def _neighbours_reordered(changer: Changer) -> list[Edit]:
    """Two leaves beside one another, of two writers if there are."""
    table = changer.tables["leaf"]
    rows = changer.rows["leaf"]
    writer = table.position("writer")
    beside = list(pairwise(rows))
    apart = [pair for pair in beside if pair[0][writer] != pair[1][writer]]
    first, second = changer.chance.choice(apart or beside)
    return [
        Edit("leaf", row, with_value(table, row, "leaf_id", other[0]))
        for row, other in ((first, second), (second, first))
    ]


def _leaf_in_a_gap(changer: Changer) -> list[Edit]:
    """A leaf under an id beside its own, which no leaf has: the order stays."""
    table = changer.tables["leaf"]
    rows = changer.rows["leaf"]
    # The last one no checkpoint includes yet.
    beside = [row for row, after in pairwise(rows) if int(after[0]) > int(row[0]) + 1]
    if not beside:
        raise NotThisTimeError
    row = changer.chance.choice(beside)
    value = f"{int(row[0]) + 1:016d}"
    return [Edit("leaf", row, with_value(table, row, "leaf_id", value))]


def _checkpoint_altered(changer: Changer) -> list[Edit]:
    table = changer.tables["checkpoint"]
    row = changer.row("checkpoint")
    column = changer.chance.choice(table.columns)
    before = row[table.position(column.name)]
    value = another(changer.chance, column, before)
    return [Edit("checkpoint", row, with_value(table, row, column.name, value))]


def _included_altered(changer: Changer) -> list[Edit]:
    """A writer more, one less, or another number."""
    table = changer.tables["checkpoint"]
    row = changer.row("checkpoint")
    included = json.loads(row[table.position("included")])
    writer = changer.chance.choice(list(included))
    what = changer.chance.choice(("more", "less", "other"))
    if what == "more":
        included["0123456789abcdef"] = changer.chance.choice((0, 1, 7))
    elif what == "less":
        del included[writer]
    else:
        included[writer] += changer.chance.choice((-1, 1))
    after = with_value(table, row, "included", compact(included))
    return [Edit("checkpoint", row, after)]


KINDS: Final[Mapping[str, Kind]] = {
    "a value replaced": _value_replaced,
    "a value of another row": _value_of_another_row,
    "values of two rows swapped": _values_swapped,
    "a row removed": _row_removed,
    "a row doubled under a new key": _row_doubled,
    "two rows under each other's keys": _rows_swapped,
    "a row in a table that is empty": _row_in_empty,
    "a row as it was earlier": _row_put_back,
    "blanked as if erased": _blanked,
    "an entry moved": _entry_moved,
    "a balance with its entries": _balance_and_entries,
    "a clause swapped": _clause_swapped,
    "a bill with its outcome": _input_and_outcome,
    "what a leaf keeps to itself": _private_changed,
    "two leaves reordered": _leaves_reordered,
    "two leaves beside one another reordered": _neighbours_reordered,
    "a leaf under an id that nobody has": _leaf_in_a_gap,
    "a checkpoint altered": _checkpoint_altered,
    "what a checkpoint includes": _included_altered,
}
