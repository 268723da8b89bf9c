// Why a call to a broker failed, as far as a caller can act on it.
// Owner: values; no shard.
// Invariant: `code` is other than none exactly where `what` is `refused`: the broker answered, and said no.
#pragma once

#include "kafka/error_code.h"

#include <expected>
#include <string>

namespace millrace::client {

enum class errc {
    unreachable, // no connection could be made
    closed,      // the connection ended before the answer came
    timed_out,   // no answer within the request timeout, or not delivered within the delivery timeout
    malformed,   // the answer does not decode, or answers something else
    unsupported, // no version in common for this request
    refused,     // the broker answered with an error code
    bad_data,    // records that were read do not decode
};

struct failure {
    errc what = errc::closed;
    kafka::error_code code = kafka::error_code::none;
    std::string detail; // for people: the address, or the broker's own message
};

template <class T> using result = std::expected<T, failure>;

inline std::unexpected<failure> fail(errc what, std::string detail = {}) {
    return std::unexpected{failure{what, kafka::error_code::none, std::move(detail)}};
}
// The broker's message where it sent one, Kafka's own sentence otherwise.
std::unexpected<failure> refuse(kafka::error_code code, std::string_view message = {});

// Whether the same call may succeed later, perhaps at another broker.
bool is_retriable(const failure& f);
// One line: what happened, and what can be done about it.
std::string describe(const failure& f);

} // namespace millrace::client
