// The tasks of the conformance suite, which tests/conformance/README.md describes: what judges service.h.
#include <google/protobuf/struct.pb.h>

#include <iostream>

#include "gongji/v1/access.pb.h"
#include "gongji/v1/binding.grpc.pb.h"
#include "gongji/v1/settlement.grpc.pb.h"
#include "money.h"
#include "service.h"

using namespace gongji::v1;
using google::protobuf::ListValue;
using google::protobuf::Struct;
using Settlements = SettlementService::Stub;

constexpr int kReadings = 3;  // how often a list is begun before its reader is told

static void put(Struct& result, const std::string& key, const std::string& text) {
  (*result.mutable_fields())[key].set_string_value(text);
}

static const char* const kCodes[] = {
    "OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS",
    "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED",
    "INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED"};

/** The rows of every page: only a page without a token is the last, however few rows a page has. */
static ListValue pages(Service& service, Settlements& settlements, ListSettlementsRequest request) {
  ListValue rows;
  do {
    const auto reply = service.call(settlements, &Settlements::ListSettlements, request);
    // A reversed settlement has a second row, its refund, on the day of that.
    for (const auto& row : reply.rows())
      if (!row.refund()) rows.add_values()->set_string_value(row.settlement_id());
    request.mutable_page()->set_token(reply.next_page_token());
  } while (!request.page().token().empty());
  return rows;
}

static Struct perform(Service& service, const Struct& task, const std::string& id) {
  const auto settlements = SettlementService::NewStub(service.channel);
  const auto part = [&](const char* key) { return json_of(task.fields().at(key)); };
  const auto text = [&](const char* key) { return task.fields().at(key).string_value(); };
  const std::string what = text("do");
  Struct result;
  if (what == "quote") {
    QuoteRequest request;
    *request.mutable_bill() = read<Bill>(part("bill"));
    const auto quoted = service.call(*settlements, &Settlements::Quote, request).settlement();
    put(result, "fund_fen", std::to_string(quoted.fund_fen()));
  } else if (what == "settle") {
    SettleRequest request;
    request.set_request_id(id);
    *request.mutable_bill() = read<Bill>(part("bill"));
    const auto reply = service.call(*settlements, &Settlements::Settle, request);
    put(result, "settlement_id", reply.settlement().settlement_id());
    put(result, "fund_fen", std::to_string(reply.settlement().fund_fen()));
    (*result.mutable_fields())["replayed"].set_bool_value(reply.receipt().replayed());
  } else if (what == "submit") {
    auto request = read<SubmitBindingRequest>(part("application"));
    request.set_request_id(id);
    const auto bindings = BindingService::NewStub(service.channel);
    const auto binding = service.call(*bindings, &BindingService::Stub::SubmitBinding, request).binding();
    put(result, "binding_id", binding.binding_id());
    // A state of a later version comes as its number.
    const bool known = BindingState_IsValid(binding.state());
    put(result, "state", known ? BindingState_Name(binding.state()) : std::to_string(binding.state()));
  } else if (what == "reverse") {
    ReverseRequest request;
    request.set_request_id(id);
    request.set_settlement_id(text("settlement_id"));
    request.set_why("患者退费");
    const auto reply = service.call(*settlements, &Settlements::Reverse, request);
    put(result, "settlement_id", reply.settlement().settlement_id());
    (*result.mutable_fields())["replayed"].set_bool_value(reply.receipt().replayed());
  } else if (what == "list") {
    ListSettlementsRequest request;
    *request.mutable_patient() = read<PersonRef>(part("patient"));
    request.set_from_day(text("from_day"));
    request.set_to_day(text("to_day"));
    request.mutable_page()->set_size(int(task.fields().at("page_size").number_value()));
    for (int reading = 1;; reading++) try {
        *(*result.mutable_fields())["settlement_ids"].mutable_list_value() = pages(service, *settlements, request);
        break;
      } catch (const Refusal& refused) {
        // From the first page again, and without the rows read, where a token is not accepted.
        if (refused.reason != "PAGE_TOKEN_INVALID" || reading == kReadings) throw;
      }
  } else if (what == "wait") {
    std::this_thread::sleep_for(std::chrono::duration<double>(task.fields().at("seconds").number_value()));
  } else {
    throw std::invalid_argument("不认识的任务 " + what);
  }
  put(result, "outcome", "done");
  return result;
}

void perform_all(Service& service, const std::string& tasks) {
  refuse_yuan(tasks);
  const double longest_s = service.deadline_s;
  const auto list = read<ListValue>(tasks);
  for (const auto& value : list.values()) {
    const Struct& task = value.struct_value();
    const auto deadline = task.fields().find("deadline_s"), subject = task.fields().find("subject"), end = task.fields().end();
    service.deadline_s = deadline == end ? longest_s : deadline->second.number_value();
    service.subject = subject == end ? "" : read<Subject>(json_of(subject->second)).SerializeAsString();
    const std::string id = new_id();
    Struct result;
    try {
      result = perform(service, task, id);
    } catch (const Refusal& refused) {
      put(result, "outcome", refused.unknown() ? "unknown" : "refused");
      put(result, "code", kCodes[refused.code]);
      if (refused.unknown()) {
        put(result, "request_id", id);
      } else {
        put(result, "reason", refused.reason);
        put(result, "message", refused.message);
      }
    }
    std::cout << json_of(result) << std::endl;
  }
}
