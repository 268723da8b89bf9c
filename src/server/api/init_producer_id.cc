#include "server/api/errors.h"
#include "server/api/handlers.h"

namespace millrace::server {

namespace {

kafka::init_producer_id_response refuse(kafka::error_code why) {
    kafka::init_producer_id_response out;
    out.error_code = why;
    out.producer_id = no_producer;
    out.producer_epoch = {-1};
    return out;
}

} // namespace

runtime::task<kafka::init_producer_id_response> answer(const kafka::init_producer_id_request& in, call& c) {
    // An id without an epoch, or an epoch without an id, says nothing.
    if ((in.producer_id == no_producer) != (in.producer_epoch.value == -1))
        co_return refuse(kafka::error_code::invalid_request);
    if (!in.transactional_id.is_null()) {
        if (in.transactional_id.value().empty()) co_return refuse(kafka::error_code::invalid_request);
        // No transactions yet, hence no coordinator: clients look for it and ask again until max.block.ms or
        // transaction timeout ends it with a timeout error. A fatal code would claim that the request was wrong.
        co_return refuse(kafka::error_code::coordinator_not_available);
    }
    // Whatever id the client says it had: without a transactional id Kafka always gives a new one.
    auto taken = co_await c.here.changes.take_producer_id();
    if (!taken) {
        // What Kafka answers while its next block of ids is on the way; clients ask again.
        if (taken.error().code == cluster::errc::overloaded)
            co_return refuse(kafka::error_code::coordinator_load_in_progress);
        co_return refuse(to_kafka(taken.error().code));
    }
    kafka::init_producer_id_response out;
    out.producer_id = *taken;
    out.producer_epoch = {0};
    co_return out;
}

} // namespace millrace::server
