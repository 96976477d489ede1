// A channel's start with gongji in C++: see README.md. Without an argument it does the tasks of the conformance suite.
#include <google/protobuf/util/time_util.h>

#include <iostream>

#include "gongji/v1/binding.grpc.pb.h"
#include "gongji/v1/settlement.grpc.pb.h"
#include "grpc/health/v1/health.grpc.pb.h"
#include "sample.h"
#include "service.h"
#include "watch.h"

using namespace gongji::v1;
using google::protobuf::util::TimeUtil;
using namespace grpc::health::v1;
using Bindings = BindingService::Stub;
using Settlements = SettlementService::Stub;

/** Applies, first with too little, deciding only: what is unmet comes whole. Then with everything; records the member's consent. */
static Binding bind(Service& service, SubmitBindingRequest application) {
  const auto bindings = BindingService::NewStub(service.channel);
  act_for(service, application.holder());
  application.set_request_id(new_id());
  SubmitBindingRequest bare = application;
  bare.clear_agreement();
  bare.clear_identity_checks();
  bare.set_validate_only(true);
  bare.set_explain(true);
  const auto unmet = service.call(*bindings, &Bindings::SubmitBinding, bare).unmet();
  std::cout << "绑定（只问不办）：" << unmet.reason() << "，" << unmet.conditions_size() << " 个条件不符合：\n";
  for (const auto& one : unmet.conditions()) {
    std::cout << "  " << ConditionCode_Name(one.code()) << " " << one.fields(0).path() << "（"
              << joined(one.clauses(), ",") << "）：" << one.message() << "\n";
    if (one.ways_size())
      for (const auto& step : one.ways(0).steps()) std::cout << "    办法：" << step.text() << "\n";
  }
  Binding binding = service.call(*bindings, &Bindings::SubmitBinding, application).binding();
  if (binding.state() == BINDING_STATE_AWAITING_CONSENT) {
    act_for(service, application.member());
    RecordConsentRequest request;
    request.set_request_id(new_id());
    request.set_binding_id(binding.binding_id());
    request.mutable_consent()->set_method(CONSENT_METHOD_OWN_ACCOUNT);
    *request.mutable_consent()->mutable_at() = TimeUtil::GetCurrentTime();
    binding = service.call(*bindings, &Bindings::RecordConsent, request).binding();
  }
  std::cout << "绑定：" << binding.binding_id() << " " << BindingState_Name(binding.state()) << "\n";
  if (binding.state() == BINDING_STATE_UNDER_REVIEW) {
    // The operator of a trial may approve; a channel waits for the city's reviewer.
    ReviewBindingRequest request;
    request.set_request_id(new_id());
    request.set_binding_id(binding.binding_id());
    request.set_reviewer("clerk-1");
    request.set_verdict(REVIEW_VERDICT_APPROVE);
    binding = service.call(*bindings, &Bindings::ReviewBinding, request).binding();
    std::cout << "审核通过：" << binding.binding_id() << " " << BindingState_Name(binding.state()) << "\n";
  }
  return binding;
}

/** Settles a bill, and sends the same request again, as after a lost reply: the money moves once. */
static std::string settle(Service& service, Settlements& settlements, const Bill& bill) {
  QuoteRequest quote;
  *quote.mutable_bill() = bill;
  const auto quoted = service.call(settlements, &Settlements::Quote, quote).settlement();
  std::cout << "预结算：统筹 " << in_yuan(quoted.fund_fen()) << "，账户 " << in_yuan(quoted.account_fen())
            << "（共济 " << in_yuan(quoted.aid_fen()) << "），现金 " << in_yuan(quoted.cash_fen()) << "\n";
  SettleRequest request;
  request.set_request_id(new_id());
  *request.mutable_bill() = bill;
  const auto settled = service.call(settlements, &Settlements::Settle, request);
  const auto again = service.call(settlements, &Settlements::Settle, request);
  std::cout << "结算：" << settled.settlement().settlement_id() << "；同号重发：" << again.settlement().settlement_id()
            << "，replayed = " << std::boolalpha << again.receipt().replayed() << "\n";
  return settled.settlement().settlement_id();
}

/** Reads the patient's rows page by page: only a page without a token is the last. */
static void list(Service& service, Settlements& settlements, const Bill& bill) {
  ListSettlementsRequest request;
  *request.mutable_patient() = bill.patient();
  request.set_from_day(bill.service_day());
  request.set_to_day(bill.service_day());
  request.mutable_page()->set_size(1);
  int pages = 0, rows = 0;
  for (; pages == 0 || !request.page().token().empty(); pages++) {
    const auto reply = service.call(settlements, &Settlements::ListSettlements, request);
    rows += reply.rows_size();
    request.mutable_page()->set_token(reply.next_page_token());
  }
  std::cout << "列出：" << pages << " 页，" << rows << " 行\n";
}

/** Tells three events since a cursor, and after a break the rest: none is missed. */
static void watch(const Service& service, const std::vector<PersonRef>& people, const std::string& cursor) {
  const auto first = events_of(service, people, cursor, 3);
  const auto rest = events_of(service, people, first.cursor, 100);
  std::cout << "事件：" << joined(first.kinds, "、") << "；断开再续：" << joined(rest.kinds, "、") << "\n";
}

static void start(Service& service, const std::string& path) {
  const auto health = Health::NewStub(service.channel);
  HealthCheckRequest asked;
  const auto now = service.call(*health, &Health::Stub::Check, asked);
  std::cout << "健康检查：" << HealthCheckResponse::ServingStatus_Name(now.status()) << "\n";
  std::cout << "结算服务现在：" << health_of(service, "gongji.v1.SettlementService") << "\n";
  const auto fields = prepared(path).fields();
  const auto application = read<SubmitBindingRequest>(json_of(fields.at("application")));
  Bill bill = read<Bill>(json_of(fields.at("bill")));
  bill.set_total_fen(fen("2000.50"));
  bill.set_in_scope_fen(bill.total_fen());
  const std::vector<PersonRef> people{application.holder(), application.member()};
  const auto begun = events_of(service, people, "", 0).cursor;
  const Binding binding = bind(service, application);
  act_for(service, bill.patient());
  const auto settlements = SettlementService::NewStub(service.channel);
  ReverseRequest reverse;
  reverse.set_settlement_id(settle(service, *settlements, bill));
  reverse.set_request_id(new_id());
  reverse.set_why("患者退费");
  const auto reversed = service.call(*settlements, &Settlements::Reverse, reverse);
  for (const auto& refund : reversed.refunds())
    std::cout << "撤销：" << in_yuan(refund.fen()) << " 退回 " << refund.purse() << " 的账户\n";
  reverse.set_request_id(new_id());
  try {
    service.call(*settlements, &Settlements::Reverse, reverse);
  } catch (const Refusal& refused) {
    std::cout << "再撤一次，被拒绝：" << refused.reason << " " << refused.message << "\n";
  }
  list(service, *settlements, bill);
  act_for(service, application.holder());
  UnbindRequest unbind;
  unbind.set_request_id(new_id());
  unbind.set_binding_id(binding.binding_id());
  unbind.set_channel(application.channel());
  const auto ended = service.call(*BindingService::NewStub(service.channel), &Bindings::Unbind, unbind);
  std::cout << "解绑：" << binding.binding_id() << " " << BindingState_Name(ended.binding().state()) << "\n";
  watch(service, people, begun);
}

void perform_all(Service& service, const std::string& tasks);

int main(int, char** arguments) try {
  Service service(variable("GONGJI_TARGET"));
  arguments[1] ? start(service, arguments[1]) : perform_all(service, variable("GONGJI_TASK"));
} catch (const std::exception& error) {
  std::cerr << error.what() << "\n";
  return 1;
}
