// Fetch (key 1): visits the owners of the partitions wanted, waits if there is too little, and answers with file slices.
// Owner: the connection's shard; a `visit` and its slots belong to the owner's shard while it is away.
// Invariant: no slot is armed once the operation answers: after a visit has disarmed and come home, no hint can still be
// on its way, because messages between two shards keep their order.
//
// A long poll goes: look; if that is too little: look and arm, wait for a hint or the time, look and disarm; again.
#pragma once

#include "kafka/message_arena.h"
#include "kafka/messages/fetch.h"
#include "partition/replica.h"
#include "runtime/timer.h"
#include "server/fetch_session.h"
#include "server/frame_assembler.h"
#include "server/operation_pool.h"
#include "server/reply.h"
#include "server/shard_context.h"

#include <coroutine>
#include <memory>
#include <vector>

namespace millrace::server {

class fetch_operation;
struct fetch_visit;

// One partition of one fetch.
struct fetch_slot {
    fetched_partition* wanted = nullptr; // of the session; home shard only
    partition_key key;
    log_offset from;
    std::uint32_t bytes_max = 0;
    leader_epoch current_epoch = no_epoch;
    leader_epoch last_fetched_epoch = no_epoch;

    // found by the owner
    kafka::error_code error = kafka::error_code::none;
    log_offset high_watermark = no_offset;
    log_offset log_start = no_offset;
    kafka::fetch_response::epoch_end_offset diverging;
    log::slice slice;

    struct waiter : partition::watermark_waiter {
        fetch_slot* slot = nullptr;
    };
    waiter watermark;
    fetch_visit* visit = nullptr; // null: `error` was known at home
    fetch_slot* next = nullptr;   // of the same owner
};

struct fetch_visit : runtime::message {
    enum class purpose : std::uint8_t { look, arm, disarm };

    struct hint : runtime::message {
        fetch_visit* visit = nullptr;
    };

    fetch_operation* operation = nullptr;
    shard_context* owner = nullptr;
    fetch_slot* first = nullptr;
    fetch_slot* last = nullptr;
    purpose why = purpose::look;
    std::uint32_t bytes_max = 0;
    bool hinted = false; // since it was armed; owner's shard
    hint hint_message;
};

class fetch_operation final : public reply, public hook_of<struct idle_fetch_tag> {
  public:
    // An operation that grew beyond it is not kept.
    static constexpr std::size_t kept_slots_max = 1024;

    // Runs until the answer is ready and handed to `c`. False: the body does not decode, nothing was expected.
    runtime::task<bool> run(connection& c, frame request, kafka::request_header header, reader body);
    void ended() noexcept override;
    bool worth_keeping() const { return slot_capacity_ <= kept_slots_max; }

  private:
    struct wait_timer : runtime::timer {
        fetch_operation& owner;
        explicit wait_timer(fetch_operation& o) : timer{&on_fired}, owner{o} {}
        static void on_fired(runtime::timer& t) noexcept { static_cast<wait_timer&>(t).owner.wake(); }
    };
    struct visits_home;  // awaitable: all visits are back
    struct hint_or_time; // awaitable

    void lay_out(fetch_session& session, const cluster::image& image);
    void begin_visits(fetch_visit::purpose why);
    void visit_ended();
    bool enough();
    void apply_budget();
    void build(fetch_session* session, kafka::error_code error);
    void wake();

    static void arrived_at_owner(runtime::message& m) noexcept;
    static void arrived_home(runtime::message& m) noexcept;
    static void hint_arrived(runtime::message& m) noexcept;
    static void watermark_moved(partition::watermark_waiter& w) noexcept;
    static void visit_owner(fetch_visit& v);
    static bool look(fetch_visit& v, fetch_slot*& at, std::uint32_t& left, bool& found);
    static runtime::task<void> look_slowly(fetch_visit& v, fetch_slot* from, std::uint32_t left, bool found);
    static hosted_partition* check(fetch_visit& v, fetch_slot& s);
    static void finish_visit(fetch_visit& v);

    frame frame_;
    std::size_t request_bytes_ = 0;
    std::int16_t version_ = 0;
    std::int32_t correlation_id_ = 0;
    kafka::message_arena arena_;
    kafka::fetch_request request_;
    shard_context* here_ = nullptr;

    std::unique_ptr<fetch_slot[]> slots_;
    std::size_t slot_capacity_ = 0;
    std::size_t slot_count_ = 0;
    std::unique_ptr<fetch_visit[]> visits_; // by shard
    std::size_t visits_away_ = 0;
    bool hinted_ = false;
    std::coroutine_handle<> visits_waiter_{};
    std::coroutine_handle<> hint_waiter_{};
    wait_timer timer_{*this};
    std::vector<kafka::splice_point> points_;
};

using fetch_pool = operation_pool<fetch_operation, idle_fetch_tag>;

} // namespace millrace::server
