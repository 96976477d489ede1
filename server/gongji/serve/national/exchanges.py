"""What each message asks of the service, and the answer made of its reply."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, TypeAlias

import grpc

from gongji.national.benefit import (
    BENEFIT,
    YEAR,
    benefit_output,
    denied,
    entitlements,
    last_day_of,
    year_output,
)
from gongji.national.convert import answered, from_national, reply_to
from gongji.national.details import DETAILS, difference_line, rows_from
from gongji.national.edition import Edition
from gongji.national.envelope import Shape
from gongji.national.fields import Node
from gongji.national.files import (
    DOWNLOAD,
    UPLOAD,
    bytes_in,
    fileinfo_output,
    lines_in,
    upload_output,
    zipped,
)
from gongji.national.forms import NationalFault
from gongji.national.person import PERSON, enrolments_on, hold_name, person_output
from gongji.national.query import QUERY, query_output
from gongji.national.quote_settle import QUOTE, SETTLE
from gongji.national.reconcile import TOTALS, kinds_of
from gongji.national.reverse import CORRECTION, REVERSE
from gongji.national.signing_in import (
    SIGN_IN,
    SIGN_OUT,
    sign_in_output,
    sign_out_output,
)
from gongji.serve.national.calls import ServiceCalls, ServiceFault
from gongji.serve.national.memory import KeptFile, Memory
from gongji.text.forms import as_sent
from gongji.v1 import account_pb2, registry_pb2, types_pb2
from gongji.v1 import settlement_pb2 as pb

UNPACKED: Final = 64 << 20
"""Most bytes of an uploaded file once unpacked."""

_FAILED_PRECONDITION: Final = grpc.StatusCode.FAILED_PRECONDITION


@dataclass(frozen=True, slots=True)
class Download:
    """The answer of 9102: a file, no JSON. Its name is one of ours."""

    name: str
    content: bytes


Answer: TypeAlias = "dict[str, Any] | Download"


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchanges:
    """Messages answered out of the service and what is remembered here."""

    service: ServiceCalls
    memory: Memory
    edition: Edition
    clock: Callable[[], datetime]
    with_balance: bool = False

    def answer(self, message: dict[str, Any]) -> Answer:
        """Return the answer to a message in Hunan's form. NationalFault; ServiceFault."""
        infno = str(message.get("infno") or "")
        known = "、".join(EXCHANGES)
        if not infno:
            raise NationalFault(f"缺少必填字段 infno（交易编号）；可用 {known}")
        if infno not in EXCHANGES:
            raise NationalFault(f"infno{as_sent(infno)}不在此办理；可用 {known}")
        return EXCHANGES[infno](self, message)

    # --- what the service decides -----------------------------------------------------

    def quote(self, message: dict[str, Any]) -> Answer:
        """Answer 2206: decide without writing."""
        return self._decided(message, "Quote")

    def settle(self, message: dict[str, Any]) -> Answer:
        """Answer 2207: settle."""
        return self._decided(message, "Settle")

    def reverse(self, message: dict[str, Any]) -> Answer:
        """Answer 2208 and 2601: take back."""
        return self._decided(message, "Reverse")

    def totals(self, message: dict[str, Any]) -> Answer:
        """Answer 3201: compare totals."""
        _, data = self._read(TOTALS, message)
        # Before anything is asked, as 5206 does.
        kinds_of(str(data["clr_type"]), self.edition.dialect)
        return self._decided(message, "ReconcileTotals")

    def _decided(self, message: dict[str, Any], method: str) -> Answer:
        request, _ = from_national(message, self.edition.dialect)
        response = self.service.settlements(method, request)
        return reply_to(response, message, self.edition.dialect)

    def query(self, message: dict[str, Any]) -> Answer:
        """Answer 5203: one settlement."""
        request, data = self._read(QUERY, message)
        response = self.service.settlements("GetSettlement", request)
        bill = response.settlement.bill
        asked = (data["psn_no"], message["fixmedins_code"])
        # Another's, or of another institution, is as one that is not there.
        if asked != (bill.patient.person_no, bill.institution_code):
            raise NationalFault("input.data.setl_id：此人在本机构没有这笔结算")
        output = query_output(response, message, self.edition.dialect)
        return answered(message, self.clock(), output)

    def details(self, message: dict[str, Any]) -> Answer:
        """Answer 3202: compare an uploaded file, keep the differences."""
        request, data = self._read(DETAILS, message)
        sender, now = str(message["fixmedins_code"]), self.clock()
        lines = self._uploaded(sender, str(data.get("file_qury_no") or ""), now)
        found = self._differences(request, lines)
        number = self._number(message)
        until = self.memory.keep_file(
            sender, KeptFile(number, zipped(number, found)), now
        )
        return answered(message, now, fileinfo_output(number, f"3202_{number}", until))

    def _differences(
        self, request: pb.ReconcileDetailsRequest, lines: list[str]
    ) -> Iterator[str]:
        """Yield the lines of the file that answers a 3202. NationalFault; ServiceFault."""
        visits: dict[str, str] = {}
        # Read whole first: a line that is malformed is refused before anything is asked.
        rows = list(self._rows(lines, visits))
        requests = [request, *(pb.ReconcileDetailsRequest(row=row) for row in rows)]
        for one in self.service.compare(requests):
            line = difference_line(one, mdtrt_id=visits.get(one.settlement_id, ""))
            yield "\t".join(self.edition.row_outward(line.split("\t")))

    def _rows(
        self, lines: Iterable[str], visits: dict[str, str]
    ) -> Iterator[pb.ReconcileRow]:
        """Yield the rows of an uploaded file; note the visit of each."""
        hunan = (
            "\t".join(self.edition.row_inward(line.split("\t"), number))
            for number, line in enumerate(lines, start=1)
        )
        for row, unmapped in rows_from(hunan):
            visits[row.settlement_id] = str(unmapped.fields.get("mdtrt_id") or "")
            yield row

    # --- what is asked about a person -------------------------------------------------

    def person(self, message: dict[str, Any]) -> Answer:
        """Answer 1101: one person."""
        request, data = self._read(PERSON, message)
        person, now = self.service.registry("GetPerson", request).person, self.clock()
        hold_name(person, str(data.get("psn_name") or ""))
        balances = self._balances(person) if self.with_balance else {}
        output = person_output(person, request, balances, now.date())
        return answered(message, now, output)

    def _balances(self, person: types_pb2.Person) -> dict[int, int]:
        """Return the balance of the personal account, which the employee scheme has.

        None if it is not this caller's to know: the person is told of all the same.
        """
        schemes = {enrolment.scheme for enrolment in person.enrolments}
        if types_pb2.SCHEME_EMPLOYEE not in schemes:
            return {}
        asked = account_pb2.GetAccountRequest()
        asked.person.person_no = person.person_no
        try:
            account = self.service.accounts("GetAccount", asked)
        except ServiceFault as fault:
            if fault.refusal.code is not grpc.StatusCode.PERMISSION_DENIED:
                raise
            return {}
        return {types_pb2.SCHEME_EMPLOYEE: account.balance_fen}

    def benefit(self, message: dict[str, Any]) -> Answer:
        """Answer 2001: what would be paid."""
        request, _ = self._read(BENEFIT, message)
        person = self._registered(request.bill.patient.person_no)
        day = datetime.fromisoformat(request.bill.service_day).date()
        in_force = (
            one
            for one in enrolments_on(person, day)
            if one.scheme == request.bill.scheme
        )
        try:
            quoted = self.service.settlements("Quote", request)
            found = entitlements(request, quoted.settlement)
        except ServiceFault as fault:
            # Refused by the rules: that is the answer. Anything else is none.
            if fault.refusal.code is not _FAILED_PRECONDITION:
                raise
            found = denied(request, fault.refusal.message)
        output = benefit_output(request, found, next(in_force, None))
        return answered(message, self.clock(), output)

    def year(self, message: dict[str, Any]) -> Answer:
        """Answer 5206: the year's accumulators."""
        request, data = self._read(YEAR, message)
        now = self.clock()
        # Before anything is asked of the person: what is refused has read nothing.
        day = last_day_of(data.get("cum_ym"), now.date())
        request.day = day.isoformat()
        response = self.service.settlements("GetBenefitYear", request)
        output = year_output(response, self.edition.dialect.cumulative)
        return answered(message, now, output)

    def _registered(self, person_no: str) -> types_pb2.Person:
        asked = registry_pb2.GetPersonRequest()
        asked.person.person_no = person_no
        person: types_pb2.Person = self.service.registry("GetPerson", asked).person
        return person

    # --- what is remembered here ------------------------------------------------------

    def sign_in(self, message: dict[str, Any]) -> Answer:
        """Answer 9001: open the day."""
        self._read(SIGN_IN, message)
        now = self.clock()
        number = f"{now:%Y%m%d%H%M%S}{uuid.uuid4().int % 10**16:016d}"
        made = self.memory.sign_in(
            str(message["fixmedins_code"]), str(message["msgid"]), number, now
        )
        return answered(message, now, sign_in_output(made.sign_no, made.at))

    def sign_out(self, message: dict[str, Any]) -> Answer:
        """Answer 9002: end it."""
        _, data = self._read(SIGN_OUT, message)
        now, sign_no = self.clock(), str(data["sign_no"])
        if not self.memory.sign_out(str(message["fixmedins_code"]), sign_no, now):
            raise NationalFault("input.signOut.sign_no：本机构今天没有这一签到")
        return answered(message, now, sign_out_output(now))

    def upload(self, message: dict[str, Any]) -> Answer:
        """Answer 9101: keep a file."""
        _, data = self._read(UPLOAD, message)
        sender = self._own_sender(message, data)
        content = bytes_in(data.get("in"))
        # A file that nobody could read is told now, not when it is compared.
        lines_in(content, UNPACKED)
        number, now = self._number(message), self.clock()
        until = self.memory.keep_file(sender, KeptFile(number, content), now)
        output = upload_output(number, str(data["filename"]), sender, until)
        return answered(message, now, output)

    def download(self, message: dict[str, Any]) -> Answer:
        """Answer 9102: give a file back."""
        _, data = self._read(DOWNLOAD, message)
        sender = self._own_sender(message, data)
        number, now = str(data["file_qury_no"]), self.clock()
        file = self._file(sender, number, "input.fsDownloadIn", now)
        # What the sender calls it is no name for a header.
        return Download(f"{file.number}.zip", file.content)

    def _uploaded(self, sender: str, number: str, now: datetime) -> list[str]:
        file = self._file(sender, number, "input.data", now)
        return lines_in(file.content, UNPACKED)

    def _file(self, sender: str, number: str, path: str, now: datetime) -> KeptFile:
        file = self.memory.file(sender, number, now)
        if file is None:
            raise NationalFault(
                f"{path}.file_qury_no：本机构没有这个文件，或已过下载截止时间"
            )
        return file

    @staticmethod
    def _own_sender(message: dict[str, Any], data: Node) -> str:
        sender = str(message["fixmedins_code"])
        if str(data["fixmedins_code"]) != sender:
            raise NationalFault("fixmedins_code 须与报文头的 fixmedins_code 相同")
        return sender

    @staticmethod
    def _number(message: dict[str, Any]) -> str:
        """Return the number of a message's file: the same message, the same file."""
        named = "/".join(
            str(message[name]) for name in ("infno", "fixmedins_code", "msgid")
        )
        return uuid.uuid5(_FILES, named).hex[:30]

    def _read(self, shape: Shape, message: dict[str, Any]) -> tuple[Any, Node]:
        """Return our request, and the data of a message. NationalFault."""
        request, unmapped = shape.read(message, self.edition.dialect)
        return request, unmapped.data.fields


_FILES: Final = uuid.uuid5(uuid.NAMESPACE_URL, "gongji:national:files")

EXCHANGES: Final[dict[str, Callable[[Exchanges, dict[str, Any]], Answer]]] = {
    SIGN_IN.infno: Exchanges.sign_in,
    SIGN_OUT.infno: Exchanges.sign_out,
    PERSON.infno: Exchanges.person,
    BENEFIT.infno: Exchanges.benefit,
    QUOTE.infno: Exchanges.quote,
    SETTLE.infno: Exchanges.settle,
    REVERSE.infno: Exchanges.reverse,
    CORRECTION.infno: Exchanges.reverse,
    TOTALS.infno: Exchanges.totals,
    DETAILS.infno: Exchanges.details,
    QUERY.infno: Exchanges.query,
    YEAR.infno: Exchanges.year,
    UPLOAD.infno: Exchanges.upload,
    DOWNLOAD.infno: Exchanges.download,
}
"""What answers each message, by infno."""

CHANGING: Final = frozenset({SETTLE.infno, REVERSE.infno, CORRECTION.infno})
"""Messages whose outcome matters if nobody answers."""
