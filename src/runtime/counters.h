// What a shard counts about itself, readable by any thread at any time.
// Owner: one per shard, written by that shard only.
// Invariant: a counter never goes down; a reader may see one counter newer than another.
#pragma once

#include <atomic>
#include <cstdint>

namespace millrace::runtime {

// One writer, any readers: an add without a locked instruction.
class counter {
  public:
    void add(std::uint64_t n) { value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed); }
    void raise_to(std::uint64_t n) {
        if (n > value_.load(std::memory_order_relaxed)) value_.store(n, std::memory_order_relaxed);
    }
    std::uint64_t read() const { return value_.load(std::memory_order_relaxed); }

  private:
    std::atomic<std::uint64_t> value_{0};
};

struct counters {
    // loop
    counter turns;
    counter waits;               // turns that ended in a sleeping wait
    counter busy_ns;             // in turns; what the kernel does for the ring while we wait is not in it
    counter stalls_parse;        // turns over stall_threshold, by the phase that took longest
    counter stalls_append;
    counter stalls_commit;
    counter stalls_send;
    counter longest_stall_ns;
    counter doorbells_rung;
    counter messages_sent;       // to other shards
    counter messages_delayed;    // mailbox was full, sent a turn later
    // ring and system calls (io)
    counter ring_enters;
    counter ring_submissions;
    counter ring_punts;          // operations known to go to a kernel worker thread: file sync, open, buffered ring write …
    counter system_calls;        // made directly by the loop, without ring_enters
    // bytes
    counter receives;            // that brought bytes
    counter bytes_received;
    counter bytes_sent_memory;   // sent from user memory by send(2)
    counter bytes_sent_file;     // sendfile and splice: never in user space
    counter bytes_read_file;     // pread, to gather small slices
    counter bytes_read_ring;     // ring reads (cold data, recovery)
    counter bytes_written;       // to log files
    counter bytes_copied;        // memcpy of payload in user space, for any reason
    // disk
    counter appends_inline;
    counter appends_slow;        // inline appends over append_slow_threshold
    counter appends_ring;
    counter syncs;
};

} // namespace millrace::runtime
