"""List the policy questions of a new city, in the order they are asked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from gongji.cities import anhui
from gongji.kit.newcity import reading as r


@dataclass(frozen=True, slots=True)
class Question:
    """One question: its key in the answers file, what it asks, how it is answered.

    `sourced` answers are rule values and stand under clauses; the others only name
    things. `needed` ones must be answered if anything of their group is.
    """

    key: str
    asks: str
    how: str
    read: r.Reader
    sourced: bool = True
    needed: bool = False

    @property
    def group(self) -> str:
        """The table of the answers file."""
        return self.key.partition(".")[0]

    @property
    def field(self) -> str:
        """The key in that table."""
        return self.key.partition(".")[2]

    @property
    def name(self) -> str:
        """How a fault names it."""
        return f"{self.key}（{self.asks}）"


PROVINCIAL_CHANNELS: Final = anhui.channels()[-1].value

_MONEY = "元；一个数，或一级、二级、三级三个数"

_KEEPABLE = {word: word for word in PROVINCIAL_CHANNELS}

GROUPS: Final = {
    "city": "城市",
    "employee": "职工医保门诊待遇",
    "resident": "城乡居民医保门诊待遇",
    "binding": "绑定的条件",
    "channel": "本市自己的办理渠道",
}
"""Tables of the answers file, as an interview announces them."""

CITY: Final = (
    Question(
        "city.name",
        "城市名称",
        "如 芜湖市",
        r.matching(r"\S{2,20}市", "须以“市”结尾"),
        sourced=False,
        needed=True,
    ),
    Question(
        "city.pinyin",
        "名称的拼音",
        "小写字母，如 wuhu；用作插件名称",
        r.matching(r"[a-z]{2,24}", "须为2至24个小写字母"),
        sourced=False,
        needed=True,
    ),
    Question(
        "city.area_code",
        "医保区划",
        "地市级六位数字，如 340200",
        r.matching(r"34(?!00)[0-9]{2}00", "须为安徽省的地市级六位数字，如 340200"),
        sourced=False,
        needed=True,
    ),
    Question(
        "city.since", "首个施行日", "如 2025-01-01", r.day, sourced=False, needed=True
    ),
    Question(
        "city.source",
        "条款的出处",
        "文件名称与文号；条款未另写出处的都出自它",
        r.matching(r"(?s)\S.*", "不得为空"),
        sourced=False,
        needed=True,
    ),
    Question(
        "city.verified_on",
        "最近一次与原文核对的日子",
        "如 2025-01-01；没有核对过不写",
        r.day,
        sourced=False,
    ),
)


def _table(scheme: str, *, needed: bool) -> tuple[Question, ...]:
    """Return the questions about one scheme's reimbursement table."""
    return (
        Question(
            f"{scheme}.deductible",
            "起付标准",
            _MONEY,
            r.by_level(r.amount),
            needed=needed,
        ),
        Question(
            f"{scheme}.year_max",
            "年度累计起付标准上限",
            "元，或 不设限",
            r.amount_or_no_limit,
        ),
        Question(
            f"{scheme}.ratio",
            "支付比例",
            "百分数；一个数，或一级、二级、三级三个数",
            r.by_level(r.ratio),
            needed=needed,
        ),
        Question(
            f"{scheme}.visit_cap",
            "每次就诊支付限额",
            f"{_MONEY}；或 不设限",
            r.by_level(r.amount_or_no_limit),
        ),
        Question(
            f"{scheme}.pharmacy", "定点药店", "不支付，或按一级、二级、三级", r.pharmacy
        ),
        Question(
            f"{scheme}.odd",
            "有意的反常待遇",
            f"确有规定才写：{'、'.join(r.ODDITIES)}",
            r.several(r.ODDITIES),
        ),
    )


EMPLOYEE: Final = (
    *_table("employee", needed=False),
    Question(
        "employee.retired",
        "退休人员的支付比例",
        "+5 表示高5个百分点；或三个级别的百分数",
        r.retired,
    ),
    Question(
        "employee.cap",
        "年度支付限额",
        "元；一个数，或在职、退休两个数；或 不设限",
        r.by_standing,
    ),
)

RESIDENT: Final = (
    *_table("resident", needed=True),
    Question(
        "resident.cap",
        "年度支付限额",
        "元，或 不设限",
        r.amount_or_no_limit,
        needed=True,
    ),
)

BINDING: Final = (
    Question(
        "binding.relations", "亲属范围", "、".join(r.RELATIONS), r.chosen(r.RELATIONS)
    ),
    Question(
        "binding.scope",
        "统筹区范围",
        "、".join(r.SCOPES),
        r.chosen(r.SCOPES),
    ),
    Question(
        "binding.family_limit",
        "家庭账户人数上限",
        "5人，不含授权人；7人，含授权人；不设限",
        r.family_limit,
    ),
)

CHANNEL: Final = (
    Question(
        "channel.id",
        "渠道编号",
        "小写字母、数字与下划线，如 city_wechat",
        r.matching(r"[a-z][a-z0-9_]{1,30}", "须为小写字母、数字与下划线"),
        sourced=False,
        needed=True,
    ),
    Question(
        "channel.name",
        "渠道名称",
        "如 “芜湖医保”小程序",
        r.matching(r"(?s)\S.*", "不得为空"),
        needed=True,
    ),
    Question(
        "channel.kind",
        "渠道种类",
        "、".join(r.KINDS),
        r.chosen(r.KINDS),
        sourced=False,
        needed=True,
    ),
    Question("channel.hours", "服务时间", "24小时，或 工作日 9:00-17:00", r.hours),
    Question(
        "channel.checks",
        "身份核验",
        f"{'、'.join(r.CHECKS)}；可写几项，或 无",
        r.several(r.CHECKS),
        needed=True,
    ),
    Question(
        "channel.fields",
        "填报信息",
        f"{'、'.join(r.FIELDS)}；可写几项，或 无",
        r.several(r.FIELDS),
        needed=True,
    ),
    Question(
        "channel.materials",
        "办理材料",
        (
            f"{'、'.join(r.MATERIALS)}；其一即可写“或”，要原件加“{r.ORIGINAL}”，"
            f"有条件加“{r.IF_UNKNOWN}”；或 无"
        ),
        r.materials,
        needed=True,
    ),
    Question(
        "channel.review",
        "审核时限",
        "即时；3个工作日；1-3个工作日；核验通过即时，否则3个工作日",
        r.review,
        needed=True,
    ),
    Question(
        "channel.keep",
        "保留的全省渠道",
        f"{'、'.join(_KEEPABLE)}；或 无；不写则全部保留",
        r.several(_KEEPABLE),
        sourced=False,
    ),
)

QUESTIONS: Final = (*CITY, *EMPLOYEE, *RESIDENT, *BINDING, *CHANNEL)
