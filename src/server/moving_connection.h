// A connection between two shards: its stream and what it remembers of its client.
// Owner: a message; made by the shard it leaves, used up by the shard it reaches.
// Invariant: no request is under way and no frame is half cut; `received` holds the bytes that no frame was cut from yet.
#pragma once

#include "runtime/transport.h"
#include "server/fetch_session.h"
#include "server/home_choice.h"

#include <memory>
#include <string>
#include <vector>

namespace millrace::server {

struct moving_connection {
    shard_id to{};
    std::unique_ptr<runtime::departed_stream> stream;
    std::string peer_host; // as it was counted; a socket that was reset on the way cannot tell it any more
    runtime::endpoint advertised;
    std::vector<std::byte> received;
    std::unique_ptr<fetch_session> session; // null: none
    home_choice choice{0};
};

} // namespace millrace::server
