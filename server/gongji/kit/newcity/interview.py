"""Ask the policy questions one by one and collect what an answers file would hold."""

from __future__ import annotations

from typing import Any, Final, Protocol

from gongji.kit.newcity.answers import IS
from gongji.kit.newcity.questions import CITY, GROUPS, QUESTIONS, Question

_CLAUSE_HELP: Final = "直接回车：推定；原文一句；或已写过的编号"


class Desk(Protocol):
    """Where the interview is held: a terminal, or a test's script."""

    def say(self, text: str) -> None:
        """Show a line."""

    def ask(self, question: str) -> str:
        """Return what is typed, without spaces around it; "" if nothing is."""

    def confirm(self, question: str) -> bool:
        """Return yes or no; no if nothing is typed."""


def hold(desk: Desk) -> dict[str, Any]:
    """Return the answers as a TOML document would hold them.

    Each is read at once and asked again if it cannot be.
    """
    interview = _Interview(desk)
    desk.say("为一个新城市生成规则项目。不写（直接回车）的，一律从省级规则。")
    for question in CITY:
        interview.put(question)
    for group, heading in GROUPS.items():
        if group != "city" and desk.confirm(f"本市是否自己规定{heading}？"):
            for question in QUESTIONS:
                if question.group == group:
                    interview.put(question)
    return interview.data


class _Interview:
    """The document as it grows, and the clauses written so far."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._clauses: list[dict[str, str]] = []
        self.data: dict[str, Any] = {"clauses": self._clauses}

    def put(self, question: Question) -> None:
        """Ask one question, and for the clauses of its answer."""
        text = self._ask(question)
        # Left out, it is as the province has it.
        if not text:
            return
        table = self.data.setdefault(question.group, {})
        if question.sourced:
            table[question.field] = {IS: text, "clauses": self._cited()}
        else:
            table[question.field] = text

    def _ask(self, question: Question) -> str:
        """Return an answer that can be read; "" only if the question need not be answered."""
        while True:
            text = self._desk.ask(f"{question.asks}（{question.how}）")
            if not text and not question.needed:
                return ""
            try:
                question.read(text)
            except ValueError as error:
                self._desk.say(f"  {error}")
            else:
                return text

    def _cited(self) -> list[str]:
        """Return the numbers of the clauses behind an answer; a new one is written down."""
        text = self._desk.ask(f"  依据（{_CLAUSE_HELP}）")
        if not text:
            return []
        if any(text == clause["id"] for clause in self._clauses):
            return [text]
        city = self.data["city"]
        number = f"{city['pinyin'].upper()}{len(self._clauses) + 1}"
        clause = {"id": number, "text": text}
        source = self._desk.ask(f"  出处（直接回车：{city['source']}）")
        if source:
            clause["source"] = source
        self._clauses.append(clause)
        self._desk.say(f"  记作 {number}")
        return [number]
