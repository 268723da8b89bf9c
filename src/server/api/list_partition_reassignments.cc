// On one node no replica moves, so there is never one to list. kafka-topics asks before it describes.
#include "server/api/handlers.h"

namespace millrace::server {

runtime::task<kafka::list_partition_reassignments_response> answer(const kafka::list_partition_reassignments_request&, call&) {
    co_return kafka::list_partition_reassignments_response{};
}

} // namespace millrace::server
