// What `millrace log verify` finds, and what `millrace log recover --write` leaves.
#include "log/aborted_transaction.h"
#include "log/inspect.h"
#include "log/segment.h"
#include "stored_log.h"

#include <doctest/doctest.h>

using namespace millrace;
using namespace millrace::log;
using namespace millrace::log::samples;

namespace {

const std::string home = "/data/orders-0";

struct broken_log : stored_log {
    using stored_log::stored_log;

    partition_findings look() { return f.await(inspect_partition(f.disk, home, &f.checkpoints)); }
    void give_up(const partition_findings& found) {
        REQUIRE(f.await(f.checkpoints.save_points(f.disk, "/data")));
        REQUIRE(f.await(cut_partition(f.disk, found)));
        directory_checkpoints again;
        f.await(again_into(again));
        f.checkpoints = again;
        f.disk.lose_unsynced(); // all of it is on the disk
    }
    runtime::task<bool> again_into(directory_checkpoints& into) {
        co_await into.read(f.disk, "/data");
        co_return true;
    }
    // After a start: the end of what readers get, all of it as it was written.
    log_offset served_up_to(bool clean = true) {
        REQUIRE(f.open(clean));
        log_offset at = f.log->start_offset();
        while (at < f.log->end_offset()) {
            auto got = f.await(f.log->read(at, 400, f.log->end_offset(), true));
            REQUIRE(got);
            if (got->length == 0) break;
            auto bytes = f.bytes_of(*got);
            for (std::size_t position = 0; position < bytes.size();) {
                records::batch_view b{bytes_view{bytes}.subspan(position)};
                REQUIRE(std::equal(b.bytes().begin(), b.bytes().end(), batches.at(b.base_offset().value).begin()));
                position += b.size_bytes();
                at = b.last_offset() + 1;
            }
        }
        CHECK(at == f.log->end_offset());
        return at;
    }
    log_offset base_of(int number) {
        auto path = segment(number);
        return {std::stoll(path.substr(path.rfind('/') + 1))};
    }
    std::string beside(int number, const char* suffix) {
        auto path = segment(number);
        return path.substr(0, path.size() - 4) + suffix;
    }
};

} // namespace

TEST_CASE("recover: what lies behind the first damage is cut off and kept beside it, what lies in front of it is served, at every byte") {
    broken_log s;
    uuid id;
    id.bytes[3] = 7;
    const auto path = s.segment(1);
    for (std::size_t at = 0; at < s.files[path].size(); at += 13) {
        CAPTURE(at);
        s.restore();
        s.f.checkpoints.recovery_points = {{{"orders", {0}}, s.end}};
        s.f.checkpoints.recovery_topics = {{"orders", id}};
        s.f.disk.files[path]->now[at] ^= std::byte{4};
        s.f.disk.files[path]->durable = s.f.disk.files[path]->now;
        auto found = s.look();
        REQUIRE(found.damaged());
        if (!found.cut) continue; // only the checksums see it: below
        CHECK(found.cut->segment_base == s.base_of(1));
        CHECK(found.cut->position <= at);
        s.give_up(found);
        CHECK(s.f.disk.files[path]->now.size() == found.cut->position);
        auto rest = s.f.disk.files.at(path + ".cut")->now;
        CHECK(rest.size() + found.cut->position == s.files[path].size());
        CHECK(std::equal(rest.begin(), rest.end(), s.files[path].begin() + static_cast<std::ptrdiff_t>(found.cut->position),
                         [&](auto a, auto b) { return a == b || (a ^ b) == std::byte{4}; }));
        CHECK(s.f.disk.files.at(s.segment(2) + ".cut")->now == s.files[s.segment(2)]);
        for (int gone : {1, 2})
            for (const char* suffix : {".index", ".timeindex", block_sums::suffix}) CHECK_FALSE(s.f.disk.files.contains(s.beside(gone, suffix)));
        for (auto& [name, n] : s.f.disk.files)
            if (name.ends_with(".snapshot")) CHECK(std::stoll(name.substr(name.rfind('/') + 1)) <= found.end.value);
        CHECK_FALSE(s.look().damaged());
        CHECK(s.f.checkpoints.recovery_points.at({"orders", {0}}) == found.end);
        CHECK(s.served_up_to(at % 2) == found.end);
        s.end_process();
    }
}

TEST_CASE("recover: where only the checksums tell of damage they go, and what is there is served") {
    broken_log s;
    uuid id;
    id.bytes[3] = 7;
    for (const char* harm : {"segment missing", "cut between two batches", "other checksums"}) {
        CAPTURE(harm);
        s.restore();
        s.f.checkpoints.recovery_points = {{{"orders", {0}}, s.end}};
        s.f.checkpoints.recovery_topics = {{"orders", id}};
        const auto path = s.segment(1);
        const auto stored = s.files[path];
        auto first_batch = records::log_overhead + static_cast<std::size_t>(load_be<std::int32_t>(stored.data() + records::at::length));
        auto kept = s.f.disk.files[path];
        switch (harm[0]) {
        case 's': s.f.disk.files.erase(path), s.f.disk.durable_files.erase(path); break;
        case 'c': kept->now.resize(first_batch); break;
        default: // the sums are of other bytes than these
            auto sums = *block_sums::decode(s.files[s.beside(1, block_sums::suffix)]);
            sums.blocks[0] ^= 1;
            s.f.disk.files[s.beside(1, block_sums::suffix)]->now = sums.encode();
        }
        kept->durable = kept->now;
        auto found = s.look();
        REQUIRE(found.damaged());
        CHECK_FALSE(found.cut);
        REQUIRE(found.only_by_sums.size() == 1);
        s.give_up(found);
        CHECK_FALSE(s.look().damaged());
        CHECK(s.served_up_to() == s.end);
        s.end_process();
    }
}

TEST_CASE("recover: what was flushed and is missing at the end is given up in the checkpoint") {
    broken_log s;
    uuid id;
    id.bytes[3] = 7;
    s.restore();
    s.f.checkpoints.recovery_points = {{{"orders", {0}}, s.end}};
    s.f.checkpoints.recovery_topics = {{"orders", id}};
    const auto last = s.segment(static_cast<int>(std::count_if(s.files.begin(), s.files.end(), [](auto& e) { return e.first.ends_with(".log"); })) - 1);
    s.f.disk.files.erase(last);
    s.f.disk.durable_files.erase(last);
    auto found = s.look();
    REQUIRE(found.damaged());
    CHECK(found.end < s.end);
    s.give_up(found);
    CHECK(s.f.checkpoints.recovery_points.at({"orders", {0}}) == found.end);
    CHECK(s.served_up_to() == found.end);
    s.end_process();
}

TEST_CASE("recover: a damaged start offset goes, and the log begins with its first segment") {
    broken_log s{log_offset{2}};
    s.restore();
    auto& start = s.f.disk.files[home + "/log-start-offset"];
    start->now[2] ^= std::byte{1};
    start->durable = start->now;
    auto found = s.look();
    REQUIRE(found.damaged());
    s.give_up(found);
    CHECK(s.served_up_to() == s.end);
    CHECK(s.f.log->start_offset() == log_offset{0});
    s.end_process();
}

TEST_CASE("recover: aborted transactions of what was cut off go with it, those in front of it stay") {
    broken_log s;
    uuid id;
    id.bytes[3] = 7;
    const log_offset second = s.base_of(1), third = s.base_of(2);
    const aborted_transaction early{{1}, {0}, {1}, {2}}, kept{{1}, second, second, second + 1}, across{{2}, second, third + (-1), third},
        behind{{1}, third, third + 1, third + 2};
    auto index = [&](log_offset base) { return home + "/" + segment_file_name(base, ".txnindex"); };
    for (bool some_left : {true, false}) {
        CAPTURE(some_left);
        s.restore();
        s.f.checkpoints.recovery_points = {{{"orders", {0}}, s.end}};
        s.f.checkpoints.recovery_topics = {{"orders", id}};
        auto put = [&](log_offset base, std::vector<aborted_transaction> all) {
            auto& n = s.f.disk.files[index(base)] = std::make_shared<node>();
            n->now = n->durable = encode_aborted(all);
            s.f.disk.durable_files[index(base)] = n;
        };
        put({0}, {early});
        put(second, some_left ? std::vector{kept, across} : std::vector{across});
        put(third, {behind});
        auto& bytes = s.f.disk.files[s.segment(1)];
        bytes->now[bytes->now.size() - 1] ^= std::byte{1}; // in its last batch
        bytes->durable = bytes->now;
        auto found = s.look();
        REQUIRE(found.cut);
        REQUIRE(found.end > second);
        REQUIRE(found.end < third);
        s.give_up(found);
        CHECK(s.f.disk.files.at(index({0}))->now == encode_aborted({{early}}));
        REQUIRE(s.f.disk.files.contains(index(second)) == some_left);
        if (some_left) CHECK(s.f.disk.files.at(index(second))->now == encode_aborted({{kept}}));
        CHECK_FALSE(s.f.disk.files.contains(index(third)));
        CHECK(s.served_up_to() == found.end);
        s.end_process();
    }
}

TEST_CASE("recover: a start that cuts a torn end takes the aborted transactions of what it cut too") {
    for (bool some_left : {true, false}) {
        CAPTURE(some_left);
        broken_log s;
        s.restore();
        s.f.checkpoints.recovery_points.clear(); // nothing was flushed for certain
        const int number = static_cast<int>(std::count_if(s.files.begin(), s.files.end(), [](auto& e) { return e.first.ends_with(".log"); })) - 1;
        const log_offset base = s.base_of(number);
        const aborted_transaction kept{{1}, base, base, base + 1}, cut{{2}, base, s.end + (-1), s.end};
        const auto index = home + "/" + segment_file_name(base, ".txnindex");
        auto& n = s.f.disk.files[index] = std::make_shared<node>();
        n->now = some_left ? encode_aborted(std::vector{kept, cut}) : encode_aborted(std::vector{cut});
        auto& bytes = s.f.disk.files[s.segment(number)]->now;
        bytes.resize(bytes.size() - 1);
        REQUIRE(s.f.open());
        REQUIRE(s.f.log->end_offset() < s.end);
        auto left = s.f.await(s.f.log->transaction_indexes());
        REQUIRE(left);
        CHECK(left->size() == some_left);
        s.f.disk.lose_unsynced();
        CHECK(s.f.disk.files.contains(index) == some_left);
        if (some_left) CHECK(s.f.disk.files.at(index)->now == encode_aborted({{kept}}));
        s.f.abandon();
    }
}

TEST_CASE("inspect: a segment that was begun before the one in front of it was flushed is looked at, and told of where that one lost its end") {
    broken_log s;
    for (bool lost : {false, true}) {
        CAPTURE(lost);
        s.restore();
        s.f.checkpoints.recovery_points.clear(); // nothing was flushed for certain
        auto last = s.segment(static_cast<int>(std::count_if(s.files.begin(), s.files.end(), [](auto& e) { return e.first.ends_with(".log"); })) - 1);
        s.f.disk.files[last + ".rolled"] = s.f.disk.files[last];
        s.f.disk.files.erase(last);
        if (lost) {
            for (auto& [path, n] : s.f.disk.files)
                if (path.ends_with(block_sums::suffix) && path < last) n->now.clear();
            std::string front;
            for (auto& [path, n] : s.f.disk.files)
                if (path.ends_with(".log")) front = path;
            auto& bytes = s.f.disk.files[front]->now;
            bytes.resize(records::log_overhead + static_cast<std::size_t>(load_be<std::int32_t>(bytes.data() + records::at::length)));
        }
        auto found = s.look();
        CHECK_FALSE(found.damaged());
        CHECK((found.end == s.end) == !lost);
        bool told = std::any_of(found.all.begin(), found.all.end(), [](auto& one) { return one.file.ends_with(".log.rolled"); });
        CHECK(told == lost);
        // A byte of it changed is damage, and cut off there.
        if (lost) continue;
        s.f.disk.files[last + ".rolled"]->now[70] ^= std::byte{1};
        auto damaged = s.look();
        REQUIRE(damaged.cut);
        CHECK(damaged.all.back().file.ends_with(".log.rolled"));
        REQUIRE(s.f.await(cut_partition(s.f.disk, damaged)));
        CHECK(s.f.disk.files[last + ".rolled"]->now.size() == damaged.cut->position);
        CHECK_FALSE(s.look().damaged());
    }
}
