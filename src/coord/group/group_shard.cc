#include "coord/group/group_shard.h"

namespace millrace::coord {

namespace {

// Bytes that are no UTF-8 count as Java's replacement character, as they do once Kafka has decoded them.
std::int32_t java_hash(std::string_view text) {
    std::uint32_t hash = 0;
    auto add = [&](std::uint32_t unit) { hash = 31 * hash + unit; };
    for (std::size_t i = 0; i < text.size();) {
        auto lead = static_cast<unsigned char>(text[i]);
        std::size_t more = lead < 0x80 ? 0 : lead >= 0xc2 && lead < 0xe0 ? 1 : lead >= 0xe0 && lead < 0xf0 ? 2 : lead >= 0xf0 && lead < 0xf5 ? 3 : 9;
        std::uint32_t point = more == 0 ? lead : more == 1 ? lead & 0x1fu : more == 2 ? lead & 0x0fu : lead & 0x07u;
        bool good = more != 9 && i + more < text.size() + 0;
        for (std::size_t k = 1; good && k <= more; ++k) {
            auto next = static_cast<unsigned char>(text[i + k]);
            good = (next & 0xc0) == 0x80;
            point = point << 6 | (next & 0x3fu);
        }
        if (!good) {
            add(0xfffd);
            ++i;
            continue;
        }
        i += more + 1;
        if (point < 0x10000) {
            add(point);
        } else {
            add(0xd800 + ((point - 0x10000) >> 10));
            add(0xdc00 + ((point - 0x10000) & 0x3ff));
        }
    }
    return static_cast<std::int32_t>(hash);
}

} // namespace

partition_index partition_of_group(std::string_view group, std::int32_t count) {
    auto hash = java_hash(group);
    return {(hash == std::numeric_limits<std::int32_t>::min() ? 0 : std::abs(hash)) % count};
}

namespace {

runtime::task<void> end(std::shared_ptr<group_partition> p) {
    p->stop();
    co_await p->close();
}

// What could not be written is decided again after the next load.
runtime::task<void> forget_at(std::shared_ptr<group_partition> p, std::string topic) {
    auto forget = [topic = std::move(topic)](coordinator& c, moment) {
        c.forget_topic(topic);
        return result<void>{};
    };
    (void)co_await p->ask<void>(std::move(forget));
}

runtime::task<void> expire_at(std::shared_ptr<group_partition> p) {
    for (bool done = false; !done;) {
        auto step = [](coordinator& c, moment now) { return result<bool>{c.expire_offsets(now.wall, group_shard::expired_groups_max)}; };
        auto said = co_await p->ask<bool>(std::move(step));
        done = !said || *said;
        if (!done) co_await runtime::sleep_for(runtime::milliseconds{1}); // requests have their turn too
    }
}

} // namespace

// A partition that nobody asked for yet is read for it.
void group_shard::forget_topic(const std::string& topic, std::int32_t partitions) {
    for (std::int32_t p = 0; p < partitions; ++p)
        if (auto here = at({p})) scope_.spawn(forget_at(std::move(here), topic));
}

void group_shard::expire_offsets(std::int32_t partitions) {
    for (std::int32_t p = 0; p < partitions; ++p)
        if (auto here = at({p})) scope_.spawn(expire_at(std::move(here)));
}

std::shared_ptr<group_partition> group_shard::at(partition_index p) {
    if (stopped_) return nullptr;
    auto replica = find_(p);
    auto& here = partitions_[p];
    if (here && here->replica() != replica) scope_.spawn(end(std::exchange(here, nullptr)));
    if (!replica) {
        partitions_.erase(p);
        return nullptr;
    }
    if (!here) here = std::make_shared<group_partition>(settings_, std::move(replica));
    return here;
}

void group_shard::stop() {
    stopped_ = true;
    for (auto& [p, at] : partitions_) at->stop();
}

runtime::task<void> group_shard::close() {
    stop();
    for (auto& [p, at] : partitions_) co_await at->close();
    partitions_.clear();
    co_await scope_.drain();
}

} // namespace millrace::coord
