"""The table of categories, the README's catalogue and refusals.py say one thing; details
stay small."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import grpc
import pytest
from gongji import model
from gongji.model import refusals
from gongji.model.conditions import Condition
from gongji.model.refusals import Refusal
from gongji.rpc import status
from gongji.rules.clauses import Clause
from gongji.v1.binding_pb2 import Explanation
from google.protobuf.message import Message
from google.rpc import error_details_pb2 as details
from google.rpc import status_pb2

README = Path(__file__).parents[2] / "protos" / "README.md"
_ROW = re.compile(
    r"^\| `([A-Z_]+)` \| `([A-Z_]+)` \| [^|]+ \| [^|]+ \| ([^|]+) \|$", re.MULTILINE
)

MODULES = [
    importlib.import_module(found.name)
    for found in pkgutil.iter_modules(model.__path__, f"{model.__name__}.")
    if found.name.endswith("refusals")
]
"""Where refusals stand, each with its tree."""

_BRANCH = re.compile(r"^(?P<stem>[│ ]*)[├└]── (?P<name>\w+)", re.MULTILINE)


def leaves(root: type[Refusal] = Refusal) -> Iterator[type[Refusal]]:
    names = [module.__name__ for module in MODULES]
    children = [c for c in root.__subclasses__() if c.__module__ in names]
    for child in children:
        yield from leaves(child)
    if not children:
        yield root


def unpacked(ended: status.Status) -> tuple[status_pb2.Status, dict[str, Message]]:
    packed = dict(ended.trailing)[status.DETAILS_KEY]
    assert isinstance(packed, bytes)
    whole = status_pb2.Status.FromString(packed)
    parts: dict[str, Message] = {}
    for part in whole.details:
        name = part.type_url.rpartition(".")[2]
        kind = Explanation() if name == "Explanation" else getattr(details, name)()
        part.Unpack(kind)
        parts[kind.DESCRIPTOR.name] = kind
    return whole, parts


def catalogue() -> dict[str, tuple[str, str]]:
    rows = _ROW.findall(README.read_text(encoding="utf-8"))
    return {reason: (code, stored.strip()) for reason, code, stored in rows}


def drawn() -> dict[str, str]:
    """Each class of the trees in the modules' docstrings, with the one it hangs from."""
    parents: dict[str, str] = {}
    path = ["Refusal"]
    trees = "\n".join([module.__doc__ or "" for module in MODULES])
    for branch in _BRANCH.finditer(trees):
        depth = len(branch["stem"]) // 4 + 1
        path[depth:] = [branch["name"]]
        parents[branch["name"]] = path[depth - 1]
    return parents


def test_the_tree_is_drawn_as_it_stands() -> None:
    """The trees in the docstrings are the hierarchy of the classes."""
    everything = [thing for module in MODULES for thing in vars(module).values()]
    classes = [c for c in everything if inspect.isclass(c)]
    kinds = [c for c in classes if issubclass(c, Refusal) and c is not Refusal]

    assert {kind.__name__: kind.__bases__[0].__name__ for kind in kinds} == drawn()


@pytest.mark.parametrize("kind", list(leaves()), ids=lambda k: k.__name__)
def test_every_leaf_has_one_code(kind: type[Refusal]) -> None:
    """Every refusal is of exactly one category that has a code."""
    categories = [category for category in status.CODES if issubclass(kind, category)]
    assert 1 == len(categories)


def test_no_category_is_empty() -> None:
    """The table has no row that decides nothing."""
    empty = [c for c in status.CODES if not any(issubclass(k, c) for k in leaves())]
    assert [] == empty


def test_the_catalogue_says_what_the_table_says() -> None:
    """The README's catalogue names every reason with the code of the table."""
    table = {kind.reason(): status.code_of(kind).name for kind in leaves()}
    assert table == {reason: code for reason, (code, _) in catalogue().items()}


def test_the_catalogue_says_what_is_remembered() -> None:
    """The README says of a refusal that it is remembered where its class is final."""
    final = {kind.reason() for kind in leaves() if kind.final}
    said = {reason for reason, (_, stored) in catalogue().items() if stored == "是"}
    assert final == said


@pytest.mark.parametrize("kind", list(leaves()), ids=lambda k: k.__name__)
def test_every_refusal_carries_its_details(kind: type[Refusal]) -> None:
    """Every refusal carries ErrorInfo with field, clauses and figures, and the Chinese
    sentence, also as message."""
    clauses = [Clause("C22", "x", "y"), Clause("C27", "x", "y")]
    refusal = kind("不行", field="bill.total_fen", clauses=clauses, limit="7")
    whole, parts = unpacked(status.of_refusal(refusal))
    expected = details.ErrorInfo(
        reason=kind.reason(),
        domain="gongji.v1",
        metadata={"field": "bill.total_fen", "clauses": "C22,C27", "limit": "7"},
    )
    assert expected == parts["ErrorInfo"]
    sentence = details.LocalizedMessage(locale="zh-CN", message="不行")
    assert sentence == parts["LocalizedMessage"]
    assert (status.code_of(kind).value[0], "不行") == (whole.code, whole.message)
    assert issubclass(kind, refusals.Malformed) == ("BadRequest" in parts)


def test_conditions_are_violations() -> None:
    """NOT_ELIGIBLE has one violation a condition: hook, clauses, message and remedy."""
    full = Condition("family_limit", ("C22", "C21"), "已满 7 人", "先解绑一人")
    refusal = refusals.NotEligible("不符合", conditions=[full])
    _, parts = unpacked(status.of_refusal(refusal))
    expected = details.PreconditionFailure.Violation(
        type="family_limit",
        subject="C22,C21",
        description="已满 7 人；办法：先解绑一人",
    )
    failure = parts["PreconditionFailure"]
    assert isinstance(failure, details.PreconditionFailure)
    assert [expected] == list(failure.violations)


WORDY = [
    Condition(
        hook=f"hook_{number}",
        clauses=(f"C{number}", f"A{number}"),
        message="很长的一句话" * 40,
        remedy="补救的办法" * 40,
    )
    for number in range(30)
]


def test_long_texts_are_shortened_and_no_condition_is_lost() -> None:
    """However much there is to say, details stay below 4 KiB, the headers below 8, and
    every condition is listed."""
    refusal = refusals.NotEligible(
        "不符合绑定条件" * 100, conditions=WORDY, channels="可用的渠道" * 500
    )
    ended = status.of_refusal(refusal)
    packed = dict(ended.trailing)[status.DETAILS_KEY]
    assert len(packed) < 4096
    assert len(packed) * 4 // 3 + len(quote(ended.message)) < 7600
    _, parts = unpacked(ended)
    failure = parts["PreconditionFailure"]
    assert isinstance(failure, details.PreconditionFailure)
    violations = failure.violations
    assert [condition.hook for condition in WORDY] == [v.type for v in violations]
    clauses = [",".join(condition.clauses) for condition in WORDY]
    assert clauses == [violation.subject for violation in violations]


def test_more_than_fits_keeps_reason_and_sentence() -> None:
    """Where even the shortest list does not fit, reason, sentence and codes remain."""
    many = [Condition("hook" * 5, ("C" * 20,), "x") for _ in range(200)]
    ended = status.of_refusal(refusals.NotEligible("不符合", conditions=many))
    assert len(dict(ended.trailing)[status.DETAILS_KEY]) < 4096
    parts = unpacked(ended)[1]
    assert {"ErrorInfo", "LocalizedMessage", "Explanation"} == set(parts)


@pytest.mark.parametrize("kind", [refusals.Overloaded, refusals.StoreUnavailable])
def test_what_passes_by_itself_says_when_to_try_again(
    kind: type[refusals.Refusal],
) -> None:
    """Overload and a database that is away carry RetryInfo and gRPC's own pushback."""
    ended = status.of_refusal(kind("稍后"), 700)
    retry = unpacked(ended)[1]["RetryInfo"]
    assert isinstance(retry, details.RetryInfo)
    assert 700 == retry.retry_delay.ToMilliseconds()
    assert "700" == dict(ended.trailing)[status.PUSHBACK_KEY]


def test_a_category_that_came_back_is_no_fault_of_ours() -> None:
    """A refusal remembered under a class that is gone is FAILED_PRECONDITION, not INTERNAL."""
    ended = status.of_refusal(refusals.Refused("旧的拒绝"))
    assert grpc.StatusCode.FAILED_PRECONDITION == ended.code
