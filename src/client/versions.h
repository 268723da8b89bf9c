// Which version of each API to speak with one broker: the highest that both sides know.
// Owner: one per connection, filled once by ApiVersions.
// Invariant: `of` never answers a version that our codec or the broker does not know.
#pragma once

#include "kafka/api_key.h"
#include "kafka/messages/api_versions.h"

#include <map>
#include <optional>

namespace millrace::client {

// REQUIRES: both ranges as inclusive bounds.
std::optional<std::int16_t> highest_common(const kafka::api_description& ours, std::int16_t their_min,
                                           std::int16_t their_max);

class versions {
  public:
    void learn(const kafka::api_versions_response& answer);
    std::optional<std::int16_t> of(kafka::api_key key) const;

  private:
    std::map<kafka::api_key, std::int16_t> chosen_;
};

} // namespace millrace::client
