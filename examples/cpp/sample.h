// What a channel would have asked a sample family for.
#pragma once

#include <google/protobuf/struct.pb.h>
#include <google/protobuf/util/time_util.h>

#include "money.h"
#include "service.h"

/** Texts with something in between. */
template <class Texts>
std::string joined(const Texts& texts, const std::string& between) {
  std::string text;
  for (const std::string& one : texts) text += (text.empty() ? "" : between) + one;
  return text;
}

/** What a channel would have asked for, as JSON: the application and a bill of a sample family. */
inline google::protobuf::Struct prepared(const std::string& path) {
  using Time = google::protobuf::util::TimeUtil;
  const auto now = Time::GetCurrentTime();
  const auto instant = Time::ToString(Time::SecondsToTimestamp(now.seconds()));
  const auto today = Time::ToString(now + Time::HoursToDuration(8)).substr(0, 10);
  const auto text = std::regex_replace(content(path), std::regex("NOW"), instant);
  return read<google::protobuf::Struct>(std::regex_replace(text, std::regex("TODAY"), today));
}
