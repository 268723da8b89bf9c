// When a coordinator has to look at a member or a group again.
// Owner: the coordinator. An entry lives in what it speaks of, and takes itself out with it.
// Invariant: there are never more entries than members, members to be and groups. A member's entry is a hint: whoever is
// due is asked for the time that counts, and put back if it is later. So a heartbeat, which moves a deadline, touches
// nothing here.
#pragma once

#include "base/assert.h"
#include "runtime/mono_time.h"

#include <cstdint>
#include <set>
#include <string>
#include <tuple>
#include <utility>

namespace millrace::coord {

struct classic_group;
struct classic_member;
class due_times;

class due_entry {
  public:
    due_entry() = default;
    // Groups move while they are read from what was stored; nothing is due yet then.
    due_entry(due_entry&& from) noexcept { MR_ASSERT(!from.set(), "a due entry moved while it was set"); }
    due_entry& operator=(due_entry&& from) noexcept {
        MR_ASSERT(!set() && !from.set(), "a due entry moved while it was set");
        return *this;
    }
    ~due_entry() { clear(); }

    bool set() const { return in_ != nullptr; }
    runtime::mono_time at() const { return set() ? at_ : runtime::never; }
    void clear() noexcept;

    // Of these, `group` alone is set for a group's phase, one of the others beside it otherwise.
    classic_group* group = nullptr;
    classic_member* member = nullptr;
    const std::string* pending = nullptr; // the id of a member to be

  private:
    friend class due_times;
    due_times* in_ = nullptr;
    runtime::mono_time at_{};
    std::uint64_t number_ = 0; // equal times in the order they were put
};

class due_times {
  public:
    due_times() = default;
    due_times(const due_times&) = delete;
    due_times& operator=(const due_times&) = delete;

    void put(due_entry& e, runtime::mono_time at) {
        e.clear();
        e.in_ = this;
        e.at_ = at;
        e.number_ = ++last_number_;
        entries_.insert(place_of(e));
    }
    runtime::mono_time next() const { return entries_.empty() ? runtime::never : std::get<0>(*entries_.begin()); }
    // REQUIRES: next() is not `never`. The entry is no longer set.
    due_entry& pop() {
        due_entry& out = *std::get<2>(*entries_.begin());
        out.clear();
        return out;
    }
    std::size_t size() const { return entries_.size(); }
    // `look` gets each entry that is due by `until`, `entries_max` at most, and may put that one off.
    template <class Look> void each_until(runtime::mono_time until, std::size_t entries_max, Look look) {
        auto at = entries_.begin();
        for (std::size_t i = 0; i < entries_max && at != entries_.end() && std::get<0>(*at) <= until; ++i) look(*std::get<2>(*at++));
    }

  private:
    friend class due_entry;
    using place = std::tuple<runtime::mono_time, std::uint64_t, due_entry*>; // the number alone decides between equal times
    static place place_of(due_entry& e) { return {e.at_, e.number_, &e}; }
    std::set<place> entries_;
    std::uint64_t last_number_ = 0;
};

inline void due_entry::clear() noexcept {
    if (auto* from = std::exchange(in_, nullptr)) from->entries_.erase(due_times::place_of(*this));
}

} // namespace millrace::coord
