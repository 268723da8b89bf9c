#include "client/reader.h"
#include "command.h"
#include "consume_group.h"
#include "help.h"
#include "progress.h"

#include <algorithm>

namespace millrace::tool {

namespace {

struct consume_wish {
    std::string topic;
    record_format format;
    bool progress = false;
    bool follow = false;
    std::int32_t partition = -1;
    std::optional<std::int64_t> count;
    std::optional<timestamp_ms> at_time; // or a special timestamp
    std::int64_t offset = 0;             // used without at_time
};

class consume_body final : public command_body, client::record_sink {
  public:
    explicit consume_body(consume_wish wish) : wish_{std::move(wish)}, output_{wish_.format}, progress_{wish_.progress, "consumed"} {}

    runtime::task<int> run(client::cluster_link& link) override {
        auto known = co_await link.topic(wish_.topic);
        if (!known) co_return failed(known.error());
        std::vector<partition_index> wanted;
        for (const auto& p : (*known)->partitions)
            if (wish_.partition < 0 || p.index.value == wish_.partition) wanted.push_back(p.index);
        if (wanted.empty())
            co_return failed("topic " + wish_.topic + " has " + std::to_string((*known)->partitions.size()) +
                             " partitions, numbered from 0; there is no partition " + std::to_string(wish_.partition));
        client::reader_options options;
        client::partition_reader reader{link, wish_.topic, options};
        std::map<partition_index, log_offset> ends;
        for (auto partition : wanted) {
            auto end = co_await client::list_offset(link, wish_.topic, partition, client::latest_timestamp);
            if (!end) co_return failed(end.error());
            log_offset from{wish_.offset};
            if (wish_.at_time) {
                auto found = co_await client::list_offset(link, wish_.topic, partition, *wish_.at_time);
                if (!found) co_return failed(found.error());
                from = found->offset == no_offset ? end->offset : found->offset;
            }
            if (from > end->offset && !wish_.follow)
                co_return failed("partition " + std::to_string(partition.value) + " ends at offset " +
                                 std::to_string(end->offset.value) + "; wait for more with --follow, or begin earlier");
            ends[partition] = end->offset;
            if (wish_.follow || from < end->offset) reader.assign(partition, from);
        }
        ends_ = wish_.follow ? nullptr : &ends;
        while (reader.assigned() && !enough()) {
            auto got = co_await reader.poll(*this);
            if (!got) {
                output_.flush();
                co_return failed(got.error());
            }
            output_.flush();
            if (output_.broken()) co_return failed("cannot write to standard output");
            progress_.update(output_.count(), output_.bytes());
            if (wish_.follow) continue;
            for (auto partition : wanted)
                if (ends.contains(partition) && !done_.contains(partition) && reads(reader, partition, ends[partition])) {
                    reader.unassign(partition);
                    done_[partition] = true;
                }
        }
        progress_.finish(output_.count(), output_.bytes());
        co_return 0;
    }

  private:
    bool reads(client::partition_reader& reader, partition_index partition, log_offset end) {
        return reader.has(partition) && reader.position(partition) >= end;
    }
    bool enough() const { return wish_.count && output_.count() >= static_cast<std::uint64_t>(*wish_.count); }

    bool record(const client::read_record& r) override {
        // Records that came in after the command began are not its business.
        if (ends_ && r.offset >= ends_->at(r.partition)) return true;
        output_.print(r);
        return !enough();
    }
    consume_wish wish_;
    record_output output_;
    class progress progress_;
    std::map<partition_index, bool> done_;
    const std::map<partition_index, log_offset>* ends_ = nullptr;
};

} // namespace

int consume_command(std::span<const char* const> words) {
    static constexpr option_form forms[] = {{"help"}, {"bootstrap-server", true}, {"format", true}, {"partition", true},
        {"offset", true}, {"count", true}, {"follow"}, {"quiet"}, {"key-separator", true}, {"progress"}, {"group", true}, {"timeout-ms", true}};
    auto given = arguments::parse(words, forms);
    if (!given) return usage_error(given.error());
    if (given->has("help")) return std::fputs(help_consume, stdout), 0;
    if (given->alone().size() != 1) return usage_error("consume needs one topic name; see millrace consume --help");
    auto common = common_from(*given);
    if (!common) return usage_error(common.error());
    consume_wish wish;
    wish.topic = given->alone()[0];
    wish.format = {common->json, given->has("quiet"), given->value("key-separator")};
    wish.follow = given->has("follow");
    // Records and a progress line would mix on a terminal.
    wish.progress = given->has("progress") || (wish.format.quiet && progress::wanted(false));
    auto partition = given->number("partition", -1, 0, INT32_MAX);
    if (!partition) return usage_error(partition.error());
    wish.partition = static_cast<std::int32_t>(*partition);
    auto count = given->number("count", 0, 0, INT64_MAX);
    if (!count) return usage_error(count.error());
    if (given->has("count")) wish.count = *count;
    auto timeout = given->number("timeout-ms", 3'000, 1, INT32_MAX);
    if (!timeout) return usage_error(timeout.error());
    auto from = given->value("offset").value_or("earliest");
    if (auto group = given->value("group")) {
        if (group->empty()) return usage_error(empty_group_id);
        if (given->has("partition")) return usage_error("--partition goes without --group: the group gives out the partitions");
        if (from != "earliest" && from != "latest")
            return usage_error("--offset with --group says where to begin without a committed offset: earliest or latest, not " + from +
                               "; millrace group reset-offsets sets the group to an offset");
        group_consume_wish grouped;
        grouped.topic = std::move(wish.topic);
        grouped.group = std::move(*group);
        grouped.format = std::move(wish.format);
        grouped.progress = wish.progress;
        grouped.count = wish.count;
        if (!wish.follow || given->has("timeout-ms")) grouped.idle_max = runtime::milliseconds{*timeout};
        grouped.from_latest = from == "latest";
        return run_group_consume(std::move(common->bootstrap), std::move(grouped));
    }
    if (given->has("timeout-ms")) return usage_error("--timeout-ms goes with --group");
    std::optional<std::int64_t> number = parse_number(from.starts_with("@") ? from.substr(1) : from);
    if (from == "earliest")
        wish.at_time = client::earliest_timestamp;
    else if (from == "latest")
        wish.at_time = client::latest_timestamp;
    else if (!number || *number < 0)
        return usage_error("--offset must be earliest, latest, a number, or @milliseconds, not " + from);
    else if (from.starts_with("@"))
        wish.at_time = timestamp_ms{*number};
    else
        wish.offset = *number;
    consume_body body{std::move(wish)};
    return run_session(common->bootstrap, body);
}

} // namespace millrace::tool
