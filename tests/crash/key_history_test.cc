#include "key_history.h"

#include <doctest/doctest.h>

using namespace millrace::crash;

namespace {

// Keys are letters; "a1" is number 1 of key a, "a-" the removal of a, "." an offset without a record.
struct told_of_keys {
    key_history h{"t-0"};
    faults wrong;
    moment now = 1;
    int removals = 0;

    told_of_keys& send(const std::string& what, std::int64_t offset = -1) {
        const std::string key(1, what[0]);
        const bool removes = what[1] == '-';
        const int number = what[2] - '0'; // "a-2": a removal has a number of its own
        const int n = removes ? number : what[1] - '0';
        h.sent(key, n, removes, now++);
        if (offset >= 0) h.acknowledged(key, n, offset, now++);
        return *this;
    }
    static std::vector<std::string> log(const std::vector<std::string>& found) {
        std::vector<std::string> out;
        for (auto& f : found) {
            if (f == ".") out.push_back(hole);
            else if (f[1] == '-') out.push_back(key_history::shown_removal(std::string(1, f[0])));
            else out.push_back(key_history::shown_value(std::string(1, f[0]), f[1] - '0') + "xxx");
        }
        return out;
    }
    std::string verdict(const std::vector<std::string>& found, moment at = never) {
        wrong.clear();
        h.check(log(found), at, wrong);
        if (wrong.empty()) return "";
        for (auto word : {"lost", "phantom", "reordered", "inconsistent"})
            if (wrong.front().find(word) != std::string::npos) return word;
        return wrong.front();
    }
};

} // namespace

TEST_CASE("key history: older records of a key may go, the newest acknowledged one may not") {
    auto t = told_of_keys{}.send("a1", 0).send("b1", 1).send("a2", 2);
    CHECK(t.verdict({"a1", "b1", "a2"}) == "");
    CHECK(t.verdict({".", "b1", "a2"}) == "");
    CHECK(t.verdict({"a1", "b1", "."}) == "lost");
    CHECK(t.verdict({".", ".", "a2"}) == "lost");
    CHECK(t.verdict({"a1", "b1"}) == "lost");
}
TEST_CASE("key history: what was sent and not acknowledged may be there, and takes the place of what was") {
    auto t = told_of_keys{}.send("a1", 0).send("a2");
    CHECK(t.verdict({"a1"}) == "");
    CHECK(t.verdict({"a1", "a2"}) == "");
    CHECK(t.verdict({".", "a2"}) == "");
    CHECK(t.verdict({".", "a3"}) == "phantom");
    CHECK(t.verdict({"a1", "a2"}, 2) == "phantom"); // not sent by then
}
TEST_CASE("key history: a removal may go once nothing older of its key is left, and must not bring it back") {
    auto t = told_of_keys{}.send("a1", 0).send("a-2", 1).send("b1", 2);
    CHECK(t.verdict({"a1", "a-", "b1"}) == "");
    CHECK(t.verdict({".", "a-", "b1"}) == "");
    CHECK(t.verdict({".", ".", "b1"}) == "");
    CHECK(t.verdict({"a1", ".", "b1"}) == "lost");
    CHECK(told_of_keys{}.send("a1", 0).send("b1", 1).verdict({"a-", "b1"}) == "lost");
}
TEST_CASE("key history: another record in an acknowledged one's place, and numbers that go back, are wrong") {
    CHECK(told_of_keys{}.send("a1", 0).send("b1", 1).send("a2").verdict({"a2", "b1"}) == "inconsistent");
    CHECK(told_of_keys{}.send("a1").send("a2").verdict({"a2", "a1"}) == "reordered");
}
TEST_CASE("key history: what a broker has started on is kept from then on, and what was not there is gone") {
    auto t = told_of_keys{}.send("a1", 0).send("a2").send("b1").send("b-2");
    t.h.restarted(told_of_keys::log({"a1", "a2", "b-"}));
    CHECK(t.verdict({"a1"}) == "lost");
    CHECK(t.verdict({".", "a2", "b-"}) == "");
    CHECK(t.verdict({".", "a2", "b1"}) == "lost");
    auto u = told_of_keys{}.send("a1", 0).send("a2");
    u.h.restarted(told_of_keys::log({"a1"}));
    CHECK(u.verdict({"a1", "a2"}) == "phantom");
}
