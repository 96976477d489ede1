"""Care in another pooling area (异地就医): who files, until when, what the fund then pays."""

from __future__ import annotations

from gongji.cities.anhui import clauses as c
from gongji.cities.anhui.since import provincial, step
from gongji.rules.channels import Procedure
from gongji.rules.clauses import Clause, Grade, Timeline
from gongji.rules.codes import FilingKind, VisitKind
from gongji.rules.elsewhere import (
    ClaimPaper,
    ClaimTerms,
    FilingTerms,
    FundElsewhere,
    OutOfArea,
)
from gongji.rules.hookspecs import hookimpl


def _unconfirmed(number: str, source: str, text: str) -> Clause:
    return Clause(number, text, source, Grade.UNCONFIRMED)


S5E = _unconfirmed(
    "S5E", "网页“安徽淮南职工报销”", "转述：淮南临时异地普通门诊不予报销。"
)

S6E = _unconfirmed(
    "S6E",
    "github good9527/china-medical-insurance, src/data/anhui",
    "转述：长三角区域内异地就医直接结算无须备案，按参保地比例支付；"
    "转诊备案的按参保地比例的90%，未备案的按70%。",
)

S22E = _unconfirmed(
    "S22E",
    "健康问答网页",
    "转述：居民跨省未转诊的住院支付比例60%；备案的临时外出就医先自付10%，未备案的先自付20%。",
)

S25 = _unconfirmed(
    "S25",
    "https://qy.bendibao.com/news/yidijiuyi",
    "转述：异地长期居住备案长期有效，临时外出就医备案有效期不少于6个月。",
)

S26 = _unconfirmed(
    "S26", "国家异地就医政策的转述", "转述：异地就医执行就医地目录、参保地政策。"
)

T81 = Clause.assumption(
    "T81",
    "H7只写备案登记，没有写种类；按异地长期居住、异地转诊、临时外出就医、异地急诊四种备案，"
    "都向参保地办理，除急诊外须在就医之前。",
)

T82 = Clause.assumption(
    "T82",
    "除异地长期居住外，备案的期限至少6个月（S25），没有写明到期日的为6个月。",
)

T83 = Clause.assumption(
    "T83",
    "异地急诊来不及预先备案的，可以自就诊日起7日内补办，这种备案只用于急诊；"
    "没有文件写明天数与医疗类别。",
)

T84 = Clause.assumption(
    "T84",
    "异地门诊由统筹基金按参保地的起付标准、比例和限额支付（S26），各种备案都不增减；"
    "S6E、S22E的系数和先自付写的是住院，不用于门诊。",
)

T85 = Clause.assumption(
    "T85", "没有文件写明哪些地区免于备案，除本统筹区外都须备案（H7）。"
)

T86 = Clause.assumption(
    "T86",
    "手工结算（H6）没有文件写明期限、材料和时限：本地与异地自行付清的门诊费用，就诊次年年底之前"
    "凭票据、费用清单、病历和身份凭证申报，20个工作日内办结。",
)

T87 = Clause.assumption(
    "T87",
    "手工结算按就诊日的规则，与直接结算支付同样的统筹基金，付给本人；费用已由本人付清，"
    "不再从个人账户扣款，也不把账户的钱退成现金。",
)

T88 = Clause.assumption(
    "T88",
    "一个机构的一张票据只支付一次；已撤销的结算、未支付的手工结算不占用票据。"
    "没有票据号的，同一患者、机构、就诊日和金额的须由经办人核对。",
)

_ON_PAPER = ClaimTerms(
    working_days=20,
    years_after=1,
    papers=(
        ClaimPaper.INVOICE,
        ClaimPaper.ITEM_LIST,
        ClaimPaper.MEDICAL_RECORD,
        ClaimPaper.PATIENT_IDENTITY,
    ),
    clauses=(c.H6, T86, T87, T88),
)

_AS_AT_HOME = FundElsewhere(clauses=(T84,))

_LONG_TERM = FilingTerms(fund=_AS_AT_HOME, clauses=(c.H7, T81))

_SIX_MONTHS = FilingTerms(
    least_months=6, fund=_AS_AT_HOME, clauses=(c.H7, S25, T81, T82)
)

_EMERGENCY = FilingTerms(
    least_months=6,
    late_days=7,
    visits=(VisitKind.EMERGENCY,),
    fund=_AS_AT_HOME,
    clauses=(c.H7, S25, T81, T82, T83),
)


_PROCEDURE = Procedure(
    title="异地就医",
    steps=(
        step("选择异地直接结算或者手工结算", c.H6),
        step(
            "在参保地医保经办机构办理备案登记",
            c.H7,
            caution="选择直接结算的须预先办理",
        ),
        step("携带社会保障卡或电子医保凭证到异地定点医疗机构就医", c.H8, c.H12),
    ),
)


@hookimpl
def out_of_area() -> Timeline[OutOfArea]:
    """异地直接结算须预先备案，也可手工结算；持社保卡或电子医保凭证就医（H6–H8，H12）。

    备案的种类、期限、补办和支付比例，以及怎样手工结算，没有文件写明（推定 T81–T88）。"""
    return provincial(
        OutOfArea(
            filing_before_direct_settlement=True,
            procedure=_PROCEDURE,
            filing_clauses=(c.H7,),
            kinds={
                FilingKind.LONG_TERM: _LONG_TERM,
                FilingKind.REFERRAL: _SIX_MONTHS,
                FilingKind.TEMPORARY: _SIX_MONTHS,
                FilingKind.EMERGENCY: _EMERGENCY,
            },
            claims=_ON_PAPER,
        ),
        clauses=[
            c.H6,
            c.H7,
            c.H8,
            c.H12,
            S25,
            S26,
            T81,
            T82,
            T83,
            T84,
            T85,
            T86,
            T87,
            T88,
        ],
        against=[c.H5, c.C86, c.S5, S5E, S6E, S22E],
        why=(
            "X13：标题问黄山而正文写合肥，故作为全省通行的做法，不归于黄山一市；"
            "各地报销政策尚未统一（C86）。S5E、S6E、S22E均未经证实，写的又多是住院，"
            "门诊不用；各市有文件的，由其插件另行写明。"
        ),
        settles=[c.X13],
    )
