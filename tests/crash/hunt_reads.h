// What a hunt's clients read from a whole broker: every record with its offset, with the bytes checked here and not by the
// broker's own verdict.
// Owner: the hunt; the test's thread.
// Invariant: batches whose checksum, size or offsets are wrong are faults; nothing of them is taken for a record.
#pragma once

#include "../broker/wire.h"
#include "history.h"
#include "kafka/messages/list_offsets.h"
#include "kafka/messages/offset_fetch.h"
#include "key_history.h"
#include "records/compression.h"

namespace millrace::crash {

namespace bt = broker::test;

struct read_record {
    std::int64_t offset;
    std::string value;
};

inline constexpr std::size_t decompressed_bytes_max = 1 << 20;

inline std::vector<read_record> read_batches(bytes_view left, const std::string& name, faults& wrong) {
    std::vector<read_record> out;
    std::int64_t end = -1;
    while (left.size() >= records::header_size) {
        auto length = load_be<std::int32_t>(left.data() + records::at::length);
        auto size = records::log_overhead + static_cast<std::size_t>(length);
        if (length < 0 || size > left.size()) {
            // Kafka allows a last batch that is cut off; Millrace never sends one.
            wrong.push_back(name + ": corrupt: a batch is cut off");
            return out;
        }
        records::batch_view b{left.first(size)};
        if (b.computed_crc() != b.crc()) {
            wrong.push_back(name + " offset " + std::to_string(b.base_offset().value) + ": corrupt: a batch was served whose checksum is wrong");
            return out;
        }
        if (b.base_offset().value < end) wrong.push_back(name + ": corrupt: offsets go back within an answer");
        records::byte_buffer plain;
        bytes_view payload = b.payload();
        if (b.is_compressed()) {
            records::decompressor unpack;
            if (!unpack.run(b.codec().value_or(records::codec::none), payload, decompressed_bytes_max, plain)) {
                wrong.push_back(name + " offset " + std::to_string(b.base_offset().value) + ": corrupt: a batch was served that cannot be decompressed");
                return out;
            }
            payload = {plain.data(), plain.size()};
        }
        records::record_iterator walk{payload, b.record_count()};
        records::record_view one;
        while (walk.next(one))
            out.push_back({(b.base_offset() + one.offset_delta).value,
                           one.value ? std::string{as_text(*one.value)} : key_history::shown_removal(std::string{as_text(one.key.value_or(bytes_view{}))})});
        if (!out.empty()) end = out.back().offset + 1;
        left = left.subspan(size);
    }
    return out;
}

struct partition_read {
    kafka::error_code code = kafka::error_code::none;
    std::int64_t high_watermark = -1;
    std::int64_t log_start = -1;
    std::vector<read_record> records;
};
using answer_read = std::map<std::pair<std::string, std::int32_t>, partition_read>;

inline answer_read read_fetch(const kafka::fetch_response& r, faults& wrong) {
    answer_read out;
    for (const auto& t : r.responses)
        for (const auto& p : t.partitions) {
            std::string topic{t.topic};
            auto& into = out[{topic, p.partition_index.value}];
            into.code = p.error_code;
            into.high_watermark = p.high_watermark.value;
            into.log_start = p.log_start_offset.value;
            into.records = read_batches(p.records.bytes(), topic + "-" + std::to_string(p.partition_index.value), wrong);
        }
    return out;
}

// Where a log begins.
inline std::int64_t earliest(bt::wire& c, const std::string& topic, std::int32_t partition) {
    constexpr std::int64_t first_offset = -2;
    kafka::list_offsets_request::partition_entry p;
    p.partition_index = {partition};
    p.timestamp = {first_offset};
    kafka::list_offsets_request::topic_entry t;
    t.name = topic;
    t.partitions = {&p, 1};
    kafka::list_offsets_request in;
    in.topics = {&t, 1};
    c.send(in, 6);
    if (!c.wait()) return -1;
    return c.next<kafka::list_offsets_response>()->message.topics[0].partitions[0].offset.value;
}

inline constexpr std::size_t holes_max = 10'000; // one after the other
using contents = std::map<std::pair<std::string, std::int32_t>, std::vector<std::string>>;

// All records of these partitions, from offset 0, with holes where there are none; a refusal and a connection that ends are faults.
inline contents read_everything(bt::wire& c, const std::vector<std::pair<std::string, std::int32_t>>& partitions, faults& wrong) {
    contents out;
    for (auto& p : partitions) out[p];
    auto left = partitions;
    std::map<std::pair<std::string, std::int32_t>, int> tries;
    for (int rounds = 0; !left.empty(); ++rounds) {
        std::vector<bt::wanted> ask;
        for (auto& [topic, number] : left) ask.push_back({topic, number, static_cast<std::int64_t>(out[{topic, number}].size())});
        bt::send_fetch(c, std::move(ask), 0);
        if (!c.wait() || rounds > 1000) {
            wrong.push_back("a reader of all records is not answered");
            return out;
        }
        auto answer = c.next<kafka::fetch_response>();
        left.clear();
        for (auto& [at, part] : read_fetch(answer->message, wrong)) {
            auto& into = out[at];
            auto name = at.first + "-" + std::to_string(at.second);
            if (part.code == kafka::error_code::offset_out_of_range) { // or retention was quicker
                auto start = earliest(c, at.first, at.second);
                if (start > static_cast<std::int64_t>(into.size())) {
                    into.assign(static_cast<std::size_t>(start), deleted);
                    left.push_back(at);
                    continue;
                }
            }
            if (part.code != kafka::error_code::none) {
                wrong.push_back(name + ": cannot be read from offset " + std::to_string(into.size()) + ": error " +
                                std::to_string(static_cast<int>(part.code)));
                continue;
            }
            auto before = into.size();
            for (auto& r : part.records) {
                if (r.offset < static_cast<std::int64_t>(before)) continue; // of the batch that holds the first one
                if (r.offset > static_cast<std::int64_t>(into.size() + holes_max)) {
                    wrong.push_back(name + " offset " + std::to_string(r.offset) + ": phantom: far behind the record before it");
                    break;
                }
                if (r.offset > static_cast<std::int64_t>(into.size())) into.resize(static_cast<std::size_t>(r.offset), hole);
                into.push_back(std::move(r.value));
            }
            if (static_cast<std::int64_t>(into.size()) >= part.high_watermark) continue;
            if (into.size() > before || ++tries[at] < 3) left.push_back(at);
            else into.resize(static_cast<std::size_t>(part.high_watermark), hole); // an empty segment behind it
        }
    }
    return out;
}

// The committed offset of partition 0, asked for until the coordinator has read its log.
inline std::optional<std::int64_t> read_commit(bt::wire& c, bt::whole_node& n, const std::string& group, const std::string& topic,
                                               faults& wrong) {
    constexpr std::int16_t with_single_group = 7;
    for (int tries = 0; tries < 300; ++tries) {
        partition_index wanted{0};
        kafka::offset_fetch_request::single_topic_entry t;
        t.name = topic;
        t.partition_indexes = {&wanted, 1};
        kafka::offset_fetch_request in;
        in.group_id = group;
        in.topics = {&t, 1};
        c.send(in, with_single_group);
        if (!c.wait()) break;
        auto told = c.next<kafka::offset_fetch_response>();
        if (told->message.error_code != kafka::error_code::none) {
            n.w.run_for(runtime::milliseconds{5});
            continue;
        }
        auto& p = told->message.topics[0].partitions[0];
        if (p.committed_offset.value < 0) return std::nullopt;
        return p.committed_offset.value;
    }
    wrong.push_back("group " + group + " is not served");
    return std::nullopt;
}

} // namespace millrace::crash
