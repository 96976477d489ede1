"""Every family of metrics: its name, its labels, how processes add up (docs/metrics.md).

The names of gRPC's own are those of gRFC A66, as Prometheus writes them.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class MetricKind(StrEnum):
    """What a family measures, in Prometheus' words."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


class Merging(StrEnum):
    """What the figures of several processes make together."""

    SUM = "sum"
    LEAST = "least"
    MOST = "most"


@dataclass(frozen=True, slots=True)
class MetricFamily:
    """One family: counters are named without `_total`, `bounds` are a histogram's."""

    name: str
    kind: MetricKind
    help: str
    labels: tuple[str, ...] = ()
    bounds: tuple[float, ...] = ()
    merging: Merging = Merging.SUM


def _counter(name: str, meaning: str, *labels: str) -> MetricFamily:
    return MetricFamily(name, MetricKind.COUNTER, meaning, labels)


def _gauge(
    name: str, meaning: str, *labels: str, merging: Merging = Merging.SUM
) -> MetricFamily:
    return MetricFamily(name, MetricKind.GAUGE, meaning, labels, merging=merging)


def _histogram(
    name: str, meaning: str, *labels: str, bounds: tuple[float, ...]
) -> MetricFamily:
    return MetricFamily(name, MetricKind.HISTOGRAM, meaning, labels, bounds)


# Of A66's bounds as many as tell a good minute from a bad one: each is a series of every
# method and status.
_SECONDS: Final = (
    *(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5),
    *(1.0, 2.0, 5.0, 10.0, 30.0, 60.0),
)

_BYTES: Final = (1024.0, 4096.0, 16384.0, 65536.0, 262144.0, 1048576.0, 4194304.0)

_JOBS: Final = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0)

_CALLED: Final = ("grpc_method", "grpc_status")

STARTED: Final = _counter(
    "grpc_server_call_started", "开始的调用（gRFC A66）", "grpc_method"
)
DURATION: Final = _histogram(
    "grpc_server_call_duration_seconds",
    "调用从到来至答完所用的秒数（gRFC A66）",
    *_CALLED,
    bounds=_SECONDS,
)
SENT: Final = _histogram(
    "grpc_server_call_sent_total_compressed_message_size_bytes",
    "一次调用发出的报文字节数（gRFC A66）",
    *_CALLED,
    bounds=_BYTES,
)
RCVD: Final = _histogram(
    "grpc_server_call_rcvd_total_compressed_message_size_bytes",
    "一次调用收到的报文字节数（gRFC A66）",
    *_CALLED,
    bounds=_BYTES,
)

CALLER_CALLS: Final = _counter(
    "gongji_caller_calls", "各调用方得以办理的调用", "caller"
)
CALLER_OVER_LIMIT: Final = _counter(
    "gongji_caller_over_limit",
    "各调用方因超出份额（或全体的上限）被推回的调用",
    "caller",
)
CALLER_IN_FLIGHT: Final = _gauge(
    "gongji_caller_in_flight", "各调用方在办的调用与打开的流", "caller"
)

REFUSALS: Final = _counter(
    "gongji_refusals",
    "被拒绝的调用，按理由与城市；DEADLINE_EXCEEDED 为超时，INTERNAL 为本服务的缺陷",
    "reason",
    "city",
)
UNMET: Final = _counter(
    "gongji_unmet_conditions",
    "申请未满足的条件（NOT_ELIGIBLE），按城市与钩子",
    "city",
    "hook",
)
DECISIONS: Final = _counter(
    "gongji_decisions", "作出并写入的决定（重放、validate_only 不计）", "method", "city"
)
REPLAYS: Final = _counter("gongji_replays", "以同一请求编号重放的答复", "method")
IMPORT_ROWS: Final = _counter(
    "gongji_import_rows",
    "导入的行：written 写入，unchanged 没有变化，refused 有误",
    "method",
    "outcome",
)

WAITING: Final = _gauge(
    "gongji_queue_waiting",
    "等候数据库的调用；一个工作进程的写入、查询、列表各至多 1024",
)
BATCH: Final = _histogram("gongji_batch_jobs", "一次提交所含的写入", bounds=_JOBS)
COMMIT: Final = _histogram(
    "gongji_commit_seconds", "一批从开始至落盘的秒数", bounds=_SECONDS
)
WAITED: Final = _histogram(
    "gongji_database_wait_seconds",
    "等候别人持有的锁或磁盘的秒数，各次见日志 lock_waited、slow_flush",
    bounds=_SECONDS,
)
AVAILABLE: Final = _gauge(
    "gongji_database_available",
    "数据库可用为 1，不可用为 0；几个工作进程之中取最小",
    merging=Merging.LEAST,
)
LOST: Final = _counter("gongji_database_lost", "数据库变为不可用的次数")

LEAVES: Final = _counter("gongji_log_leaves", "写入日志（Merkle）的条数，自启动起")
CHECKPOINT_SIZE: Final = _gauge(
    "gongji_log_checkpoint_size", "最近的检查点所含的日志条数", merging=Merging.MOST
)
CHECKPOINT_AT: Final = _gauge(
    "gongji_log_checkpoint_at_seconds",
    "最近的检查点签署的时刻（Unix 秒）；没有新的可签，就没有新的检查点",
    merging=Merging.MOST,
)
SIGNED_UNTIL: Final = _gauge(
    "gongji_log_signed_until_seconds",
    "至此（Unix 秒）所写的都在检查点之下，每分钟核对一次",
    merging=Merging.MOST,
)

PLUGIN_SERVED: Final = _gauge(
    "gongji_plugin_served",
    "城市插件在服务为 1，被拒绝为 0；几个工作进程之中取最小",
    "plugin",
    "city",
    merging=Merging.LEAST,
)
ANSWERS_REFUSED: Final = _gauge(
    "gongji_hook_answers_refused",
    "被拒绝的插件的问题数（钩子的答复不合规定，等等），详见 gongji cities",
    "plugin",
    merging=Merging.MOST,
)
KEY_AT: Final = _gauge(
    "gongji_key_at_seconds",
    "现用的数据密钥作成的时刻（Unix 秒）",
    merging=Merging.LEAST,
)
CERTIFICATE_UNTIL: Final = _gauge(
    "gongji_certificate_until_seconds",
    "服务证书到期的时刻（Unix 秒）",
    merging=Merging.LEAST,
)
BUILD: Final = _gauge(
    "gongji_build_info",
    "程序的版本，恒为 1",
    "version",
    "python",
    "database",
    merging=Merging.MOST,
)

RESIDENT: Final = _gauge("gongji_process_resident_bytes", "各进程的常驻内存", "process")
MEMORY_LIMIT: Final = _gauge(
    "gongji_memory_limit_bytes",
    "可用内存的上限：cgroup 的 memory.max，没有则为整机内存",
    merging=Merging.LEAST,
)
DESCRIPTORS: Final = _gauge(
    "gongji_process_descriptors", "各进程打开的描述符", "process"
)
DESCRIPTOR_LIMIT: Final = _gauge(
    "gongji_process_descriptor_limit", "各进程可有的描述符", "process"
)
CPU: Final = _counter(
    "gongji_process_cpu_seconds", "各进程自启动起用去的 CPU 秒数", "process"
)
LATE: Final = _histogram(
    "gongji_loop_late_seconds",
    "事件循环比定时晚到的秒数，每进程每秒一次",
    bounds=_SECONDS,
)
TOLD_AT: Final = _gauge(
    "gongji_process_told_at_seconds",
    "各进程最近一次报数的时刻（Unix 秒）",
    "process",
    merging=Merging.MOST,
)
ENDED: Final = _counter("gongji_process_ended", "意外结束、由后继补上的进程", "process")

NATIONAL_MESSAGES: Final = _counter(
    "gongji_national_messages",
    "国家接口的报文，按交易编号与结果：done 办成，refused 被拒绝，undecided 结果未知，"
    "malformed 报文有误，gate 签名不符，busy 服务繁忙，unread 没有读完，defect 本服务的缺陷",
    "infno",
    "result",
)
NATIONAL_SECONDS: Final = _histogram(
    "gongji_national_message_seconds",
    "国家接口的报文从到来至答完所用的秒数",
    "infno",
    bounds=_SECONDS,
)
NATIONAL_TAKEN: Final = _gauge(
    "gongji_national_messages_in_flight", "在办与等候的国家接口报文"
)

FAMILIES: Final = {
    family.name: family
    for family in (
        *(STARTED, DURATION, SENT, RCVD),
        *(CALLER_CALLS, CALLER_OVER_LIMIT, CALLER_IN_FLIGHT),
        *(REFUSALS, UNMET, DECISIONS, REPLAYS, IMPORT_ROWS),
        *(WAITING, BATCH, COMMIT, WAITED, AVAILABLE, LOST),
        *(LEAVES, CHECKPOINT_SIZE, CHECKPOINT_AT, SIGNED_UNTIL),
        *(PLUGIN_SERVED, ANSWERS_REFUSED, KEY_AT, CERTIFICATE_UNTIL, BUILD),
        *(RESIDENT, MEMORY_LIMIT, DESCRIPTORS, DESCRIPTOR_LIMIT, CPU, LATE),
        *(TOLD_AT, ENDED),
        *(NATIONAL_MESSAGES, NATIONAL_SECONDS, NATIONAL_TAKEN),
    )
}
"""All families by name, in the order of the page."""


def series_of(family: MetricFamily) -> tuple[str, ...]:
    """Return the names under which a family's samples stand on the page."""
    if family.kind is MetricKind.COUNTER:
        return (f"{family.name}_total",)
    if family.kind is MetricKind.HISTOGRAM:
        return tuple(f"{family.name}_{part}" for part in ("bucket", "count", "sum"))
    return (family.name,)
