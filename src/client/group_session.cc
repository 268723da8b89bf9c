#include "client/group_session.h"

#include "client/groups.h"
#include "kafka/messages/consumer_group_heartbeat.h"

namespace millrace::client {

namespace {
constexpr std::int32_t leave_epoch = -1;
constexpr int stale_tries_max = 3;
} // namespace

runtime::task<result<membership::verdict>> group_session::beat() {
    auto got = co_await beat_once(member_.next());
    if (got) {
        failures_ = 0;
        if (*got == membership::verdict::carry_on) trouble_.reset();
        co_return std::move(got);
    }
    trouble_ = got.error();
    if (!is_retriable(got.error()) || ++failures_ > options_.failures_max) co_return std::move(got);
    co_await runtime::sleep_for(options_.retry_backoff);
    co_return membership::verdict::ask_again;
}

runtime::task<result<membership::verdict>> group_session::beat_once(membership::heartbeat news) {
    auto known = co_await link_.topic(options_.topic);
    if (!known) co_return std::unexpected{std::move(known.error())};
    auto at = co_await coordinator_of(link_, options_.group);
    if (!at) co_return std::unexpected{std::move(at.error())};
    if (!(*at)->version_of(kafka::api_key::consumer_group_heartbeat))
        co_return fail(errc::unsupported, (*at)->address() + " has no groups by the consumer protocol (KIP-848)");
    kafka::consumer_group_heartbeat_request request;
    request.group_id = options_.group;
    request.member_id = options_.member_id;
    request.member_epoch = news.epoch;
    std::string_view names[1] = {options_.topic};
    kafka::consumer_group_heartbeat_request::topic_entry owned;
    owned.topic_id = (*known)->id;
    if (news.introduces) {
        request.rebalance_timeout_ms = options_.rebalance_timeout_ms;
        request.subscribed_topic_names = {names, 1};
    }
    if (news.owned) {
        owned.partitions = *news.owned;
        request.topic_partitions = {&owned, news.owned->empty() ? 0u : 1u};
    }
    auto got = co_await (*at)->call<kafka::consumer_group_heartbeat_response>(request);
    if (!got) co_return std::unexpected{std::move(got.error())};
    const auto& said = **got;
    if (said.heartbeat_interval_ms > 0) interval_ = runtime::milliseconds{said.heartbeat_interval_ms};
    auto verdict = member_.take(membership::heard(said, (*known)->id));
    if (verdict == membership::verdict::carry_on) co_return verdict;
    if (verdict == membership::verdict::lost) {
        // Not refuse_group, whose words for these codes are for who is no member.
        trouble_ = refuse(said.error_code, "group " + options_.group + " has put this member out").error();
        co_return verdict;
    }
    co_return refuse_group(said.error_code, options_.group, said.error_message.value());
}

runtime::task<result<bool>> group_session::commit(std::map<partition_index, log_offset> positions) {
    committed_offsets offsets;
    for (const auto& [partition, offset] : positions) offsets[{options_.topic, partition}] = offset;
    for (int left = stale_tries_max; !offsets.empty() && member_.in_group(); --left) {
        committing_member self{options_.member_id, member_.epoch()};
        auto done = co_await commit_group_offsets(link_, options_.group, self, offsets);
        if (done) co_return true;
        if (done.error().what != errc::refused) co_return std::unexpected{std::move(done.error())};
        auto code = done.error().code;
        if (code == kafka::error_code::unknown_member_id || code == kafka::error_code::fenced_member_epoch) {
            trouble_ = std::move(done.error());
            co_return false;
        }
        if (code != kafka::error_code::stale_member_epoch) co_return std::unexpected{std::move(done.error())};
        // The coordinator is an epoch ahead: a heartbeat tells which.
        if (left <= 1) co_return false;
        auto heard = co_await beat();
        if (!heard) co_return std::unexpected{std::move(heard.error())};
        if (*heard == membership::verdict::lost) co_return false;
    }
    co_return true;
}

runtime::task<void> group_session::leave() {
    if (!member_.in_group()) co_return;
    membership::heartbeat farewell;
    farewell.epoch = leave_epoch;
    // Without an answer the session ends by itself, later.
    (void)co_await beat_once(std::move(farewell));
}

} // namespace millrace::client
