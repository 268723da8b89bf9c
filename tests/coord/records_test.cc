#include "bench.h"

using namespace millrace;
using namespace millrace::coord;
using namespace millrace::coord::test;

namespace {

std::string hex(bytes_view b) {
    std::string out;
    for (auto x : b) {
        constexpr char digits[] = "0123456789abcdef";
        out += digits[static_cast<unsigned>(x) >> 4];
        out += digits[static_cast<unsigned>(x) & 15];
    }
    return out;
}
opaque bytes(std::string_view hex_text) {
    opaque out;
    auto digit = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
    for (std::size_t i = 0; i + 1 < hex_text.size(); i += 2)
        out.push_back(static_cast<std::byte>(digit(hex_text[i]) * 16 + digit(hex_text[i + 1])));
    return out;
}

// All that can be seen of a group and its offsets.
std::string seen(const coordinator& at, const std::string& group) {
    std::string out;
    if (auto g = at.describe(group)) {
        out += g->state + "/" + g->protocol_type + "/" + g->protocol;
        for (auto& m : g->members)
            out += "\n" + m.id + "/" + m.client_id + "/" + m.client_host + "/" + m.instance_id.value_or("-") + "/" +
                   hex(m.metadata) + "/" + hex(m.assignment);
    }
    fetch_offsets_request r;
    r.group = group;
    r.all = true;
    auto found = at.fetch_offsets(r);
    for (auto& f : *found)
        out += "\n" + f.where.topic + "-" + std::to_string(f.where.partition.value) + "@" +
               std::to_string(f.offset->offset.value) + "/" + std::to_string(f.offset->epoch.value) + "/" + f.offset->metadata +
               "/" + std::to_string(f.offset->committed.value) + "/" + std::to_string(f.offset->expires.value) + "/" +
               f.offset->topic.to_string();
    return out;
}

} // namespace

TEST_CASE("records: offsets and their tombstones have the bytes that Kafka writes") {
    committed_offset o{{258}, {5}, "m", {1'700'000'000'000}, no_timestamp, {}};
    auto r = offset_record("g", {"t", {7}}, o);
    CHECK(hex(r.key) == "0001"   // an offset
                        "0001" "67" // "g"
                        "0001" "74" // "t"
                        "00000007");
    CHECK(hex(*r.value) == "0003" "0000000000000102" "00000005" "0001" "6d" "0000018bcfe56800");
    auto back = read_offset(bytes_view{*r.value});
    REQUIRE(back.has_value());
    CHECK(back->offset == o.offset);
    CHECK(back->epoch == o.epoch);
    CHECK(back->metadata == "m");
    CHECK(back->committed == o.committed);
    CHECK(back->expires == no_timestamp);
    auto gone = offset_tombstone("g", {"t", {7}});
    CHECK(gone.key == r.key);
    CHECK_FALSE(gone.value.has_value());
    auto key = read_key(bytes_view{r.key});
    REQUIRE(std::holds_alternative<offset_key>(key));
    CHECK(std::get<offset_key>(key).group == "g");
    CHECK(std::get<offset_key>(key).where == topic_partition{"t", {7}});

    o.expires = {1'700'000'001'000};
    CHECK(hex(*offset_record("g", {"t", {7}}, o).value) == "0001" "0000000000000102" "0001" "6d" "0000018bcfe56800" "0000018bcfe56be8");
    CHECK(read_offset(bytes_view{*offset_record("g", {"t", {7}}, o).value})->expires == o.expires);
    o.expires = no_timestamp;
    o.topic = topic_id{{1, 2, 3}};
    CHECK(read_offset(bytes_view{*offset_record("g", {"t", {7}}, o).value})->topic == o.topic);
    // An older value: without expiry, without epoch.
    auto old = read_offset(bytes_view{bytes("0000" "0000000000000009" "0000" "0000018bcfe56800")});
    REQUIRE(old.has_value());
    CHECK(old->offset == log_offset{9});
    CHECK(old->epoch == no_epoch);
}

TEST_CASE("records: a group has the bytes that Kafka writes") {
    classic_group g;
    g.id = "g";
    g.generation = 3;
    g.protocol_type = "consumer";
    g.protocol_name = "range";
    g.leader = "m";
    auto& m = g.members["m"];
    m.id = "m";
    m.instance_id = "i";
    m.client_id = "c";
    m.client_host = "/h";
    m.rebalance_timeout = milliseconds{60'000};
    m.session_timeout = milliseconds{10'000};
    std::vector<offered_protocol> offered{{"other", bytes_of("no")}, {"range", bytes_of("s")}};
    g.offer(m, offered);
    m.assignment = bytes_of("a");
    auto r = *group_record(g, {1'700'000'000'000});
    CHECK(hex(r.key) == "0002" "0001" "67");
    CHECK(hex(*r.value) == "0003" "0008" "636f6e73756d6572" // type
                           "00000003"                        // generation
                           "0005" "72616e6765"               // protocol
                           "0001" "6d"                       // leader
                           "0000018bcfe56800"                // when it came to this state
                           "00000001"                        // members
                           "0001" "6d" "0001" "69" "0001" "63" "0002" "2f68" "0000ea60" "00002710"
                           "00000001" "73" "00000001" "61");
    auto back = read_group("g", bytes_view{*r.value});
    REQUIRE(back.has_value());
    CHECK(back->state == classic_state::stable);
    CHECK(back->generation == 3);
    CHECK(back->protocol_name == "range");
    CHECK(back->leader == "m");
    CHECK(back->state_since == timestamp_ms{1'700'000'000'000});
    CHECK(back->static_members.at("i") == "m");
    CHECK(back->members.at("m").session_timeout == milliseconds{10'000});
    CHECK(back->members.at("m").rebalance_timeout == milliseconds{60'000});
    CHECK(text_of(*back->members.at("m").metadata("range")) == "s");
    CHECK(text_of(back->members.at("m").assignment) == "a");
    CHECK(back->supports("consumer", {{"range", {}}}));

    classic_group empty;
    empty.id = "g";
    empty.generation = 4;
    empty.protocol_type = "consumer";
    CHECK(hex(*group_record(empty, {-1})->value) == "0003" "0008" "636f6e73756d6572" "00000004" "ffff" "ffff" "ffffffffffffffff" "00000000");
    CHECK(read_group("g", bytes_view{*group_record(empty, {-1})->value})->state == classic_state::empty);
    CHECK_FALSE(group_tombstone("g").value.has_value());
    // The first version: the session timeout is the rebalance timeout too.
    auto old = read_group("g", bytes_view{bytes("0000" "0008" "636f6e73756d6572" "00000001" "0001" "70" "0001" "6d" "00000001"
                                                "0001" "6d" "0001" "63" "0001" "68" "00002710" "00000000" "00000000")});
    REQUIRE(old.has_value());
    CHECK(old->members.at("m").rebalance_timeout == milliseconds{10'000});
}

TEST_CASE("records: kinds and versions that are not known, and malformed ones, change nothing") {
    bench b;
    b.commit("g", "t", 0, 5);
    auto kept = b.records.back();
    auto before = seen(*b.at, "g");
    auto replay = [&](const opaque& key, std::optional<opaque> value) {
        b.at->replay(bytes_view{key}, value ? std::optional<bytes_view>{*value} : std::nullopt);
    };
    replay(bytes("0063" "0001" "67"), bytes("0000"));
    replay(bytes("0063" "0001" "67"), std::nullopt);
    replay(bytes(""), bytes("00"));
    replay(bytes("00"), std::nullopt);
    replay(bytes("ffff"), bytes("0003"));
    replay(kept.key, bytes("0063" "00"));
    replay(kept.key, bytes("ffff"));
    replay(kept.key, opaque{});
    for (std::size_t size = 0; size < kept.value->size(); ++size)
        replay(kept.key, opaque{kept.value->begin(), kept.value->begin() + static_cast<std::ptrdiff_t>(size)});
    for (std::size_t size = 0; size < kept.key.size(); ++size)
        replay(opaque{kept.key.begin(), kept.key.begin() + static_cast<std::ptrdiff_t>(size)}, std::nullopt);
    replay(group_tombstone("x").key, bytes("0003" "0001"));
    CHECK(seen(*b.at, "g") == before);
    CHECK(b.at->groups() == 1);
}

TEST_CASE("records: what was replayed up to any point shows the groups and offsets as they were then") {
    bench b;
    std::vector<std::string> groups{"g", "fixed", "s", "d"};
    std::vector<std::pair<std::size_t, std::map<std::string, std::string>>> at_points;
    auto note = [&] {
        std::map<std::string, std::string> all;
        for (auto& g : groups) {
            auto state = b.state(g);
            if (state == "Stable" || state == "Empty" || state.empty()) all[g] = seen(*b.at, g); // what is under way is not stored
        }
        at_points.emplace_back(b.records.size(), all);
    };
    note();
    auto ids = b.stable("g", 3, {{"range", subscription({"t"})}});
    note();
    auto fixed = b.stable_static("fixed", 2);
    note();
    for (int i = 0; i < 10; ++i) {
        b.commit("s", "t", i % 3, i);
        auto r = b.committing("g", "t", i % 4, i);
        r.member_id = ids[0];
        r.generation_or_epoch = 1;
        r.entries[0].metadata = "m" + std::to_string(i);
        r.entries[0].epoch = {i};
        if (i % 2) r.entries[0].topic = topic_id{{7}};
        CHECK(b.commit(r) == std::nullopt);
        b.commit("d", "gone", i, i);
        note();
    }
    b.join("fixed", "", {{"range", {}}}, "i1");
    note();
    b.join("fixed", "", {{"range", {}}}, "i0");
    note();
    (void)b.at->delete_offsets({"s", {{"t", {0}}}});
    b.take();
    note();
    std::string from;
    CHECK(b.at->forget_topic("gone", b.now.wall, from, 1000));
    b.take();
    note();
    b.leave_all("g", {{ids[0], {}}, {ids[1], {}}, {ids[2], {}}});
    note();
    CHECK(b.at->delete_group("s").has_value());
    b.take();
    note();
    CHECK(b.at->delete_group("g").has_value());
    b.take();
    note();
    std::size_t compared = 0;
    for (auto& [count, all] : at_points) {
        coordinator again{b.settings, b.random};
        for (std::size_t i = 0; i < count; ++i)
            again.replay(bytes_view{b.records[i].key},
                         b.records[i].value ? std::optional<bytes_view>{*b.records[i].value} : std::nullopt);
        again.loaded(b.now);
        CAPTURE(count);
        for (auto& [g, shown] : all) {
            CHECK(seen(again, g) == shown);
            ++compared;
        }
        CHECK(again.take_records().empty());
    }
    CHECK(compared > 60);
}

TEST_CASE("group: after a restart members go on with their heartbeats, and have their whole session timeout for it") {
    bench b;
    auto ids = b.stable("g", 2);
    b.restart();
    CHECK(b.state("g") == "Stable");
    b.pass(milliseconds{9999});
    CHECK(b.beat("g", ids[0], 1) == std::nullopt);
    CHECK(text_of(b.sync("g", ids[0], 1).assignment) == "of 0");
    b.pass(milliseconds{1});
    CHECK(b.beat("g", ids[0], 1) == errc::rebalance_in_progress);
    CHECK(b.join("g", ids[0]).generation == 2);
    CHECK(b.state("g") == "CompletingRebalance");
    // A generation that was never stored is forgotten: its member starts from the one before, in which it was.
    b.restart();
    CHECK(b.beat("g", ids[0], 2) == errc::illegal_generation);
    CHECK(b.beat("g", ids[0], 1) == std::nullopt);
}
