#include "cluster/store.h"

#include "cluster/change.h"
#include "memory_disk.h"
#include "runtime/scope.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <utility>

using namespace millrace;
using namespace millrace::cluster;
using testing::memory_disk;

namespace {

const std::string changes = "/data/metadata/changes";

template <class T> runtime::task<void> keep(runtime::task<T> work, std::optional<T>& into) { into.emplace(co_await work); }

template <class T> T run(memory_disk& disk, runtime::task<T> work) {
    std::optional<T> out;
    runtime::scope scope;
    scope.spawn(keep(std::move(work), out));
    disk.pump();
    REQUIRE(out);
    return std::move(*out);
}

struct fixture {
    memory_disk disk;
    testing::counting_random random;
    std::unique_ptr<store> open;
    std::vector<image_ptr> published;

    fixture() = default;
    explicit fixture(memory_disk d) : disk{std::move(d)} {}

    store_options options() {
        store_options o;
        o.directory = "/data";
        o.publish = [this](image_ptr i) { published.push_back(std::move(i)); };
        return o;
    }
    outcome<void> start(store_options o) {
        auto opened = run(disk, store::open(disk, random, std::move(o)));
        if (!opened) return std::unexpected{opened.error()};
        open = std::move(*opened);
        return {};
    }
    outcome<void> start() { return start(options()); }
    store& s() {
        if (!open) REQUIRE(start());
        return *open;
    }
    outcome<topic_ptr> create(std::string name, std::int32_t partitions = 1, config_map overrides = {}) {
        create_topic_request r;
        r.name = std::move(name);
        r.partition_count = partitions;
        r.overrides = std::move(overrides);
        return run(disk, s().create_topic(r));
    }
    // Everything that an image says, as text.
    std::string says() {
        std::string out = s().current()->cluster_id;
        for (const auto& t : s().current()->topics()) {
            out += " " + t->name + ":" + t->id.to_string() + ":" + std::to_string(t->partition_count);
            for (const auto& [name, value] : t->overrides) out += "," + name + "=" + value;
            out += "," + std::to_string(t->config->max_message_bytes);
        }
        for (const auto& [of, configs] : s().current()->resources())
            for (const auto& [name, value] : configs) out += " " + std::to_string(of.type) + of.name + "." + name + "=" + value;
        return out;
    }
};

} // namespace

TEST_CASE("store: cut at every byte, it reopens with exactly what was acknowledged before the cut") {
    fixture f;
    std::vector<std::pair<std::size_t, std::string>> acknowledged;
    auto note = [&] { acknowledged.emplace_back(f.disk.files[changes]->size(), f.says()); };
    f.s();
    note();
    REQUIRE(f.create("a", 3, {{"retention.ms", "1000"}}));
    note();
    REQUIRE(f.create("b"));
    note();
    REQUIRE(run(f.disk, f.s().create_partitions("b", 7)));
    note();
    REQUIRE(run(f.disk, f.s().alter_topic_config("a", {{"flush.messages", "5"}})));
    note();
    REQUIRE(run(f.disk, f.s().alter_resource({broker_resource, ""}, {{"message.max.bytes", "2000"}, {"max.connections", "9"}})));
    note();
    REQUIRE(run(f.disk, f.s().alter_resource({group_resource, "g"}, {{"consumer.session.timeout.ms", "46000"}})));
    note();
    REQUIRE(run(f.disk, f.s().delete_topic(f.s().current()->find("a")->id)));
    note();
    REQUIRE(run(f.disk, f.s().alter_resource({broker_resource, ""}, {{"max.connections", "9"}})));
    note();
    auto whole = *f.disk.files[changes];
    for (std::size_t cut = log_magic_size; cut <= whole.size(); ++cut) {
        for (int tail = 0; tail < 3; ++tail) { // nothing, zeros, noise behind the cut
            CAPTURE(cut);
            CAPTURE(tail);
            fixture again{f.disk.copy()};
            auto& bytes = *again.disk.files[changes];
            bytes.resize(cut);
            if (tail) bytes.resize(cut + 40, tail == 1 ? std::byte{0} : std::byte{0xa5});
            // Zeros may happen to complete a frame that ends in zeros: then that change is there, which is allowed.
            auto same = static_cast<std::size_t>(std::mismatch(bytes.begin(), bytes.end(), whole.begin(), whole.end()).first -
                                                 bytes.begin());
            REQUIRE(same >= cut);
            auto expected = acknowledged.front();
            for (const auto& state : acknowledged)
                if (state.first <= same) expected = state;
            REQUIRE(again.start());
            CHECK(again.says() == expected.second);
            CHECK(again.disk.files[changes]->size() == expected.first);
            // And it takes changes again, which survive.
            REQUIRE(again.create("later"));
            fixture third{again.disk.copy()};
            CHECK(third.says() == again.says());
        }
    }
}

TEST_CASE("store: damage in front of intact changes stops the start, since acknowledged changes would be lost") {
    fixture f;
    f.create("a");
    f.create("b");
    fixture again{f.disk.copy()};
    (*again.disk.files[changes])[log_magic_size + 12] ^= std::byte{1};
    auto opened = again.start();
    REQUIRE_FALSE(opened);
    CHECK(opened.error().code == errc::corrupt);
}

TEST_CASE("store: a change is published and answered only after it was flushed") {
    fixture f;
    f.s();
    auto before = f.disk.syncs;
    create_topic_request r;
    r.name = "a";
    std::optional<outcome<topic_ptr>> answer;
    runtime::scope scope;
    scope.spawn(keep(f.s().create_topic(r), answer));
    CHECK(f.disk.syncs == before + 1);
    CHECK_FALSE(answer);
    CHECK(f.published.empty());
    CHECK(f.s().current()->topics().empty());
    f.disk.pump();
    REQUIRE(answer);
    REQUIRE(f.published.size() == 1);
    CHECK(f.published[0]->find("a"));
}

TEST_CASE("store: of two creations of one name in flight the second is refused, and images already handed out do not change") {
    fixture f;
    auto old = f.s().current();
    create_topic_request r;
    r.name = "a";
    std::optional<outcome<topic_ptr>> first, second;
    runtime::scope scope;
    scope.spawn(keep(f.s().create_topic(r), first));
    scope.spawn(keep(f.s().create_topic(r), second));
    f.disk.pump();
    REQUIRE(first);
    REQUIRE(second);
    CHECK(*first);
    REQUIRE_FALSE(*second);
    CHECK(second->error().code == errc::topic_exists);
    CHECK(second->error().message == "Topic 'a' already exists.");
    CHECK(old->topics().empty());
}

TEST_CASE("store: after a failed flush no change is taken, and none is published") {
    fixture f;
    f.s();
    f.disk.fail_syncs = true;
    auto failed = f.create("a");
    REQUIRE_FALSE(failed);
    CHECK(failed.error().code == errc::storage_failed);
    f.disk.fail_syncs = false;
    auto next = f.create("b");
    REQUIRE_FALSE(next);
    CHECK(next.error().code == errc::storage_failed);
    CHECK(f.published.empty());
}

TEST_CASE("store: each start gets a higher leader epoch") {
    fixture f;
    CHECK(run(f.disk, f.s().take_leader_epoch())->value == 0);
    fixture again{f.disk.copy()};
    CHECK(run(again.disk, again.s().take_leader_epoch())->value == 1);
}

TEST_CASE("store: it knows how many changes were ever made, also after a rewrite and a restart") {
    fixture f;
    f.create("a");
    CHECK(f.s().end().value == 1);
    std::string list = "1:1";
    while (list.size() < 1'000'000) list += ",1:" + std::to_string(list.size());
    for (int i = 0; i < 12; ++i)
        REQUIRE(run(f.disk, f.s().alter_topic_config("a", {{"leader.replication.throttled.replicas", list}})));
    CHECK(f.disk.files[changes]->size() < store::rewrite_bytes_min + 2'000'000);
    REQUIRE(run(f.disk, f.s().take_leader_epoch()));
    CHECK(f.s().end().value == 14);
    fixture again{f.disk.copy()};
    CHECK(again.s().end().value == 14);
}

TEST_CASE("store: no producer id is given twice, also not after a restart") {
    fixture f;
    CHECK(run(f.disk, f.s().take_producer_ids(1))->value == 0);
    auto syncs = f.disk.syncs;
    CHECK(run(f.disk, f.s().take_producer_ids(5))->value == 1);
    CHECK(f.disk.syncs == syncs); // from the block that is already durable
    CHECK(run(f.disk, f.s().take_producer_ids(1000))->value == 6);
    fixture again{f.disk.copy()};
    CHECK(run(again.disk, again.s().take_producer_ids(1))->value >= 1006);
}

TEST_CASE("store: a directory that holds other things is refused by the name of the first, and left alone") {
    fixture f;
    f.disk.directories.insert("/data");
    f.disk.files["/data/holiday.jpg"] = std::make_shared<testing::content>(3);
    auto opened = f.start();
    REQUIRE_FALSE(opened);
    CHECK(opened.error().code == errc::foreign_directory);
    CHECK(opened.error().message.find("\"holiday.jpg\"") != std::string::npos);
    CHECK(f.disk.files.size() == 1);
}

TEST_CASE("store: the directory of another node or cluster is refused") {
    fixture f;
    f.s();
    fixture other{f.disk.copy()};
    auto o = other.options();
    o.node_id = broker_id{2};
    auto opened = other.start(o);
    REQUIRE_FALSE(opened);
    CHECK(opened.error().code == errc::wrong_identity);
    o = other.options();
    o.cluster_id = "AAAAAAAAAAAAAAAAAAAAAA";
    opened = other.start(o);
    REQUIRE_FALSE(opened);
    CHECK(opened.error().code == errc::wrong_identity);
}

TEST_CASE("store: a format that was cut short is finished by the next start; a lost metadata log is not replaced by an empty one") {
    fixture f;
    f.s();
    CHECK(f.s().cluster_id().size() == 22);
    fixture half{f.disk.copy()};
    half.disk.files.erase("/data/millrace.format");
    CHECK(half.start());
    fixture lost{f.disk.copy()};
    lost.disk.files.erase(changes);
    CHECK_FALSE(lost.start());
}

TEST_CASE("store: a large log is rewritten to what it says, and nothing is lost by it") {
    fixture f;
    f.create("a");
    run(f.disk, f.s().take_leader_epoch());
    const std::string text = "1:11111";
    std::string list = text;
    while (list.size() < 400'000) list += "," + text;
    REQUIRE(run(f.disk, f.s().alter_resource({group_resource, "g"}, {{"consumer.session.timeout.ms", "46000"}})));
    for (int i = 0; i < 40; ++i) {
        REQUIRE(run(f.disk, f.s().alter_topic_config("a", {{"leader.replication.throttled.replicas", list}})));
        REQUIRE(f.disk.files[changes]->size() <= store::rewrite_bytes_min + 500'000);
    }
    REQUIRE(f.create("b"));
    fixture again{f.disk.copy()};
    CHECK(again.says() == f.says());
    CHECK(run(again.disk, again.s().take_leader_epoch())->value == 1);
}
