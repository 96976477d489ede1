"""Tables and lines in the width of a terminal: whatever they say, what counts stays whole."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import redirect_stdout
from io import StringIO
from itertools import pairwise

import pytest
from gongji.cli.grid import is_amounts
from gongji.cli.layout import WHOLE, wrapped
from gongji.cli.terminal import Terminal, on_terminal
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

NARROW = 80

AMOUNTS = st.builds(lambda fen: f"{fen / 100:,.2f}", st.integers(-(10**13), 10**13))
CLAUSES = st.from_regex(r"(A|C|T-CZ|L)[1-9][0-9]{0,3}", fullmatch=True)
TEXT = (
    "支付 余额 统筹基金 结算编号 （ ） 「已生效」 ， 。 、 元 由授权人的个人账户支付的部分尚有 "
    "gongji check anqing 6b9c1a5e-52f1-4f0e-9d3a-0c7a3a1f5b11 2026-11-30"
)
WORDS = st.sampled_from(TEXT.split())
SENTENCES = st.lists(st.one_of(WORDS, WORDS, AMOUNTS, CLAUSES), max_size=30).map(
    lambda words: "，".join(words[:12]) + " ".join(words[12:])
)
CELLS = {
    "amount": AMOUNTS,
    "clauses": st.lists(CLAUSES, max_size=20).map("、".join),
    "in_words": SENTENCES,
    "name": st.sampled_from(
        ["陈示一", "安庆示例社区卫生服务中心", "滁州市第一人民医院" * 4]
    ),
    "count": st.integers(0, 10**9),
}

# An amount or a clause with nothing of the same kind beside it.
WHOLE_AMOUNT = re.compile(r"(?<![\d,.])-?\d{1,3}(?:,\d{3})*\.\d\d(?![\d,.])")
WHOLE_CLAUSE = re.compile(
    r"(?<![A-Za-z0-9-])(?:A|C|T-CZ|L)[1-9][0-9]{0,3}(?![A-Za-z0-9])"
)


@st.composite
def tables(draw: st.DrawFn) -> tuple[list[str], list[dict[str, object]]]:
    columns = draw(st.lists(st.sampled_from(list(CELLS)), min_size=1, max_size=9))
    keys = [f"{kind}" if n == 0 else f"{kind}{n}" for n, kind in enumerate(columns)]
    row = st.fixed_dictionaries(
        {key: CELLS[kind] for key, kind in zip(keys, columns, strict=True)}
    )
    return keys, draw(st.lists(row, min_size=1, max_size=4))


def printed(output: Callable[[Terminal], None]) -> list[str]:
    """Return the lines that are printed on a terminal, without their colours."""
    with redirect_stdout(StringIO()) as out:
        output(Terminal())
    return re.sub(r"\x1b\[[0-9;]*m", "", out.getvalue()).splitlines()


def counted(pattern: re.Pattern[str], texts: Sequence[str]) -> Counter[str]:
    return Counter(found for text in texts for found in pattern.findall(text))


@pytest.fixture(autouse=True, scope="module")
def narrow() -> Iterator[None]:
    """Have terminals of 80 columns."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLUMNS", str(NARROW))
        patch.setenv("FORCE_COLOR", "1")
        yield


def assert_whole(said: Sequence[str], lines: Sequence[str]) -> None:
    """Each amount and clause stands in a line as often as it was said; no line is wider."""
    assert max(map(cell_len, lines), default=0) <= NARROW
    for pattern in (WHOLE_AMOUNT, WHOLE_CLAUSE):
        assert counted(pattern, said) <= counted(pattern, lines)


Rows = list[dict[str, object]]


@settings(max_examples=50)
@given(table=tables())
def test_nothing_that_counts_is_broken(table: tuple[list[str], Rows]) -> None:
    """Whatever a table holds, amounts and clauses stay whole, within the width."""
    keys, rows = table
    said = [str(cell) for row in rows for cell in row.values()]
    assert_whole(said, printed(lambda t: t.table("rows", rows, keys)))


@settings(max_examples=50)
@given(sentence=SENTENCES)
def test_lines_are_broken_like_cells(sentence: str) -> None:
    """So they do in a sentence for people."""
    assert_whole([sentence], printed(lambda t: t.say(sentence)))


@settings(max_examples=50)
@given(sentence=SENTENCES)
def test_a_guide_is_broken_like_cells(sentence: str) -> None:
    """So they do in the paragraphs, lists and tables of a guide."""
    text = sentence.strip() or "无"
    table = f"| 项 | 数 |\n|---|---|\n| 一 | {text} |\n"
    lines = printed(lambda t: t.markdown(f"一 {text}\n\n- 一 {text}\n\n{table}"))
    assert_whole([text] * 3, lines)


@settings(max_examples=30)
@given(amounts=st.lists(AMOUNTS, min_size=1, max_size=6))
def test_amounts_end_below_each_other(amounts: list[str]) -> None:
    """In a column of amounts all end at one place; names beside them begin at one."""
    rows: Rows = [{"name": "甲", "amount": one} for one in amounts]
    lines = printed(lambda t: t.table("rows", rows, ["name", "amount"]))
    lines = [line for line in lines if "甲" in line]
    assert amounts == [line.split("│")[2].strip() for line in lines]
    assert 1 == len({len(line.rstrip(" │")) for line in lines})
    assert {"│ 甲"} == {line[:3] for line in lines}


def test_what_does_not_fit_is_read_downwards() -> None:
    """Rows of too many columns are blocks: a label and its value a line."""
    keys = ["city", "amount", "area_code", "plugin", "version", "digest", "why"]
    rows: Rows = [dict.fromkeys(keys, "12345678901234")] * 2
    lines = printed(lambda t: t.table("rows", rows, keys))
    assert 2 == sum(line.startswith("城市 ") for line in lines)
    assert not [line for line in lines if "│" in line]


@settings(max_examples=30)
@given(amounts=st.lists(st.tuples(AMOUNTS, AMOUNTS), min_size=1, max_size=4))
def test_amounts_of_blocks_end_below_each_other(
    amounts: list[tuple[str, str]],
) -> None:
    """So they do in blocks, where what is empty has no line."""
    keys = ["city", "plugin", "fund", "why", "purse"]
    wide = "x" * 34
    rows: Rows = [
        dict(zip(keys, (wide, wide, fund, "", purse), strict=True))
        for fund, purse in amounts
    ]
    lines = printed(lambda t: t.table("rows", rows, keys))
    ends = [line for line in lines if line.startswith(("统筹支付", "账户"))]
    assert 1 == len(set(map(cell_len, ends)))
    assert not [line for line in lines if "│" in line or line.startswith("理由")]


def test_a_label_is_broken_before_its_unit() -> None:
    """A label of narrow amounts is broken between words and before a unit only."""
    keys = ["费用总额（元）", "统筹基金（元）", "使用人编号", *"甲乙丙丁"]
    rows: Rows = [dict.fromkeys(keys, "1,234.56")]
    lines = printed(lambda t: t.table("rows", rows, keys))
    assert any("费用总额 ┃ 统筹基金 ┃" in line for line in lines)
    assert any("（元） ┃" in line and "使用人编号" in line for line in lines)


def test_faults_are_broken_like_cells(monkeypatch: pytest.MonkeyPatch) -> None:
    """What click prints behind its own word is as wide as the terminal, and whole."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    message = "账户余额不足：" + "， ".join(["尚有 1,234,567.89 元"] * 9)
    lines = f"Error: {on_terminal(message)}".split("\n")
    assert_whole([message], lines)
    assert message.split() == " ".join(lines).removeprefix("Error: ").split()


def test_empty_results_say_so() -> None:
    """A table without rows is a sentence, not an empty frame."""
    assert ["访问记录：没有"] == printed(lambda t: t.table("accesses", [], ["at"]))


def test_a_command_is_one_line() -> None:
    """What is to be copied, behind an indent, is never broken."""
    command = f"  buf curl {'-H x ' * 40}"
    assert [command.rstrip()] == [
        line.rstrip() for line in printed(lambda t: t.say(command))
    ]


def test_a_pipe_is_told_too(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a terminal the first line of an empty table says so, its columns follow."""
    monkeypatch.delenv("FORCE_COLOR")
    Terminal().table("accesses", [], ["at", "caller"])
    assert "# 访问记录：没有\n时刻\t调用方\n" == capsys.readouterr().out


@given(text=SENTENCES, width=st.integers(WHOLE, 100))
def test_a_text_is_only_broken(text: str, width: int) -> None:
    """Lines hold the whole text in its order but for spaces, none wider than allowed, and
    none begins with a closing sign or ends with an opening one that could stand elsewhere."""
    lines = wrapped(text, width)
    assert re.sub(r"\s", "", text) == re.sub(r"\s", "", "".join(lines))
    assert max(map(cell_len, lines)) <= width
    for before, line in pairwise(lines):
        closing = re.match(r"[、，。）」]+", line)
        assert (
            not closing
            or before[-1:] in "、，。（）「」"
            or cell_len(before) > width - 8
        )


@given(text=st.text(max_size=60), width=st.integers(2, 20))
def test_any_text_at_any_width(text: str, width: int) -> None:
    """Whatever a text holds, however narrow the terminal, nothing of it is lost."""
    lines = wrapped(text, width)
    assert "".join(text.split()) == "".join("".join(lines).split())


COLUMNS = {
    "amounts": (["1.00", "-2,000.00", "—"], True),
    "percent": (["60%", "7.5%"], True),
    "yuan": (["800元", "1,500元"], True),
    "numbers": ([1, 20, 300], True),
    "codes": (["341100", "340800"], False),
    "people": (["CZ001"], False),
    "days": (["2026-11-30"], False),
    "truths": ([True, False], False),
    "mixed": (["1.00", "没有账户"], False),
    "nothing": (["", "—"], False),
}


@pytest.mark.parametrize(("cells", "right"), COLUMNS.values(), ids=COLUMNS)
def test_what_is_an_amount(cells: list[object], *, right: bool) -> None:
    """Numbers and amounts are set to the right; codes, days and names are not."""
    assert right is is_amounts(cells)
