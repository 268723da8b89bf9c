#include "broker/point_keeper.h"

#include "runtime/report.h"
#include "runtime/run_on.h"

namespace millrace::broker {

using runtime::task;

point_keeper::write_timer::write_timer(point_keeper& k)
    : timer{[](runtime::timer& t) noexcept {
          auto& keeper = static_cast<write_timer&>(t).owner;
          if (!keeper.scope_.closed()) keeper.scope_.spawn(keeper.write());
      }},
      owner{k} {}

void point_keeper::start() {
    for (std::size_t i = 0; i < directories_.size(); ++i) written_.push_back(directories_.at(i).checkpoints);
    runtime::shard::current().arm_after(timer_, period_);
}

task<void> point_keeper::stop() {
    runtime::shard::cancel(timer_);
    co_await scope_.drain();
}

task<void> point_keeper::write() {
    std::vector<log::directory_checkpoints> now(directories_.size());
    for (auto& host : hosts_) {
        auto work = host->flushed_points();
        auto told = co_await runtime::run_on(host->shard().id(), host->stopping(), std::move(work));
        for (auto& p : told) {
            auto& into = now[p.directory];
            const auto& before = written_[p.directory];
            if (!p.open) { // what it had
                if (!before.knows(p.name, p.topic)) continue;
                p.recovery_point = before.recovery_points.at(p.name);
                auto start = before.start_offsets.find(p.name);
                p.start_offset = start == before.start_offsets.end() ? log_offset{0} : start->second;
            }
            into.recovery_points[p.name] = p.recovery_point;
            into.start_offsets[p.name] = p.start_offset;
            into.recovery_topics[p.name.topic] = p.topic;
        }
    }
    for (std::size_t i = 0; i < now.size(); ++i) {
        auto& d = directories_.at(i);
        const auto& before = written_[i];
        const bool same = now[i].recovery_points == before.recovery_points && now[i].start_offsets == before.start_offsets &&
                          now[i].recovery_topics == before.recovery_topics;
        if (same || d.commits.offline()) continue;
        auto saved = co_await now[i].save_points(disk_, d.path);
        if (saved) written_[i] = std::move(now[i]); // else the scan after a crash is longer; the next write tries again
    }
    if (!scope_.closed()) runtime::shard::current().arm_after(timer_, period_);
}

} // namespace millrace::broker
