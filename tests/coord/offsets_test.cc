#include "bench.h"

#include <limits>

using namespace millrace;
using namespace millrace::coord;
using namespace millrace::coord::test;

namespace {

constexpr std::int64_t retention = 7ll * 24 * 3600 * 1000;

void expire(bench& b) {
    while (!b.at->expire_offsets(b.now.wall, 2)) {}
    b.take();
}

commit_request from_member(bench& b, std::string group, std::string member, int generation, std::int64_t offset) {
    auto r = b.committing(group, "t", 0, offset);
    r.member_id = member;
    r.generation_or_epoch = generation;
    return r;
}

} // namespace

TEST_CASE("offsets: a group without members takes commits of anybody who names no generation, and becomes a simple group") {
    bench b;
    CHECK(b.commit("g", "t", 3, 42) == std::nullopt);
    CHECK(b.committed("g", "t", 3) == 42);
    CHECK(b.committed("g", "t", 4) == -1);
    CHECK(b.committed("g", "u", 3) == -1);
    CHECK(b.committed("other", "t", 3) == -1);
    CHECK(b.commit("", "t", 0, 1) == std::nullopt); // the empty id is a group too
    CHECK(b.commit(from_member(b, "new", "", 0, 1)) == errc::group_id_not_found);
    auto old = from_member(b, "new", "", 0, 1);
    old.knows_member_epochs = false;
    CHECK(b.commit(old) == errc::illegal_generation);
    CHECK(b.commit(from_member(b, "g", "someone", 1, 1)) == errc::unknown_member);
    CHECK(b.commit(from_member(b, "g", "someone", -1, 7)) == std::nullopt);
    auto shown = b.at->describe("g");
    CHECK(shown->state == "Empty");
    CHECK(shown->protocol_type.empty());
    CHECK(b.list().size() == 2);
}

TEST_CASE("offsets: with members a commit comes from one of them and its generation, but not while they sync") {
    bench b;
    auto ids = b.stable("g", 2);
    CHECK(b.commit(from_member(b, "g", ids[0], 1, 5)) == std::nullopt);
    CHECK(b.commit(from_member(b, "g", ids[0], 0, 6)) == errc::illegal_generation);
    CHECK(b.commit(from_member(b, "g", ids[0], 2, 6)) == errc::illegal_generation);
    CHECK(b.commit(from_member(b, "g", ids[0], -1, 6)) == errc::illegal_generation);
    CHECK(b.commit(from_member(b, "g", "stranger", 1, 6)) == errc::unknown_member);
    CHECK(b.commit("g", "t", 0, 6) == errc::unknown_member);
    CHECK(b.committed("g", "t", 0) == 5);
    b.join("g", ids[0]); // a rebalance begins: what was read until now may be committed
    CHECK(b.commit(from_member(b, "g", ids[1], 1, 7)) == std::nullopt);
    b.join("g", ids[1]);
    CHECK(b.state("g") == "CompletingRebalance");
    CHECK(b.commit(from_member(b, "g", ids[1], 1, 8)) == errc::illegal_generation);
    CHECK(b.commit(from_member(b, "g", ids[1], 2, 8)) == errc::rebalance_in_progress);
    CHECK(b.committed("g", "t", 0) == 7);
    CHECK(b.commit(from_member(b, "g", ids[1], -1, 9)) == errc::illegal_generation);
}

TEST_CASE("offsets: a commit is a sign of life") {
    bench b;
    auto ids = b.stable("g", 1);
    for (int i = 0; i < 5; ++i) {
        b.pass(seconds{9});
        CHECK(b.commit(from_member(b, "g", ids[0], 1, i)) == std::nullopt);
    }
    CHECK(b.beat("g", ids[0], 1) == std::nullopt);
}

TEST_CASE("offsets: too much metadata is refused for its partition alone") {
    bench b;
    auto r = b.committing("g", "t", 0, 1);
    r.entries[0].metadata.assign(4097, 'x');
    r.entries.push_back({{"t", {1}}, {2}, {3}, std::string(4096, 'y'), {}});
    auto said = b.at->commit(r, b.now);
    b.take();
    REQUIRE(said.has_value());
    CHECK(*said == commit_answer{errc::metadata_too_large, {}});
    CHECK(b.committed("g", "t", 0) == -1);
    CHECK(b.committed("g", "t", 1) == 2);
    fetch_offsets_request f;
    f.group = "g";
    f.all = true;
    auto found = b.at->fetch_offsets(f);
    REQUIRE(found->size() == 1);
    CHECK(found->at(0).offset->metadata == std::string(4096, 'y'));
    CHECK(found->at(0).offset->epoch == leader_epoch{3});
    r.group = "h";
    r.entries.pop_back();
    CHECK(b.commit(r) == errc::metadata_too_large);
    CHECK(b.state("h").empty()); // nothing came of it
    b.settings.offset_metadata_bytes_max = 10'000'000;
    r.entries[0].metadata.assign(stored_string_bytes_max + 1, 'x'); // allowed, and yet more than a record holds
    CHECK(b.commit(r) == errc::metadata_too_large);
}

TEST_CASE("offsets: all that a group has, or what is asked for in the order of the question") {
    bench b;
    for (int p = 0; p < 3; ++p) CHECK(b.commit("g", "t", p, 10 + p) == std::nullopt);
    CHECK(b.commit("g", "a", 7, 70) == std::nullopt);
    fetch_offsets_request r;
    r.group = "g";
    r.wanted = {{"t", {2}}, {"none", {0}}, {"t", {0}}};
    auto found = b.at->fetch_offsets(r);
    REQUIRE(found->size() == 3);
    CHECK(found->at(0).offset->offset == log_offset{12});
    CHECK_FALSE(found->at(1).offset.has_value());
    CHECK(found->at(2).offset->offset == log_offset{10});
    r.all = true;
    r.wanted.clear();
    CHECK(b.at->fetch_offsets(r)->size() == 4);
    r.member_id = "anybody"; // a classic group does not ask who wants to know
    r.member_epoch = 77;
    CHECK(b.at->fetch_offsets(r)->size() == 4);
    std::vector<std::int64_t> seen; // in the order of topics and partitions
    for (r.found_max = 3; seen.size() < 6; r.after = b.at->fetch_offsets(r)->back().where) {
        auto some = b.at->fetch_offsets(r);
        for (const auto& f : *some) seen.push_back(f.offset->offset.value);
        if (some->size() < r.found_max) break;
    }
    CHECK(seen == std::vector<std::int64_t>{70, 10, 11, 12});
    r.group = "none";
    CHECK(b.at->fetch_offsets(r)->empty());
}

TEST_CASE("offsets: deleting leaves those of subscribed topics, and a simple group without offsets is gone") {
    bench b;
    auto ids = b.stable("g", 2, {{"range", subscription({"t"})}});
    auto r = from_member(b, "g", ids[0], 1, 5);
    r.entries.push_back({{"u", {0}}, {6}, no_epoch, "", {}});
    CHECK(b.commit(r) == std::nullopt);
    auto said = b.at->delete_offsets({"g", {{"t", {0}}, {"u", {0}}, {"u", {9}}}});
    REQUIRE(said.has_value());
    CHECK(*said == delete_offsets_answer{errc::subscribed_to_topic, {}, {}});
    CHECK(b.committed("g", "t", 0) == 5);
    CHECK(b.committed("g", "u", 0) == -1);
    CHECK(b.at->delete_offsets({"none", {{"t", {0}}}}).error() == errc::group_id_not_found);

    b.commit("s", "t", 0, 1);
    CHECK(b.at->delete_offsets({"s", {{"t", {0}}}})->at(0) == std::nullopt);
    CHECK(b.state("s").empty());

    // Members whose subscription nobody can read are taken to read everything; those of another type have no topics to spare.
    auto garbled = b.stable("x", 1, {{"range", bytes_of("?")}});
    CHECK(b.commit(from_member(b, "x", garbled[0], 1, 5)) == std::nullopt);
    CHECK(b.at->delete_offsets({"x", {{"t", {0}}}})->at(0) == errc::subscribed_to_topic);
    auto& worker = b.ask_join("c", "");
    worker.protocol_type = "connect";
    worker.id_required = false;
    b.join(worker);
    CHECK(b.at->delete_offsets({"c", {{"t", {0}}}}).error() == errc::group_not_empty);
}

TEST_CASE("group: it is deleted with its offsets once it is empty") {
    bench b;
    auto ids = b.stable("g", 1);
    b.commit(from_member(b, "g", ids[0], 1, 5));
    CHECK(b.at->delete_group("g").error() == errc::group_not_empty);
    b.leave("g", ids[0]);
    CHECK(b.at->delete_group("g").has_value());
    b.take();
    CHECK(b.committed("g", "t", 0) == -1);
    CHECK(b.state("g").empty());
    CHECK(b.at->delete_group("g").error() == errc::group_id_not_found);
    CHECK(b.at->describe("g").error() == errc::group_id_not_found);
    b.restart();
    CHECK(b.at->groups() == 0);
    CHECK(b.committed("g", "t", 0) == -1);
}

TEST_CASE("group: one with many offsets is gone at once for whoever asks, and its offsets are dropped a few at a time; what is committed meanwhile stays") {
    bench b;
    constexpr int many = 25, at_once = 10;
    for (int p = 0; p < many; ++p) b.commit("g", "t", p, 100 + p);
    CHECK(b.at->delete_group("g", at_once) == false);
    b.take();
    CHECK(b.state("g").empty());
    CHECK(b.committed("g", "t", many - 1) == -1);
    CHECK(b.at->delete_group("g").error() == errc::group_id_not_found);
    CHECK(b.commit("g", "t", 20, 7) == std::nullopt); // the next group of this name
    int calls = 1;
    for (bool through = false; !through; ++calls) {
        const auto before = b.records.size();
        through = b.at->forget_deleted("g", at_once).value();
        b.take();
        CHECK(b.records.size() - before <= at_once);
    }
    CHECK(calls == 3);
    for (int again = 0; again < 2; ++again) {
        CHECK(b.committed("g", "t", 20) == 7);
        CHECK(b.committed("g", "t", 19) == -1);
        CHECK(b.committed("g", "t", 21) == -1);
        b.restart();
    }
}

TEST_CASE("group: what a restart finds of one whose deletion was cut short can be deleted again") {
    bench b;
    for (int p = 0; p < 5; ++p) b.commit("g", "t", p, 1);
    CHECK(b.at->delete_group("g", 2) == false);
    b.take();
    b.restart();
    CHECK(b.at->forget_deleted("g", 2).error() == errc::unavailable); // nothing is promised about the rest
    CHECK(b.committed("g", "t", 4) == 1);
    CHECK(b.at->delete_group("g") == true);
    b.take();
    b.restart();
    CHECK(b.at->groups() == 0);
}

TEST_CASE("offsets: a commit in slices does not make the group again that was deleted between two of them") {
    bench b;
    auto slice = [&](int partition, bool more) {
        auto r = b.committing("g", "t", partition, 5);
        r.series = &b;
        r.more = more;
        return r;
    };
    CHECK(b.commit(slice(0, true)) == std::nullopt);
    CHECK(b.at->delete_group("g") == true);
    CHECK(b.commit(slice(1, true)) == std::nullopt); // as if all of it had been committed before
    CHECK(b.commit("other", "t", 0, 1) == std::nullopt);
    CHECK(b.commit(slice(2, false)) == std::nullopt);
    CHECK(b.state("g").empty());
    CHECK(b.commit(slice(3, false)) == std::nullopt); // the next request
    CHECK(b.committed("g", "t", 3) == 5);
    CHECK(b.committed("g", "t", 2) == -1);
}

TEST_CASE("offsets: old ones of a large group are looked for a few at a time, and what is committed meanwhile stays") {
    bench b;
    constexpr int many = 40, at_once = 10;
    for (int p = 0; p < many; ++p) b.commit("g", "t", p, 1);
    b.commit("h", "t", 0, 1);
    b.now.wall.value += retention;
    int calls = 0;
    for (bool through = false; !through; ++calls) {
        const auto before = b.records.size();
        through = b.at->expire_offsets(b.now.wall, at_once);
        b.take();
        CHECK(b.records.size() - before <= at_once);
        if (calls == 0) b.commit("g", "t", 39, 2);
    }
    CHECK(calls > many / at_once);
    CHECK(b.committed("g", "t", 38) == -1);
    CHECK(b.committed("g", "t", 39) == 2);
    CHECK(b.state("h").empty());
}

TEST_CASE("offsets: in a group that had members they expire a retention after the last one left, in a simple group after the commit") {
    bench b;
    auto ids = b.stable("g", 1, {{"range", subscription({"t"})}});
    b.commit(from_member(b, "g", ids[0], 1, 5));
    b.commit("s", "t", 0, 5);
    b.now.wall.value += retention - 1;
    b.leave("g", ids[0]);
    expire(b);
    CHECK(b.committed("s", "t", 0) == 5);
    b.now.wall.value += 1;
    expire(b);
    CHECK(b.committed("s", "t", 0) == -1);
    CHECK(b.state("s").empty());
    CHECK(b.committed("g", "t", 0) == 5);
    b.restart(); // when it became empty is stored
    b.now.wall.value += retention - 2;
    expire(b);
    CHECK(b.committed("g", "t", 0) == 5);
    b.now.wall.value += 1;
    expire(b);
    CHECK(b.committed("g", "t", 0) == -1);
    CHECK(b.state("g").empty());
    b.restart();
    CHECK(b.at->groups() == 0);
}

TEST_CASE("offsets: of members they expire for topics that nobody reads, and only while the group is stable") {
    bench b;
    auto ids = b.stable("g", 2, {{"range", subscription({"t"}, 3)}});
    auto r = from_member(b, "g", ids[0], 1, 5);
    r.entries.push_back({{"u", {0}}, {6}, no_epoch, "", {}});
    b.commit(r);
    b.now.wall.value += retention;
    b.join("g", ids[0], {{"range", subscription({"t"}, 3)}});
    expire(b);
    CHECK(b.committed("g", "u", 0) == 6);
    auto& second = b.join("g", ids[1], {{"range", subscription({"t"}, 3)}});
    b.settle("g", {&b.joins[b.joins.size() - 2], &second});
    expire(b);
    CHECK(b.committed("g", "t", 0) == 5);
    CHECK(b.committed("g", "u", 0) == -1);
}

TEST_CASE("offsets: an old client's own retention counts, however absurd") {
    bench b;
    auto r = b.committing("g", "t", 0, 5);
    r.retention_ms = 1000;
    b.commit(r);
    r.entries[0].where.partition = {1};
    r.retention_ms = std::numeric_limits<std::int64_t>::max();
    b.commit(r);
    b.restart();
    b.now.wall.value += 999;
    expire(b);
    CHECK(b.committed("g", "t", 0) == 5);
    b.now.wall.value += 1;
    expire(b);
    CHECK(b.committed("g", "t", 0) == -1);
    b.now.wall.value += 100 * retention;
    expire(b);
    CHECK(b.committed("g", "t", 1) == 5);
}

TEST_CASE("group: one that is empty and holds nothing is forgotten with the next expiry, also what was stored of it") {
    bench b;
    for (int i = 0; i < 5; ++i) {
        auto ids = b.stable("g" + std::to_string(i), 1);
        b.leave("g" + std::to_string(i), ids[0]);
    }
    b.stable("kept", 1);
    CHECK(b.at->groups() == 6);
    expire(b);
    CHECK(b.at->groups() == 1);
    b.restart();
    CHECK(b.at->groups() == 1);
    CHECK(b.state("kept") == "Stable");
}

TEST_CASE("offsets: a deleted topic takes those of every group with it") {
    bench b;
    b.commit("a", "t", 0, 1);
    b.commit("a", "t", 9, 1);
    b.commit("a", "tt", 0, 2);
    b.commit("b", "t", 0, 3);
    std::string from;
    int steps = 1;
    for (; !b.at->forget_topic("t", b.now.wall, from, 2); ++steps) b.take(); // a few at a time
    b.take();
    CHECK(steps > 1);
    for (int again = 0; again < 2; ++again) {
        CHECK(b.committed("a", "t", 0) == -1);
        CHECK(b.committed("a", "t", 9) == -1);
        CHECK(b.committed("a", "tt", 0) == 2);
        CHECK(b.state("b").empty());
        b.restart();
    }
}

TEST_CASE("offsets: what is committed for the next topic of the same name stays") {
    bench b;
    b.commit("a", "t", 0, 1);
    const auto gone_at = b.now.wall;
    b.pass(milliseconds{5});
    b.commit("a", "t", 1, 2);
    std::string from;
    CHECK(b.at->forget_topic("t", gone_at, from, 100));
    b.take();
    CHECK(b.committed("a", "t", 0) == -1);
    CHECK(b.committed("a", "t", 1) == 2);
}
