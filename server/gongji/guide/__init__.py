"""A city's handling guide (办理指南), from its rules alone."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

from gongji.cities.city import City
from gongji.guide import (
    binding,
    channels,
    paying,
    sources,
)
from gongji.guide.builder import GuideBuilder
from gongji.guide.calculator import calculator
from gongji.guide.html import to_html
from gongji.guide.markdown import to_markdown
from gongji.guide.notes import with_notes
from gongji.guide.page import (
    PROVINCIAL,
    GuidePage,
    Statement,
)

_DATED = "适用日期："


def title(city: City) -> str:
    """Return the title: "滁州市职工医保个人账户家庭共济与门诊共济办理指南"."""
    return f"{city.name}职工医保个人账户家庭共济与门诊共济办理指南"


def markdown(city: City, day: date) -> str:
    """Return the guide as CommonMark with tables. NotInForce before the first rule."""
    return to_markdown(page(city, day))


def html(city: City, day: date) -> str:
    """Return the guide as one self-contained HTML page. NotInForce before the first rule."""
    return to_html(page(city, day), calculator(city.rules(day)))


def undated(
    city: City, since: date, write: Callable[[City, date], str]
) -> tuple[str, str]:
    """Return a guide of the period that begins on a day, cut where its day stands.

    On each day of a period a guide says the same, but for that day.
    """
    before, dated, behind = write(city, since).partition(f"{_DATED}{since}")
    return before + dated.removesuffix(str(since)), behind


def page(city: City, day: date) -> GuidePage:
    """Return the guide as data. NotInForce before the first rule.

    No template holds a figure: whoever changes a rule value changes the guide.
    """
    builder = GuideBuilder(city.rules(day))
    # Who and how before money, as people ask; enquiries last.
    sections = (
        *binding.sections(builder),
        *channels.sections(builder),
        *binding.later_sections(builder),
        *paying.sections(builder),
        *binding.enquiry_sections(builder),
    )
    return GuidePage(
        title=title(city),
        lead=_lead(city, day),
        sections=(
            *with_notes(builder, sections),
            *sources.sections(city, builder),
        ),
    )


def _lead(city: City, day: date) -> tuple[Statement, ...]:
    adopted = f"；采用的候选修订：{'、'.join(city.adoptions)}" if city.adoptions else ""
    in_force = f"{_DATED}{day}。规则：{city.plugin} {city.version}{adopted}。"
    marks = (
        f"方括号内为所依据的条款，原文见文末“{sources.HEADING}”；"
        f"{PROVINCIAL}表示本市没有另行规定，按全省规则；〔推定〕表示没有文件依据，"
        "〔未证实〕表示来源未经证实，均以经办机构答复为准。"
    )
    return Statement(in_force), Statement(marks)
