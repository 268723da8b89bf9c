// The network of the simulation: streams between shards of one world, with seeded delays and seeded cuts of the bytes.
// Owner: the world owns the network; each shard has its own `transport`; a listener and its streams belong to the shard
// that made them.
// Invariant: bytes of one direction arrive once each, in order; at most `window_bytes_max` are under way or unread.
#pragma once

#include "runtime/transport.h"
#include "sim/schedule.h"

#include <map>
#include <vector>

namespace millrace::sim {

inline constexpr std::size_t window_bytes_max = 256 * 1024;
inline constexpr std::size_t segment_bytes_max = 16 * 1024; // largest piece that travels at once
inline constexpr std::size_t lent_bytes_max = 4 * 1024;     // largest buffer `receive` lends

inline constexpr runtime::nanoseconds retransmission_time = runtime::milliseconds{200}; // TCP's shortest, on Linux

class sim_listener;
class stream_end;

// What is wrong with the network just now, for all its streams.
struct network_trouble {
    runtime::mono_time split_until{}; // nothing arrives before
    std::uint64_t lost_one_in = 0;    // segments; 0: none
};

class network {
  public:
    explicit network(schedule& when) : when_{when} {}

    // Breaks every stream: both ends see the connection reset, bytes under way are lost.
    void reset_all();
    // Likewise of one, chosen by seed; nothing if there is none.
    void reset_one();
    // Nothing arrives for so long, in any direction; then all that was sent does, in order.
    void split(runtime::nanoseconds duration) { trouble_.split_until = when_.now() + duration; }
    // One segment in so many is lost, and comes when TCP has sent it again. 0: none.
    void lose(std::uint64_t one_in) { trouble_.lost_one_in = one_in; }
    std::uint64_t connections() const { return connections_; }

  private:
    friend class sim_listener;
    friend class transport;
    struct accepting; // the part of a listener that outlives it

    schedule& when_;
    network_trouble trouble_;
    std::map<std::uint16_t, std::vector<std::shared_ptr<accepting>>> listeners_;
    std::vector<std::weak_ptr<stream_end>> ends_; // the connecting sides
    std::uint16_t next_port_ = 40'000;
    std::uint64_t connections_ = 0;
};

class transport final : public runtime::transport {
  public:
    explicit transport(network& over) : network_{over} {}
    // Port 0 takes a free one. The host is not looked at: the world is one machine.
    runtime::result<std::unique_ptr<runtime::listener>> listen(const runtime::endpoint& at, int backlog,
                                                               runtime::accept_handler& handler) override;
    runtime::task<runtime::result<std::unique_ptr<runtime::stream>>> connect(runtime::endpoint to) override;
    std::unique_ptr<runtime::stream> take_in(std::unique_ptr<runtime::departed_stream> from) override;
    // The shard whose streams these are. REQUIRES: told before the first use.
    void serve(runtime::shard& home) { home_ = &home; }

  private:
    network& network_;
    runtime::shard* home_ = nullptr;
};

} // namespace millrace::sim
