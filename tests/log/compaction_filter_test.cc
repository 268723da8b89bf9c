#include "keyed.h"
#include "log/compaction_filter.h"
#include "records/validate.h"

#include <deque>

using namespace millrace;
using namespace millrace::log;
using namespace millrace::log::samples;

namespace {

constexpr std::int64_t now = 50'000, keep_deletions_ms = 1000;

// A round over batches: their keys are noted from `dirty_from` on, then each is filtered.
struct round {
    std::deque<std::vector<std::byte>> batches;
    last_records producers;
    filter_rules rules{{now}, keep_deletions_ms, {1'000'000}};
    std::vector<aborted_transaction> aborted, kept_aborted;
    compaction_filter::counts counted;

    round& add(keyed_batch how, std::vector<keyed> records) {
        batches.push_back(make_keyed(how, records));
        return *this;
    }
    // What is left, batch by batch.
    std::vector<std::vector<std::byte>> left(log_offset dirty_from = {0}) {
        key_offsets newest{1 << 20, 1000, {3, 4}};
        newest.prepare();
        cleaned_transactions while_noting, while_filtering;
        while_noting.add(aborted);
        while_filtering.add(aborted);
        records::decompressor unpack;
        records::byte_buffer plain, out;
        for (auto& b : batches) {
            auto noted = note_keys(records::batch_view{b}, dirty_from, newest, while_noting, unpack, plain);
            REQUIRE(noted);
            REQUIRE(*noted);
        }
        compaction_filter filter{newest, rules, producers, while_filtering};
        std::vector<std::vector<std::byte>> all;
        for (auto& b : batches) {
            out.clear();
            REQUIRE(filter.take(records::batch_view{b}, out));
            if (out.size() == 0) continue;
            CHECK(records::validate(out.view(), records::batch_rules{}));
            CHECK(records::batch_view{out.view()}.size_bytes() == out.size());
            all.emplace_back(out.view().begin(), out.view().end());
        }
        kept_aborted = while_filtering.take_kept();
        counted = filter.counted();
        return all;
    }
    std::vector<keyed> records_left(log_offset dirty_from = {0}) {
        std::vector<keyed> all;
        for (auto& b : left(dirty_from))
            for (auto& r : records_in(records::batch_view{b})) all.push_back(r);
        return all;
    }
};

std::vector<std::byte> marker(std::int64_t base, std::int64_t who, bool commit) {
    const std::byte key[] = {std::byte{0}, std::byte{0}, std::byte{0}, std::byte{commit}};
    const std::byte value[6] = {};
    records::batch_builder builder{{}};
    builder.append({1}, bytes_view{key}, bytes_view{value});
    records::batch_identity identity;
    identity.base_offset = {base};
    identity.producer_id = {who};
    identity.producer_epoch = {0};
    identity.transactional = identity.control = true;
    auto made = builder.finish(identity);
    return {made.begin(), made.end()};
}

keyed_batch transactional(std::int64_t base, std::int64_t who, std::int32_t sequence = 0) {
    keyed_batch how;
    how.base = base;
    how.identity.producer_id = {who};
    how.identity.producer_epoch = {0};
    how.identity.base_sequence = {sequence};
    how.identity.transactional = true;
    return how;
}

} // namespace

TEST_CASE("compaction: the newest record of each key stays, at its offset, with its time and headers, in each codec") {
    for (int c = 0; c < records::codec_count; ++c) {
        CAPTURE(c);
        auto codec = static_cast<records::codec>(c);
        round r;
        r.add({0, codec, {}}, {{"a", "1", 0, 100, "x"}, {"b", "1", 0, 150, "y"}, {"c", "1", 0, 120, ""}});
        r.add({3, codec, {}}, {{"a", "2", 0, 130, ""}});
        std::vector<keyed> wanted{{"b", "1", 1, 150, "y"}, {"c", "1", 2, 120, ""}, {"a", "2", 3, 130, ""}};
        CHECK(r.records_left() == wanted);
        auto batches = r.left();
        records::batch_view first{batches[0]};
        CHECK(first.codec() == codec);
        CHECK(first.base_offset() == log_offset{0});
        CHECK(first.last_offset() == log_offset{2});
        CHECK(first.max_timestamp() == timestamp_ms{150});
        CHECK(first.base_timestamp() == timestamp_ms{150});
        CHECK(batches[1] == r.batches[1]);
    }
}

TEST_CASE("compaction: a batch of which nothing is left is gone, and records without a key are of no use") {
    round r;
    r.add({0, {}, {}}, {{"a", "1"}, {"b", "1"}}).add({2, {}, {}}, {{"a", "2"}, {"b", "2"}}).add({4, {}, {}}, {{std::nullopt, "x"}});
    auto left = r.left();
    REQUIRE(left.size() == 1);
    CHECK(left[0] == r.batches[1]);
    CHECK(r.counted.records_in == 5);
    CHECK(r.counted.records_kept == 2);
    CHECK(r.counted.without_key == 1);
}

TEST_CASE("compaction: what lies behind the last offset that was looked at stays, keys or not") {
    round r;
    r.add({0, {}, {}}, {{"a", "1"}});
    key_offsets newest{1 << 20, 10, {1, 1}};
    newest.prepare();
    newest.put(as_bytes("a"), {0});
    CHECK(keeps({{1}, false, true, no_offset}, {newest.latest(), std::nullopt, {0}}));
    CHECK_FALSE(keeps({{0}, false, true, no_offset}, {newest.latest(), std::nullopt, {0}}));
}

TEST_CASE("compaction: a deletion stays until delete.retention.ms after it was first met, and its time is kept in its batch") {
    round r;
    r.add({0, {}, {}}, {{"a", "1", 0, 10}, {"b", "1", 0, 20}}).add({2, {}, {}}, {{"a", std::nullopt, 0, 30}, {"c", "1", 0, 40}});
    auto left = r.left();
    REQUIRE(left.size() == 2);
    records::batch_view deletion{left[1]};
    CHECK(deletion.has_delete_horizon());
    CHECK(deletion.base_timestamp() == timestamp_ms{now + keep_deletions_ms});
    CHECK(deletion.max_timestamp() == timestamp_ms{40});
    CHECK(records_in(deletion) == std::vector<keyed>{{"a", std::nullopt, 2, 30}, {"c", "1", 3, 40}});

    round later;
    later.batches = {left[0], left[1]};
    later.rules.now = {now + keep_deletions_ms - 1};
    CHECK(later.left()[1] == left[1]);
    later.rules.now = {now + keep_deletions_ms};
    auto end = later.left();
    REQUIRE(end.size() == 2);
    records::batch_view rest{end[1]};
    CHECK(records_in(rest) == std::vector<keyed>{{"c", "1", 3, 40}});
    CHECK(rest.has_delete_horizon());
    CHECK(rest.last_offset() == log_offset{3});
}

TEST_CASE("compaction: records by LogAppendTime keep the time of their batch") {
    round r;
    keyed_batch how;
    how.identity.timestamp_type = records::timestamp_type::log_append_time;
    r.add(how, {{"a", "1", 0, 10}, {"b", "1", 0, 70}});
    r.add({2, {}, {}}, {{"a", "2", 0, 80}});
    auto left = r.left();
    records::batch_view first{left[0]};
    CHECK(first.timestamp_type() == records::timestamp_type::log_append_time);
    CHECK(first.max_timestamp() == timestamp_ms{70});
    CHECK(first.record_count() == 1);
}

TEST_CASE("compaction: the last batch of a producer that is still known stays empty, with its sequence; others go") {
    keyed_batch idempotent;
    idempotent.identity.producer_id = {7};
    idempotent.identity.producer_epoch = {2};
    idempotent.identity.base_sequence = {40};
    round r;
    r.add(idempotent, {{"a", "1", 0, 10}, {"a", "2", 0, 20}});
    r.add({2, {}, {}}, {{"a", "3", 0, 30}});
    r.producers[{7}] = {{1}, {2}};
    auto left = r.left();
    REQUIRE(left.size() == 2);
    records::batch_view kept{left[0]};
    CHECK(kept.record_count() == 0);
    CHECK(kept.producer_id() == producer_id{7});
    CHECK(kept.producer_epoch() == producer_epoch{2});
    CHECK(kept.last_sequence() == sequence_number{41});
    CHECK(kept.last_offset() == log_offset{1});
    CHECK(kept.max_timestamp() == timestamp_ms{20});
    CHECK(kept.size_bytes() == records::header_size);
    round again;
    again.batches = {left[0], left[1]};
    again.producers = r.producers;
    CHECK(again.left() == left);
    again.producers.clear();
    CHECK(again.left().size() == 1);
}

TEST_CASE("compaction: the last batch of the round stays, empty if need be") {
    round r;
    r.add({0, {}, {}}, {{"a", "1"}, {"a", "2"}}).add({2, {}, {}}, {{std::nullopt, "x"}});
    r.rules.upper_bound = {3};
    auto left = r.left();
    REQUIRE(left.size() == 2);
    CHECK(records::batch_view{left[1]}.record_count() == 0);
    CHECK(records::batch_view{left[1]}.last_offset() == log_offset{2});
}

TEST_CASE("compaction: records of aborted transactions go and hide nothing; their marker goes once they are gone, after its time") {
    round r;
    r.add({0, {}, {}}, {{"a", "kept"}}).add(transactional(1, 9), {{"a", "aborted"}, {"z", "aborted"}});
    r.batches.push_back(marker(3, 9, false));
    r.aborted = {{{9}, {1}, {3}, {1}}};
    auto first = r.left();
    REQUIRE(first.size() == 2);
    CHECK(records_in(records::batch_view{first[0]})[0].value == "kept");
    CHECK(first[1] == r.batches[2]);
    CHECK(r.kept_aborted == r.aborted);

    round second;
    second.batches = {first[0], first[1]};
    auto marked = second.left();
    REQUIRE(marked.size() == 2);
    CHECK(records::batch_view{marked[1]}.has_delete_horizon());
    CHECK(records::batch_view{marked[1]}.is_control());
    CHECK(second.kept_aborted.empty());

    round third;
    third.batches = {marked[0], marked[1]};
    third.rules.now = {now + keep_deletions_ms};
    CHECK(third.left().size() == 1);
}

TEST_CASE("compaction: a commit marker stays while a record of its transaction is there") {
    round r;
    r.add(transactional(0, 9), {{"a", "1"}});
    r.batches.push_back(marker(1, 9, true));
    auto left = r.left();
    REQUIRE(left.size() == 2);
    CHECK_FALSE(records::batch_view{left[1]}.has_delete_horizon());
    r.add({2, {}, {}}, {{"a", "2"}});
    left = r.left();
    REQUIRE(left.size() == 2);
    CHECK(left[0] == r.batches[1]);
}

TEST_CASE("aborted transactions: what is written is read back, and other bytes are refused") {
    std::vector<aborted_transaction> all{{{1}, {2}, {3}, {4}}, {{5}, {6}, {7}, {8}}};
    CHECK(decode_aborted(encode_aborted(all)) == all);
    auto bytes = encode_aborted(all);
    bytes.pop_back();
    CHECK_FALSE(decode_aborted(bytes));
    bytes = encode_aborted(all);
    bytes[1] = std::byte{9};
    CHECK_FALSE(decode_aborted(bytes));
}
