// Produce (key 0): takes a request's batches to the partitions' owners and answers when the last of them has an answer.
// Owner: the connection's shard; a `partition_append` belongs to its partition's owner while it is away.
// Invariant: batches stay in the request's buffer until they are written; each partition's answer stands at the place of
// its batch; requests of one connection reach each partition in the order they came in.
#pragma once

#include "kafka/message_arena.h"
#include "kafka/messages/produce.h"
#include "partition/append_request.h"
#include "runtime/mailbox.h"
#include "server/frame_assembler.h"
#include "server/operation_pool.h"
#include "server/reply.h"
#include "server/shard_context.h"

#include <memory>
#include <vector>

namespace millrace::server {

class produce_operation;

struct partition_append : runtime::message, partition::append_request {
    produce_operation* operation = nullptr;
    shard_context* owner = nullptr; // null: `refused` says why it goes nowhere
    partition_key key;
    kafka::error_code refused = kafka::error_code::none;
};

class produce_operation final : public reply, public hook_of<struct idle_produce_tag> {
  public:
    // An operation that grew beyond it is not kept.
    static constexpr std::size_t kept_appends_max = 1024;

    // Takes its place among the answers of `c` and starts. False: the body does not decode; nothing was started.
    bool start(connection& c, frame request, const kafka::request_header& header, reader body);
    void ended() noexcept override;
    bool worth_keeping() const { return capacity_ <= kept_appends_max; }

  private:
    void resolve(partition_append& a, const kafka::produce_request::topic_entry& topic, const cluster::topic* known,
                 const kafka::produce_request::partition_entry& wanted);
    void one_done();
    void finish();
    static void arrived_at_owner(runtime::message& m) noexcept;
    static void arrived_home(runtime::message& m) noexcept;
    static void appended(partition::append_request& r) noexcept;
    static void append_here(partition_append& a);

    frame frame_;
    std::size_t request_bytes_ = 0;
    std::int16_t version_ = 0;
    std::int32_t correlation_id_ = 0;
    std::string_view client_id_;
    kafka::message_arena arena_;
    kafka::produce_request request_;
    std::unique_ptr<partition_append[]> appends_;
    std::size_t capacity_ = 0;
    std::size_t count_ = 0;
    std::size_t left_ = 0;
};

using produce_pool = operation_pool<produce_operation, idle_produce_tag>;

} // namespace millrace::server
