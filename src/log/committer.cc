#include "log/committer.h"

#include "runtime/run_on.h"

namespace millrace::log {

using runtime::task;

committer::settle_timer::settle_timer(committer& c)
    : timer{[](runtime::timer& t) noexcept {
          auto& self = static_cast<settle_timer&>(t).of;
          if (!self.scope_.closed() && !self.offline()) self.scope_.spawn(self.settle_now_and_then());
      }},
      of{c} {}

committer::starter::starter(committer& c)
    : phase_member{[](runtime::phase_member& m) noexcept { return static_cast<starter&>(m).of.start(); }}, of{c} {}

committer::committer(shard_id home, runtime::disk& disk) : home_{home}, disk_{disk}, settle_timer_{*this}, starter_{*this} {}

committer::committer(shard_id home, runtime::disk& disk, journal_setup journal) : committer{home, disk} {
    journal_.emplace(disk, std::move(journal));
}

committer::~committer() {
    MR_ASSERT(!sync_running_ && !journal_running_, "a committer was destroyed during a commit");
    runtime::shard::cancel(settle_timer_);
}

task<result<journal_replay>> committer::recover_journal() {
    if (!journal_) co_return journal_replay{};
    co_return co_await journal_->recover();
}

task<result<void>> committer::close() {
    runtime::shard::cancel(settle_timer_);
    auto settled = co_await settle_here();
    co_await scope_.drain();
    co_return settled;
}

task<result<void>> committer::settle() {
    if (runtime::shard::current().id() == home_) co_return co_await settle_here();
    auto work = settle_here();
    co_return co_await runtime::run_on(home_, scope_, std::move(work));
}

task<result<void>> committer::settle_here() {
    if (offline()) co_return storage_failed();
    if (!journal_) co_return result<void>{};
    auto settled = co_await journal_->settle();
    if (!settled && settled.error() != errc::no_space) take_offline();
    co_return settled;
}

void committer::settle_later() {
    if (!settle_timer_.armed() && !scope_.closed()) runtime::shard::current().arm_after(settle_timer_, settle_after);
}

task<void> committer::settle_now_and_then() {
    runtime::shard::current().stats().journal_settles.add(1);
    auto settled = co_await settle_here();
    if (!settled && !offline()) settle_later(); // no room now
}

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
    for (std::size_t i = 0; i < job.file_count; ++i) job.work[i].job = &job;
    if (journal_ && journal_->ready() && journal_->accepts(job)) {
        to_journal_.push_back(job);
    } else {
        if (journal_ && journal_->missed(job)) scope_.spawn(journal_->make());
        to_sync_.push_back(job);
    }
    start_soon();
}

void committer::start_soon() {
    const bool journal_may = !journal_running_ && !to_journal_.empty();
    const bool sync_may = !sync_running_ && !to_sync_.empty();
    if (journal_may || sync_may) runtime::shard::current().join(runtime::phase::send, starter_);
}

bool committer::start() {
    if (!sync_running_ && !to_sync_.empty()) start_syncs();
    if (!journal_running_ && !to_journal_.empty()) {
        journal_running_ = true;
        scope_.spawn(journal_commit()); // one frame per commit, beside which the device costs a thousand times more
    }
    return true;
}

void committer::count(jobs& of) {
    ++commits_;
    std::uint64_t batches = 0, bytes = 0;
    for (auto& m : of) {
        auto& job = static_cast<commit_job&>(m);
        batches += job.batches;
        bytes += job.bytes;
    }
    auto& stats = runtime::shard::current().stats();
    stats.flushes.add(1);
    stats.flush_batches.record(batches);
    stats.flush_bytes.record(bytes);
}

void committer::answer(jobs& of) {
    auto& here = runtime::shard::current();
    while (auto* m = of.pop_front()) {
        auto& job = static_cast<commit_job&>(*m);
        job.failed = offline();
        job.arrived = &returned;
        here.send(job.home, job);
    }
}

// --- a flush of each file

void committer::start_syncs() {
    sync_running_ = true;
    syncing_.splice_back(to_sync_);
    operations_left_ = 1; // held until all are started: some may be done at once
    if (!offline()) {
        count(syncing_);
        for (auto& m : syncing_) {
            auto& job = static_cast<commit_job&>(m);
            operations_left_ += job.file_count + (job.directory.empty() ? 0 : 1);
            for (std::size_t i = 0; i < job.file_count; ++i) {
                job.work[i].done = &synced;
                job.files[i].file->sync(job.work[i]);
            }
            files_synced_ += job.file_count;
            if (!job.directory.empty()) scope_.spawn(sync_directory(job.directory));
        }
    }
    one_done(true);
}

void committer::synced(runtime::completion& c) noexcept {
    auto& op = static_cast<commit_job::file_work&>(static_cast<runtime::file_op&>(c));
    op.job->by->one_done(op.res >= 0);
}

task<void> committer::sync_directory(std::string path) {
    auto done = co_await disk_.sync_directory(std::move(path));
    one_done(done.has_value());
}

void committer::one_done(bool ok) {
    if (!ok) take_offline();
    if (--operations_left_ > 0) return;
    answer(syncing_);
    sync_running_ = false;
    start_soon();
}

// --- the journal

void committer::gathered(runtime::completion& c) noexcept {
    auto& op = static_cast<commit_job::file_work&>(static_cast<runtime::file_op&>(c));
    auto& self = *op.job->by;
    if (--self.reads_left_ == 0) std::exchange(self.reader_, {}).resume();
}

struct committer::reads_awaiter {
    committer& of;
    bool await_ready() const noexcept { return --of.reads_left_ == 0; }
    void await_suspend(std::coroutine_handle<> h) noexcept { of.reader_ = h; }
    void await_resume() const noexcept {}
};

task<void> committer::journal_commit() {
    auto& stats = runtime::shard::current().stats();
    runtime::turnstile::pass mine{journal_->writes()};
    co_await mine;
    if (offline()) {
        answer(to_journal_);
        journal_running_ = false;
        co_return;
    }
    reads_left_ = 1; // held until all are asked for: most are done at once
    journal_->begin();
    while (!to_journal_.empty()) {
        auto& job = static_cast<commit_job&>(to_journal_.front());
        for (std::size_t i = 0; i < job.file_count; ++i) job.work[i].done = &gathered;
        if (!journal_->add(job, reads_left_)) break;
        to_journal_.pop_front();
        in_journal_.push_back(job);
    }
    reads_awaiter reads{*this};
    co_await reads;
    bool all = !in_journal_.empty();
    for (auto& m : in_journal_) {
        auto& job = static_cast<commit_job&>(m);
        for (std::size_t i = 0; i < job.file_count; ++i)
            all = all && job.work[i].res >= 0 && static_cast<std::uint64_t>(job.work[i].res) == job.files[i].to - job.files[i].from;
    }
    result<void> written = std::unexpected{errc::no_space}; // full, or a file could not be read
    if (all) written = co_await journal_->write();
    if (!written && written.error() == errc::no_space) { // as if there were no journal
        stats.journal_full.add(1);
        to_sync_.splice_back(in_journal_);
        to_sync_.splice_back(to_journal_);
    } else {
        if (!written) take_offline();
        count(in_journal_);
        ++journal_commits_;
        stats.journal_commits.add(1);
        stats.journal_bytes.add(journal_->record_bytes());
        answer(in_journal_);
    }
    settle_later();
    if (journal_->has_sealed() && !sweeping_ && !offline() && !scope_.closed()) {
        sweeping_ = true;
        scope_.spawn(sweep());
    }
    journal_running_ = false;
    start_soon();
}

task<void> committer::sweep() {
    bool swept = co_await journal_->sweep();
    sweeping_ = false;
    if (!swept) take_offline();
}

} // namespace millrace::log
