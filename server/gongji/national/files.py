"""9101 文件上传 and 9102 文件下载: a zipped file of lines, and 3202's place among them."""

from __future__ import annotations

import base64
import binascii
import io
import zipfile
import zlib
from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

from google.protobuf.empty_pb2 import Empty

from gongji.national.envelope import Shape
from gongji.national.fields import Table, carried
from gongji.national.forms import ANY, ID, NationalFault
from gongji.national.heads import envelope
from gongji.national.signing_in import written

_SENDER: Final = carried(
    "fixmedins_code", "医药机构编号", "须与报文头相同", ID, required=True
)

UPLOAD: Final = Shape(
    infno="9101",
    proto=Empty,
    envelope=envelope(),
    node="fsUploadIn",
    fields=(
        carried("in", "文件数据", "base64 文本，或字节（0–255）的数组", ANY),
        carried("filename", "文件名", "只回传", ID, required=True),
        _SENDER,
    ),
)

_DOWNLOAD: Final[Table] = (
    carried("file_qury_no", "文件查询号", "9101 或 3202 所给", ID, required=True),
    carried("filename", "文件名", "不参与决定"),
    _SENDER,
)

DOWNLOAD: Final = Shape(
    infno="9102",
    proto=Empty,
    envelope=envelope(),
    node="fsDownloadIn",
    fields=_DOWNLOAD,
)

_ENCRYPTED: Final = 0x1
"""Bit of a member's flags."""


def bytes_in(value: object) -> bytes:
    """Return the bytes of a file as 9101 carries them. NationalFault."""
    try:
        if isinstance(value, str) and value:
            return base64.b64decode(value, validate=True)
        if isinstance(value, list) and value:
            # Java's bytes are signed.
            return bytes([int(one) & 0xFF for one in value if _is_byte(one)])
    except (binascii.Error, ValueError):
        pass
    raise NationalFault(
        "input.fsUploadIn.in 应为文件的 base64 文本，或字节（0 至 255）的数组"
    )


def _is_byte(value: object) -> bool:
    if isinstance(value, int) and not isinstance(value, bool) and -128 <= value <= 255:
        return True
    raise ValueError(value)


def lines_in(archive: bytes, longest: int) -> list[str]:
    """Return the lines of the one text in a ZIP, at most so many bytes. NationalFault."""
    try:
        text = _text_in(archive, longest)
    # zipfile raises all of these for a file that is damaged or none.
    except (
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        NotImplementedError,
        OSError,
        ValueError,
    ) as fault:
        if isinstance(fault, NationalFault):
            raise
        raise NationalFault(
            "上传的文件不是完好的 ZIP，或其中的文本不是 UTF-8"
        ) from fault
    # Not splitlines(): in the national files only a line feed ends a line.
    return text.removesuffix("\n").split("\n") if text else []


def _text_in(archive: bytes, longest: int) -> str:
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        members = [one for one in opened.infolist() if not one.is_dir()]
        if len(members) != 1 or members[0].flag_bits & _ENCRYPTED:
            raise NationalFault("上传的 ZIP 里应恰有一个不加密的 TXT 文件")
        # What it says of its size is not believed: no more than this is unpacked.
        with opened.open(members[0]) as member:
            content = member.read(longest + 1)
    if len(content) > longest:
        raise NationalFault(f"上传的文件解开后超过 {longest >> 20} MiB")
    return content.decode("utf-8-sig")


def zipped(name: str, lines: Iterable[str]) -> bytes:
    """Return a ZIP with one text of these lines; the same lines make the same bytes."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        member = zipfile.ZipInfo(f"{name}.txt")
        member.compress_type = zipfile.ZIP_DEFLATED
        archive.writestr(member, "".join(f"{line}\n" for line in lines))
    return packed.getvalue()


def upload_output(
    number: str, name: str, sender: str, until: datetime
) -> dict[str, Any]:
    """Return the output of 9101, which has no node of its own."""
    return {
        "file_qury_no": number,
        "filename": name,
        "fixmedins_code": sender,
        "dld_endtime": written(until),
    }


def fileinfo_output(number: str, name: str, until: datetime) -> dict[str, Any]:
    """Return the output of 3202: where the differences are to be fetched."""
    info = {"file_qury_no": number, "filename": name, "dld_endtime": written(until)}
    return {"fileinfo": info}
