#include "retention_text.h"

#include <limits>

namespace millrace::tool {

namespace {

timestamp_ms later(timestamp_ms at, std::int64_t ms) {
    std::int64_t sum = 0;
    if (__builtin_add_overflow(at.value, ms, &sum)) sum = std::numeric_limits<std::int64_t>::max();
    return {sum};
}

std::string number(std::int64_t n) { return std::to_string(n); }

void by_age(const retention_facts& rules, const retained_partition& of, timestamp_ms now, std::vector<going>& out) {
    const std::string limit = "retention.ms=" + number(rules.retention_ms);
    const log_offset young = of.young == no_offset ? of.end : of.young;
    if (young > of.start) {
        going old;
        old.from = of.start;
        old.until = young;
        old.earliest = now;
        // The segment of the last of them may go on with younger ones, for segment.ms at most.
        old.latest = later(later(now, young == of.end ? 0 : rules.segment_ms), rules.check_ms);
        old.why = "older than " + limit + (young == of.end ? "" : ", as soon as all of their segment is");
        out.push_back(std::move(old));
    }
    if (young >= of.end) return;
    going rest;
    rest.from = young;
    rest.until = of.end;
    if (of.young_time.value >= 0) rest.earliest = later(of.young_time, rules.retention_ms);
    if (of.newest.value >= 0) rest.latest = later(later(later(of.newest, rules.retention_ms), rules.segment_ms), rules.check_ms);
    rest.why = "not older than " + limit + " yet";
    if (of.newest > now) rest.why += "; a timestamp in the future keeps its segment for longer";
    out.push_back(std::move(rest));
}

void by_size(const retention_facts& rules, const retained_partition& of, timestamp_ms now, std::vector<going>& out) {
    const std::string limit = "retention.bytes=" + number(rules.retention_bytes);
    going some;
    some.from = of.start;
    if (!of.bytes) {
        some.why = "what is beyond " + limit + ", but the broker does not tell the size";
    } else if (*of.bytes > rules.retention_bytes) {
        some.earliest = now;
        some.latest = later(now, rules.check_ms);
        some.why = number(*of.bytes - rules.retention_bytes) + " bytes beyond " + limit + ": as many of the oldest segments as fit into them whole";
    } else {
        some.why = "once " + number(rules.retention_bytes - *of.bytes) + " more bytes and the oldest segment are beyond " + limit;
    }
    out.push_back(std::move(some));
}

} // namespace

std::vector<going> explain_retention(const retention_facts& rules, const retained_partition& of, timestamp_ms now) {
    std::vector<going> out;
    if (of.start >= of.end) return out;
    if (rules.deletes() && rules.retention_ms >= 0) by_age(rules, of, now, out);
    if (rules.deletes() && rules.retention_bytes >= 0) by_size(rules, of, now, out);
    if (rules.compacts() || out.empty()) {
        going all;
        all.from = of.start;
        all.until = of.end;
        if (rules.compacts()) all.why = "records whose key has a newer one, and deletions after delete.retention.ms, when compaction comes to them";
        else if (rules.deletes()) all.why = "stays: neither retention.ms nor retention.bytes is set";
        else all.why = "stays: cleanup.policy is empty";
        out.push_back(std::move(all));
    }
    return out;
}

} // namespace millrace::tool
