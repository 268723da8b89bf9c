// Keeps the opening of a segment's files by name and the renaming of those files apart.
// Owner: the partition log; one shard.
// Invariant: while a change is through, no load is, and the other way round; a change waits for the loads that run, loads
// wait for the changes that wait. Both are rare: a segment is loaded when it is read again after a long time.
#pragma once

#include "base/assert.h"

#include <coroutine>
#include <cstddef>
#include <utility>
#include <vector>

namespace millrace::log {

class segment_gate {
  public:
    enum class kind { load, change };

    // segment_gate::pass mine{gate, kind::load}; co_await mine; — held until `mine` ends.
    class [[nodiscard]] pass {
      public:
        pass(segment_gate& of, kind k) : of_{of}, kind_{k} {}
        pass(const pass&) = delete;
        ~pass() {
            if (held_) of_.leave(kind_);
        }
        bool await_ready() noexcept { return of_.waiting_.empty() && enter(); }
        void await_suspend(std::coroutine_handle<> h) {
            waiter_ = h;
            of_.waiting_.push_back(this);
        }
        void await_resume() const noexcept {}

      private:
        friend class segment_gate;
        bool enter() noexcept { return held_ = of_.enter(kind_); }
        segment_gate& of_;
        kind kind_;
        bool held_ = false;
        std::coroutine_handle<> waiter_{};
    };

    ~segment_gate() { MR_ASSERT(waiting_.empty() && loads_ == 0 && !changing_, "a segment gate ended under its users"); }

  private:
    bool enter(kind k) noexcept {
        if (changing_ || (k == kind::change && loads_ > 0)) return false;
        if (k == kind::load) ++loads_;
        else changing_ = true;
        return true;
    }
    void leave(kind k) {
        if (k == kind::load) --loads_;
        else changing_ = false;
        // The one that resumes may end, and leave, inside this loop: it is taken out first.
        while (!waiting_.empty() && waiting_.front()->enter()) {
            pass* next = waiting_.front();
            waiting_.erase(waiting_.begin());
            next->waiter_.resume();
        }
    }

    std::vector<pass*> waiting_; // as many as there are readers of cold segments of one partition
    std::size_t loads_ = 0;
    bool changing_ = false;
};

} // namespace millrace::log
