"""`gongji log`: the log's checkpoints, proofs and export, and a witness of them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import click
import grpc
import msgspec
from google.protobuf.json_format import MessageToDict

from gongji.audit.order import LogFaultError
from gongji.cli.logcheck import KEY, tell, tell_key, verify_command
from gongji.cli.options import CallingCommand, ServerTarget, target_options
from gongji.cli.terminal import Terminal
from gongji.client import log
from gongji.client.connection import refusal_of
from gongji.client.log_check import check_compared, check_inclusion
from gongji.client.log_files import (
    ConsistencyFile,
    InclusionFile,
    consistency_of,
    document,
    inclusion_of,
)
from gongji.client.witness import WitnessFolder, visit
from gongji.serve.clock import system_clock
from gongji.text.files import read_text
from gongji.v1 import log_pb2 as pb
from gongji.v1 import log_pb2_grpc

_FILE: Final = click.Path(path_type=Path)


@click.group("log")
def log_group() -> None:
    """账本：检查点，证明，导出与旁证。"""


@log_group.command("checkpoint", cls=CallingCommand)
@click.argument("file", type=_FILE, metavar="[FILE]", required=False)
@click.option("--now", is_flag=True, help="先签署一个，含至今的一切。")
@target_options
@click.pass_obj
def checkpoint_command(
    terminal: Terminal, file: Path | None, target: ServerTarget, *, now: bool
) -> None:
    """取最新的检查点；写明 FILE 则存为文件，请保管在别处。"""
    with target.connect() as channel:
        checkpoint = _required(log.newest(channel, sign_now=now))
    log.checked(checkpoint)
    if file is not None:
        _write_new(file, [checkpoint.note.encode()])
    if terminal.as_json:
        terminal.json(MessageToDict(checkpoint, preserving_proto_field_name=True))
    elif file is None:
        terminal.page(checkpoint.note)


@log_group.command("key", cls=CallingCommand)
@target_options
@click.pass_obj
def key_command(terminal: Terminal, target: ServerTarget) -> None:
    """取签署检查点的公钥；请另经可信的途径交给查验者。"""
    with target.connect() as channel:
        checkpoint = _required(log.newest(channel))
    terminal.page(f"{checkpoint.public_key}\n")


@log_group.command("prove", cls=CallingCommand)
@click.argument("file", type=_FILE, metavar="[FILE]", required=False)
@click.option("--settlement", "settlement_id", default="", help="结算编号。")
@click.option("--binding", "binding_id", default="", help="绑定编号。")
@click.option("--request", "request_id", default="", help="请求编号。")
@click.option("--caller", default="", help="请求的调用方；默认本调用方。")
@click.option("--index", type=click.IntRange(0), help="第几叶，自 0 起。")
@click.option("--records", is_flag=True, help="连同这一叶写下的记录，个人信息已遮去。")
@KEY
@target_options
@click.pass_obj
def prove_command(
    terminal: Terminal,
    /,
    file: Path | None,
    public_key: str,
    target: ServerTarget,
    **named: Any,
) -> None:
    """取一笔结算、绑定、请求或一叶的包含证明，当场验证；写明 FILE 则存为文件。"""
    request = _asked(**named)
    with target.connect() as channel:
        reply = log_pb2_grpc.LogServiceStub(channel).GetInclusionProof(request)
    proof = inclusion_of(reply)
    found = check_inclusion(proof, public_key)
    _hand_on(terminal, file, proof)
    if not terminal.as_json:
        tell(terminal, found)
        if file is None:
            terminal.page(proof.body + "\n")
        tell_key(terminal, public_key)


@log_group.command("consistency", cls=CallingCommand)
@click.argument("file", type=_FILE, metavar="FILE")
@click.argument("proof_file", type=_FILE, metavar="[PROOF]", required=False)
@KEY
@target_options
@click.pass_obj
def consistency_command(
    terminal: Terminal,
    file: Path,
    proof_file: Path | None,
    public_key: str,
    target: ServerTarget,
) -> None:
    """证明账本由存于 FILE 的检查点续成；分叉或截去尾部则以 1 退出；证明可存于 PROOF。"""
    kept = read_text(file)
    with target.connect() as channel:
        newest = _required(log.newest(channel))
        key = public_key or newest.public_key
        old, body = log.signed(kept, key), log.signed(newest.note, key)
        if body.size < old.size:
            raise LogFaultError(
                f"尾部被截去：另存的检查点有 {old.size} 叶，现在只有 {body.size} 叶"
            )
        request = pb.GetConsistencyProofRequest(from_size=old.size)
        reply = log_pb2_grpc.LogServiceStub(channel).GetConsistencyProof(request)
    proof = consistency_of(kept, reply)
    found = check_compared(proof, key)
    _hand_on(terminal, proof_file, proof)
    if not terminal.as_json:
        tell(terminal, found)
        tell_key(terminal, public_key)


@log_group.command("export", cls=CallingCommand)
@click.argument("file", type=_FILE, metavar="FILE")
@click.option(
    "--records", is_flag=True, help="连同所写的记录，各随其叶；个人信息只有承诺。"
)
@target_options
@click.pass_obj
def export_command(
    terminal: Terminal, file: Path, target: ServerTarget, *, records: bool
) -> None:
    """导出整个账本，一行一叶，不含个人信息；可离线以 gongji log verify 查验。"""
    with target.connect() as channel:
        count = _write_new(file, log.exported(channel, records=records))
    what = "叶与记录" if records else "叶"
    terminal.say(f"已导出{what} {count - 1} 行到 {file}")


log_group.add_command(verify_command)


@log_group.command("witness", cls=CallingCommand)
@click.argument("folder", type=_FILE, metavar="DIR")
@click.option("--every", type=click.IntRange(1), help="每隔几秒查一次；默认只查一次。")
@click.option(
    "--name", default="gongji-witness", show_default=True, help="旁证人的名称。"
)
@click.option(
    "--accept-key",
    is_flag=True,
    help="账本已更换签名密钥：自此认 --log-key 所写的；只写一次。",
)
@KEY
@target_options
@click.pass_obj
def witness_command(
    terminal: Terminal,
    folder: Path,
    target: ServerTarget,
    *,
    every: int | None,
    name: str,
    accept_key: bool,
    public_key: str,
) -> None:
    """作旁证人：取检查点，与上次所见的比对，加签存入 DIR；分叉或截尾则以 1 退出。"""
    if accept_key and not public_key:
        raise click.UsageError("--accept-key 须与 --log-key 同写")
    kept = WitnessFolder(folder, name, public_key, accept=accept_key)
    _visit(terminal, kept, target)
    terminal.say(f"旁证人的公钥：{kept.public_key}")
    while every is not None:
        time.sleep(every)
        try:
            _visit(terminal, kept, target)
        # It has answered before: a restart, a cable.
        except grpc.RpcError as error:
            code = refusal_of(error).code.name
            terminal.warn(f"这次没有取到检查点（{code}），{every} 秒之后再试")


def _visit(terminal: Terminal, kept: WitnessFolder, target: ServerTarget) -> None:
    with target.connect() as channel:
        body = visit(channel, kept, int(time.time()))
    at = system_clock()
    terminal.say(f"{at:%Y-%m-%d %H:%M:%S} {body.origin}：{body.size} 叶，前后一致")


def _asked(
    settlement_id: str,
    binding_id: str,
    request_id: str,
    caller: str,
    index: int | None,
    *,
    records: bool,
) -> pb.GetInclusionProofRequest:
    """Return the request for the one leaf that is named. UsageError."""
    request = pb.LoggedRequest(request_id=request_id, caller=caller)
    named: dict[str, Any] = {
        "settlement_id": settlement_id or None,
        "binding_id": binding_id or None,
        "request": request if request_id else None,
        "index": index,
    }
    given = {name: value for name, value in named.items() if value is not None}
    if len(given) != 1:
        raise click.UsageError(
            "请以 --settlement、--binding、--request、--index 之一写明是哪一叶"
        )
    return pb.GetInclusionProofRequest(with_records=records, **given)


def _hand_on(
    terminal: Terminal, file: Path | None, proof: InclusionFile | ConsistencyFile
) -> None:
    """Write a proof to a file if there is one, and print it if JSON is wanted."""
    if file is not None:
        _write_new(file, [document(proof)])
    if terminal.as_json:
        terminal.json(msgspec.to_builtins(proof))


def _required(checkpoint: pb.LogCheckpoint | None) -> pb.LogCheckpoint:
    if checkpoint is None:
        raise LogFaultError("账本里还没有一叶")
    return checkpoint


def _write_new(file: Path, lines: Iterator[bytes] | list[bytes]) -> int:
    """Write a file that is not there yet; return the number of lines. OSError."""
    count = 0
    with file.open("xb") as written:
        try:
            for line in lines:
                written.write(line)
                count += 1
        except BaseException:
            # Half of it is none.
            file.unlink()
            raise
    return count
