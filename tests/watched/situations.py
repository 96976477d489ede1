"""For each alert a situation in which it fires, and the same a little better: it does not.

Values are promtool's: `0+6x60` begins at 0 and grows by 6 a minute for 60 minutes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple, TypeAlias

Input: TypeAlias = Mapping[str, str]
"""Values by series; `job` and `instance` are added."""


class Situation(NamedTuple):
    """What Prometheus has scraped after an hour: bad, and good beside it."""

    firing: Input
    quiet: Input


DAY_S: Final = 86_400

_SETTLE: Final = 'grpc_method="gongji.v1.SettlementService/Settle"'


def _one(series: str, firing: str, quiet: str) -> Situation:
    return Situation({series: firing}, {series: quiet})


def _refused(reason: str, firing: str, quiet: str) -> Situation:
    series = f'gongji_refusals_total{{reason="{reason}",city="other"}}'
    return _one(series, firing, quiet)


def _national(result: str, firing: str, quiet: str) -> Situation:
    series = f'gongji_national_messages_total{{infno="2207",result="{result}"}}'
    return _one(series, firing, quiet)


def _buckets(name: str, labels: str, slow: str, bounds: tuple[str, str]) -> Situation:
    """Return a histogram whose observations lie above the lower bound, and one below."""
    low, high = bounds
    inner = f"{labels}," if labels else ""

    def of(below: str) -> Input:
        counts = {low: below, high: slow, "+Inf": slow}
        return {
            f'{name}_bucket{{{inner}le="{bound}"}}': values
            for bound, values in counts.items()
        }

    return Situation(of("0+0x90"), of(slow))


def _both(first: str, second: str, firing: tuple[str, str], quiet: str) -> Situation:
    """Return two series, the second alike in both."""
    bad, other = firing
    return Situation({first: bad, second: other}, {first: quiet, second: other})


_UNSIGNED: Final = Situation(
    # An hour in which nothing was signed, to be compared with Prometheus' own time.
    {"gongji_log_signed_until_seconds": "0+0x90"},
    {"gongji_log_signed_until_seconds": "0+60x90"},
)

_NEVER_SIGNED: Final = Situation(
    {"gongji_log_leaves_total": "5+1x90"}, {"gongji_log_leaves_total": "0+0x90"}
)

SITUATIONS: Final[Mapping[str, tuple[Situation, ...]]] = {
    "GongjiDown": (_one("up", "0x90", "1x90"),),
    "GongjiDatabaseAway": (_one("gongji_database_available", "0x90", "1x90"),),
    "GongjiStoreRefusals": (_refused("STORE_UNAVAILABLE", "0+30x90", "0+6x90"),),
    "GongjiFault": (_refused("INTERNAL", "0x55 1x40", "1x90"),),
    "GongjiTimeouts": (_refused("DEADLINE_EXCEEDED", "0+30x90", "0+6x90"),),
    "GongjiSlow": (
        _buckets(
            "grpc_server_call_duration_seconds", _SETTLE, "0+600x90", ("1.0", "2.0")
        ),
    ),
    "GongjiSettleRefused": (
        _both(
            f'grpc_server_call_duration_seconds_count{{{_SETTLE},grpc_status="NOT_FOUND"}}',
            f'grpc_server_call_duration_seconds_count{{{_SETTLE},grpc_status="OK"}}',
            ("0+30x90", "0+70x90"),
            "0+10x90",
        ),
    ),
    "GongjiQueueFilling": (_one("gongji_queue_waiting", "513x90", "512x90"),),
    "GongjiOverloaded": (_refused("OVERLOADED", "0+90x90", "0+30x90"),),
    "GongjiCallerOverLimit": (
        _one('gongji_caller_over_limit_total{caller="app"}', "0+90x90", "0+30x90"),
    ),
    "GongjiCommitSlow": (
        _buckets("gongji_commit_seconds", "", "0+60x90", ("0.5", "1.0")),
    ),
    "GongjiDatabaseWaits": (
        _one("gongji_database_wait_seconds_count", "0+1x90", "0x50 1x40"),
    ),
    "GongjiPluginRefused": (
        _one(
            'gongji_plugin_served{plugin="gongji-x 0.1.0",city="341100"}',
            "0x90",
            "1x90",
        ),
    ),
    "GongjiLogUnsigned": (_UNSIGNED, _NEVER_SIGNED),
    "GongjiProcessEnded": (
        _one('gongji_process_ended_total{process="gateway"}', "0x50 1x40", "1x90"),
    ),
    "GongjiProcessSilent": (
        _one('gongji_process_told_at_seconds{process="gateway"}', "0+0x90", "0+60x90"),
    ),
    "GongjiLoopLate": (
        _buckets("gongji_loop_late_seconds", "", "0+60x90", ("0.2", "0.5")),
    ),
    "GongjiDescriptorsShort": (
        _both(
            'gongji_process_descriptors{process="gateway"}',
            'gongji_process_descriptor_limit{process="gateway"}',
            ("820x90", "1000x90"),
            "790x90",
        ),
    ),
    "GongjiMemoryShort": (
        _both(
            'gongji_process_resident_bytes{process="service"}',
            "gongji_memory_limit_bytes",
            ("860x90", "1000x90"),
            "840x90",
        ),
    ),
    "GongjiCertificateExpiring": (
        _one(
            "gongji_certificate_until_seconds", f"{13 * DAY_S}x400", f"{15 * DAY_S}x400"
        ),
    ),
    "GongjiKeyOld": (
        # Prometheus' own time begins in 1970: what is older lies before it.
        _one("gongji_key_at_seconds", f"-{401 * DAY_S}x90", f"-{399 * DAY_S}x90"),
    ),
    "GongjiCredentialsRefused": (
        _refused("CREDENTIAL_EXPIRED", "0+60x90", "0+10x90"),
        _refused("CALLER_UNKNOWN", "0+60x90", "0+10x90"),
    ),
    "GongjiGuessing": (_refused("GUESSING_PAUSED", "0x50 1x40", "1x90"),),
    "GongjiNationalFault": (_national("defect", "0x55 1x40", "1x90"),),
    "GongjiNationalUndecided": (_national("undecided", "0+30x90", "0+1x90"),),
}
