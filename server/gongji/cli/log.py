"""`gongji log`: the log's checkpoints, proofs and export, and a witness of them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import click
from google.protobuf.json_format import MessageToDict

from gongji.audit.checkpoint import CheckpointBody
from gongji.audit.hashing import base64
from gongji.audit.order import LogFaultError
from gongji.audit.tree import ProofError, check_consistency, leaf_hash, root_of_path
from gongji.cli.options import CallingCommand, ServerTarget, target_options
from gongji.cli.terminal import Terminal
from gongji.client import log
from gongji.client.witness import WitnessFolder, visit
from gongji.serve.clock import system_clock
from gongji.text.files import read_text
from gongji.v1 import log_pb2 as pb
from gongji.v1 import log_pb2_grpc

_FILE: Final = click.Path(path_type=Path)

_KEY: Final = click.option(
    "--log-key",
    "public_key",
    default="",
    metavar="KEY",
    help="账本的公钥（gongji log key），由可信的途径得来；默认用随检查点而来的。",
)

_OWN_KEY: Final = (
    "公钥取自所验的东西本身，证明不了是谁签的：请以 --log-key 写明由可信途径得来的"
)


@click.group("log")
def log_group() -> None:
    """账本: 检查点, 证明, 导出与旁证."""


@log_group.command("checkpoint", cls=CallingCommand)
@click.argument("file", type=_FILE, metavar="[FILE]", required=False)
@click.option("--now", is_flag=True, help="先签署一个，含至今的一切。")
@target_options
@click.pass_obj
def checkpoint_command(
    terminal: Terminal, file: Path | None, target: ServerTarget, *, now: bool
) -> None:
    """取最新的检查点; 写明 FILE 则存为文件, 请保管在别处."""
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
    """取签署检查点的公钥; 请另经可信的途径交给查验者."""
    with target.connect() as channel:
        checkpoint = _required(log.newest(channel))
    terminal.page(f"{checkpoint.public_key}\n")


@log_group.command("prove", cls=CallingCommand)
@click.option("--settlement", "settlement_id", default="", help="结算编号。")
@click.option("--binding", "binding_id", default="", help="绑定编号。")
@click.option("--request", "request_id", default="", help="请求编号。")
@click.option("--caller", default="", help="请求的调用方；默认本调用方。")
@click.option("--index", type=click.IntRange(0), help="第几叶，自 0 起。")
@_KEY
@target_options
@click.pass_obj
def prove_command(
    terminal: Terminal, /, public_key: str, target: ServerTarget, **named: Any
) -> None:
    """取一笔结算、绑定、请求或一叶的包含证明, 并当场验证."""
    request = _asked(**named)
    with target.connect() as channel:
        proof = log_pb2_grpc.LogServiceStub(channel).GetInclusionProof(request)
    body = log.checked(proof.checkpoint, public_key)
    hasher, leaf = log.hasher_of(proof.checkpoint.hash), proof.leaf
    digest = leaf_hash(hasher, leaf.body) if leaf.body else leaf.leaf_hash
    if root_of_path(hasher, digest, leaf.index, body.size, proof.path) != body.root:
        raise ProofError("包含证明不成立：叶不在检查点的树中")
    if terminal.as_json:
        terminal.json(MessageToDict(proof, preserving_proto_field_name=True))
        return
    terminal.say(f"第 {leaf.index} 叶在 {body.origin} 的 {body.size} 叶之中")
    terminal.page(leaf.body.decode() + "\n")
    _tell_key(terminal, public_key)


@log_group.command("consistency", cls=CallingCommand)
@click.argument("file", type=_FILE, metavar="FILE")
@_KEY
@target_options
@click.pass_obj
def consistency_command(
    terminal: Terminal, file: Path, public_key: str, target: ServerTarget
) -> None:
    """证明账本由存于 FILE 的检查点续成; 分叉或截去尾部则以 1 退出."""
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
    body = _continued(old, reply, key)
    terminal.say(f"{body.origin}：{body.size} 叶的账本由 {old.size} 叶的续成")
    _tell_key(terminal, public_key)


@log_group.command("export", cls=CallingCommand)
@click.argument("file", type=_FILE, metavar="FILE")
@target_options
@click.pass_obj
def export_command(terminal: Terminal, file: Path, target: ServerTarget) -> None:
    """导出整个账本, 一行一叶, 不含个人信息; 可离线以 gongji log verify 查验."""
    with target.connect() as channel:
        count = _write_new(file, log.exported(channel))
    terminal.say(f"已导出 {count - 1} 叶到 {file}")


@log_group.command("verify")
@click.argument("file", type=_FILE, metavar="FILE")
@click.option(
    "--checkpoint", "kept", type=_FILE, help="另存的检查点：查出分叉与被截去的尾部。"
)
@_KEY
@click.pass_obj
def verify_command(
    terminal: Terminal, file: Path, kept: Path | None, public_key: str
) -> None:
    """离线查验导出的账本; 指出第一处不成立的, 并以 1 退出."""
    note = log.note_of(read_text(kept)) if kept else None
    with file.open("rb") as lines:
        found = log.check_export(lines, public_key, note)
    until = f"{found.until:%Y-%m-%d %H:%M:%S}" if found.until else ""
    if terminal.as_json:
        root = base64(found.root)
        terminal.json(
            {"origin": found.origin, "size": found.size, "root": root, "until": until}
        )
        return
    terminal.say(f"{found.origin}：{found.size} 叶与检查点相符，证明到 {until or '无'}")
    if note is None:
        terminal.say("没有另存的检查点可比：其后若有被截去的尾部，由此看不出")
    _tell_key(terminal, public_key)


@log_group.command("witness", cls=CallingCommand)
@click.argument("folder", type=_FILE, metavar="DIR")
@click.option("--every", type=click.IntRange(1), help="每隔几秒查一次；默认只查一次。")
@click.option(
    "--name", default="gongji-witness", show_default=True, help="旁证人的名称。"
)
@_KEY
@target_options
@click.pass_obj
def witness_command(
    terminal: Terminal,
    folder: Path,
    target: ServerTarget,
    *,
    every: int | None,
    name: str,
    public_key: str,
) -> None:
    """作旁证人: 取检查点, 与上次所见的比对, 加签存入 DIR; 分叉或截尾则以 1 退出."""
    kept = WitnessFolder(folder, name, public_key)
    terminal.say(f"旁证人的公钥：{kept.public_key}")
    while True:
        with target.connect() as channel:
            body = visit(channel, kept, int(time.time()))
        at = system_clock()
        terminal.say(f"{at:%Y-%m-%d %H:%M:%S} {body.origin}：{body.size} 叶，前后一致")
        if every is None:
            return
        time.sleep(every)


def _asked(
    settlement_id: str,
    binding_id: str,
    request_id: str,
    caller: str,
    index: int | None,
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
    return pb.GetInclusionProofRequest(**given)


def _continued(
    old: CheckpointBody, reply: pb.GetConsistencyProofResponse, key: str
) -> CheckpointBody:
    """Return the newest tree, which is shown to begin with an older. ProofError."""
    body = log.checked(reply.checkpoint, key)
    if body.origin != old.origin:
        raise LogFaultError(f"这是另一份账本：{body.origin}，应为 {old.origin}")
    hasher = log.hasher_of(reply.checkpoint.hash)
    check_consistency(hasher, (old.size, old.root), (body.size, body.root), reply.path)
    return body


def _required(checkpoint: pb.LogCheckpoint | None) -> pb.LogCheckpoint:
    if checkpoint is None:
        raise LogFaultError("账本里还没有一叶")
    return checkpoint


def _write_new(file: Path, lines: Iterator[bytes] | list[bytes]) -> int:
    """Write a file that is not there yet; return the number of lines. OSError."""
    count = 0
    with file.open("xb") as written:
        for line in lines:
            written.write(line)
            count += 1
    return count


def _tell_key(terminal: Terminal, public_key: str) -> None:
    if not public_key:
        terminal.say(_OWN_KEY)
