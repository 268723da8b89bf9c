// When a coordinator has to look at a member or a group again.
// Owner: the coordinator.
// Invariant: entries are hints: whoever is due is asked for the time that counts, and put back if it is later. So a
// heartbeat, which moves a deadline, touches nothing here.
#pragma once

#include "runtime/mono_time.h"

#include <cstdint>
#include <functional>
#include <queue>
#include <string>
#include <vector>

namespace millrace::coord {

struct due_entry {
    enum class what : std::uint8_t { member, pending_member, group };
    runtime::mono_time at{};
    std::uint64_t number = 0; // of the entry: equal times in the order they were put
    what kind = what::group;
    std::string group, member;
};

class due_times {
  public:
    std::uint64_t put(runtime::mono_time at, due_entry::what kind, std::string group, std::string member = {}) {
        heap_.push({at, ++last_number_, kind, std::move(group), std::move(member)});
        return last_number_;
    }
    runtime::mono_time next() const { return heap_.empty() ? runtime::never : heap_.top().at; }
    // REQUIRES: next() was reached.
    due_entry pop() {
        due_entry out = heap_.top();
        heap_.pop();
        return out;
    }

  private:
    struct later {
        bool operator()(const due_entry& a, const due_entry& b) const {
            return a.at != b.at ? a.at > b.at : a.number > b.number;
        }
    };
    std::priority_queue<due_entry, std::vector<due_entry>, later> heap_;
    std::uint64_t last_number_ = 0;
};

} // namespace millrace::coord
