// One answer on its way out, in its place among the answers of its connection.
// Owner: the operation that builds it; between `connection::expect` and `ended` it stands in the connection's line.
// Invariant: answers leave in the order of their requests, whatever the order in which they are ready.
#pragma once

#include "kafka/header.h"
#include "runtime/transport.h"

#include <cstddef>
#include <vector>

namespace millrace::server {

class connection;

struct reply : runtime::outgoing, hook_of<struct reply_order_tag> {
    connection* owner = nullptr;
    bool ready = false;
    bool silent = false;          // acks=0: keeps its place, sends nothing
    std::vector<std::byte> bytes; // of the answer, without what comes from files

    // After the last byte was given to the kernel, or the stream failed. May reuse or free the reply.
    virtual void ended() noexcept = 0;

  protected:
    reply() : outgoing{&on_sent} {}
    ~reply() = default;

  private:
    static void on_sent(runtime::completion& c) noexcept;
};

// The whole frame of an answer whose bytes are all in memory. `version` is one that the API has.
template <class Response>
void encode_reply(std::vector<std::byte>& into, const Response& body, std::int16_t version, std::int32_t correlation_id) {
    const std::size_t size = kafka::response_header_size(Response::api, version) + encoded_size(body, version);
    into.resize(kafka::frame_prefix_bytes + size);
    writer out{into};
    out.i32(static_cast<std::int32_t>(size));
    kafka::encode_response_header(out, Response::api, version, correlation_id);
    encode(out, body, version);
    MR_ASSERT(out.remaining() == 0, "an answer was shorter than its computed size");
}

} // namespace millrace::server
