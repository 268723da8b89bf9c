// What a shard counts about itself, readable by any thread at any time.
// Owner: one per shard, written by that shard only.
// Invariant: a counter never goes down; a reader may see one counter newer than another.
#pragma once

#include "runtime/counter.h"
#include "runtime/histogram.h"
#include "runtime/stall.h"

#include <array>

namespace millrace::runtime {

struct counters {
    // loop
    counter turns;
    counter waits;               // turns that ended in a sleeping wait
    counter busy_ns;             // in turns; what the kernel does for the ring while we wait is not in it
    log2_histogram turn_us;      // how long they took, counted as busy_ns is
    std::array<counter, turn_parts> stalls; // turns over stall_threshold, by the part that took longest
    stall_record longest_stall;
    counter visits;              // of sleeping shards, whose messages were worked on by this one's thread
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
    counter bytes_read_file;     // by calls of the loop, to find and to gather small slices
    counter window_hits;         // small pieces of files that were in memory from an earlier read (io/read_windows.h)
    counter window_reads;        // … and those that were read
    counter bytes_read_ring;     // ring reads (cold data, recovery)
    counter bytes_written;       // to log files
    counter bytes_copied;        // memcpy of payload in user space, for any reason
    // places of readers that are behind the recent batches (log/known_places.h)
    counter places_known;        // reads that went on where an earlier one had ended
    counter places_sought;       // … and that were looked up by index and headers
    counter slices_damaged;      // that were not served, each time they were asked for
    // disk
    counter appends_inline;
    counter appends_slow;        // inline appends over append_slow_threshold
    counter appends_ring;
    counter batches_recompressed; // into the codec of their topic (compression.type)
    counter appends_no_space;    // batches refused because their log directory is full
    counter syncs;               // of files
    counter segments_removed;    // by retention and DeleteRecords, and their bytes
    counter segment_bytes_removed;
    // commits: on the shard that is home to a log directory's committer
    counter flushes;             // of a log directory: one serves all batches that waited when it began
    log2_histogram flush_batches; // how many batches each of them made durable
    log2_histogram flush_bytes;
    counter journal_commits;     // of these, those that went into the commit journal
    counter journal_bytes;       // … and what was written there for them
    counter journal_full;        // commits that would have, but for the room in it
    counter journal_settles;     // times that all it held was flushed because it had been there for long
};

} // namespace millrace::runtime
