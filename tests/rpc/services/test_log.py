"""LogService shows what was signed, and proves what it shows to whoever checks."""

from __future__ import annotations

from collections.abc import AsyncIterator

import grpc
import pytest
from gongji.access.policy import FilePolicy
from gongji.audit.checkpoint import (
    CheckpointBody,
    opened,
    verifier_of,
)
from gongji.audit.hashing import base64, default_hasher
from gongji.audit.tree import check_consistency, leaf_hash, root_of_path
from gongji.binding.workdays import Workdays
from gongji.cities.kept import KeepRules
from gongji.rpc.services import services_of
from gongji.serve.clock import SandboxClock
from gongji.store import Store, open_store
from gongji.v1 import log_pb2

from tests.doors.served import POLICY
from tests.rpc.conftest import LOG_KEY, over_ipc
from tests.rpc.services.acting import metadata
from tests.scaffold.people import NOW
from tests.scaffold.service import Service, import_header, import_rows
from tests.scaffold.world import NewWorld

ROOT = metadata("root")

HASH = default_hasher()


@pytest.fixture
async def store() -> AsyncIterator[Store]:
    opened_store = open_store(":memory:", SandboxClock(NOW))
    yield opened_store
    await opened_store.close()


@pytest.fixture
async def service(new_world: NewWorld, store: Store) -> AsyncIterator[Service]:
    """A service with a signing key under the policy of the doors."""
    world, clock = new_world(), SandboxClock(NOW)
    offer = services_of(
        store,
        world.cities,
        Workdays(),
        clock,
        FilePolicy.of(POLICY),
        signing_key=LOG_KEY,
    )
    async with over_ipc(offer) as server:
        running = Service(server, store, world, clock)
        await store.apply(KeepRules(world.cities))
        await running.write(world.person("HO", place="340800", name="赵某某"))
        yield running
        await running.channel.close()


def body_of(checkpoint: log_pb2.LogCheckpoint) -> CheckpointBody:
    """What a checkpoint says, its signature checked."""
    verifier = verifier_of(checkpoint.public_key)
    return opened(checkpoint.note, verifier.name, verifier)


async def signed(service: Service) -> CheckpointBody:
    """A checkpoint over everything there is."""
    request = log_pb2.GetCheckpointRequest(sign_now=True)
    reply = await service.log.GetCheckpoint(request, metadata=ROOT)
    return body_of(reply.checkpoint)


async def listed(service: Service, caller: str) -> list[log_pb2.LogLeaf]:
    """Every leaf, as a caller is told it."""
    call = service.log.ListLeaves(
        log_pb2.ListLeavesRequest(), metadata=metadata(caller)
    )
    return [leaf async for reply in call for leaf in reply.leaves]


async def test_the_leaves_that_are_listed_are_the_tree(service: Service) -> None:
    """Whoever hashes their bodies has the root that was signed; their rows agree."""
    body = await signed(service)
    leaves = await listed(service, "root")
    assert list(range(body.size)) == [leaf.index for leaf in leaves]
    asked = log_pb2.GetInclusionProofRequest(index=body.size - 1)
    proof = await service.log.GetInclusionProof(asked, metadata=ROOT)
    digest = leaf_hash(HASH, leaves[-1].body)
    found = root_of_path(HASH, digest, body.size - 1, body.size, proof.path)
    assert body.root == found
    for leaf in leaves:
        assert base64(HASH(leaf.record_hashes)).encode() in leaf.body


async def test_a_request_and_an_index_have_their_leaf(service: Service) -> None:
    """The proof is of the newest checkpoint, made if the leaf was in none yet."""
    before = await signed(service)
    row = service.person(3, insured_place="340800")
    request_id = service.new_id()
    messages = [import_header(request_id), *import_rows(row)]
    await service.registry.ImportPersons(iter(messages), metadata=ROOT)
    asked = log_pb2.GetInclusionProofRequest(
        request=log_pb2.LoggedRequest(request_id=request_id.upper())
    )
    proof = await service.log.GetInclusionProof(asked, metadata=ROOT)
    body, leaf = body_of(proof.checkpoint), proof.leaf
    assert leaf.index >= before.size
    digest = leaf_hash(HASH, leaf.body)
    assert body.root == root_of_path(HASH, digest, leaf.index, body.size, proof.path)
    again = await service.log.GetInclusionProof(
        log_pb2.GetInclusionProofRequest(index=leaf.index), metadata=ROOT
    )
    assert leaf == again.leaf


async def test_the_tree_of_before_is_the_beginning_of_the_newest(
    service: Service,
) -> None:
    """From every size up to the newest; a larger one is none."""
    first = await signed(service)
    await service.write(service.world.person("HX", place="341100", name="钱某某"))
    second = await signed(service)
    for size in (0, first.size, second.size):
        request = log_pb2.GetConsistencyProofRequest(from_size=size)
        reply = await service.log.GetConsistencyProof(request, metadata=ROOT)
        newest = body_of(reply.checkpoint)
        assert second == newest
        if size:
            old = first if size == first.size else second
            new = newest.size, newest.root
            check_consistency(HASH, (size, old.root), new, reply.path)
    beyond = log_pb2.GetConsistencyProofRequest(from_size=second.size + 1)
    with pytest.raises(grpc.aio.AioRpcError, match="叶"):
        await service.log.GetConsistencyProof(beyond, metadata=ROOT)


async def test_of_other_cities_the_hash_alone_is_told(service: Service) -> None:
    """A caller of one city can still check the whole tree."""
    body = await signed(service)
    told, whole = await listed(service, "auditor"), await listed(service, "root")
    assert body.size == len(told) == len(whole)
    assert any(not leaf.body for leaf in told)
    for narrow, leaf in zip(told, whole, strict=True):
        digest = narrow.leaf_hash or leaf_hash(HASH, narrow.body)
        assert digest == leaf_hash(HASH, leaf.body)
        assert leaf.body


async def test_records_hash_to_what_their_leaf_says(service: Service) -> None:
    """All of the newest rows are told, and none of a leaf whose hash alone is."""
    await signed(service)
    request = log_pb2.ListLeavesRequest(with_records=True)
    for caller in ("root", "auditor"):
        call = service.log.ListLeaves(request, metadata=metadata(caller))
        leaves = [leaf async for reply in call for leaf in reply.leaves]
        plain = await listed(service, caller)
        assert [leaf.index for leaf in plain] == [leaf.index for leaf in leaves]
        for leaf in leaves:
            for record in leaf.records:
                start = record.position * 32
                digest = leaf.record_hashes[start : start + 32]
                assert HASH(record.text) == digest
        told = [b'"person"' in one.text for leaf in leaves for one in leaf.records]
        assert any(told) == (caller == "root")


async def test_a_proof_tells_the_records_if_asked(service: Service) -> None:
    """Of a leaf that is told in full."""
    await signed(service)
    for asked in (True, False):
        request = log_pb2.GetInclusionProofRequest(index=0, with_records=asked)
        proof = await service.log.GetInclusionProof(request, metadata=ROOT)
        assert asked == bool(proof.leaf.records)


@pytest.mark.parametrize(
    "asked",
    [
        {"index": 10_000},
        {"settlement_id": "S404"},
        {"binding_id": "B404"},
        {"request": {"request_id": "01890000-0000-7000-8000-000000000000"}},
    ],
)
async def test_what_is_not_there_has_no_proof(
    service: Service, asked: dict[str, object]
) -> None:
    """Told in a sentence, with the field."""
    request = log_pb2.GetInclusionProofRequest(**asked)  # type: ignore[arg-type]
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await service.log.GetInclusionProof(request, metadata=ROOT)
    assert grpc.StatusCode.NOT_FOUND is refused.value.code()
