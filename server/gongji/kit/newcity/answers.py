"""The answers to a new city's questions: read strictly from a TOML file, every fault
under the question's name."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final

from gongji.cities.anhui import clauses as provincial_clauses
from gongji.cities.anhui.since import SINCE
from gongji.kit.newcity.questions import GROUPS, QUESTIONS, Question
from gongji.kit.newcity.reading import GRADES, day, parts
from gongji.rules.clauses import Clause, Grade

IS: Final = "is"

_CLAUSE_KEYS = {"id", "text", "source", "grade", "verified_on"}

_CLAUSE_ID = re.compile(r"[A-Z][A-Za-z0-9]*(-[A-Za-z0-9]+)*")

_PROVINCIAL = {
    c.id: c for c in vars(provincial_clauses).values() if isinstance(c, Clause)
}


class AnswerFault(ValueError):  # noqa: N818 - told to whoever answered
    """Answers from which no city can be made; the message has one fault a line, each
    under its question."""


@dataclass(frozen=True, slots=True)
class CitedAnswer:
    """A value and the clauses it stands under."""

    value: Any
    clauses: tuple[Clause, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """Everything that was answered; what was not is as the province has it."""

    name: str
    pinyin: str
    area_code: str
    since: date
    source: str
    given: Mapping[str, CitedAnswer]
    verified_on: date | None = None

    def of(self, key: str) -> CitedAnswer | None:
        """The answer to a question, if there is one."""
        return self.given.get(key)

    def any(self, group: str) -> bool:
        """Whether anything of a group was answered."""
        return any(key.startswith(f"{group}.") for key in self.given)


def read_file(path: Path) -> Answers:
    """The answers of a TOML file. AnswerFault."""
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as wrong:
        raise AnswerFault(f"{path.name} 不是 TOML 文件: {wrong}") from wrong
    return read(data)


def read(data: Mapping[str, Any]) -> Answers:
    """The answers of a TOML document. AnswerFault with every fault."""
    faults: list[str] = [*_strangers(data)]
    clauses = _clauses(data, faults)
    given: dict[str, CitedAnswer] = {}
    for question in QUESTIONS:
        table = data.get(question.group, {})
        raw = (
            table.get(question.key.partition(".")[2])
            if isinstance(table, Mapping)
            else None
        )
        if raw is not None:
            try:
                given[question.key] = _answer(
                    question, raw, clauses, _assumption_id(data, clauses, len(given))
                )
            except ValueError as wrong:
                faults.append(f"{question.name}: {wrong}")
        elif question.needed and (table or question.group == "city"):
            faults.append(f"{question.name}: 须回答; {question.how}")
    if (since := given.get("city.since")) and since.value < date.fromisoformat(SINCE):
        faults.append(
            f"city.since(首个施行日): 不得早于省级规则的起始日 {SINCE}, 得到 {since.value}"
        )
    if faults:
        raise AnswerFault("\n".join(faults))
    plain = {
        key.partition(".")[2]: given.pop(key).value
        for key in tuple(given)
        if key.startswith("city.")
    }
    return Answers(given=given, **plain)


def _strangers(data: Mapping[str, Any]) -> Iterator[str]:
    """Tables and keys that answer no question."""
    for group, table in data.items():
        if group == "clauses":
            continue
        if group not in GROUPS or not isinstance(table, Mapping):
            yield f"{group}: 没有这一组问题; 可写 {'、'.join(GROUPS)} 与 [[clauses]]"
            continue
        known = [q.key.partition(".")[2] for q in QUESTIONS if q.group == group]
        yield from (
            f"{group}.{key}: 没有这个问题; 可写 {'、'.join(known)}"
            for key in table
            if key not in known
        )


def _clauses(data: Mapping[str, Any], faults: list[str]) -> dict[str, Clause]:
    """The clauses by their numbers; what is wrong with them goes to `faults`."""
    city = data.get("city")
    common = (
        {key: str(city[key]) for key in ("source", "verified_on") if key in city}
        if isinstance(city, Mapping)
        else {}
    )
    found: dict[str, Clause] = {}
    rows = data.get("clauses", [])
    for number, row in enumerate(rows if isinstance(rows, list) else [rows], start=1):
        try:
            clause = _clause(row, common, found)
            found[clause.id] = clause
        except ValueError as wrong:
            faults.append(f"clauses 第 {number} 条: {wrong}")
    return found


def _clause(
    row: Any, common: Mapping[str, str], before: Mapping[str, Clause]
) -> Clause:
    """One clause as it is written, with what is common to all. ValueError."""
    if not isinstance(row, Mapping) or not all(
        isinstance(v, (str, date)) and str(v).strip() for v in row.values()
    ):
        raise ValueError(
            '须写作 { id = "WH1", text = "条款原文一句", source = "出处" }'
        )
    if unknown := row.keys() - _CLAUSE_KEYS:
        raise ValueError(
            f"没有 {'、'.join(sorted(unknown))} 这一项; 可写 id、text、source、grade、verified_on"
        )
    if missing := {"id", "text"} - row.keys():
        raise ValueError(f"缺少 {'、'.join(sorted(missing))}")
    if not _CLAUSE_ID.fullmatch(row["id"]):
        raise ValueError(
            f"编号须以大写字母开头, 只含字母、数字与连字符, 得到 {row['id']!r}"
        )
    if row["id"] in before:
        raise ValueError(f"编号 {row['id']} 用了两次")
    if row["id"] in _PROVINCIAL:
        raise ValueError(
            f"编号 {row['id']} 是省级条款的, 请另起, 如以本市拼音的首字母开头"
        )
    if (grade := row.get("grade", "一手材料")) not in GRADES:
        raise ValueError(f"grade 可写 {'、'.join(GRADES)}, 得到 {grade!r}")
    if GRADES[grade] is Grade.ASSUMPTION:
        return Clause.assumption(row["id"], row["text"])
    told = {**common, **row}
    checked = str(day(told["verified_on"])) if "verified_on" in told else ""
    return Clause(
        row["id"], row["text"], told.get("source", ""), GRADES[grade], checked
    )


def _assumption_id(
    data: Mapping[str, Any], clauses: Mapping[str, Clause], serial: int
) -> str:
    """A number for what no document says, free beside the clauses written."""
    city = data.get("city")
    pinyin = str(city.get("pinyin", "")) if isinstance(city, Mapping) else ""
    number = f"T-{pinyin.upper()}{serial}"
    return (
        number
        if number not in clauses
        else _assumption_id(data, clauses, serial + len(QUESTIONS))
    )


def _answer(
    question: Question, raw: Any, clauses: Mapping[str, Clause], assumption: str
) -> CitedAnswer:
    """One answer with its clauses; without any it is an assumption. ValueError."""
    if not question.sourced:
        if isinstance(raw, Mapping):
            raise ValueError(f"直接写答案, 不写 {{ {IS} = … }}; {question.how}")
        return CitedAnswer(question.read(raw))
    if not isinstance(raw, Mapping) or IS not in raw or raw.keys() - {IS, "clauses"}:
        raise ValueError(
            f'须写作 {{ {IS} = …, clauses = ["条款编号"] }}; {question.how}'
        )
    value = question.read(raw[IS])
    cited = parts(raw.get("clauses", []))
    if unknown := [number for number in cited if number not in clauses]:
        raise ValueError(
            f"没有条款 {'、'.join(unknown)}; 已写: {'、'.join(clauses) or '无'}"
        )
    if not cited:
        text = f"{GROUPS[question.group]}的{question.asks}取“{_written(raw[IS])}”,没有文件依据。"
        return CitedAnswer(value, (Clause.assumption(assumption, text),))
    return CitedAnswer(value, tuple(clauses[number] for number in cited))


def _written(given: Any) -> str:
    """An answer as it was given."""
    return "、".join(map(str, given)) or "无" if isinstance(given, list) else str(given)
