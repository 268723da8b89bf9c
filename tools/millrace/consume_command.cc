#include "client/reader.h"
#include "command.h"
#include "help.h"
#include "json.h"
#include "progress.h"

#include <algorithm>

namespace millrace::tool {

namespace {

struct consume_wish {
    std::string topic;
    bool json = false;
    bool progress = false;
    bool follow = false;
    bool quiet = false;
    std::int32_t partition = -1;
    std::optional<std::int64_t> count;
    std::optional<timestamp_ms> at_time; // or a special timestamp
    std::int64_t offset = 0;             // used without at_time
    std::optional<std::string> key_separator;
};

void append_json_record(std::string& out, const client::read_record& r) {
    out += "{\"partition\":" + std::to_string(r.partition.value) + ",\"offset\":" + std::to_string(r.offset.value) +
           ",\"timestamp\":" + std::to_string(r.timestamp.value) + ",";
    auto part = [&](std::string_view name, const std::optional<bytes_view>& bytes) {
        if (bytes)
            append_json_bytes(out, name, as_text(*bytes));
        else
            out += "\"" + std::string{name} + "\":null";
    };
    part("key", r.key);
    out += ",";
    part("value", r.value);
    out += ",\"headers\":[";
    auto headers = r.headers;
    records::record_header h;
    bool first = true;
    while (headers.next(h)) {
        out += first ? "{" : ",{";
        first = false;
        append_json_bytes(out, "key", as_text(h.key));
        out += ",";
        part("value", h.value);
        out += "}";
    }
    out += "]}\n";
}

class consume_body final : public command_body, client::record_sink {
  public:
    explicit consume_body(consume_wish wish) : wish_{std::move(wish)}, progress_{wish_.progress, "consumed"} {}

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
                flush();
                co_return failed(got.error());
            }
            flush();
            if (broken_) co_return failed("cannot write to standard output");
            progress_.update(count_, bytes_);
            if (wish_.follow) continue;
            for (auto partition : wanted)
                if (ends.contains(partition) && !done_.contains(partition) && reads(reader, partition, ends[partition])) {
                    reader.unassign(partition);
                    done_[partition] = true;
                }
        }
        progress_.finish(count_, bytes_);
        co_return 0;
    }

  private:
    bool reads(client::partition_reader& reader, partition_index partition, log_offset end) {
        return reader.has(partition) && reader.position(partition) >= end;
    }
    bool enough() const { return wish_.count && count_ >= static_cast<std::uint64_t>(*wish_.count); }

    bool record(const client::read_record& r) override {
        // Records that came in after the command began are not its business.
        if (ends_ && r.offset >= ends_->at(r.partition)) return true;
        ++count_;
        bytes_ += (r.key ? r.key->size() : 0) + (r.value ? r.value->size() : 0);
        if (!wish_.quiet) {
            if (wish_.json) {
                append_json_record(out_, r);
            } else {
                if (wish_.key_separator) {
                    if (r.key) out_ += as_text(*r.key);
                    out_ += *wish_.key_separator;
                }
                if (r.value) out_ += as_text(*r.value);
                out_ += '\n';
            }
            if (out_.size() >= out_bytes_max) flush();
        }
        return !enough();
    }
    void flush() {
        if (out_.empty()) return;
        if (std::fwrite(out_.data(), 1, out_.size(), stdout) != out_.size() || std::fflush(stdout) != 0) broken_ = true;
        out_.clear();
    }

    static constexpr std::size_t out_bytes_max = 256 << 10;
    consume_wish wish_;
    class progress progress_;
    std::string out_;
    std::map<partition_index, bool> done_;
    const std::map<partition_index, log_offset>* ends_ = nullptr;
    std::uint64_t count_ = 0, bytes_ = 0;
    bool broken_ = false;
};

} // namespace

int consume_command(std::span<const char* const> words) {
    static constexpr option_form forms[] = {{"help"}, {"bootstrap-server", true}, {"format", true}, {"partition", true},
        {"offset", true}, {"count", true}, {"follow"}, {"quiet"}, {"key-separator", true}, {"progress"}};
    auto given = arguments::parse(words, forms);
    if (!given) return usage_error(given.error());
    if (given->has("help")) return std::fputs(help_consume, stdout), 0;
    if (given->alone().size() != 1) return usage_error("consume needs one topic name; see millrace consume --help");
    auto common = common_from(*given);
    if (!common) return usage_error(common.error());
    consume_wish wish;
    wish.topic = given->alone()[0];
    wish.json = common->json;
    wish.follow = given->has("follow");
    wish.quiet = given->has("quiet");
    wish.key_separator = given->value("key-separator");
    // Records and a progress line would mix on a terminal.
    wish.progress = given->has("progress") || (wish.quiet && progress::wanted(false));
    auto partition = given->number("partition", -1, 0, INT32_MAX);
    if (!partition) return usage_error(partition.error());
    wish.partition = static_cast<std::int32_t>(*partition);
    auto count = given->number("count", 0, 0, INT64_MAX);
    if (!count) return usage_error(count.error());
    if (given->has("count")) wish.count = *count;
    auto from = given->value("offset").value_or("earliest");
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
