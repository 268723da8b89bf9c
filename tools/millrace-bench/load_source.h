// Decides what one connection sends and when: which records are due, which batch takes them, when a batch leaves.
// Owner: one connection of a run, on its shard. Pure: time comes in with each call, requests go out, nothing is sent here.
// Invariant: batches of a partition leave in the order of their records, and take their sequence numbers as they leave; at
// most `depth` requests are out; records that the broker holds up keep their intended times and cost no memory beyond
// `backlog_bytes_max`.
#pragma once

#include "base/ids.h"
#include "load_plan.h"
#include "measurement.h"
#include "payload.h"
#include "records/batch_builder.h"
#include "schedule.h"

#include <deque>
#include <memory>
#include <vector>

namespace millrace::bench {

// What the connections of one run share.
struct load_progress {
    explicit load_progress(const load_plan& of);
    // The first record is meant to be sent at `start`. Before this nothing is due.
    void begin(runtime::mono_time start);

    const load_plan& plan;
    schedule due;                    // of the open loop
    runtime::mono_time end{};        // no record is meant to be sent from here on
    std::uint64_t records_left = 0;  // of the closed loop
    std::uint64_t records_scheduled = 0; // of the open loop: what `plan` allows in all
    std::uint64_t run = 0;           // in every stamp
    payload_pool payload;
    bool stopped = false;            // Ctrl-C, or nothing to send to any more
};

struct load_batch {
    explicit load_batch(const records::builder_options& options) : builder{options} {}
    records::batch_builder builder;
    mutable_bytes wire; // the whole batch, once it is on its way
    std::size_t lane = 0;
    std::uint64_t value_bytes = 0;
    runtime::mono_time leaves_at{}; // not filled by then, it leaves as it is
    std::vector<runtime::mono_time> intended; // of each record; one for all where the batch repeats
    bool made = false;              // in `wire` since an earlier time
};

struct load_request {
    std::vector<load_batch*> batches; // of different partitions
    runtime::mono_time sent{};
};

class load_source {
  public:
    static constexpr std::size_t backlog_bytes_min = 16 << 10, backlog_bytes_max = 32 << 20;
    // Records that are due are made into batches this far ahead of what leaves, as few as do for full requests: the others wait as
    // a number, and what the broker holds up takes neither memory nor time from what is measured.
    static std::size_t backlog_bytes_for(const load_plan& plan, std::size_t partitions);

    // `which` of plan.connections it is: each takes its share of the schedule in turn.
    load_source(load_progress& shared, measurement& into, std::vector<partition_index> partitions, std::uint32_t which);

    // Takes what is due. `wall` is written into the records' timestamps.
    void advance(runtime::mono_time now, timestamp_ms wall);
    // When `advance` or `take` next has something to do by itself.
    runtime::mono_time next_due() const;
    // False: nothing may leave now.
    bool take(load_request& into, runtime::mono_time now, timestamp_ms wall);

    // How a batch of a request ended. A request is `done` when all of its batches have.
    void accepted(load_batch& batch, runtime::mono_time now);
    void refused(load_batch& batch);
    void done(load_request& request, runtime::mono_time now, bool answered);

    // From the next batch on; sequence numbers begin anew.
    void identify(producer_id id, producer_epoch epoch);

    partition_index partition(const load_batch& b) const { return lanes_[b.lane].partition; }
    std::uint32_t in_flight() const { return in_flight_; }
    bool finished() const;
    bool all_sent() const { return nothing_more() && backlog_bytes_ == 0; }
    // Due, and not sent yet.
    std::uint64_t behind(runtime::mono_time now) const;

  private:
    struct lane {
        partition_index partition;
        load_batch* open = nullptr;
        std::int32_t next_sequence = 0;
        std::uint64_t last_request = 0;
    };

    struct opening {
        std::size_t lane;
        load_batch* batch;
        runtime::mono_time leaves_at;
    };

    bool still_open(const opening& o) const { return lanes_[o.lane].open == o.batch && o.batch->leaves_at == o.leaves_at; }
    bool open_loop() const { return shared_.plan.rate > 0; }
    std::uint64_t share_of(std::uint64_t records) const;
    void append(runtime::mono_time intended, timestamp_ms wall);
    bool fill(runtime::mono_time now, timestamp_ms wall); // the closed loop's next batch
    load_batch* repeated(runtime::mono_time now, timestamp_ms wall);
    load_batch* fresh();
    void seal(lane& of);
    void finish(load_batch& b, timestamp_ms wall);
    void put_into(load_request& into, load_batch* b, timestamp_ms wall);
    void recycle(load_batch& b);
    bool nothing_more() const;

    load_progress& shared_;
    measurement& into_;
    std::uint32_t which_;
    fast_random random_;
    key_numbers keys_;
    std::vector<lane> lanes_;
    std::size_t sticky_ = 0;
    std::deque<load_batch*> ready_;
    std::deque<opening> opened_; // of the open loop, oldest first; a batch that left meanwhile is passed over
    std::vector<std::unique_ptr<load_batch>> all_;
    std::vector<load_batch*> spare_, spare_made_;
    std::vector<std::byte> stamped_;
    std::uint64_t taken_ = 0;
    std::size_t backlog_bytes_ = 0;
    const std::size_t backlog_bytes_limit_;
    std::uint64_t requests_ = 0;
    std::uint32_t in_flight_ = 0;
    producer_id producer_ = no_producer;
    producer_epoch epoch_{-1};
};

} // namespace millrace::bench
