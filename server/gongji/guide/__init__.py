"""A city's handling guide (办理指南), the whole of it, from the rule values in force on
a day and nothing else.

The guide is built once as a `GuidePage` and written as Markdown or as one
self-contained HTML page. Its templates hold no figures: whoever changes a rule
value changes the guide.
"""

from __future__ import annotations

from datetime import date

from gongji.cities.city import City
from gongji.guide import binding, channels, paying, sources
from gongji.guide.html import to_html
from gongji.guide.markdown import to_markdown
from gongji.guide.notes import with_notes
from gongji.guide.page import PROVINCIAL, GuidePage, Said
from gongji.guide.speaker import Speaker


def title(city: City) -> str:
    """The guide's title: "滁州市职工医保个人账户家庭共济与门诊共济办理指南"."""
    return f"{city.name}职工医保个人账户家庭共济与门诊共济办理指南"


def markdown(city: City, day: date) -> str:
    """The guide as CommonMark with tables. NotInForce before the first rule."""
    return to_markdown(page(city, day))


def html(city: City, day: date) -> str:
    """The guide as one HTML page that needs nothing else. NotInForce before the first rule."""
    return to_html(page(city, day))


def page(city: City, day: date) -> GuidePage:
    """The guide as data. NotInForce before the first rule."""
    speaker = Speaker(city.rules(day))
    told = (
        *binding.sections(speaker),
        *channels.sections(speaker),
        *binding.later_sections(speaker),
        *paying.sections(speaker),
        *binding.enquiry_sections(speaker),
    )
    return GuidePage(
        title(city),
        _lead(city, day),
        (*with_notes(speaker, told), *sources.sections(city, speaker)),
    )


def _lead(city: City, day: date) -> tuple[Said, ...]:
    adopted = f"; 采用的候选修订: {'、'.join(city.adoptions)}" if city.adoptions else ""
    return (
        Said(f"适用日期: {day}。规则: {city.plugin} {city.version}{adopted}。"),
        Said(
            f"方括号内为所依据的条款, 原文见文末“{sources.HEADING}”; "
            f"{PROVINCIAL}表示本市没有另行规定, 按全省规则; 〔推定〕表示没有文件依据, "
            "〔未证实〕表示来源未经证实, 均以经办机构答复为准。"
        ),
    )
