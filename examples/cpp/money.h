// Yuan as people write them and whole fen as the service counts them, never mixed up.
#pragma once

#include <google/protobuf/util/json_util.h>

#include <iomanip>
#include <regex>
#include <sstream>
#include <stdexcept>
#include <string>

/** An amount as people write it, "900.50" yuan, as whole fen: 90050. */
inline int64_t fen(const std::string& yuan) {
  static const std::regex written("([0-9]{1,13})(\\.([0-9]{1,2}))?");
  std::smatch parts;
  if (!std::regex_match(yuan, parts, written))
    throw std::invalid_argument("金额 " + yuan + " 不是元：请写作 900.50，至多两位小数");
  return std::stoll(parts[1].str() + (parts[3].str() + "00").substr(0, 2));
}

/** Fen as people read them. */
inline std::string in_yuan(int64_t fen) {
  std::ostringstream text;
  text << fen / 100 << "." << std::setw(2) << std::setfill('0') << fen % 100 << " 元";
  return text.str();
}

/** Yuan in a field of fen: protobuf's JSON would take "100.00" for 100 fen. */
inline void refuse_yuan(const std::string& json) {
  static const std::regex value("\"(\\w+_fen)\"\\s*:\\s*(\"[^\"]*\"|[^\\s,}]+)"), whole("\"-?[0-9]+\"|-?[0-9]+");
  for (std::sregex_iterator found(json.begin(), json.end(), value), end; found != end; ++found)
    if (!std::regex_match((*found)[2].str(), whole))
      throw std::invalid_argument((*found)[1].str() + " 写了 " + (*found)[2].str() +
                                  "：这里是分，须是整数；元请先以 fen(\"100.00\") 换算");
}

/** A message from protobuf JSON. */
template <class M>
M read(const std::string& json) {
  refuse_yuan(json);
  M message;
  const auto status = google::protobuf::util::JsonStringToMessage(json, &message);
  if (!status.ok()) throw std::invalid_argument(std::string(status.message()));
  return message;
}

/** A part of JSON, as JSON. */
template <class M>
std::string json_of(const M& message) {
  std::string json;
  (void)google::protobuf::util::MessageToJsonString(message, &json);
  return json;
}
