"""Events worth a line of the log: their names, fields and meaning (日志事件).

docs/events.md is this table; tests hold both against what the sources log.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

EVERY_S: Final = 10.0
"""Seconds in which one event of a kind is a line; those that follow are counted."""


@dataclass(frozen=True, slots=True)
class LogEvent:
    """One event: its level, its fields beside `timestamp`, and what it means.

    Events that differ in a field of `each` are of different kinds; the figures of `adds`
    are summed over those that are counted only.
    """

    name: str
    level: str
    fields: tuple[str, ...]
    meaning: str
    each: tuple[str, ...] = ()
    adds: tuple[str, ...] = ()


CALL: Final = LogEvent(
    "call",
    "info",
    (
        *("method", "code", "reason", "caller", "peer", "subject", "city"),
        *("settlement", "request_id", "bytes_in", "bytes_out", "ms", "trace"),
        "error_id",
    ),
    "一次调用结束，每次一行，不合并。各项见下。",
)
"""The line of a call; never counted with others."""

_OF_PROCESSES: Final = (
    LogEvent(
        "started",
        "info",
        (
            *("version", "address", "metrics", "workers", "cities", "refused"),
            "said",
        ),
        "服务开始应答；各项即启动时在终端上所说的（标准输出是终端时为文字，没有这一行）。",
    ),
    LogEvent("stopping", "info", (), "收到停止的信号，不再接新的调用。"),
    LogEvent("stopped", "info", (), "手上的调用已办完，数据库已关。"),
    LogEvent("gateway_up", "info", ("pid", "gateway"), "网关开始收发。", ("gateway",)),
    LogEvent(
        "gateway_ended",
        "error",
        ("told", "next_in_s", "gateway"),
        "网关意外结束，next_in_s 秒后补上一个；反复出现的见 told。",
        ("gateway",),
    ),
    LogEvent("worker_up", "info", ("pid", "worker"), "工作进程开始服务。", ("worker",)),
    LogEvent(
        "worker_ended",
        "error",
        ("told", "next_in_s", "worker"),
        "工作进程意外结束，next_in_s 秒后补上一个；反复出现的见 told。",
        ("worker",),
    ),
    LogEvent(
        "crashed",
        "error",
        ("text", "places"),
        "上次运行的进程被致命信号终止；places 为当时各线程所在之处。请连同版本告知开发者。",
        ("text", "places"),
    ),
    LogEvent(
        "clock_stepped",
        "warning",
        ("seconds",),
        "时钟被拨动 seconds 秒（负数为向后：时间停在原处，直到时钟赶上）。请查对时服务。",
    ),
    LogEvent(
        "clock_refused",
        "error",
        ("seconds",),
        "时钟忽然快了一天以上：不跟随，写操作得到 STORE_UNAVAILABLE。拨回即恢复；"
        "确是正确的日期，以 --accept-clock 重新启动。",
    ),
)

_OF_THE_DATABASE: Final = (
    LogEvent(
        "database_lost",
        "error",
        ("reason",),
        "数据库自此不可用，reason 为原因；调用得到 STORE_UNAVAILABLE，健康检查为 NOT_SERVING。",
    ),
    LogEvent("database_back", "info", ("seconds",), "数据库又可用，其间隔了几秒。"),
    LogEvent(
        "lock_waited",
        "warning",
        ("ms", "why"),
        "等候别人持有的锁；why 指出持有者（进程号、应用名）。请查是谁在库里操作。",
        ("why",),
    ),
    LogEvent(
        "slow_flush",
        "warning",
        ("ms", "jobs"),
        "一次提交（jobs 件）落盘逾四分之一秒。请查磁盘。",
    ),
    LogEvent(
        "adoptions_unseen",
        "warning",
        ("told",),
        "这一次未能与同库的其他服务核对采用与规则，下次再核对。",
    ),
    LogEvent(
        "settings_differ",
        "warning",
        ("options",),
        "同库的另一服务这几项设定与本服务不同（升级、换发之际难免）；久而不消的请查。",
    ),
    LogEvent(
        "upkeep",
        "warning",
        ("work", "error"),
        "导入的并入或清理中断，随后再做；反复出现的请查数据库。",
        ("work", "error"),
    ),
    LogEvent(
        "log_fault",
        "error",
        ("told",),
        "账本自相矛盾，不再签署检查点；told 指出缺了哪一条。请停止写入，运行 gongji verify。",
    ),
    LogEvent(
        "checkpoint_signed",
        "info",
        ("size", "root"),
        "签署了一个检查点：至此有 size 条日志，根为 root。",
    ),
)

_OF_SCARCITY: Final = (
    LogEvent(
        "descriptors_short",
        "error",
        ("used", "limit"),
        "描述符将尽，新的流被拒绝，其余照常。请提高 LimitNOFILE，或查是谁占着连接。",
    ),
    LogEvent(
        "memory_short",
        "error",
        ("used_mib", "limit_mib", "of"),
        "内存将尽（of 为 cgroup 或 machine），再涨会被系统杀死。请提高限额，或减少工作进程。",
    ),
    LogEvent(
        "over_limit",
        "warning",
        ("caller", "refused"),
        "一个调用方超出份额，refused 为其间拒绝的次数。",
        ("caller",),
        ("refused",),
    ),
    LogEvent(
        "lines_lost",
        "warning",
        ("count",),
        "日志写不进去（磁盘满、读者不取），其间丢了 count 行；调用不受影响。",
        (),
        ("count",),
    ),
)

_OF_ADMISSION: Final = (
    LogEvent(
        "policy_read",
        "warning",
        ("files",),
        "策略、吊销名单、密钥集、证书或本机的令牌已重读并生效。",
        ("files",),
    ),
    LogEvent(
        "policy_kept",
        "warning",
        ("files", "reason"),
        "重读出错，照用原来的；reason 为原因。请改正文件。",
        ("files", "reason"),
    ),
    LogEvent(
        "certificate_expiring",
        "warning",
        ("file", "days", "until"),
        "服务的证书还有 days 天到期。请换发，写到旁边再改名，不必重启。",
        ("file",),
    ),
    LogEvent(
        "key_expiring",
        "warning",
        ("key", "reason"),
        "数据密钥三十天内到运营方写明的期限，或已过期，或密封的次数已过上限（2³² 次）之半。"
        "请运行 gongji rekey。",
        ("key",),
    ),
    LogEvent(
        "person_numbers_are_identity_numbers",
        "warning",
        (),
        "人员编号看来是身份证号：编号不加密（见 SECURITY.md），请先另编。",
    ),
    LogEvent(
        "plugin_refused",
        "warning",
        ("plugin", "city", "problem"),
        "一个城市插件未接入，problem 为原因；这个城市不受理，其他城市照常。",
        ("plugin",),
    ),
    LogEvent(
        "guessing",
        "warning",
        ("caller", "method", "what", "wrong", "paused_until"),
        "一个调用方说错或查无此人过多，暂停至 paused_until。请与渠道核对。",
        ("caller", "what"),
    ),
)

_OF_ACCESSES: Final = (
    LogEvent(
        "accesses_lost",
        "warning",
        ("most",),
        "上次被杀的进程至多有 most 条查询记录没有写成，已记录在案。",
        (),
        ("most",),
    ),
    LogEvent(
        "accesses_uncounted",
        "warning",
        ("told",),
        "磁盘不收计数文件：本进程若被杀，说不出少了几条查询记录。",
    ),
    LogEvent(
        "last_leaf_unnoted",
        "warning",
        ("told",),
        "磁盘不收记下最后一片叶的文件：下次启动看不出数据库少了什么。",
    ),
    LogEvent(
        "accesses_not_kept",
        "error",
        ("count",),
        "停止时仍有 count 条查询记录写不进数据库，下次启动计入 accesses_lost。",
        (),
        ("count",),
    ),
    LogEvent(
        "accesses_refused",
        "error",
        ("error",),
        "数据库不收查询记录，随后再写。",
        ("error",),
    ),
)

_OF_DEFECTS: Final = (
    LogEvent(
        "fault",
        "error",
        ("error_id", "method", "error", "places"),
        "程序的缺陷：调用方得到 INTERNAL 与 error_id，它也在 call 一行中。请连同版本告知开发者。",
        ("method", "error", "places"),
    ),
    LogEvent(
        "library",
        "warning",
        ("logger", "text", "error", "places"),
        "所用的库记下的一行（只取首行，隐去长数字与非 ASCII 字符）；级别随库。",
        ("logger", "text"),
    ),
    LogEvent(
        "stray",
        "warning",
        ("text", "error", "places"),
        "有谁直接写标准错误（C 库、解释器）：照样成为一行 JSON，隐去的同上。",
        ("text", "places"),
    ),
)

EVENTS: Final[Mapping[str, LogEvent]] = {
    event.name: event
    for event in (
        CALL,
        *_OF_PROCESSES,
        *_OF_THE_DATABASE,
        *_OF_SCARCITY,
        *_OF_ADMISSION,
        *_OF_ACCESSES,
        *_OF_DEFECTS,
    )
}
"""All events by name."""


def rows() -> Iterator[str]:
    """Yield the table of docs/events.md, row by row."""
    yield "| 事件 | 级别 | 各项 | 含义 |"
    yield "|---|---|---|---|"
    for event in EVENTS.values():
        fields = "、".join(f"`{name}`" for name in event.fields) or "—"
        yield f"| `{event.name}` | {event.level} | {fields} | {event.meaning} |"
