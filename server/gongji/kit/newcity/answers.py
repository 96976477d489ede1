"""Read the answers to a new city's questions, every fault under its question's name."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from gongji.cities import anhui
from gongji.cities.anhui.since import SINCE
from gongji.kit.newcity.questions import CITY, GROUPS, QUESTIONS, Question
from gongji.kit.newcity.reading import GRADES, day, parts
from gongji.model.toml import document_of
from gongji.rules.clauses import Clause, Grade
from gongji.rules.days import LATEST
from gongji.text.files import read_text

IS: Final = "is"
"""The key of an answer that stands under clauses."""

Document = Mapping[str, Any]
"""An answers file as TOML reads it."""

Clauses = Mapping[str, Clause]

_CLAUSE_KEYS = {"id", "text", "source", "grade", "verified_on"}

_CLAUSE_ID = re.compile(r"[A-Z][A-Za-z0-9]*(-[A-Za-z0-9]+)*")

_PROVINCIAL = {
    clause.id
    for module in vars(anhui).values()
    if isinstance(module, ModuleType)
    for clause in vars(module).values()
    if isinstance(clause, Clause)
}


class AnswerFault(ValueError):  # noqa: N818 - whoever answered reads it
    """Answers from which no city can be made; the message has one fault a line."""


@dataclass(frozen=True, slots=True)
class CitedAnswer:
    """A value and the clauses it stands under."""

    value: Any
    clauses: tuple[Clause, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """Everything that was answered; all else is as the province has it."""

    name: str
    pinyin: str
    area_code: str
    since: date
    source: str
    by_key: Mapping[str, CitedAnswer]
    verified_on: date | None = None

    def of(self, key: str) -> CitedAnswer | None:
        """Return the answer to a question, if there is one."""
        return self.by_key.get(key)

    def any(self, group: str) -> bool:
        """Return whether anything of a group was answered."""
        return any(key.startswith(f"{group}.") for key in self.by_key)


def read_file(path: Path) -> Answers:
    """Return the answers of a TOML file. AnswerFault, FileFaultError."""
    text = read_text(path)
    try:
        data = document_of(text)
    except ValueError as fault:
        raise AnswerFault(f"{path.name}：{fault}") from fault
    return read(data)


def read(data: Document) -> Answers:
    """Return the answers of a TOML document. AnswerFault with every fault."""
    faults = list(_unknown_keys(data))
    clauses = _clauses(data, faults)
    by_key = _answers(data, clauses, faults)
    since = by_key.get("city.since")
    if since and not date.fromisoformat(SINCE) <= since.value < LATEST.date():
        faults.append(
            "city.since（首个施行日）："
            f"须自省级规则的起始日 {SINCE} 起、不晚于 {LATEST.year - 1} 年，"
            f"得到 {since.value}"
        )
    if faults:
        raise AnswerFault("\n".join(faults))
    # What only names the city becomes an attribute, the figures stay by their keys.
    city = {
        question.field: by_key.pop(question.key).value
        for question in CITY
        if question.key in by_key
    }
    return Answers(by_key=by_key, **city)


def _answers(
    data: Document, clauses: Clauses, faults: list[str]
) -> dict[str, CitedAnswer]:
    """Return the answers by key; what is wrong with them goes to `faults`."""
    by_key: dict[str, CitedAnswer] = {}
    for question in QUESTIONS:
        raw = _table(data, question.group).get(question.field)
        if raw is None:
            if _is_missing(question, data):
                faults.append(f"{question.name}：须回答；{question.how}")
            continue
        assumption_id = _assumption_id(data, clauses, len(by_key))
        try:
            by_key[question.key] = _answer(question, raw, clauses, assumption_id)
        except ValueError as error:
            faults.append(f"{question.name}：{error}")
    return by_key


def _table(data: Document, group: str) -> Mapping[str, Any]:
    """Return a table of the document; an empty one if it is none."""
    table = data.get(group, {})
    return table if isinstance(table, Mapping) else {}


def _is_missing(question: Question, data: Document) -> bool:
    """Return whether a question had to be answered: its group is, or the city is named."""
    begun = question.group == "city" or bool(data.get(question.group))
    return question.needed and begun


def _unknown_keys(data: Document) -> Iterator[str]:
    """Yield the faults of tables and keys that answer no question."""
    for group, table in data.items():
        if group == "clauses":
            continue
        if group not in GROUPS or not isinstance(table, Mapping):
            yield f"{group}：没有这一组问题；可写 {'、'.join(GROUPS)} 与 [[clauses]]"
            continue
        known = [question.field for question in QUESTIONS if question.group == group]
        for key in table:
            if key not in known:
                yield f"{group}.{key}：没有这个问题；可写 {'、'.join(known)}"


# --- clauses --------------------------------------------------------------------------


def _clauses(data: Document, faults: list[str]) -> dict[str, Clause]:
    """Return the clauses by number; what is wrong with them goes to `faults`."""
    city = _table(data, "city")
    common = {key: str(city[key]) for key in ("source", "verified_on") if key in city}
    rows = data.get("clauses", [])
    # One table instead of an array of tables is read as a clause that is wrong.
    if not isinstance(rows, list):
        rows = [rows]
    clauses: dict[str, Clause] = {}
    for number, row in enumerate(rows, start=1):
        try:
            clause = _clause(row, common, clauses)
        except ValueError as error:
            faults.append(f"clauses 第 {number} 条：{error}")
        else:
            clauses[clause.id] = clause
    return clauses


def _clause(row: Any, common: Mapping[str, str], before: Clauses) -> Clause:
    """Return one clause, completed by what is common to all. ValueError."""
    problem = _problem_of_row(row) or _problem_of_id(row["id"], before)
    if problem:
        raise ValueError(problem)
    grade = row.get("grade", "一手材料")
    if grade not in GRADES:
        raise ValueError(f"grade 可写 {'、'.join(GRADES)}，得到 {grade!r}")
    if GRADES[grade] is Grade.ASSUMPTION:
        return Clause.assumption(row["id"], row["text"])
    complete = {**common, **row}
    verified_on = complete.get("verified_on")
    return Clause(
        id=row["id"],
        text=row["text"],
        source=complete.get("source", ""),
        grade=GRADES[grade],
        verified_on=str(day(verified_on)) if verified_on is not None else "",
    )


def _problem_of_row(row: Any) -> str:
    """Return what is wrong with a clause's keys and values; "" if nothing is."""
    if not isinstance(row, Mapping) or not all(map(_is_text, row.values())):
        return '须写作 { id = "WH1", text = "条款原文一句", source = "出处" }'
    unknown = row.keys() - _CLAUSE_KEYS
    if unknown:
        return (
            f"没有 {'、'.join(sorted(unknown))} 这一项；"
            "可写 id、text、source、grade、verified_on"
        )
    missing = {"id", "text"} - row.keys()
    if missing:
        return f"缺少 {'、'.join(sorted(missing))}"
    return ""


def _is_text(value: Any) -> bool:
    # A day may be written as TOML's own.
    return isinstance(value, (str, date)) and bool(str(value).strip())


def _problem_of_id(number: Any, before: Clauses) -> str:
    """Return what is wrong with a clause's number; "" if nothing is."""
    if not _CLAUSE_ID.fullmatch(str(number)):
        return f"编号须以大写字母开头，只含字母、数字与连字符，得到 {number!r}"
    if number in before:
        return f"编号 {number} 用了两次"
    if number in _PROVINCIAL:
        return f"编号 {number} 是省级条款的，请另起，如以本市拼音的首字母开头"
    return ""


def _assumption_id(data: Document, clauses: Clauses, serial: int) -> str:
    """Return a number for what no document says, free beside the clauses written."""
    pinyin = str(_table(data, "city").get("pinyin", ""))
    number = f"T-{pinyin.upper()}{serial}"
    while number in clauses:
        # Farther than any other question counts: no two assumptions meet.
        serial += len(QUESTIONS)
        number = f"T-{pinyin.upper()}{serial}"
    return number


# --- answers --------------------------------------------------------------------------


def _answer(
    question: Question,
    raw: Any,
    clauses: Clauses,
    assumption_id: str,
) -> CitedAnswer:
    """Return one answer with its clauses; without any it is an assumption. ValueError."""
    if not question.sourced:
        if isinstance(raw, Mapping):
            raise ValueError(f"直接写答案，不写 {{ {IS} = … }}；{question.how}")
        return CitedAnswer(question.read(raw))
    if not _is_cited(raw):
        raise ValueError(
            f'须写作 {{ {IS} = …, clauses = ["条款编号"] }}；{question.how}'
        )
    value = question.read(raw[IS])
    numbers = parts(raw.get("clauses", []))
    unknown = [number for number in numbers if number not in clauses]
    if unknown:
        raise ValueError(
            f"没有条款 {'、'.join(unknown)}；已写：{'、'.join(clauses) or '无'}"
        )
    cited = [clauses[number] for number in numbers]
    if not cited:
        cited = [_assumption(question, raw[IS], assumption_id)]
    return CitedAnswer(value, tuple(cited))


def _assumption(
    question: Question,
    raw: Any,
    number: str,
) -> Clause:
    """Return the clause of an answer no document gives."""
    subject = f"{GROUPS[question.group]}的{question.asks}"
    return Clause.assumption(number, f"{subject}取“{_as_typed(raw)}”，没有文件依据。")


def _is_cited(raw: Any) -> bool:
    """Return whether an answer has the shape `{ is = …, clauses = […] }`."""
    return isinstance(raw, Mapping) and IS in raw and raw.keys() <= {IS, "clauses"}


def _as_typed(raw: Any) -> str:
    """Return an answer as it was written."""
    if isinstance(raw, list):
        return "、".join(map(str, raw)) or "无"
    return str(raw)
