"""Fill 100,000 settlements of one hospital, then correct its grade since its first day.

What a correction changes is to be told at so many settlements a second, with the
server's memory flat: `measure` says both of any stream of replies.

.venv/bin/python -m tests.bench.consequences [SETTLEMENTS]
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Final

import click
import grpc
from gongji.cities.loading import load_cities
from gongji.serve.settings import DATABASE, KEY_FILE
from gongji.store import open_store
from gongji.store.seal import Vault
from gongji.v1 import (
    consequence_pb2,
    consequence_pb2_grpc,
    registry_pb2,
    registry_pb2_grpc,
    types_pb2,
)

from tests.bench.filling import HOSPITALS, NOW, Copies, fill_sqlite, hospital
from tests.bench.processes import cpu_s, peak_mib
from tests.bench.run import on_disk
from tests.bench.serving import service_over

SETTLEMENTS: Final = 100_000
CORRECTED: Final = 5
"""The grade (hosp_lv) the hospital should have had: second level, not third."""


@dataclass(frozen=True, slots=True)
class StreamRead:
    """A stream of replies read to its end: how many, how long, at what cost."""

    replies: int
    seconds: float
    cpu_s: float
    peak_mib: float

    def __str__(self) -> str:
        rate = self.replies / self.seconds
        return (
            f"{self.replies:,} 条，{rate:,.0f} 条/秒，服务 CPU {self.cpu_s:.1f} 秒，"
            f"服务内存至多 {self.peak_mib:.0f} MiB"
        )


def fill(data: Path, settlements: int) -> None:
    """Make a data folder in which one hospital has settled so many bills."""
    data.mkdir(parents=True)
    path, key = data / DATABASE, data / KEY_FILE
    Vault.open(key, create=True)
    store = open_store(path, lambda: NOW, key, new=True)
    asyncio.run(store.close())
    fill_sqlite(path, store.schema, Copies(load_cities()), settlements)


def correct(channel: grpc.Channel) -> str:
    """Import the hospital with another grade, ever since it was designated.

    Returns the import's id.

    grpc.RpcError, or RuntimeError if the row is not written.
    """
    known = hospital(HOSPITALS[0])
    row = types_pb2.Institution(
        code=known.code,
        name=known.name,
        kind=types_pb2.INSTITUTION_KIND_HOSPITAL,
        hosp_lv=CORRECTED,
        designated_from=str(known.designated_from),
    )
    row.grades.add(kind=row.kind, hosp_lv=CORRECTED, **{"from": row.designated_from})
    header = registry_pb2.ImportHeader(request_id=str(uuid.uuid4()))
    messages = [
        registry_pb2.ImportInstitutionsRequest(header=header),
        registry_pb2.ImportInstitutionsRequest(institution=row),
    ]
    stub = registry_pb2_grpc.RegistryServiceStub(channel)
    summary = stub.ImportInstitutions(iter(messages)).summary
    if summary.written != 1:
        raise RuntimeError(f"等级没有更正：{summary}")
    return summary.import_id


def consequences(channel: grpc.Channel, import_id: str) -> Iterator[object]:
    """Yield the settlements one import makes otherwise."""
    request = consequence_pb2.ConsequencesRequest(import_id=import_id)
    stub = consequence_pb2_grpc.ConsequenceServiceStub(channel)
    for reply in stub.Consequences(request):
        if reply.WhichOneof("message") == "settlement":
            yield reply


def measure(pid: int, replies: Iterable[object]) -> StreamRead:
    """Read a stream of a server's replies to its end."""
    cpu, began = cpu_s(pid), perf_counter()
    count = sum(1 for _ in replies)
    return StreamRead(count, perf_counter() - began, cpu_s(pid) - cpu, peak_mib(pid))


@click.command(help="备好一家医院的这么多笔结算，更正它的等级，量服务告知后果之快慢。")
@click.argument("settlements", type=click.IntRange(1), default=SETTLEMENTS)
def main(*, settlements: int) -> None:
    """Fill, correct, ask what that changes. ClickException if not all is told."""
    with on_disk() as on:
        data, began = on.folder / "data", perf_counter()
        fill(data, settlements)
        click.echo(f"备好 {settlements:,} 笔结算，{perf_counter() - began:.1f} 秒")
        with service_over(data) as service, service.connect() as channel:
            pid = service.pid
            import_id = correct(channel)
            click.echo(f"等级已更正；此刻服务内存至多 {peak_mib(pid):.0f} MiB")
            read = measure(pid, consequences(channel, import_id))
            click.echo(f"后果：{read}")
    if read.replies != settlements:
        raise click.ClickException(f"应告知 {settlements:,} 笔")


if __name__ == "__main__":
    main()
