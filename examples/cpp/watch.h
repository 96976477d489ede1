// What a service tells without being asked again: its health, and what happens to people.
#pragma once

#include <string>
#include <vector>

#include "gongji/v1/event.grpc.pb.h"
#include "grpc/health/v1/health.grpc.pb.h"
#include "service.h"

/** How a service is now: what a watcher is told first, each change comes later. */
inline std::string health_of(const Service& service, const std::string& name) {
  using namespace grpc::health::v1;
  const auto health = Health::NewStub(service.channel);
  HealthCheckRequest asked;
  asked.set_service(name);
  grpc::ClientContext context;
  service.prepare(context);
  HealthCheckResponse now;
  const auto changes = health->Watch(&context, asked);
  const bool said = changes->Read(&now);
  context.TryCancel();
  const grpc::Status ended = changes->Finish();
  if (!said) throw Refusal(ended, context);
  return HealthCheckResponse::ServingStatus_Name(now.status());
}

/** The kinds of events that were told, and where to go on. */
struct Events {
  std::vector<std::string> kinds;
  std::string cursor;
};

/**
 * What happened to people behind a cursor, so many events at most. A cursor is kept when what came with it has been dealt with:
 * whoever begins with it again misses nothing, after a broken connection too. "" is now.
 */
inline Events events_of(const Service& service, const std::vector<gongji::v1::PersonRef>& people, const std::string& cursor,
                        size_t most) {
  const auto events = gongji::v1::EventService::NewStub(service.channel);
  gongji::v1::WatchRequest request;
  for (const auto& one : people) *request.add_persons() = one;
  request.set_cursor(cursor);
  request.set_until_now(true);
  grpc::ClientContext context;
  service.prepare(context);
  const auto messages = events->Watch(&context, request);
  Events told{{}, cursor};
  gongji::v1::WatchResponse message;
  while (messages->Read(&message)) {
    if (message.has_event()) told.kinds.push_back(gongji::v1::EventKind_Name(message.event().kind()));
    told.cursor = message.cursor();
    if (told.kinds.size() < most) continue;
    context.TryCancel();
    messages->Finish();
    return told;
  }
  const grpc::Status ended = messages->Finish();
  if (!ended.ok()) throw Refusal(ended, context);
  return told;
}
