"""Each message over HTTP is answered as the service decides it, fen by fen."""

from __future__ import annotations

import base64
import io
import json
import random
import zipfile
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from gongji.rules.codes import SHANGHAI

from tests.national.messages import HOSPITAL, PATIENT, SETTLE, TOTALS
from tests.serve.national.sender import Message, Sender

CERTIFICATE = "341199196304120110"
"""Of CZ001, invented."""

READ = {
    "medfee_sumamt": "bill.total_fen",
    "fulamt_ownpay_amt": "bill.out_of_catalogue_fen",
    "overlmt_selfpay": "bill.above_limit_fen",
    "preselfpay_amt": "bill.first_selfpay_fen",
    "inscp_scp_amt": "bill.in_scope_fen",
    "act_pay_dedc": "deductible_fen",
    "hifp_pay": "fund_fen",
    "fund_pay_sumamt": "fund_fen",
    "psn_part_amt": "patient_part_fen",
    "acct_pay": "account_fen",
    "acct_mulaid_pay": "aid_fen",
    "psn_cash_pay": "cash_fen",
}
"""Every amount of 2207's answer, and where the service has it."""

PAID_BY_NOBODY = {
    *("cvlserv_pay", "hifes_pay", "hifmi_pay", "hifob_pay", "maf_pay", "hifdm_pay"),
    *("oth_pay", "hosp_part_amt"),
}


def fen(yuan: object) -> int:
    """Return yuan as fen, read independently of what wrote it."""
    exact = Decimal(str(yuan)) * 100
    assert exact == exact.to_integral_value()
    return int(exact)


def at(settlement: Any, path: str) -> int:
    for name in path.split("."):
        settlement = getattr(settlement, name)
    return int(settlement)


def bill(chance: random.Random) -> Message:
    """Return the data of a bill of random parts; half the time as JSON numbers' texts."""
    parts = [chance.choice([0, 1, 99, chance.randrange(40_000)]) for _ in range(4)]
    parts[3] += 1
    names = ("fulamt_ownpay_amt", "overlmt_selfpay", "preselfpay_amt", "inscp_scp_amt")
    written = {
        name: str(Decimal(part) / 100) for name, part in zip(names, parts, strict=True)
    }
    return {
        **SETTLE,
        **written,
        "medfee_sumamt": str(Decimal(sum(parts)) / 100),
        "acct_used_flag": chance.choice("012"),
        "psn_no": chance.choice(["CZ001", "CZ002", "CZ003", "CZ004"]),
    }


@pytest.mark.parametrize("seed", range(20))
def test_each_2207_is_what_settle_says(sender: Sender, seed: int) -> None:
    """Every amount of a 2207, and of the 2206 before it, is the settlement's, to the fen."""
    data = bill(random.Random(seed))  # noqa: S311 - no secret
    quoted = sender.ask("2206", data)["output"]["setlinfo"]
    info = sender.settled(**data)
    settlement = sender.settlement(info["setl_id"])
    expected = amounts_of(settlement) | dict.fromkeys(PAID_BY_NOBODY, 0)

    assert expected == {name: fen(info[name]) for name in expected}
    assert expected == {name: fen(quoted[name]) for name in expected}
    assert sum(line.fen for line in settlement.lines) == fen(info["medfee_sumamt"])
    assert settlement.ratio_bp == Decimal(info["pool_prop_selfpay"]) * 10_000
    sender.ask("2208", named(data["psn_no"], info))


@pytest.mark.parametrize("seed", range(20, 25))
def test_a_settlement_asked_again_and_taken_back(sender: Sender, seed: int) -> None:
    """5203 and 2208 say every amount as it was settled; 5203 says whether it stands."""
    data = bill(random.Random(seed))  # noqa: S311 - no secret
    info = sender.settled(**data)
    expected = amounts_of(sender.settlement(info["setl_id"]))
    asked = named(data["psn_no"], info)

    for infno, spelt, flag in (
        ("5203", {"psn_part_amt": "psn_pay", "psn_cash_pay": "cash_payamt"}, "0"),
        ("2208", {"psn_cash_pay": "pdn_cash_pay"}, None),
        ("5203", {"psn_part_amt": "psn_pay", "psn_cash_pay": "cash_payamt"}, "1"),
    ):
        told = sender.ask(infno, asked)["output"]["setlinfo"]
        assert expected == {name: fen(told[spelt.get(name, name)]) for name in expected}
        assert flag == told.get("refd_setl_flag")


def amounts_of(settlement: Any) -> dict[str, int]:
    """Return what the service has of each amount, by its national name."""
    return {name: at(settlement, path) for name, path in READ.items()}


def named(person_no: str, info: Message) -> Message:
    """Return the data that name a settlement."""
    return {"psn_no": person_no, "setl_id": info["setl_id"], "mdtrt_id": "V1"}


def test_the_same_message_is_executed_once(sender: Sender) -> None:
    """A 2207 sent again is answered as the first time; nothing is charged twice."""
    before = sender.balance()
    message = sender.message("2207")
    first, second = (sender.client.ask(message) for _ in range(2))
    paid = fen(first["output"]["setlinfo"]["acct_pay"])
    assert first["output"] == second["output"]
    assert before - paid == sender.balance()
    sender.ask(
        "2601", {"psn_no": PATIENT, "omsgid": message["msgid"], "oinfno": "2207"}
    )
    assert before == sender.balance()


def test_one_number_for_two_bills(sender: Sender) -> None:
    """A msgid that comes with another bill is refused by name, and told by its field."""
    message = sender.message("2207")
    settled = sender.client.ask(message)["output"]["setlinfo"]
    changed = {**SETTLE, "medfee_sumamt": "900.00", "inscp_scp_amt": "900.00"}
    refused = sender.client.ask({**message, "input": {"data": changed}})
    assert -1 == refused["infcode"]
    assert "REQUEST_ID_REUSED" == refused["output"]["gongji"]["reason"]
    sender.ask(
        "2208", {"psn_no": PATIENT, "setl_id": settled["setl_id"], "mdtrt_id": "V1"}
    )


def test_a_reversal_of_what_never_came(sender: Sender) -> None:
    """2601 of a message that never came says so; the message is refused when it comes."""
    lost = sender.message("2207")
    before = sender.balance()
    original = {"psn_no": PATIENT, "omsgid": lost["msgid"], "oinfno": "2207"}
    told = sender.ask("2601", original)
    late = sender.client.ask(lost)
    assert (-1, -1) == (told["infcode"], late["infcode"])
    assert "SETTLEMENT_NOT_FOUND" == told["output"]["gongji"]["reason"]
    assert before == sender.balance()


def test_a_refusal_names_field_and_clause(sender: Sender) -> None:
    """A refusal says in Chinese what, the national field, and the clauses, in 200 characters."""
    unknown = sender.ask("2207", {**SETTLE, "psn_no": "NOBODY"})
    assert -1 == unknown["infcode"]
    assert "input.data.psn_no" in unknown["err_msg"]
    residents = sender.ask("2207", {**SETTLE, "insutype": "390"})
    assert -1 == residents["infcode"]
    assert len(residents["err_msg"]) <= 200
    whole = residents["output"]["gongji"]
    assert whole["message"].startswith(residents["err_msg"][:20])
    assert all(clause in residents["err_msg"] for clause in whole["clauses"])


def test_who_a_person_is(sender: Sender) -> None:
    """1101 gives number and insurance of who has the certificate; the name stays masked."""
    data = {"mdtrt_cert_type": "02", "mdtrt_cert_no": CERTIFICATE, "psn_name": "陈示一"}
    output = sender.ask("1101", data)["output"]
    base = output["baseinfo"]
    assert (PATIENT, "陈**", "1", "1963-04-12") == tuple(
        base[name] for name in ("psn_no", "psn_name", "gend", "brdy")
    )
    (row,) = output["insuinfo"]
    assert ("310", "11", "1", "341102", "0") == tuple(
        row[name]
        for name in ("insutype", "psn_type", "psn_insu_stas", "insuplc_admdvs", "balc")
    )
    assert "不是余额" in base["exp_content"]


@pytest.mark.parametrize(
    ("data", "told"),
    [
        ({"mdtrt_cert_type": "02", "mdtrt_cert_no": "341199196304120111"}, "校验"),
        ({"mdtrt_cert_type": "02", "mdtrt_cert_no": "34010019900101001X"}, ""),
        ({"mdtrt_cert_type": "01", "mdtrt_cert_no": "token"}, "certno"),
        ({"mdtrt_cert_type": "09", "mdtrt_cert_no": "1"}, "mdtrt_cert_type"),
        (
            {"mdtrt_cert_type": "02", "mdtrt_cert_no": CERTIFICATE, "certno": "1"},
            "certno",
        ),
        (
            {"mdtrt_cert_type": "02", "mdtrt_cert_no": CERTIFICATE, "psn_name": "王五"},
            "psn_name",
        ),
        ({"mdtrt_cert_type": "02"}, "mdtrt_cert_no"),
    ],
)
def test_who_is_not_found(sender: Sender, data: Message, told: str) -> None:
    """1101 that names nobody, or contradicts itself, is refused; a number is not repeated."""
    reply = sender.ask("1101", data)
    assert -1 == reply["infcode"]
    assert told in reply["err_msg"]
    assert CERTIFICATE not in reply["err_msg"]


def test_what_would_be_paid(sender: Sender, today: str) -> None:
    """2001 says of each fund whether it would pay, and why not."""
    data = {
        # Nobody's bills are paid from this purse: the tests of the folder share a server.
        "psn_no": "CZ005",
        "insutype": "310",
        "fixmedins_code": HOSPITAL,
        "med_type": "11",
        "begntime": f"{today} 08:00:00",
    }
    rows = sender.ask("2001", data)["output"]["trtinfo"]
    assert [("310102", "1", ""), ("310200", "1", "")] == [
        (row["fund_pay_type"], row["trt_enjymnt_flag"], row["trt_chk_rslt"])
        for row in rows
    ]
    assert {"2015-01-01"} == {row["begndate"] for row in rows}
    (resident,) = sender.ask("2001", {**data, "insutype": "390"})["output"]["trtinfo"]
    assert ("390102", "0") == (resident["fund_pay_type"], resident["trt_enjymnt_flag"])
    assert resident["trt_chk_rslt"]
    other = sender.ask("2001", {**data, "fixmedins_code": "H34110000002"})
    assert "fixmedins_code" in other["err_msg"]


def test_what_the_year_stands_at(sender: Sender) -> None:
    """5206 gives what is used of the deductible and paid by the fund: a settlement adds
    its own to both."""

    def stands() -> tuple[int, int]:
        rows = sender.ask("5206", {"psn_no": "CZ002"})["output"]["cuminfo"]
        by_code = {row["cum_type_code"]: fen(row["cum"]) for row in rows}
        return by_code["Q0000"], by_code["D310102"]

    before = stands()
    info = sender.settled(psn_no="CZ002")
    paid = (fen(info["act_pay_dedc"]), fen(info["hifp_pay"]))
    assert tuple(a + b for a, b in zip(before, paid, strict=True)) == stands()
    sender.ask(
        "2208", {"psn_no": "CZ002", "setl_id": info["setl_id"], "mdtrt_id": "V1"}
    )
    assert before == stands()


def test_months_of_a_year(sender: Sender) -> None:
    """5206 gives a month that is over as it ended; none that is to come, or is no month."""
    for month in ("209912", "2026", "202613"):
        wrong = sender.ask("5206", {"psn_no": "CZ002", "cum_ym": month})
        assert "cum_ym" in wrong["err_msg"]
    past = sender.ask("5206", {"psn_no": "CZ002", "cum_ym": "202501"})["output"]
    assert {("2025", "202501", "0.00")} == {
        (row["year"], row["cum_ym"], row["cum"]) for row in past["cuminfo"]
    }


@pytest.mark.parametrize("code", ["P34110000001", "H34110000003"])
@pytest.mark.parametrize("person_no", ["CZ003", "AQ001"])
def test_the_year_stands_the_same_everywhere(
    sender: Sender, code: str, person_no: str
) -> None:
    """5206 answers any institution alike, also of who is insured elsewhere."""
    asked = {"psn_no": person_no}
    here = sender.ask("5206", asked)["output"]
    assert here == sender.ask("5206", asked, fixmedins_code=code)["output"]
    assert here["cuminfo"]


def test_a_field_of_the_extension_is_named(sender: Sender) -> None:
    """What a refusal says of a field that the interface does not have is told by its place."""
    told = sender.ask("2207", {**SETTLE, "psn_no": "AQ001"})["err_msg"]
    assert "input.data.exp_content.gongji.filing_no" in told


def test_another_s_settlement_is_not_shown(sender: Sender) -> None:
    """5203 for another person, or by another institution, is as if there were none."""
    info = sender.settled()
    data = {"psn_no": PATIENT, "setl_id": info["setl_id"], "mdtrt_id": "V1"}
    stranger = sender.ask("5203", {**data, "psn_no": "CZ002"})
    elsewhere = sender.ask("5203", data, fixmedins_code="H34110000002")
    assert stranger["err_msg"] == elsewhere["err_msg"]
    assert (-1, -1) == (stranger["infcode"], elsewhere["infcode"])
    sender.ask("2208", data)


def packed(*lines: str) -> str:
    """Return a file of rows as 9101 carries it."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("rows.txt", "".join(f"{line}\n" for line in lines))
    return base64.b64encode(buffer.getvalue()).decode()


def differences(sender: Sender, today: str, *lines: str) -> list[list[str]]:
    """Upload lines (9101), compare them (3202), fetch what differs (9102)."""
    upload = {"in": packed(*lines), "filename": "rows.zip", "fixmedins_code": HOSPITAL}
    number = sender.ask("9101", upload, "fsUploadIn")["output"]["file_qury_no"]
    period = {"stmt_begndate": today, "stmt_enddate": today, "clr_type": "11"}
    compared = sender.ask("3202", {**period, "file_qury_no": number})
    made = compared["output"]["fileinfo"]["file_qury_no"]
    fetch = {"file_qury_no": made, "filename": "", "fixmedins_code": HOSPITAL}
    asked = json.dumps(sender.message("9102", fetch, "fsDownloadIn")).encode()
    reply = sender.client.send(asked)
    assert "application/zip" == reply.headers["content-type"]
    with zipfile.ZipFile(io.BytesIO(reply.content)) as archive:
        text = archive.read(archive.namelist()[0]).decode()
    return [line.split("\t") for line in text.splitlines()]


@pytest.mark.parametrize("name", ["对账.zip", 'a"; filename*=x', "rows.zip"])
def test_a_file_has_a_name_of_ours(sender: Sender, name: str) -> None:
    """What a sender calls its file comes back in the answer to 9101, and in no header."""
    upload = {"in": packed("row"), "filename": name.replace(" ", "")}
    upload["fixmedins_code"] = HOSPITAL
    told = sender.ask("9101", upload, "fsUploadIn")["output"]
    assert upload["filename"] == told["filename"]
    number = told["file_qury_no"]
    fetch = {"file_qury_no": number, "filename": "", "fixmedins_code": HOSPITAL}
    asked = json.dumps(sender.message("9102", fetch, "fsDownloadIn")).encode()
    reply = sender.client.send(asked)
    header = f'attachment; filename="{number}.zip"'
    assert (200, header) == (reply.status, reply.headers["content-disposition"])
    assert number.isalnum()


def test_rows_that_differ(sender: Sender, today: str) -> None:
    """Of a row that differs the file has the msgid by which 2601 takes it back."""
    message = sender.message("2207")
    info = sender.client.ask(message)["output"]["setlinfo"]
    number = info["setl_id"]
    wrong = [number, "V1", PATIENT, "1000.00", "1.00", "2.00", "0"]
    rows = differences(sender, today, "\t".join(wrong))
    (row,) = [one for one in rows if number in one]
    assert [PATIENT, "V1", number, message["msgid"], "1"] == row[:5]
    back = {"psn_no": PATIENT, "omsgid": row[3], "oinfno": "2207"}
    assert 0 == sender.ask("2601", back)["infcode"]
    told = sender.ask("5203", named(PATIENT, info))["output"]["setlinfo"]
    assert "1" == told["refd_setl_flag"]


def test_rows_that_agree(sender: Sender, today: str) -> None:
    """A row that agrees is not in the file of differences."""
    info = sender.settled()
    amounts = [info[name] for name in COMPARED]
    row = "\t".join([info["setl_id"], "V1", PATIENT, *amounts, "0"])
    found = differences(sender, today, row)
    assert [] == [one for one in found if info["setl_id"] in one]
    sender.ask("2208", named(PATIENT, info))


COMPARED = ("medfee_sumamt", "fund_pay_sumamt", "acct_pay")


def test_totals_are_compared(sender: Sender, today: str) -> None:
    """3201 is in balance with the figures the service has, and says each that differs."""
    period = {"stmt_begndate": today, "stmt_enddate": today}
    told = sender.ask("3201", {**TOTALS, **period, "medfee_sumamt": "0.01"})
    assert "medfee_sumamt 中心" in told["output"]["stmtinfo"]["stmt_rslt_dscr"]


def test_signing_in(sender: Sender) -> None:
    """9001 gives a number for the day; 9002 ends it, once."""
    sign_in = {"opter_no": "001", "mac": "0", "ip": "127.0.0.1"}
    message = sender.message("9001", sign_in, "signIn")
    first, again = (sender.client.ask(message)["output"] for _ in range(2))
    number = first["signinoutb"]["sign_no"]
    assert first == again
    assert len(number) <= 30
    sign_out = {"sign_no": number, "opter_no": "001"}
    codes = [sender.ask("9002", sign_out, "signOut")["infcode"] for _ in range(2)]
    assert [0, -1] == codes


def test_times_are_the_clock_s(sender: Sender) -> None:
    """An answer says when its message came and when it was answered, to the millisecond."""
    reply = sender.ask("2206")
    came, left = (
        datetime.strptime(reply[name][:14], "%Y%m%d%H%M%S").replace(tzinfo=SHANGHAI)
        for name in ("refmsg_time", "respond_time")
    )
    assert all(len(reply[name]) == 17 for name in ("refmsg_time", "respond_time"))
    assert abs(datetime.now(SHANGHAI) - came) < timedelta(minutes=5)
    assert came <= left
