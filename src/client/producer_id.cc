#include "client/producer_id.h"

#include "kafka/messages/init_producer_id.h"

#include <limits>

namespace millrace::client {

runtime::task<result<producer_identity>> take_producer_id(cluster_link& link) {
    auto at = co_await link.any();
    if (!at) co_return std::unexpected{std::move(at.error())};
    kafka::init_producer_id_request request;
    request.transactional_id = std::nullopt;
    request.transaction_timeout_ms = std::numeric_limits<std::int32_t>::max();
    auto got = co_await (*at)->call<kafka::init_producer_id_response>(request);
    if (!got) co_return std::unexpected{std::move(got.error())};
    if ((*got)->error_code != kafka::error_code::none) co_return refuse((*got)->error_code);
    co_return producer_identity{(*got)->producer_id, (*got)->producer_epoch};
}

} // namespace millrace::client
