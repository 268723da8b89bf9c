#include "log/committer.h"

#include "runtime/shard.h"

namespace millrace::log {

committer::~committer() { MR_ASSERT(!running_, "a committer was destroyed during a commit"); }

void committer::submit(commit_job& job) {
    auto& here = runtime::shard::current();
    job.by = this;
    job.home = here.id();
    job.failed = false;
    job.arrived = &arrived;
    if (here.id() == home_) gather(job);
    else here.send(home_, job);
}

void committer::arrived(runtime::message& m) noexcept {
    auto& job = static_cast<commit_job&>(m);
    job.by->gather(job);
}

void committer::returned(runtime::message& m) noexcept {
    auto& job = static_cast<commit_job&>(m);
    job.done(job);
}

void committer::gather(commit_job& job) {
    gathering_.push_back(job);
    if (!running_) start();
}

void committer::start() {
    running_ = true;
    in_flight_.splice_back(gathering_);
    operations_left_ = 1; // held until all are started: some may be done at once
    if (!offline()) {
        ++commits_;
        std::uint64_t batches = 0, bytes = 0;
        for (auto& m : in_flight_) {
            auto& job = static_cast<commit_job&>(m);
            batches += job.batches;
            bytes += job.bytes;
            operations_left_ += job.file_count + (job.directory.empty() ? 0 : 1);
            for (std::size_t i = 0; i < job.file_count; ++i) {
                job.syncs[i].job = &job;
                job.syncs[i].done = &synced;
                job.files[i]->sync(job.syncs[i]);
            }
            files_synced_ += job.file_count;
            if (!job.directory.empty()) scope_.spawn(sync_directory(job.directory));
        }
        auto& stats = runtime::shard::current().stats();
        stats.flushes.add(1);
        stats.flush_batches.record(batches);
        stats.flush_bytes.record(bytes);
    }
    one_done(true);
}

void committer::synced(runtime::completion& c) noexcept {
    auto& op = static_cast<commit_job::file_sync&>(static_cast<runtime::file_op&>(c));
    op.job->by->one_done(op.res >= 0);
}

runtime::task<void> committer::sync_directory(std::string path) {
    auto done = co_await disk_.sync_directory(std::move(path));
    one_done(done.has_value());
}

void committer::one_done(bool ok) {
    if (!ok) take_offline();
    if (--operations_left_ > 0) return;
    auto& here = runtime::shard::current();
    while (auto* m = in_flight_.pop_front()) {
        auto& job = static_cast<commit_job&>(*m);
        job.failed = offline();
        job.arrived = &returned;
        here.send(job.home, job);
    }
    running_ = false;
    if (!gathering_.empty()) start();
}

} // namespace millrace::log
