"""The client's tasks: bills and applications of invented people, all different."""

from __future__ import annotations

from typing import Any, Final

from gongji_conformance.client.backend import SETTLED
from gongji_conformance.client.scenario import Task

HOLDER: Final = {"type": "01", "number": "341199199001010014"}
MEMBER: Final = {"type": "01", "number": "340899199202020021"}
PATIENT: Final = "KH0010001"
"""An invented person's number (psn_no)."""
DETAILS: Final = {
    "name": "林乙",
    "phone": "13900000000",
    "insured_place": "341102",
}

PERSONAL: Final = (
    HOLDER["number"],
    MEMBER["number"],
    PATIENT,
    DETAILS["name"],
    DETAILS["phone"],
)
"""All that may stand in requests only."""


def bill(yuan: int, msgid: str = "") -> dict[str, Any]:
    """Return a bill over so many yuan, all in scope."""
    # int64, which the JSON of protobuf writes as text.
    fen = str(yuan * 100)
    return {
        "patient": {"person_no": PATIENT},
        "institution_code": "H34110000001",
        "service_day": "2025-09-30",
        "visit_kind": "VISIT_KIND_OUTPATIENT",
        "total_fen": fen,
        "in_scope_fen": fen,
        "account_use": "ACCOUNT_USE_NONE",
        "msgid": msgid or f"H34110000001-{yuan}",
    }


def quote(yuan: int) -> Task:
    """Return the task to quote a bill."""
    return {"do": "quote", "bill": bill(yuan)}


def settle(
    yuan: int,
    *,
    msgid: str = "",
    deadline_s: float | None = None,
) -> Task:
    """Return the task to settle a bill, each call within `deadline_s` if given."""
    task: Task = {"do": "settle", "bill": bill(yuan, msgid)}
    if deadline_s is None:
        return task
    return {**task, "deadline_s": deadline_s}


def submit() -> Task:
    """Return the task to apply for a binding."""
    return {
        "do": "submit",
        "application": {
            "holder": {"certificate": HOLDER},
            "member": {"certificate": MEMBER},
            "relation": "10",
            "purposes": ["PURPOSE_VISIT"],
            "channel": "wanshitong",
            "identity_checks": ["real_name", "face"],
            "member_details": {
                **DETAILS,
                "certificate_number": MEMBER["number"],
            },
        },
    }


def list_all(size: int) -> Task:
    """Return the task to list a patient's settlements of September, page by page."""
    return {
        "do": "list",
        "patient": {"person_no": PATIENT},
        "from_day": "2025-09-01",
        "to_day": "2025-09-30",
        "page_size": size,
    }


def reverse() -> Task:
    """Return the task to take a settlement back."""
    return {"do": "reverse", "settlement_id": SETTLED}


def wait(seconds: float) -> Task:
    """Return the task to do nothing for a while."""
    return {"do": "wait", "seconds": seconds}
