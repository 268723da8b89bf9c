// The half of a run that consumes: every consumer reads all partitions, over connections of its own.
// Owner: a run, on its shard; `close` is awaited before it is destroyed.
// Invariant: offsets of a partition go up without a gap, for each consumer; a gap or a bad checksum spoils the run.
#pragma once

#include "bench_options.h"
#include "kafka/messages/fetch.h"
#include "measurement.h"
#include "records/compression.h"
#include "run_notes.h"
#include "target.h"
#include "wire_pipe.h"

#include <functional>
#include <map>

namespace millrace::bench {

struct consume_goal {
    std::uint64_t records_max = no_limit; // over all consumers
    runtime::mono_time end = runtime::never;
    std::map<partition_index, log_offset> until; // empty: follow
    std::uint64_t run = 0;                // of stamps; 0: none are looked for
};

class consume_side {
  public:
    consume_side(client::cluster_link& link, const bench_options& options, measurement& into, run_notes& notes);
    consume_side(const consume_side&) = delete;

    runtime::task<client::result<void>> open(load_target target, std::map<partition_index, log_offset> from);
    void begin(consume_goal goal, std::function<void()> ended);
    // Ends where this many stamped records have come to each consumer.
    void expect(std::uint64_t records);
    void watch();
    void stop();
    runtime::task<void> close();

    std::uint64_t in_flight() const;
    std::uint64_t received() const { return received_; }
    std::uint64_t missed() const; // of what was expected
    std::size_t connections() const { return connections_.size(); }

  private:
    struct place {
        partition_index partition;
        log_offset next;
        log_offset until = no_offset;
    };
    struct reading_connection final : pipe_user {
        reading_connection(consume_side& of, std::size_t leader) : side{of}, leader{leader} {}
        void answered(wire_request& request, reader& body) override;
        void lost(wire_request&) override {}
        void released(wire_request&) override;
        void broke(const client::failure& why) override;
        void ask();
        bool take(place& at, bytes_view batches, runtime::mono_time now, std::uint64_t& records, std::uint64_t& bytes);
        bool reached() const;

        consume_side& side;
        std::size_t leader;
        std::vector<place> places;
        std::unique_ptr<wire_pipe> pipe;
        wire_request request;
        std::vector<kafka::fetch_request::partition_entry> parts;
        kafka::message_arena arena;
    };

    runtime::mono_time clock_now() const { return shard_.world().clock->now(); }
    bool over(runtime::mono_time now) const;
    void check_end();
    runtime::task<void> ask_later(reading_connection& c);
    runtime::task<void> reconnect(reading_connection& c);

    client::cluster_link& link_;
    const bench_options& options_;
    measurement& into_;
    run_notes& notes_;
    runtime::shard& shard_;
    load_target target_;
    consume_goal goal_;
    std::vector<std::unique_ptr<reading_connection>> connections_;
    std::vector<std::unique_ptr<wire_pipe>> broken_;
    records::decompressor decompressor_;
    records::byte_buffer plain_;
    std::function<void()> ended_;
    std::uint64_t received_ = 0;  // stamped, or all where no stamps are looked for
    std::uint64_t expected_ = no_limit;
    runtime::mono_time last_good_{};
    bool running_ = false, closing_ = false, stopped_ = false;
    runtime::scope tasks_;
};

} // namespace millrace::bench
