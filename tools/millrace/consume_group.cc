#include "consume_group.h"

#include "client/group_session.h"
#include "command.h"
#include "progress.h"
#include "runtime/clock.h"
#include "runtime/random.h"
#include "runtime/shard.h"

#include <algorithm>

namespace millrace::tool {

namespace {

using client::membership;

constexpr runtime::nanoseconds commit_interval = runtime::milliseconds{1'000};
constexpr runtime::nanoseconds without_partitions = runtime::milliseconds{100}; // how long to sleep before looking again
// Also how late a heartbeat may be.
constexpr std::int32_t fetch_wait_ms_max = 250;

class group_consume_body final : public command_body, client::record_sink {
  public:
    explicit group_consume_body(group_consume_wish wish)
        : wish_{std::move(wish)}, output_{wish_.format}, progress_{wish_.progress, "consumed"} {}

    void interrupted() override { stopping_ = true; }

    runtime::task<int> run(client::cluster_link& link) override {
        // A topic that is not there yet is no failure to a member, which waits for it; here it is one.
        auto known = co_await link.topic(wish_.topic);
        if (!known) co_return failed(known.error());
        auto& world = runtime::shard::current().world();
        client::group_session_options joining;
        joining.group = wish_.group;
        joining.topic = wish_.topic;
        joining.member_id = world.random->next_uuid().to_string();
        client::group_session session{link, joining};
        client::reader_options reading;
        reading.max_wait_ms = fetch_wait_ms_max;
        client::partition_reader reader{link, wish_.topic, reading};
        auto now = world.clock->now();
        auto beat_at = now, commit_at = now + commit_interval, came_at = now;
        std::optional<client::failure> trouble;
        while (!trouble && !stopping_ && !enough()) {
            now = world.clock->now();
            if (now >= beat_at || session.member().has_news()) {
                auto verdict = co_await session.beat();
                if (!verdict) {
                    trouble = std::move(verdict.error());
                    break;
                }
                if (*verdict == membership::verdict::lost) {
                    for (auto partition : std::exchange(reading_, {})) reader.unassign(partition);
                } else if (*verdict == membership::verdict::carry_on) {
                    beat_at = world.clock->now() + session.interval();
                }
            }
            auto moved = co_await change_partitions(link, session, reader);
            if (!moved) {
                trouble = std::move(moved.error());
                break;
            }
            // To be given a partition is news as well: its first records may still be on their way.
            if (*moved) came_at = world.clock->now();
            if (reader.assigned()) {
                auto got = co_await reader.poll(*this);
                output_.flush();
                if (!got && got.error().code == kafka::error_code::offset_out_of_range) got = co_await move_into_range(link, reader);
                if (!got) trouble = std::move(got.error());
                if (got && *got > 0) came_at = world.clock->now();
            } else {
                co_await runtime::sleep_for(without_partitions);
            }
            if (output_.broken()) co_return failed("cannot write to standard output");
            progress_.update(output_.count(), output_.bytes());
            now = world.clock->now();
            if (!trouble && now >= commit_at) {
                auto done = co_await session.commit(positions(reader));
                if (!done) trouble = std::move(done.error());
                commit_at = now + commit_interval;
            }
            // A coordinator may need two heartbeats to find partitions for a new member, and to tell.
            auto longer = reading_.empty() ? 2 * session.interval() : runtime::nanoseconds{0};
            if (wish_.idle_max && now - came_at >= *wish_.idle_max + longer) break;
        }
        progress_.finish(output_.count(), output_.bytes());
        auto done = co_await session.commit(positions(reader));
        if (!done && !trouble) trouble = std::move(done.error());
        // The time may have run out, or the user have lost patience, before what passes was taken for what lasts.
        if (!trouble) trouble = session.trouble();
        co_await session.leave();
        if (trouble) co_return failed(*trouble);
        co_return 0;
    }

  private:
    bool enough() const { return wish_.count && output_.count() >= static_cast<std::uint64_t>(*wish_.count); }

    std::map<partition_index, log_offset> positions(const client::partition_reader& reader) const {
        std::map<partition_index, log_offset> out;
        for (auto partition : reading_) out[partition] = reader.position(partition);
        return out;
    }

    // Whether a partition has been begun.
    runtime::task<client::result<bool>> change_partitions(client::cluster_link& link, client::group_session& session,
                                                          client::partition_reader& reader) {
        auto& member = session.member();
        if (auto leaving = member.to_give_up(); !leaving.empty()) {
            std::map<partition_index, log_offset> last;
            for (auto partition : leaving) last[partition] = reader.position(partition);
            auto done = co_await session.commit(std::move(last));
            if (!done) co_return std::unexpected{std::move(done.error())};
            // The commit may have heard that the group goes on without this member; then nothing is owned any more.
            for (auto partition : leaving) reader.unassign(partition);
        }
        auto coming = member.to_begin();
        if (!coming.empty()) {
            auto committed = co_await client::fetch_group_offsets(link, wish_.group);
            if (!committed) co_return std::unexpected{std::move(committed.error())};
            auto first = co_await client::list_offsets(link, wish_.topic, coming, client::earliest_timestamp);
            if (!first) co_return std::unexpected{std::move(first.error())};
            auto end = co_await client::list_offsets(link, wish_.topic, coming, client::latest_timestamp);
            if (!end) co_return std::unexpected{std::move(end.error())};
            for (auto partition : coming) {
                auto from = wish_.from_latest ? (*end)[partition].offset : (*first)[partition].offset;
                auto found = committed->find({wish_.topic, partition});
                // What was committed may have been deleted since.
                if (found != committed->end() && found->second >= (*first)[partition].offset && found->second <= (*end)[partition].offset)
                    from = found->second;
                reader.assign(partition, from);
            }
        }
        member.settled();
        for (auto partition : std::exchange(reading_, member.owned()))
            if (!std::binary_search(reading_.begin(), reading_.end(), partition)) reader.unassign(partition);
        co_return !coming.empty();
    }

    // Records that were next may have been deleted meanwhile. Then it goes on where it would have begun without a committed offset.
    // Nothing was handed out: the zero of a poll that found nothing.
    runtime::task<client::result<std::size_t>> move_into_range(client::cluster_link& link, client::partition_reader& reader) {
        auto first = co_await client::list_offsets(link, wish_.topic, reading_, client::earliest_timestamp);
        if (!first) co_return std::unexpected{std::move(first.error())};
        auto end = co_await client::list_offsets(link, wish_.topic, reading_, client::latest_timestamp);
        if (!end) co_return std::unexpected{std::move(end.error())};
        bool moved = false;
        for (auto partition : reading_) {
            auto from = (*first)[partition].offset, to = (*end)[partition].offset;
            if (!reader.has(partition) || (reader.position(partition) >= from && reader.position(partition) <= to)) continue;
            reader.assign(partition, wish_.from_latest ? to : from);
            moved = true;
        }
        if (!moved) co_await runtime::sleep_for(without_partitions); // it changes as we look
        co_return 0;
    }

    bool record(const client::read_record& r) override {
        output_.print(r);
        return !enough();
    }

    group_consume_wish wish_;
    record_output output_;
    class progress progress_;
    membership::partitions reading_;
    bool stopping_ = false;
};

} // namespace

int run_group_consume(std::vector<runtime::endpoint> bootstrap, group_consume_wish wish) {
    group_consume_body body{std::move(wish)};
    return run_session_until_signal(std::move(bootstrap), body);
}

} // namespace millrace::tool
