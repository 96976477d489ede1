"""Names of authorities on statements: one a city, of cities that there are."""

from __future__ import annotations

from pathlib import Path

import pytest
from gongji.serve.settings import Settings

MALFORMED = [
    "",
    "340800",
    "340800=",
    "340800= ",
    "=某市医疗保障局",
    "3408=某市",
    "a40800=某市",
]


def settings(*authority: str, data: Path = Path("nowhere")) -> Settings:
    """Settings with some names."""
    return Settings.parse(
        adopt=(),
        retired_credit=(),
        authority=authority,
        address="127.0.0.1:0",
        data=data,
    )


def test_a_name_for_each_city(tmp_path: Path) -> None:
    """Each name is kept by its city, without blanks around it; the last of one stands."""
    made = settings("340800=甲", "341100= 乙 ", "340800=丙=丁", data=tmp_path)
    assert {"340800": "丙=丁", "341100": "乙"} == made.authorities
    assert made.cities().all


@pytest.mark.parametrize("text", MALFORMED)
def test_what_is_no_name_is_refused(text: str) -> None:
    """A sentence shows how it is written."""
    with pytest.raises(ValueError, match="340800=某市医疗保障局"):
        settings(text)


def test_a_city_that_there_is_not_is_refused(tmp_path: Path) -> None:
    """A mistyped city stops the start, so that nothing is issued under another name."""
    with pytest.raises(ValueError, match="没有接入医保区划为 349999 的城市"):
        settings("349999=某市医疗保障局", data=tmp_path).cities()
