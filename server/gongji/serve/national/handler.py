"""One message from its headers and bytes to its answer: the gate, the head, the exchange."""

from __future__ import annotations

import re
import uuid
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Any, Final

import structlog

from gongji.model.people import area_of_institution
from gongji.national.convert import refused
from gongji.national.envelope import request_id_of
from gongji.national.forms import NationalFault
from gongji.national.shapes import SHAPES
from gongji.national.signing_in import SIGN_IN
from gongji.national.text import dumps, loads
from gongji.rpc.outcome import places_of
from gongji.rules.codes import covers_area
from gongji.serve.national.calls import ServiceFault
from gongji.serve.national.exchanges import (
    CHANGING,
    Answer,
    Download,
    Exchanges,
)
from gongji.serve.national.gates import REPEATED, Gate, GateFault, Headers
from gongji.serve.national.keyring import Keyring

JSON: Final = "application/json; charset=utf-8"

_CODE: Final = re.compile(r"[0-9A-Z]{1,12}", re.ASCII)

_ESCAPED_HALF: Final = re.compile(r"\\u[dD][89a-fA-F]")
"""How JSON writes half of a surrogate pair."""


@dataclass(slots=True)
class Handled:
    """An answer, and what the line about it says; nothing personal."""

    status: int = HTTPStatus.OK
    content: bytes = b""
    media_type: str = JSON
    filename: str = ""
    infno: str = ""
    institution: str = ""
    key: str = ""
    code: str = ""
    reason: str = ""
    settlement: str = ""
    request_id: str = ""
    error_id: str = ""
    undecided: bool = False
    """Whether nobody knows if it was done."""
    admitted: bool = False
    """Whether the gate lets it in, so that its body is to be read."""
    signed_infno: str = ""
    """The message that the headers are for, if they say so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageHandler:
    """Answers messages; may be asked by several threads at once."""

    exchanges: Exchanges
    gate: Gate | None = None
    keyring: Keyring | None = None
    require_sign_in: bool = False

    def admit(self, headers: Headers) -> Handled:
        """Judge a message by its headers; it is answered already if it is not admitted."""
        handled = Handled()
        try:
            handled.signed_infno = self._through_gate(headers, handled)
        except GateFault as fault:
            return _at_the_gate(handled, str(fault))
        except Exception as fault:  # noqa: BLE001 - a defect of ours: told by a number
            handled.content = _written(_defect({}, handled, fault))
            handled.code = "-1"
            return handled
        handled.admitted = True
        return handled

    def handle(self, handled: Handled, body: bytes, in_path: str = "") -> Handled:
        """Put in the answer to what was sent, whatever it is, by who was admitted.

        `in_path` is the message that the path names; "" if it names none.
        """
        asked_at = self.exchanges.clock()
        answer = self._answer(body, in_path, handled)
        if isinstance(answer, Download):
            handled.content, handled.filename = answer.content, answer.name
            handled.media_type, handled.code = "application/zip", "0"
            return handled
        answer["refmsg_time"] = _milliseconds(asked_at)
        answer["respond_time"] = _milliseconds(self.exchanges.clock())
        handled.settlement = _settlement_of(answer)
        handled.code = str(answer["infcode"])
        handled.content = _written(answer)
        return handled

    def _answer(self, body: bytes, in_path: str, handled: Handled) -> Answer:
        """Return the answer to a message, a refusal too."""
        message: dict[str, Any] = {}
        try:
            message = self._message_in(body)
            self._note(message, handled)
            self._hold_named(message, handled.signed_infno, in_path)
            self._hold_head(message, handled)
            answer = self.exchanges.answer(message)
            if isinstance(answer, Download):
                return answer
            return self.exchanges.edition.outward(answer, handled.infno)
        except NationalFault as fault:
            handled.reason = "MALFORMED"
            if not message:
                handled.status = HTTPStatus.BAD_REQUEST
            return _refused(message, str(fault))
        except ServiceFault as fault:
            handled.reason, handled.undecided = fault.reason, fault.undecided
            return {
                **_refused(message, _told(fault, handled.infno)),
                "output": _explained(fault),
            }
        except Exception as fault:  # noqa: BLE001 - a defect of ours: told by a number
            return _defect(message, handled, fault)

    def _through_gate(self, headers: Headers, handled: Handled) -> str:
        """Return the message that the headers are for, if they say so. GateFault."""
        if self.gate is None or self.keyring is None:
            return ""
        now = self.exchanges.clock().timestamp()
        signed = self.gate.signed(headers, self.keyring.secret, now)
        handled.key = signed.key
        # Only now: what nobody signed must not fill the file.
        if signed.nonce and not self.exchanges.memory.first_use(
            signed.key, signed.nonce, signed.until, now
        ):
            raise GateFault(REPEATED)
        return signed.infno

    def _message_in(self, body: bytes) -> dict[str, Any]:
        try:
            text = body.decode("utf-8-sig")
        except UnicodeDecodeError:
            raise NationalFault("报文不是 UTF-8：请以 UTF-8 发送") from None
        message = loads(text)
        if _ESCAPED_HALF.search(text):
            # Half of a surrogate pair is no text: refused whole, wherever it stands.
            dumps(message)
        if not isinstance(message, dict) or not message:
            raise NationalFault("报文应为一个 JSON 对象")
        return self.exchanges.edition.inward(message)

    def _note(self, message: dict[str, Any], handled: Handled) -> None:
        """Note what the line says of a message, as far as it is what it should be."""
        infno, sender = str(message.get("infno")), str(message.get("fixmedins_code"))
        handled.infno = infno if _CODE.fullmatch(infno) else ""
        handled.institution = sender if _CODE.fullmatch(sender) else ""
        if infno in CHANGING:
            with suppress(NationalFault):
                handled.request_id = request_id_of(sender, str(message.get("msgid")))

    def _hold_named(self, message: dict[str, Any], signed: str, in_path: str) -> None:
        """NationalFault if another message is named than the one that was sent.

        A gateway in front may permit by either name.
        """
        infno = str(message.get("infno") or "")
        for where, named in (("请求头 _api_name ", signed), ("路径", in_path)):
            named_here = self.exchanges.edition.messages.get(named, named)
            if named and infno and named_here != infno:
                raise NationalFault(
                    f"{where}是 {named}，报文的 infno 是 {infno}：两者须相同"
                )

    def _hold_head(self, message: dict[str, Any], handled: Handled) -> None:
        """Check who sends. NationalFault."""
        infno, sender = str(message.get("infno")), str(message.get("fixmedins_code"))
        key = self.keyring.key(handled.key) if self.keyring else None
        if self.gate and not (key and key.covers(sender)):
            raise NationalFault(
                "fixmedins_code：签名的密钥不是这家机构的，请核对机构编号与密钥"
            )
        _refuse_other_area(str(message.get("mdtrtarea_admvs")), sender)
        if not self.require_sign_in or infno == SIGN_IN.infno:
            return
        sign_no = message.get("sign_no")
        if not isinstance(sign_no, str) or not self.exchanges.memory.signed_in(
            sender, sign_no, self.exchanges.clock()
        ):
            raise NationalFault("sign_no：不是本机构今天的签到流水号，请先签到（9001）")


def _refuse_other_area(area: str, sender: str) -> None:
    """Refuse a place of treatment that is not the sender's. NationalFault."""
    own = area_of_institution(sender)
    # What is no area or no code is refused as malformed, by its own field.
    if area.isdecimal() and own.isdecimal() and not covers_area(area, own):
        raise NationalFault(
            f"mdtrtarea_admvs：就医地医保区划 {area} 不含 fixmedins_code "
            f"{sender} 所在的 {own}，请核对"
        )


def _settlement_of(reply: dict[str, Any]) -> str:
    """Return the settlement that a reply tells of; "" if of none."""
    output = reply.get("output")
    info = output.get("setlinfo") if isinstance(output, dict) else None
    return str(info.get("setl_id", "")) if isinstance(info, dict) else ""


def _milliseconds(at: datetime) -> str:
    return f"{at:%Y%m%d%H%M%S}{at.microsecond // 1000:03d}"


def _at_the_gate(handled: Handled, sentence: str) -> Handled:
    """Answer as the gate of S1 4.5 does, and as the interface does."""
    handled.status, handled.reason = HTTPStatus.UNAUTHORIZED, "GATE"
    handled.code = "-1"
    reply = {"code": 401, "message": sentence, "infcode": -1, "err_msg": sentence}
    handled.content = _written(reply)
    return handled


def _refused(message: dict[str, Any], sentence: str) -> dict[str, Any]:
    """Return the reply that refuses a message, even one without a head."""
    # In one line that can be printed, whoever said it.
    sentence = str(NationalFault(sentence))
    try:
        return refused(message, sentence)
    except NationalFault:
        return refused({}, sentence)


def _told(fault: ServiceFault, infno: str) -> str:
    """Return why the service did not do it, with field and clauses."""
    refusal = fault.refusal
    if fault.undecided:
        return f"{_what_to_do(infno)}（{refusal.message}）"
    shape = SHAPES.get(infno)
    named = shape.national_name(refusal.field) if shape else refusal.field
    about = [f"字段 {named}"] if refusal.field else []
    about += [f"依据 {'、'.join(refusal.clauses)}"] if refusal.clauses else []
    return refusal.message + (f"（{'；'.join(about)}）" if about else "")


def _what_to_do(infno: str) -> str:
    if infno == "2207":
        return "结果未知，请以 2601 冲正或同一 msgid 重发"
    if infno in CHANGING:
        return "结果未知，请以同一 msgid 重发"
    return "服务没有应答，请稍后重发"


def _explained(fault: ServiceFault) -> dict[str, Any]:
    """Return a refusal whole and for programs, in the section of ours."""
    refusal = fault.refusal
    conditions = [
        {"hook": one.hook, "clauses": list(one.clauses), "message": one.message}
        for one in refusal.conditions
    ]
    return {
        "gongji": {
            "reason": fault.reason,
            "message": refusal.message,
            "field": refusal.field,
            "clauses": list(refusal.clauses),
            "conditions": conditions,
            "undecided": fault.undecided,
        }
    }


def _defect(
    message: dict[str, Any], handled: Handled, fault: Exception
) -> dict[str, Any]:
    handled.status = HTTPStatus.INTERNAL_SERVER_ERROR
    handled.reason, handled.error_id = "INTERNAL", uuid.uuid4().hex[:12]
    # Type and places only: an exception's own text may quote personal data.
    structlog.get_logger().error(
        "fault",
        error_id=handled.error_id,
        method=f"national/{handled.infno}",
        error=type(fault).__name__,
        places=places_of(fault),
    )
    sentence = f"服务内部错误，编号 {handled.error_id}"
    if handled.infno in CHANGING:
        sentence = f"{_what_to_do(handled.infno)}（{sentence}）"
    return _refused(message, sentence)


def _written(reply: dict[str, Any]) -> bytes:
    try:
        return dumps(reply).encode()
    except NationalFault as fault:
        return dumps(refused({}, str(fault))).encode()
