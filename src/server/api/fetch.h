// Fetch (key 1): visits the owners of the partitions wanted, waits if there is too little, and answers with file slices.
// Owner: the connection's shard; a `visit` and its slots belong to the owner's shard while it is away.
// Invariant: no slot waits once the operation answers: every visit is at home then, and no message of it is on its way.
//
// A long poll waits where the records come: a visit that finds nothing stays with its owner until something comes, and
// brings it home. So a record costs two messages between shards at most, and none where owner and home are one. What
// stays away when the answer is due is recalled.
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
#include <optional>
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
    log_offset last_stable = no_offset;
    std::vector<partition::aborted_transaction> aborted; // for read_committed, of logs that have any
    kafka::fetch_response::epoch_end_offset diverging;
    log::slice slice;

    struct waiter : partition::watermark_waiter {
        fetch_slot* slot = nullptr;
    };
    waiter watermark;
    partition::replica* replica = nullptr; // of the last look; not kept across a suspension
    fetch_visit* visit = nullptr;          // null: `error` was known at home
    fetch_slot* next = nullptr;            // of the same owner
};

struct fetch_visit : runtime::message {
    enum class purpose : std::uint8_t {
        look, // and come home
        wait, // come home with more than `bytes_before`, or an error; until then stay
    };
    enum class place : std::uint8_t { not_here, looking, parked }; // as the owner sees it

    struct note : runtime::message {
        fetch_visit* visit = nullptr;
    };

    fetch_operation* operation = nullptr;
    shard_context* owner = nullptr;
    fetch_slot* first = nullptr;
    fetch_slot* last = nullptr;
    purpose why = purpose::look;
    std::uint32_t bytes_max = 0;
    bool committed_only = false; // isolation level read_committed
    std::uint64_t bytes_before = 0; // that are known at home already
    bool at_home = true;            // home shard only

    // the owner's
    place where = place::not_here;
    bool woken = false;    // `wake` is on its way
    bool recalled = false; // comes home with whatever there is
    std::uint64_t bytes_found = 0;
    bool failed = false; // a slot has an error to tell
    note wake;           // owner → owner
    note recall;         // home → owner, and back if the visit had left
};

// What fetches need while they begin and while they are answered: both happen in one go, so that one per shard does for all,
// and a poll that waits holds neither its request nor room for its answer.
struct fetch_scratch {
    kafka::message_arena arena;
    kafka::fetch_request request;
    std::vector<kafka::splice_point> points;
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
    struct visits_home;    // awaitable: all visits are back
    struct change_or_time; // awaitable

    std::optional<kafka::error_code> begin_request(connection& c, frame request, reader body);
    void lay_out(fetch_session& session, const cluster::image& image, bool from_replica);
    void begin_visits(bool may_wait);
    void begin(fetch_visit& v, fetch_visit::purpose why);
    void begin_again();
    void recall_visits();
    void came_home(fetch_visit& v);
    void one_less_away();
    bool enough() const;
    void apply_budget();
    void build(fetch_session* session, kafka::error_code error);
    void wake();

    static void arrived_home(runtime::message& m) noexcept;
    static void recall_came_back(runtime::message& m) noexcept;

    // on the owner's shard (fetch_at_owner.cc)
    static void arrived_at_owner(runtime::message& m) noexcept;
    static void recall_arrived(runtime::message& m) noexcept;
    static void wake_arrived(runtime::message& m) noexcept;
    static void watermark_moved(partition::watermark_waiter& w) noexcept;
    static void attend(fetch_visit& v);
    static bool look(fetch_visit& v, fetch_slot*& at, std::uint32_t& left, bool& found);
    static runtime::task<void> look_slowly(fetch_visit& v, fetch_slot* from, std::uint32_t left, bool found);
    static void check(fetch_visit& v, fetch_slot& s);
    static void stay_or_leave(fetch_visit& v);
    static bool park(fetch_visit& v);
    static void unpark(fetch_visit& v);
    static void wake_later(fetch_visit& v);
    static void call_back(fetch_visit& v);
    static void leave(fetch_visit& v);

    std::size_t request_bytes_ = 0;
    std::int16_t version_ = 0;
    std::int32_t correlation_id_ = 0;
    // as asked for
    std::int32_t wait_ms_max_ = 0;
    std::int32_t bytes_min_ = 0;
    std::int32_t bytes_max_ = 0;
    std::int8_t isolation_level_ = 0;

    shard_context* here_ = nullptr;

    std::unique_ptr<fetch_slot[]> slots_;
    std::size_t slot_capacity_ = 0;
    std::size_t slot_count_ = 0;
    std::unique_ptr<fetch_visit[]> visits_; // by shard
    std::size_t away_ = 0; // visits and recalls
    bool failed_ = false;  // a slot's error was known at home
    bool changed_ = false;
    std::coroutine_handle<> visits_waiter_{};
    std::coroutine_handle<> change_waiter_{};
    wait_timer timer_{*this};
};

using fetch_pool = operation_pool<fetch_operation, idle_fetch_tag>;

} // namespace millrace::server
