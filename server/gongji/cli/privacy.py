"""`gongji export` and `gongji erase`: a person's copy of his data, and what no duty keeps."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Final

import click

from gongji.cli.options import CallingCommand, ServerTarget, target_options
from gongji.cli.terminal import Terminal
from gongji.client import exporting
from gongji.serve.clock import system_clock
from gongji.v1 import access_pb2 as pb
from gongji.v1 import access_pb2_grpc, types_pb2

_KEPT: Final = {
    "accesses": "访问记录",
    "account": "个人账户",
    "claims": "手工结算",
    "filings": "异地就医备案",
    "bindings_as_holder": "绑定（授权人）",
    "bindings_as_member": "绑定（使用人）",
    "enrolments": "参保",
    "identity": "姓名、证件与登记",
    "requests": "请求编号",
    "settlements": "结算",
    "statements": "查询单存根",
    "wallet": "医保钱包",
}
"""What each thing that stays is called."""

_ERASED: Final = {"phone": "电话", "whole_file": "全部登记（只留编号）"}
"""What each thing that is erased is called."""


@click.command("export", cls=CallingCommand)
@click.argument("person_no", metavar="PERSON")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    required=True,
    metavar="DIR|FILE.zip",
    help="写入新的目录，或新的 zip 文件；已有的不覆盖。",
)
@target_options
@click.pass_obj
def export_command(
    terminal: Terminal, person_no: str, out: Path, target: ServerTarget
) -> None:
    """导出一个人的全部资料：每类一个 JSON 行文件，另有中文目录页；他人的编号均已掩去。"""
    with target.connect() as channel:
        records = exporting.export(channel, person_no, out, system_clock())
    terminal.say(f"{records} 条记录已写入 {out}；内含本人资料原文，请只交给本人")


@click.command("erase", cls=CallingCommand)
@click.argument("person_no", metavar="PERSON")
@click.option("--validate-only", is_flag=True, help="只看会删除什么、留下什么。")
@click.option(
    "--lift", is_flag=True, help="不删除；从此导入又可写入所删除的，如重新参保。"
)
@target_options
@click.pass_obj
def erase_command(
    terminal: Terminal,
    person_no: str,
    *,
    validate_only: bool,
    lift: bool,
    target: ServerTarget,
) -> None:
    """删除一个人的资料中依法无须保存的，列出留下的与依据；请先以 --validate-only 看过。"""
    request = pb.ErasePersonRequest(
        request_id=str(uuid.uuid4()),
        person=types_pb2.PersonRef(person_no=person_no),
        validate_only=validate_only,
        lift=lift,
    )
    with target.connect() as channel:
        reply = access_pb2_grpc.AccessServiceStub(channel).ErasePerson(request)
    rows = [
        {
            "kept": _KEPT.get(kept.what, kept.what),
            "count": str(kept.count) if kept.count else "",
            "ground": kept.ground,
        }
        for kept in reply.kept
    ]
    if terminal.as_json:
        terminal.json({"erased": list(reply.erased), "kept": rows})
        return
    terminal.table("kept", rows, ("kept", "count", "ground"))
    terminal.say(_told(reply, validate_only=validate_only, lift=lift))


def _told(reply: pb.ErasePersonResponse, *, validate_only: bool, lift: bool) -> str:
    """Return in a sentence what was erased, or would be."""
    if lift:
        done = "将解除。什么也没有写入" if validate_only else "已解除"
        return f"{done}：以后的导入又写入此人的全部资料"
    names = "、".join(_ERASED.get(name, name) for name in reply.erased)
    if validate_only:
        return f"将删除：{names}。什么也没有写入"
    return (
        f"已删除：{names}。以后的导入不会写回；备份与数据库文件的空闲页里的旧内容，"
        "请按运行文档清理"
    )
