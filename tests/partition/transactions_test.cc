#include "partition/transactions.h"
#include "records/batch_builder.h"

#include <doctest/doctest.h>

using namespace millrace;
using namespace millrace::partition;

namespace {

struct made {
    std::vector<std::byte> bytes;
    records::batch_view view() const { return records::batch_view{bytes}; }
};

made batch(std::int64_t base, std::int64_t producer, bool transactional = true, int records = 2) {
    records::builder_options options;
    records::batch_builder builder{options};
    for (int i = 0; i < records; ++i) builder.append(timestamp_ms{1000}, std::nullopt, as_bytes("v"));
    records::batch_identity who;
    who.base_offset = {base};
    who.producer_id = {producer};
    who.producer_epoch = {0};
    who.base_sequence = {0};
    who.transactional = transactional;
    auto b = builder.finish(who);
    return {{b.begin(), b.end()}};
}

made marker(std::int64_t base, std::int64_t producer, bool commit) {
    records::builder_options options;
    records::batch_builder builder{options};
    std::byte key[4] = {std::byte{0}, std::byte{0}, std::byte{0}, std::byte{commit}};
    std::byte value[6]{};
    builder.append(timestamp_ms{1000}, bytes_view{key}, bytes_view{value});
    records::batch_identity who;
    who.base_offset = {base};
    who.producer_id = {producer};
    who.producer_epoch = {0};
    who.transactional = who.control = true;
    auto b = builder.finish(who);
    return {{b.begin(), b.end()}};
}

} // namespace

TEST_CASE("transactions: the oldest open one holds readers back, markers end them, and aborted ones are told by their range") {
    transactions t;
    t.apply(batch(0, 7).view());
    t.apply(batch(2, 8).view());
    t.apply(batch(4, 9, false).view()); // not part of any
    CHECK(t.first_open() == log_offset{0});
    t.apply(batch(6, 7).view());
    t.apply(marker(8, 7, false).view());
    CHECK(t.first_open() == log_offset{2});
    t.apply(marker(9, 8, true).view());
    CHECK(t.first_open() == no_offset);
    t.apply(marker(10, 99, false).view()); // wrote nothing here
    REQUIRE(t.aborted_in({0}, {100}).size() == 1);
    CHECK(t.aborted_in({0}, {100})[0] == aborted_transaction{{7}, {0}, {8}, {2}});
    CHECK(t.aborted_in({8}, {9}).size() == 1);
    CHECK(t.aborted_in({9}, {100}).empty());
    CHECK(t.aborted_in({0}, {0}).empty());
}

TEST_CASE("transactions: Kafka's index file is read and written, entries are known once, and those of a cut log are left out") {
    transactions t;
    t.apply(batch(0, 7).view());
    t.apply(marker(2, 7, false).view());
    t.apply(batch(3, 7).view());
    t.apply(marker(5, 7, false).view());
    std::vector<std::byte> file;
    for (auto& a : t.unsaved()) {
        auto entry = log::encode_aborted({&a, 1});
        CHECK(entry.size() == 34);
        file.insert(file.end(), entry.begin(), entry.end());
    }
    transactions again;
    CHECK(again.load(file, {6}));
    again.apply(batch(0, 7).view());
    again.apply(marker(2, 7, false).view());
    CHECK(again.unsaved().empty());
    CHECK(again.aborted_in({0}, {100}) == t.aborted_in({0}, {100}));
    transactions cut;
    CHECK(cut.load(file, {5}));
    CHECK(cut.aborted_in({0}, {100}).size() == 1);
    file.resize(file.size() - 1);
    transactions broken;
    CHECK_FALSE(broken.load(file, {6}));
}

TEST_CASE("transactions: of those that compaction went over only the ones it left are told to readers") {
    transactions t;
    for (std::int64_t base = 0; base < 40; base += 10) {
        t.apply(batch(base, 7).view());
        t.apply(marker(base + 5, 7, false).view());
    }
    t.keep_aborted({10}, {30}, {{15}});
    auto left = t.aborted_in({0}, {100});
    REQUIRE(left.size() == 3);
    CHECK(left[0].last == log_offset{5});
    CHECK(left[1].last == log_offset{15});
    CHECK(left[2].last == log_offset{35});
}
