"""`gongji verify-statement`, and what must not stand on what is handed out."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import pypdfium2 as pdfium
import pytest
from gongji.client import statement
from gongji.client.connection import connect

from tests.cli.command import StartSandbox, gongji
from tests.cli.family import HOLDER, PARTIES, family_service, texts_of


@pytest.fixture
def target(serving: StartSandbox) -> str:
    """The address of a service that knows the family's days."""
    return family_service(serving)


def _sample() -> list[dict[str, str]]:
    """Return the people of the sample."""
    file = files("gongji.client") / "sample" / "persons.csv"
    return list(csv.DictReader(file.read_text("utf-8").splitlines()))


class TestMasked:
    """What a file says of people."""

    @pytest.mark.parametrize("side", PARTIES)
    def test_nobody_is_named_in_full(self, target: str, side: str) -> None:
        """Neither text nor metadata nor bytes of a file hold a full name, a certificate
        or a phone; who else takes part is named masked, with the relation."""
        person_no, name = PARTIES[side]
        file = gongji(
            *(
                "statement",
                person_no,
                "--side",
                side,
                "--format",
                "pdf",
                "--target",
                target,
            )
        ).stdout_bytes

        text = "".join(texts_of(file)) + str(
            pdfium.PdfDocument(file).get_metadata_dict()
        )
        for person in _sample():
            for secret in (person["name"], person["cert_no"], person["phone"]):
                assert secret not in text
                assert secret.encode() not in file
        assert name in text
        if side != "account":
            assert {"holder": "汪**AQ003母亲", "member": "方**AQ001（本人是其母亲）"}[
                side
            ] in text


class TestVerify:
    """`gongji verify-statement`: what was handed out, by file or by what is typed in."""

    def _issued(self, target: str, folder: Path) -> tuple[Path, str, str]:
        """Return a file with its number and code."""
        path = folder / "x.pdf"
        gongji("statement", HOLDER, "--out", path, "--target", target)
        return path, *statement.printed_on(path.read_bytes())

    def test_typed_in(self, target: str, tmp_path: Path) -> None:
        """Number and code, however typed, list what stands on the paper; with --json too."""
        _, number, code = self._issued(target, tmp_path)
        typed = ("--number", number.replace("-", " "), "--code", code.lower())

        shown = gongji("verify-statement", *typed, "--target", target)
        told = gongji("--json", "verify-statement", *typed, "--target", target)

        assert 0 == shown.exit_code
        assert "合计\t\t\t\t346.00" in shown.output
        assert "编号与验证码相符：安庆市示例医疗保障局于" in shown.output
        found = json.loads(told.output)
        assert {"charged_fen": 34600} == found["statement"]["closing"]
        assert code == found["statement"]["issued"]["code"]
        assert None is found["file"]

    def test_a_changed_file_is_told(self, target: str, tmp_path: Path) -> None:
        """A file under a genuine number whose total is another ends with 1 and says both."""
        _, number, code = self._issued(target, tmp_path)
        with connect(target) as channel:
            sheet = statement.verified(channel, number, code)
        path = tmp_path / "forged.pdf"
        closing = (*sheet.closing[:4], 9_999_999, "")
        path.write_bytes(statement.to_pdf(replace(sheet, closing=closing)))

        checked = gongji("verify-statement", str(path), "--target", target)

        assert 1 == checked.exit_code
        assert "文件经人改动：与存根有 1 处不同" in checked.output
        assert "文件「合计99,999.99」，存根「合计346.00」" in checked.output

    def test_a_paper_nobody_issued(self, target: str, tmp_path: Path) -> None:
        """Another code, an unknown number and a file of something else end with 1; half of
        what is asked for with 2."""
        _, number, code = self._issued(target, tmp_path)
        (tmp_path / "no.pdf").write_bytes(b"%PDF-1.7 nothing")
        wrong = code[:-1] + ("1" if code.endswith("0") else "0")
        for arguments, status, message in (
            (("--number", number, "--code", wrong), 1, "没有此编号与验证码"),
            (("--number", "20250101-0", "--code", code), 1, "没有此编号与验证码"),
            ((str(tmp_path / "no.pdf"),), 1, "不是可读的 PDF"),
            (("--number", number), 2, "同时给出 --number 与 --code"),
            ((), 2, "请给出 PDF 文件"),
        ):
            checked = gongji("verify-statement", *arguments, "--target", target)
            assert (status, True) == (checked.exit_code, message in checked.output)
