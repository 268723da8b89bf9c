// The things that have configs, by Kafka's numbers, and the way an alteration takes, whichever API it came by.
// Owner: pure functions, and tasks of the handlers that await them.
// Invariant: only topics can be altered in this release; every other type is refused with a text that says why.
#pragma once

#include "cluster/topic_name.h"
#include "server/api/answer_text.h"

namespace millrace::server {

namespace resource_type {
inline constexpr std::int8_t topic = 2, broker = 4, broker_logger = 8, client_metrics = 16, group = 32;
}
std::string_view name_of_resource_type(std::int8_t type);

// Whether the name of a broker resource, not empty, says this node.
refusal check_broker_name(std::string_view name, broker_id this_node);

// Type and name as they identify a resource within a request.
using resource_identity = std::pair<std::int8_t, std::string_view>;
refusal repeated_resource();

// Why nothing of this type can be altered; none: it is a topic.
refusal check_alterable(std::int8_t type, std::string_view name, broker_id this_node);

// Runs `edit` where no other change runs, or tries it here if nothing is to be changed.
runtime::task<refusal> alter_topic(call& c, std::string_view topic, config_edit edit, bool validate_only);

} // namespace millrace::server
