// Every group has its coordinator here: this is the only node. Looking for one makes the topic that groups are kept in.
// Nothing coordinates transactions and share groups yet: COORDINATOR_NOT_AVAILABLE is what clients ask again after, until
// their own deadline passes.
#include "coord/group/group_shard.h"
#include "server/api/errors.h"
#include "server/api/handlers.h"
#include "server/aside.h"

namespace millrace::server {

namespace {

constexpr std::int8_t key_group = 0, key_transaction = 1, key_share = 2;
constexpr std::int16_t share_version_min = 6, version_with_several = 4;
constexpr std::string_view no_transactions = "This broker has no transactions and no share groups yet.";

struct verdict {
    kafka::error_code code = kafka::error_code::none;
    std::string_view text;
};

runtime::task<verdict> make_offsets_topic(call& c) {
    cluster::create_topic_request wanted;
    wanted.name = coord::offsets_topic;
    wanted.partition_count = c.here.options.offsets_topic_num_partitions;
    wanted.internal = true;
    wanted.overrides = {{"cleanup.policy", "compact"}, {"compression.type", "producer"}, {"segment.bytes", "104857600"}};
    auto made = co_await c.here.changes.create_topic(std::move(wanted));
    if (!made && made.error().code != cluster::errc::topic_exists)
        co_return verdict{kafka::error_code::coordinator_not_available, "The topic that groups are kept in cannot be created."};
    co_return verdict{};
}

runtime::task<verdict> judge(std::int8_t key_type, call& c) {
    if (key_type == key_group) {
        if (!c.here.image->find(coord::offsets_topic)) co_return co_await make_offsets_topic(c);
        co_return verdict{};
    }
    if (key_type == key_transaction || (key_type == key_share && c.version >= share_version_min))
        co_return verdict{kafka::error_code::coordinator_not_available, no_transactions};
    co_return verdict{kafka::error_code::invalid_request, kafka::default_message(kafka::error_code::invalid_request)};
}

} // namespace

runtime::task<kafka::find_coordinator_response> answer(const kafka::find_coordinator_request& in, call& c) {
    kafka::find_coordinator_response out;
    auto found = co_await judge(in.key_type, c);
    const bool ok = found.code == kafka::error_code::none;
    auto fill = [&](auto& e) {
        e.error_code = found.code;
        e.node_id = ok ? c.image->node_id : broker_id{-1};
        e.host = ok ? std::string_view{c.advertised.host} : std::string_view{};
        e.port = ok ? c.advertised.port : -1;
    };
    if (c.version < version_with_several) {
        fill(out);
        out.error_message = ok ? std::string_view{"NONE"} : found.text;
        co_return out;
    }
    auto make = [&] {
        auto coordinators = c.arena.make_array<kafka::find_coordinator_response::coordinator_entry>(in.coordinator_keys.size());
        for (std::size_t i = 0; i < coordinators.size(); ++i) {
            auto& e = coordinators[i];
            e.key = in.coordinator_keys[i];
            fill(e);
            e.error_message = found.text;
        }
        out.coordinators = coordinators;
    };
    if (is_large(c.arena)) {
        auto making = aside(c.here, make);
        co_await making;
    } else {
        make();
    }
    co_return out;
}

} // namespace millrace::server
