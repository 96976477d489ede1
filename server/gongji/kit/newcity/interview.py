"""The interview: asks the policy questions one by one and hands on what an answers file
would hold."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Protocol

from gongji.kit.newcity.answers import IS
from gongji.kit.newcity.questions import CITY, GROUPS, QUESTIONS, Question

_REUSE: Final = "直接回车: 推定; 原文一句; 或已写过的编号"


class Desk(Protocol):
    """Whoever asks: shows a line, asks for a text, asks yes or no."""

    def say(self, text: str) -> None:
        """Shows a line."""

    def ask(self, question: str) -> str:
        """What is typed, without spaces around it; "" where nothing is."""

    def confirm(self, question: str) -> bool:
        """Yes or no; no where nothing is typed."""


def hold(desk: Desk) -> dict[str, Any]:
    """The answers as a TOML document would hold them; each is read at once and asked
    again where it cannot be."""
    taking = _Taking(desk)
    desk.say("为一个新城市生成规则项目。不写(直接回车)的, 一律从省级规则。")
    for question in CITY:
        taking.put(question)
    for group, heading in GROUPS.items():
        if group != "city" and desk.confirm(f"本市是否自己规定{heading}?"):
            for question in (q for q in QUESTIONS if q.group == group):
                taking.put(question)
    return taking.data


class _Taking:
    """The document as it grows, and the clauses written so far."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self.data: dict[str, Any] = {"clauses": []}

    def put(self, question: Question) -> None:
        """Asks one question, and for the clauses of its answer."""
        text = self._asked(question)
        if not text:
            return
        group, _, key = question.key.partition(".")
        answer = {IS: text, "clauses": self._cited()} if question.sourced else text
        self.data.setdefault(group, {})[key] = answer

    def _asked(self, question: Question) -> str:
        return self._until_right(
            f"{question.asks} ({question.how})",
            lambda text: question.read(text) if text or question.needed else None,
        )

    def _cited(self) -> list[str]:
        """The numbers of the clauses behind an answer; new ones are written down."""
        known = {clause["id"] for clause in self.data["clauses"]}
        text = self._desk.ask(f"  依据 ({_REUSE})")
        if not text:
            return []
        if text in known:
            return [text]
        number = f"{str(self.data['city']['pinyin']).upper()}{len(known) + 1}"
        clause = {"id": number, "text": text}
        if source := self._desk.ask(
            f"  出处 (直接回车: {self.data['city']['source']})"
        ):
            clause["source"] = source
        self.data["clauses"].append(clause)
        self._desk.say(f"  记作 {number}")
        return [number]

    def _until_right(self, question: str, read: Callable[[str], object]) -> str:
        while True:
            text = self._desk.ask(question)
            try:
                read(text)
            except ValueError as wrong:
                self._desk.say(f"  {wrong}")
            else:
                return text
