"""A database of before the folders is read, replayed and settled over as it was then.

`version_2.calls.json` holds what was asked while it was made (`before`), what was asked
afterwards (`after`), and every reply the service gave then. Of clauses it holds the ids:
their texts are the cities'. Two replies are today's: since version 3 a list of settlements
has a reversal as a row of its own, and a person's masks show less. What is made anew has
other ids than then: since version 3 they follow from the caller too.
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import grpc
import pytest
from gongji.access.identity import STATED_KEY
from gongji.access.policy import AccessPolicy, AnybodyPolicy
from gongji.audit.leaf import Leaf, body_of
from gongji.binding.workdays import Workdays
from gongji.model.commands import Adopted, Listing
from gongji.model.ids import derived_id
from gongji.model.settlement import Settlement
from gongji.store import Store, open_store
from gongji.store.databases import database_at
from gongji.store.migrations import Migration
from gongji.store.schema import VERSION, Schema
from gongji.v1.settlement_pb2 import RecomputeRequest, ReverseRequest
from gongji.v1.settlement_pb2_grpc import SettlementServiceStub
from google.protobuf import descriptor_pool, json_format, message_factory
from google.protobuf.descriptor_pb2 import FileDescriptorSet

from tests.rpc.conftest import LOG_KEY
from tests.rpc.port import Heirs, make_server
from tests.rpc.services.test_packet import judged, packet, rows_in
from tests.scaffold.cities import shipped
from tests.store.conftest import engine_at, load_dump

Call = dict[str, Any]

CALLS = json.loads(Path(__file__).with_name("version_2.calls.json").read_text("utf-8"))
NOW = datetime.fromisoformat(CALLS["now"])


def _released() -> descriptor_pool.DescriptorPool:
    """The protos of then: what was added since is nothing to a caller of then."""
    image = Path(__file__).parents[2] / "protos" / "gongji-0.1.0.binpb"
    pool = descriptor_pool.DescriptorPool()
    for file in FileDescriptorSet.FromString(image.read_bytes()).file:
        pool.Add(file)
    return pool


_RELEASED = _released()


@pytest.fixture
async def store(
    engine_url: str,
    schema: Schema,
    tmp_path: Path,
) -> AsyncIterator[Store]:
    """The database as it was left, brought forward and opened by today's program."""
    engine = engine_at(engine_url, schema)
    load_dump(engine, "version_2")
    engine.close()
    key_file = tmp_path / "x.key"
    key_file.write_bytes(bytes(range(32)))
    key_file.chmod(0o600)
    assert Migration(2, VERSION) == database_at(engine_url).migrate(
        key_file, lambda: NOW
    )
    store = open_store(engine_url, lambda: NOW, key_file)
    yield store
    await store.close()


@asynccontextmanager
async def serving(
    store: Store, policy: AccessPolicy
) -> AsyncIterator[grpc.aio.Channel]:
    """Run today's service over it."""
    cities, workdays = shipped(), Workdays()
    address = "127.0.0.1:0"
    server = make_server(
        store,
        cities,
        workdays,
        lambda: NOW,
        address=address,
        policy=policy,
        signing_key=LOG_KEY,
    )
    await server.start()
    try:
        async with grpc.aio.insecure_channel(server.address) as channel:
            yield channel
    finally:
        await server.stop()


@pytest.fixture
async def channel(store: Store) -> AsyncIterator[grpc.aio.Channel]:
    """A way to today's service over it."""
    async with serving(store, AnybodyPolicy()) as channel:
        yield channel


async def test_what_was_asked_is_answered_as_then(channel: grpc.aio.Channel) -> None:
    """Every request again gives its first reply, refusals too; then everything else
    goes on as it did: reads, a quote, a settlement, a reversal, a premium, a credit."""
    for call in CALLS["before"]:
        assert replayed(call) == await outcome(channel, call)
    for call in CALLS["after"]:
        assert renamed(first(call)) == await outcome(channel, call)


async def test_what_was_asked_is_who_has_the_names_of_then(store: Store) -> None:
    """By policy: whoever has the caller's name of then among his former ones is answered
    as then; to a stranger who sends the same it is as if nobody had asked before."""
    async with serving(store, Heirs({"hospital": {"clinic-1"}})) as channel:
        for call in CALLS["before"]:
            assert replayed(call) == await outcome(channel, call, "hospital")
        for call in CALLS["before"]:
            shown = await outcome(channel, call, "stranger")
            text = json.dumps(shown, ensure_ascii=False)
            # What it has reversed itself, as then, is buried for it.
            told = ("replayed", "请求编号已用于")
            assert [] == [words for words in told if words in text]


async def test_the_log_begins_with_the_migration(store: Store) -> None:
    """Then come the rows that were stored before there was a log."""
    first, *rest = await store.page(Listing(kind=Leaf, limit=10_000))
    body = body_of(first)
    assert ("Migrate", {"from": "2", "to": str(VERSION)}) == (body.what, body.about)
    assert {"Genesis"} == {body_of(leaf).what for leaf in rest}
    assert list(range(1, len(rest) + 2)) == [leaf.number for leaf in (first, *rest)]


async def test_what_was_adopted_is_still(store: Store) -> None:
    """An operator's adoption is there."""
    adopted = Adopted("341100", "V2", date(2025, 10, 1), NOW.replace(minute=20))
    assert [adopted] == await store.adopted()


async def test_what_was_settled_is_recomputed_as_now(
    channel: grpc.aio.Channel, store: Store
) -> None:
    """A settlement of before rules were kept says that it cannot be decided as then; as
    now everybody pays as stored, by what purses and accumulators held at its instant."""
    settlements = SettlementServiceStub(channel)
    stored = await store.page(Listing(kind=Settlement))
    assert 3 == len(stored)
    for settlement in stored:
        request = RecomputeRequest(settlement_id=settlement.settlement_id)
        reply: Any = await settlements.Recompute(request)
        assert "没有规则摘要" in reply.as_then.impossible
        assert "settlement" == reply.as_now.WhichOneof("result")
        assert [] == list(reply.as_now.differences)


async def test_what_was_settled_has_a_packet(
    channel: grpc.aio.Channel, store: Store, tmp_path: Path
) -> None:
    """The log begins with it, which proves how it stood then: settled, or reversed
    already; a reversal since then is proved apart."""
    stored = await store.page(Listing(kind=Settlement))
    expected = {
        one.settlement_id: ["撤销" if one.reversed_at else "作出"] for one in stored
    }
    standing = next(one.settlement_id for one in stored if not one.reversed_at)
    request = ReverseRequest(request_id=str(uuid4()), settlement_id=standing)
    await SettlementServiceStub(channel).Reverse(request)
    expected[standing].append("撤销")
    for settlement_id, rows in expected.items():
        result = judged(await packet(channel, settlement_id), tmp_path)
        assert (0, "") == (result.returncode, result.stderr)
        assert rows == rows_in(result.stdout)
        assert len(rows) == result.stdout.count("检查点签名有效")
        assert 1 == result.stdout.count("日志始于其后")


def first(call: Call) -> Call:
    """What a call was answered."""
    return _by_words(
        {part: call[part] for part in ("reply", "refused") if part in call}
    )


def renamed(outcome: Call) -> Call:
    """An outcome of then with the ids that today's program makes for the same requests."""
    text = json.dumps(outcome, ensure_ascii=False)
    for call in CALLS["after"]:
        request_id = call["requests"][0].get("request_id")
        if request_id is None:
            continue
        for prefix in "SBRCP":
            then = derived_id(prefix, request_id)
            text = text.replace(then, derived_id(prefix, f"{request_id}/clinic-1"))
    renamed: Call = json.loads(text)
    return renamed


def replayed(call: Call) -> Call:
    """What it is answered when it comes again: the same, as a replay."""
    reply = call.get("reply", {})
    if "receipt" not in reply:
        return first(call)
    receipt = {**reply["receipt"], "replayed": True}
    return _by_words({"reply": {**reply, "receipt": receipt}})


# Sentences are set in full width since; the words are those of then.
_NARROW = str.maketrans("，；：（）", ",;:()", " ")

# The line of a purse tells of its balance since, too.
_PURSE = re.compile(
    r"可由([^\"]+?)支付的费用([0-9,.]+元),可用余额(?:足够|[0-9,.]+元),支付"
)


def _by_words(outcome: Call) -> Call:
    """Return an outcome however its sentences are set, without what a cut left open."""
    text = json.dumps(outcome, ensure_ascii=False).translate(_NARROW)
    plain: Call = json.loads(_PURSE.sub(r"\1可支付的部分尚有\2,支付", text))
    if "refused" in plain:
        code, sentence = plain["refused"]
        if sentence.endswith("…"):  # in the middle of a sentence
            sentence = sentence.rpartition(";")[0]
        plain["refused"] = [code, sentence.removesuffix(";(以下略)")]
    return plain


async def outcome(channel: Any, call: Call, caller: str = "clinic-1") -> Call:
    """What becomes of a call now, in the file's words."""
    ask, sent = _prepared(channel, call)
    try:
        message = await ask(sent, metadata=((STATED_KEY, caller),), timeout=10)
    except grpc.aio.AioRpcError as error:
        return _by_words({"refused": [error.code().name, error.details()]})
    shown = json_format.MessageToDict(message, preserving_proto_field_name=True)
    return _by_words({"reply": _bare(shown)})


def _prepared(channel: Any, call: Call) -> tuple[Any, Any]:
    """The method to call, and what is sent to it: one message or a stream."""
    service, _, name = call["method"].rpartition(".")
    method = _RELEASED.FindMethodByName(call["method"])
    request = message_factory.GetMessageClass(method.input_type)
    reply = message_factory.GetMessageClass(method.output_type)
    messages = [json_format.ParseDict(m, request()) for m in call["requests"]]
    streamed = method.client_streaming
    kind = channel.stream_unary if streamed else channel.unary_unary
    ask = kind(f"/{service}/{name}", request.SerializeToString, reply.FromString)
    return ask, iter(messages) if streamed else messages[0]


def _bare(value: Any) -> Any:
    """A reply whose clauses are their ids."""
    if isinstance(value, list):
        return [_bare(part) for part in value]
    if not isinstance(value, dict):
        return value
    return {
        name: [c["id"] for c in part] if name == "clauses" else _bare(part)
        for name, part in value.items()
    }
