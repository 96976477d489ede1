"""Phase rows: each row is what the last leaf that names it says, and every other is gone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from gongji.audit.commitment import Commitments, RowForm
from gongji.store.sealing import owner_of
from gongji.store.table import DOCUMENT, AnyTable, Column, Row
from gongji.verify.emit import emit
from gongji.verify.finding import Discrepancy, masked, unchecked
from gongji.verify.segments import Output
from gongji.verify.snapshot import UnreadableError
from gongji.verify.types import wrong_type
from gongji.verify.work import Bench, VerifyTask, task

_SEALED: Final = "sealed"

_COMMITMENTS: Final = "commitments"

Said = Sequence[Any]
"""Table, key, leaf, salt, hash, and whether the row was removed."""


@task("rows")
def read_rows(bench: Bench, job: VerifyTask, output: Output) -> None:
    """Hand on the rows of a span to whoever knows what the log says of them."""
    table = bench.tables[job.table]
    read = 0
    try:
        for row in bench.snapshot.read(table, job.span):
            read += 1
            if column := wrong_type(table, row):
                output.found(_finding(table, row[0], "值的类型不符", column))
                if column == table.key.name:
                    continue
            output.put("row", f"{table.name}/{row[0]}", (table.name, *row))
    except UnreadableError as error:
        output.found(
            Discrepancy(phase="rows", table=table.name, message=f"不能读取：{error}")
        )
    output.count("rows", read)


@task("join")
def join(bench: Bench, job: VerifyTask, output: Output) -> None:
    """Compare the rows of a bucket with what the log says last of them."""
    last = _last_said(bench, job.number)
    judge = _Judge(bench, output)
    altered = []
    for name, *row in bench.segments("rows").read("row", job.number):
        said = last.pop((name, row[0]), None)
        if judge.differs(bench.tables[name], row, said):
            altered.append((name, row, said))
    _check_order(bench, job.number, output)
    if altered:
        judge.tell(altered, list(bench.segments("leaves").read("named", job.number)))
    for said in last.values():
        if not said[5]:
            judge.missing(said)
    output.count("joined", judge.joined)


def _last_said(bench: Bench, bucket: int) -> dict[tuple[str, str], Said]:
    """Return what the last leaf says of each row of a bucket."""
    last: dict[tuple[str, str], Said] = {}
    for said in bench.segments("leaves").read("named", bucket):
        key = said[0], said[1]
        known = last.get(key)
        # A leaf may name a row twice: what it says last counts.
        if known is None or known[2] <= said[2]:
            last[key] = said
    return last


def _check_order(bench: Bench, bucket: int, output: Output) -> None:
    """Check that leaves that name one row came in the order of their ids.

    Whoever writes a row waits for who wrote it before: no checkpoint includes the later
    of the two and not the earlier, whatever else was at work as it was made.
    """
    late = dict(bench.segments("order").read("late"))
    if not late:
        return
    named: dict[tuple[str, str], list[str]] = defaultdict(list)
    for name, key, leaf_id, *_ in bench.segments("leaves").read("named", bucket):
        named[name, key].append(leaf_id)
    for (name, key), leaves in named.items():
        for one, other in _out_of_order(leaves, late):
            told = f"日志叶 {other} 的编号在其后，而在树中先于它：次序被改动"
            if name in bench.tables:
                output.found(_finding(bench.tables[name], key, told, leaf_id=one))


def _out_of_order(
    leaves: Sequence[str], late: Mapping[str, str]
) -> Iterator[tuple[str, str]]:
    """Yield each late leaf and one with a higher id that is before it in the tree."""
    for one in late.keys() & set(leaves):
        for other in leaves:
            if one < other <= late[one] and late.get(other, "") < late[one]:
                yield one, other


class _Judge:
    """Judges the rows of one bucket."""

    def __init__(self, bench: Bench, output: Output) -> None:
        self._bench = bench
        self._output = output
        schema = bench.schema
        self._forms: dict[str, RowForm] = {
            form.table: form for form in schema.forms.values()
        }
        self._plain = {table.name: _plain(table) for table in schema.tables.values()}
        self._sealed = {
            table.name: _positions(table) for table in schema.tables.values()
        }
        self.joined = 0

    def differs(self, table: AnyTable, row: Row, said: Said | None) -> bool:
        """Return whether a row is not what the log says; if it is, look into it."""
        # hot path: once for each row.
        self.joined += 1
        expected = said and not said[5] and self._is(table, row, said)
        record = self._record(table, row)
        if record is not None:
            # An altered row, too: what does not add up names the column.
            self._emit(table, row, record)
        if not (expected and said):
            return True
        if record is None:
            self._found(table, row, "不能按本程序的格式读取", said)
            return False
        for position, column in self._plain[table.name]:
            if row[position] not in _forms(column, record):
                told = "与该行的记录不符"
                self._found(table, row, told, said, column.name)
        self._check_seal(table, row, said)
        return False

    def _emit(self, table: AnyTable, row: Row, record: Any) -> None:
        try:
            emit(self._output, record)
        except Exception as error:  # noqa: BLE001 - one row says nothing of the others
            self._found(table, row, unchecked(error), None)

    def _record(self, table: AnyTable, row: Row) -> Any:
        """Return the record of a row, None if it cannot be read."""
        try:
            return table.record([row[at] for at in self._sealed[table.name][2]])
        except (ValueError, TypeError, LookupError, ArithmeticError):
            return None

    def _is(self, table: AnyTable, row: Row, said: Said) -> bool:
        salted = Commitments(self._bench.hasher, said[3])
        try:
            return bool(salted.hash(self._forms[table.name], row) == said[4])
        # A text that is none.
        except (ValueError, TypeError):
            return False

    def _check_seal(self, table: AnyTable, row: Row, said: Said) -> None:
        """Check what is sealed against the commitments beside it."""
        sealed, commitments, _ = self._sealed[table.name]
        if commitments is None or sealed is None:
            return
        if not row[sealed]:
            if row[commitments]:
                self._found(table, row, "密封信息不在", said, _SEALED)
            return
        owner = owner_of(table.name, row[0])
        try:
            expected = self._bench.schema.sealer.commitments(owner, row[sealed])
        except ValueError:
            self._found(table, row, "密封信息不能打开", said, _SEALED)
            return
        if expected != row[commitments]:
            told = "密封的内容与其承诺不符：是别的版本"
            self._found(table, row, told, said, _SEALED)

    def tell(
        self,
        altered: Iterable[tuple[str, Row, Said | None]],
        named: Sequence[Said],
    ) -> None:
        """Say of rows that are not what the log says in what way."""
        for name, row, said in altered:
            table = self._bench.tables[name]
            if said is None:
                self._found(table, row, "没有日志叶写过该行：被添加", None)
            elif said[5]:
                self._found(table, row, "已由日志删除的行又出现", said)
            else:
                before = [one for one in named if one[:2] == said[:2]]
                older = [one[2] for one in before if self._is(table, row, one)]
                told = (
                    f"被换回日志叶 {older[-1]} 时的旧内容"
                    if older
                    else "内容被改动，与日志不符"
                )
                self._found(table, row, told, said)

    def missing(self, said: Said) -> None:
        """Tell of a row that must stand there."""
        table = self._bench.tables.get(said[0])
        if table is None:
            told = f"日志叶所写的表 {said[0]} 本程序不认识"
            self._output.found(Discrepancy(phase="rows", message=told, leaf_id=said[2]))
            return
        self._found(table, [said[1]], "该行被删除，而日志没有删除它", said)

    def _found(
        self,
        table: AnyTable,
        row: Row,
        message: str,
        said: Said | None,
        column: str = "",
    ) -> None:
        leaf_id = said[2] if said else ""
        self._output.found(_finding(table, row[0], message, column, leaf_id))


def _forms(column: Column, record: Any) -> Sequence[Any]:
    """Return what may be stored of a record in a column."""
    value = column.of(record)
    return [value] if column.at_rest is None else column.at_rest(str(value))


def _finding(
    table: AnyTable, key: object, message: str, column: str = "", leaf_id: str = ""
) -> Discrepancy:
    shown = masked(key) if table.key.personal else str(key)
    return Discrepancy(
        phase="rows",
        table=table.name,
        key=shown,
        column=column,
        message=message,
        leaf_id=leaf_id,
    )


def _plain(table: AnyTable) -> list[tuple[int, Column]]:
    """Return the columns that a record tells, each with its position.

    Not the document, which an earlier version may have written otherwise, and nothing
    that looks different each time.
    """
    apart = {DOCUMENT, _SEALED, _COMMITMENTS}
    # A flat record is made of its columns: only what is put together of them can differ.
    return [
        (position, column)
        for position, column in enumerate(table.columns)
        if not column.parted and column.name not in apart
    ]


def _positions(table: AnyTable) -> tuple[int | None, int | None, list[int]]:
    """Return where the seal is, its commitments, and what a record is read from."""
    names = [column.name for column in table.columns]
    sealed = names.index(_SEALED) if _SEALED in names else None
    commitments = names.index(_COMMITMENTS) if _COMMITMENTS in names else None
    return sealed, commitments, [names.index(name) for name in table.read]
