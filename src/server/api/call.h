// One request as a handler in this folder sees it, and what it may use to build its answer.
// Owner: the connection; lives until the answer is encoded.
// Invariant: an answer points only at the request, the arena, the image kept here, or static text.
//
// Each API has one file here with one function
//     runtime::task<kafka::x_response> answer(const kafka::x_request& in, call& c);
// declared in handlers.h. Errors that concern the request go into the answer; there is no other way to fail.
#pragma once

#include "kafka/message.h"
#include "runtime/transport.h"
#include "server/home_choice.h"
#include "server/shard_context.h"

#include <cstring>

namespace millrace::server {

struct call {
    shard_context& here;
    cluster::image_ptr image;       // as it was when the request was read; handlers that change it look at here.image again
    std::int16_t version = 0;
    kafka::message_arena& arena;
    const runtime::endpoint& advertised; // where this client finds us: advertised.listeners, or the address it reached
    std::string_view client_id;
    std::string_view client_host; // a numeric address
    home_choice* home = nullptr;  // the connection's; told of the shards that its requests visit
};

// Text that outlives its maker: copied into the arena.
inline std::string_view keep(kafka::message_arena& arena, std::string_view text) {
    auto room = arena.make_array<char>(text.size());
    if (!text.empty()) std::memcpy(room.data(), text.data(), text.size());
    return {room.data(), text.size()};
}
template <class T> kafka::array_view<T> keep(kafka::message_arena& arena, const std::vector<T>& items) {
    auto room = arena.make_array<T>(items.size());
    for (std::size_t i = 0; i < items.size(); ++i) room[i] = items[i];
    return room;
}

} // namespace millrace::server
