// How a channel calls gongji from C++: TLS, token, deadline, retry under the same request id, and what a refusal says.
#pragma once

#include <google/protobuf/util/time_util.h>
#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <random>
#include <regex>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>

#include "gongji/v1/access.pb.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"

inline std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

/** The content of a file; "" if none is named. */
inline std::string content(const std::string& path) {
  if (path.empty()) return "";
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error("读不到文件 " + path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

/** A fresh id, made once for each business request, from chance alone: a UUID of version 4. */
inline std::string new_id() {
  static std::random_device chance;
  std::string id = "xxxxxxxx-xxxx-4xxx-yxxx-xxxxxxxxxxxx";
  for (char& c : id)
    if (c == 'x' || c == 'y') c = "0123456789abcdef"[c == 'x' ? chance() % 16 : 8 + chance() % 4];
  return id;
}

/** An error as the service explains it. */
struct Refusal : std::runtime_error {
  grpc::StatusCode code;
  std::string reason, message;
  double pause_s = 0;

  Refusal(const grpc::Status& status, const grpc::ClientContext& context)
      : Refusal(status, details_of(status)) {
    const auto& trailers = context.GetServerTrailingMetadata();
    auto pushback = trailers.find("grpc-retry-pushback-ms");
    if (pushback == trailers.end()) return;
    const std::string ms(pushback->second.data(), pushback->second.size());
    pause_s = std::max(pause_s, std::atof(ms.c_str()) / 1000);
  }

  /** Executed or not: the same request with the same id finds out. */
  bool unknown() const {
    // gRPC 1.51 says CANCELLED of a call on a connection that was just being closed; we cancel none ourselves.
    return code == grpc::StatusCode::UNAVAILABLE || code == grpc::StatusCode::DEADLINE_EXCEEDED ||
           code == grpc::StatusCode::CANCELLED;
  }

 private:
  Refusal(const grpc::Status& status, const google::rpc::Status& said)
      : std::runtime_error(status.error_message()), code(status.error_code()), message(status.error_message()) {
    google::rpc::ErrorInfo info;
    google::rpc::LocalizedMessage sentence;
    google::rpc::RetryInfo retry;
    for (const auto& detail : said.details()) {
      if (detail.UnpackTo(&info)) reason = info.reason();
      if (detail.UnpackTo(&sentence)) message = sentence.message();
      if (detail.UnpackTo(&retry)) pause_s = retry.retry_delay().seconds() + retry.retry_delay().nanos() / 1e9;
    }
  }

  static google::rpc::Status details_of(const grpc::Status& status) {
    google::rpc::Status said;
    said.ParseFromString(status.error_details());
    return said;
  }
};

/** One connection, used for everything, and for whom the next calls are made. */
class Service {
 public:
  std::shared_ptr<grpc::Channel> channel;
  double deadline_s = 10;
  std::string subject;  // gongji.v1.Subject, packed

  /** TLS if its roots are named, with our certificate if that is too; else plain, to this very machine only. */
  explicit Service(const std::string& target) {
    const bool plain = variable("GONGJI_CA").empty();
    if (plain && !variable("GONGJI_TOKEN_FILE").empty() &&
        !std::regex_match(target, std::regex(R"((localhost|127\.0\.0\.1|\[::1\])(:[0-9]+)?)")))
      throw std::runtime_error("GONGJI_TOKEN_FILE：令牌不加密时只发往本机，" + target + " 不是；请设 GONGJI_CA");
    grpc::SslCredentialsOptions tls;
    tls.pem_root_certs = content(variable("GONGJI_CA"));
    tls.pem_private_key = content(variable("GONGJI_KEY"));
    tls.pem_cert_chain = content(variable("GONGJI_CERT"));
    grpc::ChannelArguments options;
    // After a broken connection the next attempt need not wait for the usual second.
    options.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
    channel = grpc::CreateCustomChannel(target, plain ? grpc::InsecureChannelCredentials() : grpc::SslCredentials(tls), options);
  }

  /** Sends the same request, and so the same request id, until it is answered: later each time, never sooner than asked. */
  template <class Stub, class Q, class R>
  R call(Stub& stub, grpc::Status (Stub::*method)(grpc::ClientContext*, const Q&, R*), const Q& request) {
    double wait_s = 0.15;
    for (int attempt = 1;; attempt++, wait_s = std::min(2 * wait_s, 3.0)) {
      grpc::ClientContext context;
      prepare(context);
      R reply;
      const grpc::Status status = (stub.*method)(&context, request, &reply);
      if (status.ok()) return reply;
      const Refusal refusal(status, context);
      const bool again = refusal.unknown() || refusal.code == grpc::StatusCode::RESOURCE_EXHAUSTED;
      if (!again || attempt == 4) throw refusal;
      std::this_thread::sleep_for(std::chrono::duration<double>(std::max(wait_s, refusal.pause_s)));
    }
  }

  /** Says of one call its deadline, who calls and for whom; people belong in requests, else never in metadata. */
  void prepare(grpc::ClientContext& context) const {
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::milliseconds(int64_t(1000 * deadline_s)));
    context.AddMetadata("x-gongji-caller", "start-cpp");
    // Anew each time: a token is replaced before it runs out.
    std::istringstream token(content(variable("GONGJI_TOKEN_FILE")));
    std::string word;
    if (token >> word) context.AddMetadata("authorization", "Bearer " + word);
    if (!subject.empty()) context.AddMetadata("x-gongji-subject-bin", subject);
  }
};

/** For whom the next calls are made: a person who has just been identified. */
inline void act_for(Service& service, const gongji::v1::PersonRef& person) {
  gongji::v1::Subject subject;
  *subject.mutable_person() = person;
  subject.set_identification(gongji::v1::IDENTIFICATION_FACE);
  *subject.mutable_identified_at() = google::protobuf::util::TimeUtil::GetCurrentTime();
  subject.set_evidence("start-session-1");
  subject.set_purpose(gongji::v1::ACCESS_PURPOSE_OWN_REQUEST);
  service.subject = subject.SerializeAsString();
}
