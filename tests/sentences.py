"""What no sentence for people holds: expressions, hooks, types of Python, half a sentence."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from gongji.rules.hookspecs import CityRules

from tests.docs.punctuation import marks
from tests.rpc.requested import requested

# Some hooks are called as a field is: of these nobody can tell which is meant.
_FIELDS: Final = frozenset(
    name
    for message in requested()
    for name in (*message.fields_by_name, *message.oneofs_by_name)
)

_HOOKS: Final = "|".join(
    name for name in vars(CityRules) if not name.startswith("_") and name not in _FIELDS
)

_TYPES: Final = (
    "str|int|float|bool|bytes|dict|list|tuple|set|frozenset|date|datetime|timedelta"
    "|Decimal|Struct|None|NoneType|True|False|Exception|[A-Z][a-z]+Error|Traceback"
)

# A word of its own: neither a path nor a name with more in it.
_WORD: Final = r"(?<![A-Za-z0-9_.\-])(?:{})(?![A-Za-z0-9_]|\.[a-z]|-)"

FAULTS: Final = {
    "an expression": re.compile(
        r"\[\^?[0-9A-Za-z]-[0-9A-Za-z]|\\[dDwWsSb]|\(\?[:=!<P]|\{\d+(?:,\d*)?\}|\.\*|[\])][*+]"
    ),
    "a hook's name": re.compile(_WORD.format(_HOOKS)),
    "a type or value of Python": re.compile(_WORD.format(_TYPES)),
    "a value as Python writes it": re.compile(
        r"<[A-Za-z_.]+:? [^>]*>|<class |(?<=[\u3400-\u9fff：，] )'"
    ),
    "an end in the middle": re.compile(r"(?:[，、：；（「“]|[，、（「“]（以下略）)$"),
    "a beginning in the middle": re.compile(r"^[，。；）、：」”]"),
    "an amount that may be a balance or not": re.compile(
        r"尚有|只余|还剩|可支付的部分"
    ),
}
"""What is wrong with a sentence, and how it is found."""

_PAIRS: Final = ("（）", "「」", "“”", "《》")


def faults_in(sentence: str) -> list[str]:
    """Return what is wrong with a sentence."""
    return [*_faults_in(sentence)]


def _faults_in(sentence: str) -> Iterator[str]:
    for name, pattern in FAULTS.items():
        found = pattern.search(sentence)
        if found is not None:
            yield f"{name}: {found[0]!r} in {sentence!r}"
    for left, right in _PAIRS:
        if sentence.count(left) != sentence.count(right):
            yield f"half a pair {left}{right} in {sentence!r}"
    yield from (f"half width: {mark!r}" for mark in marks(sentence))
