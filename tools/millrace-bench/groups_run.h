// Many consumer groups with many members (KIP-848): how long heartbeats take, joining, and until a group has all partitions.
// Owner: main; on the session's shard.
// Invariant: each member has a connection of its own, and at most one heartbeat on it; members own partitions and read nothing.
#pragma once

#include "bench_session.h"
#include "client/membership.h"
#include "run_notes.h"
#include "run_report.h"
#include "target.h"
#include "wire_pipe.h"

#include <memory>

namespace millrace::bench {

class groups_run final : public run_body {
  public:
    explicit groups_run(const bench_options& options) : options_{options} {}
    runtime::task<int> run(client::cluster_link& link, paced_driver& pace) override;
    void interrupted() override { interrupted_ = true; }

  private:
    struct group {
        std::string name;
        runtime::endpoint coordinator;
        std::int16_t version = 0;
        bool settled = false;
        std::size_t owned = 0; // partitions, by all of its members
    };
    struct group_member final : pipe_user {
        group_member(groups_run& of, group& in, std::string id) : run{of}, in{in}, id{std::move(id)} {}
        void answered(wire_request& r, reader& body) override;
        void lost(wire_request&) override {}
        void released(wire_request&) override { busy = false; }
        void broke(const client::failure& why) override;
        void beat(std::int32_t epoch, const client::membership::heartbeat& news);

        groups_run& run;
        group& in;
        std::string id;
        client::membership membership;
        std::unique_ptr<wire_pipe> pipe;
        wire_request request;
        kafka::message_arena arena;
        runtime::mono_time began{}, next{};
        int phase = 1;
        bool busy = false, joined = false, out = false;
    };
    runtime::task<client::result<void>> open(client::cluster_link& link);
    runtime::mono_time clock_now() const { return shard_->world().clock->now(); }

    const bench_options& options_;
    runtime::shard* shard_ = nullptr;
    load_target target_;
    runtime::mono_time start_{};
    std::vector<std::unique_ptr<group>> groups_;
    std::vector<std::unique_ptr<group_member>> members_;
    measurement beats_{{}}, joins_{{}}, settlings_{{}};
    run_notes notes_;
    std::size_t settled_ = 0;
    bool leaving_ = false, interrupted_ = false;
};

} // namespace millrace::bench
