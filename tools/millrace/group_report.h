// What `group describe` shows of one group: its members, and how far it is in each partition.
// Owner: a command; on its thread.
// Invariant: every partition that has a committed offset or a reader stands in one row.
#pragma once

#include "client/groups.h"

namespace millrace::tool {

struct group_row {
    topic_partition of;
    std::optional<std::int64_t> committed;
    std::optional<std::int64_t> end; // none: the partition is gone
    std::optional<std::int64_t> lag;
    std::optional<std::int64_t> lag_ms;
    std::optional<std::size_t> member; // its place in `about.members`
};

struct group_report {
    client::group_description about;
    std::vector<group_row> rows; // by topic and partition
};

runtime::task<client::result<group_report>> report_group(client::cluster_link& link, std::string group);

void append_text(std::string& out, const group_report& report);
void append_json(std::string& out, const group_report& report);

} // namespace millrace::tool
