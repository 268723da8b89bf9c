// One member of a consumer group, driven by commands (../python/driver_loop.py): join, poll, commit, leave, committed, reset.
// Owner: the librdkafka driver, one thread; a driver holds at most one member.
// Invariant: a partition is given up only after what was read of it has been committed; every record read has been checked.
#pragma once

#include <memory>
#include <string>

class member;

struct member_end {
    void operator()(member* m) const;
};

// Whether the line is a command of a member; if so, it has been carried out and `said` is the answer.
bool member_answers(std::unique_ptr<member, member_end>& joined, const std::string& line, std::string& said);
