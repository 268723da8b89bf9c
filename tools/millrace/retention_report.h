// `topic explain-retention`: of each partition what goes, when and why.
// Owner: a command; on its thread.
// Invariant: what a broker cannot tell is missing, and no reason to fail.
#pragma once

#include "retention_text.h"
#include "topic_report.h"

namespace millrace::tool {

struct retention_row {
    std::int32_t partition = 0;
    retained_partition about;
    std::vector<going> goes;
};

struct retention_report {
    std::string topic;
    retention_facts rules;
    std::vector<retention_row> rows;
};

runtime::task<client::result<retention_report>> report_retention(client::cluster_link& link, std::string topic);

void append_text(std::string& out, const retention_report& report);
void append_json(std::string& out, const retention_report& report);

} // namespace millrace::tool
