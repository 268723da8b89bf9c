// How many connections there are, in all and from each address.
// Owner: the node; every shard's front asks it, once when a connection comes and once when it is gone.
// Invariant: neither limit is passed, whatever shard accepted a connection or has it now. It is a lock because it is taken
// per connection, never per request; and a connection that moves does not touch it.
#pragma once

#include "base/assert.h"

#include <cstdint>
#include <mutex>
#include <string>
#include <unordered_map>

namespace millrace::server {

class connection_count {
  public:
    // What descriptors and max.connections leave room for; nothing before it is told. Those over a lower limit stay.
    void limit(std::int64_t open_max) {
        std::lock_guard alone{mutex_};
        open_max_ = open_max;
    }
    // False: there is no room for another one from this address.
    bool enter(const std::string& host, std::int64_t of_host_max) {
        std::lock_guard alone{mutex_};
        if (open_ >= open_max_ || of_host_max <= 0) return false;
        auto& of_host = by_host_[host]; // no entry is made in vain: one that stands already has counted somebody
        if (of_host >= of_host_max) return false;
        ++of_host;
        ++open_;
        return true;
    }
    void leave(const std::string& host) {
        std::lock_guard alone{mutex_};
        auto at = by_host_.find(host);
        MR_ASSERT(at != by_host_.end(), "a connection left that never entered");
        if (--at->second == 0) by_host_.erase(at);
        --open_;
    }

  private:
    std::mutex mutex_;
    std::int64_t open_ = 0;
    std::int64_t open_max_ = 0;
    std::unordered_map<std::string, std::int64_t> by_host_;
};

} // namespace millrace::server
