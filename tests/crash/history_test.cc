#include "history.h"

#include <doctest/doctest.h>

using namespace millrace::crash;

namespace {

// A history in which "a", "b", "c" … were sent in this order by one producer, each with acks=all.
struct told {
    partition_history h{"t-0"};
    faults wrong;
    moment now = 0;

    explicit told(std::string values, promise asked = promise::on_disk) {
        for (char v : values) h.sent(std::string(1, v), {1, 0}, asked);
    }
    told& acknowledge(std::string value, std::int64_t offset) {
        h.acknowledged(value, offset, now++, wrong);
        return *this;
    }
    told& read(std::string value, std::int64_t offset) {
        h.read(offset, value, now++, wrong);
        return *this;
    }
    // The first word of what is wrong after this end, or nothing.
    std::string verdict(std::string found, ending how = ending::power_cut, moment at = never) {
        std::vector<std::string> values;
        for (char v : found) values.push_back(v == '-' ? hole : v == '.' ? deleted : std::string(1, v));
        h.check(values, how, at, wrong);
        return kind();
    }
    std::string kind() const {
        if (wrong.empty()) return "";
        for (auto word : {"lost", "duplicate", "reordered", "phantom", "inconsistent", "went back"})
            if (wrong.front().find(word) != std::string::npos) return word;
        return wrong.front();
    }
};

} // namespace

TEST_CASE("history: what was acknowledged and is there is right, and so is more that was sent") {
    CHECK(told{"abc"}.acknowledge("a", 0).acknowledge("b", 1).verdict("ab") == "");
    CHECK(told{"abc"}.acknowledge("a", 0).verdict("abc") == "");
    CHECK(told{"abc"}.verdict("") == "");
}
TEST_CASE("history: an acknowledged record that is gone is lost") {
    CHECK(told{"ab"}.acknowledge("a", 0).acknowledge("b", 1).verdict("a") == "lost");
}
TEST_CASE("history: acks=1 is lost by a kill and not by a power cut") {
    told t{"ab", promise::in_memory};
    t.acknowledge("a", 0).acknowledge("b", 1);
    CHECK(told{t}.verdict("a", ending::kill) == "lost");
    CHECK(told{t}.verdict("a", ending::power_cut) == "");
}
TEST_CASE("history: an offset without a record before others is a lost one, whoever was told of it") {
    CHECK(told{"abc", promise::none}.verdict("a-c") == "lost");
    CHECK(told{"abc", promise::in_memory}.acknowledge("b", 1).verdict("a-c") == "lost");
}
TEST_CASE("history: all that lies before a flushed record is there with it") {
    told t{"ab", promise::in_memory};
    t.h.sent("c", {1, 0}, promise::on_disk);
    t.acknowledge("a", 0).acknowledge("b", 1);
    CHECK(told{t}.verdict("a") == "");
    CHECK(told{t}.acknowledge("c", 2).verdict("a") == "lost");
}
TEST_CASE("history: what is acknowledged after the crash need not be there") {
    told t{"ab"};
    t.acknowledge("a", 0).acknowledge("b", 1);
    CHECK(told{t}.verdict("a", ending::power_cut, 1) == "");
    CHECK(told{t}.verdict("a", ending::power_cut, 2) == "lost");
}
TEST_CASE("history: a record that a reader saw is lost when it goes, if its producer asked for the disk") {
    CHECK(told{"ab"}.read("a", 0).verdict("") == "lost");
    CHECK(told{"ab", promise::in_memory}.read("a", 0).verdict("") == "");
    CHECK(told{"ab", promise::in_memory}.read("a", 0).verdict("", ending::kill) == "lost");
}
TEST_CASE("history: a high watermark that was told is kept by a kill") {
    told t{"ab", promise::in_memory};
    t.h.watermark(2, t.now++, t.wrong);
    CHECK(told{t}.verdict("a", ending::kill) == "lost");
    CHECK(told{t}.verdict("a", ending::power_cut) == "");
}
TEST_CASE("history: another record at an acknowledged offset is inconsistent, whatever ended") {
    CHECK(told{"ab", promise::in_memory}.acknowledge("a", 0).verdict("b") == "inconsistent");
    CHECK(told{"ab"}.acknowledge("a", 0).read("b", 0).kind() == "inconsistent");
    CHECK(told{"ab"}.read("a", 0).read("b", 0).kind() == "inconsistent");
    CHECK(told{"ab"}.acknowledge("a", 0).acknowledge("b", 0).kind() == "inconsistent");
}
TEST_CASE("history: a record that is there twice is a duplicate, and so is one with two offsets") {
    CHECK(told{"ab"}.verdict("aba") == "duplicate");
    CHECK(told{"ab"}.acknowledge("a", 0).acknowledge("a", 1).kind() == "duplicate");
    CHECK(told{"ab"}.read("a", 0).read("a", 1).kind() == "duplicate");
}
TEST_CASE("history: a producer's records in another order than sent are reordered, those of two connections are not") {
    CHECK(told{"abc"}.verdict("acb") == "reordered");
    told two{"a"};
    two.h.sent("b", {1, 1}, promise::on_disk);
    CHECK(two.verdict("ba") == "");
}
TEST_CASE("history: what nobody sent is a phantom") {
    CHECK(told{"ab"}.verdict("ax") == "phantom");
    CHECK(told{"ab"}.read("x", 0).kind() == "phantom");
}
TEST_CASE("history: a high watermark that goes back is told of") {
    told t{"ab"};
    t.h.watermark(2, t.now++, t.wrong);
    t.h.watermark(1, t.now++, t.wrong);
    CHECK(t.kind() == "went back");
}
TEST_CASE("history: after a start the records found are kept, and what was not found may be overwritten") {
    told t{"abc", promise::in_memory};
    t.acknowledge("a", 0).acknowledge("b", 1);
    t.h.restarted({"a"});
    CHECK(told{t}.acknowledge("c", 1).verdict("ac") == "");
    CHECK(told{t}.verdict("") == "lost");
    CHECK(told{t}.acknowledge("b", 0).kind() == "inconsistent");
    CHECK(told{t}.verdict("aa") == "duplicate");
}
TEST_CASE("history: what was deleted stays so once it was told, and nothing goes that nobody asked for") {
    told t{"abcd"};
    t.acknowledge("a", 0).acknowledge("b", 1).acknowledge("c", 2);
    CHECK(told{t}.verdict("..c") == "lost");
    t.h.deletion_sent(2, t.now++);
    CHECK(told{t}.verdict("..c") == "");
    CHECK(told{t}.verdict("abc") == "");
    CHECK(told{t}.verdict("..c", ending::power_cut, t.now - 1) == "lost"); // before it was asked for
    CHECK(told{t}.verdict("...") == "lost");
    t.h.deletion_acknowledged(2, t.now++);
    CHECK(told{t}.verdict("..c") == "");
    CHECK(told{t}.verdict("..") == "lost"); // "c" is gone
    CHECK(told{t}.verdict("abc") == "phantom");
    CHECK(told{t}.verdict(".bc") == "phantom");
    t.h.restarted({deleted, deleted, "c"});
    CHECK(told{t}.verdict("abc") == "phantom");
    CHECK(told{t}.read("b", 1).kind() == "phantom");
    CHECK(told{t}.verdict("..cd") == "");
}
TEST_CASE("history: a committed offset does not go back behind what was acknowledged, nor beyond what was sent") {
    commit_history h{"g"};
    auto verdict = [&](std::optional<std::int64_t> found, moment at = never) {
        faults wrong;
        h.check(found, at, wrong);
        return wrong.empty() ? "" : wrong.front().find("lost") != std::string::npos ? "lost" : "phantom";
    };
    h.sent(1, 0);
    h.acknowledged(1, 1);
    h.sent(2, 2);
    CHECK(verdict(1) == std::string{});
    CHECK(verdict(2) == std::string{});
    CHECK(verdict(std::nullopt) == std::string{"lost"});
    CHECK(verdict(3) == std::string{"phantom"});
    CHECK(verdict(std::nullopt, 1) == std::string{}); // before the answer
    h.restarted(2);
    CHECK(verdict(1) == std::string{"lost"});
}
TEST_CASE("history: a topic is there after its creation was acknowledged, gone after its deletion, and either in between") {
    topic_history h{"t"};
    auto verdict = [&](bool exists, moment at) {
        faults wrong;
        h.check(exists, at, wrong);
        return wrong.empty();
    };
    h.begun(true, 1);
    h.ended(true, 3);
    h.begun(false, 5);
    CHECK_FALSE(verdict(true, 1));
    CHECK(verdict(false, 1));
    CHECK(verdict(true, 2));
    CHECK(verdict(false, 2));
    CHECK_FALSE(verdict(false, 4));
    CHECK(verdict(true, 6));
    CHECK(verdict(false, 6));
    h.ended(true, 7);
    CHECK_FALSE(verdict(true, 8));
    h.restarted(true);
    CHECK_FALSE(verdict(false, 9));
}
