// Options that change while the broker runs, and how options fit together at any time.
// Owner: pure functions; no shard.
// Invariant: only options that the table marks as live change. Defaults of topic configs are not taken here: they lie in the
// cluster's image, over what was given at the start.
#pragma once

#include "config/broker_options.h"

#include <expected>

namespace millrace::config {

config::durability durability_named(std::string_view word); // REQUIRES: passed the check of its row

// `values`: plain, under the options' names. Those that are not live, or of a later release, are left out.
void set_live(broker_options& to, const std::map<std::string, std::string, std::less<>>& values);
// The rest of `to` stays where it is in memory: tasks that are suspended may look at it.
void copy_live(broker_options& to, const broker_options& from);

// Error: which options, with their values, and why not together.
std::expected<void, std::string> check_fit(const broker_options& o);

} // namespace millrace::config
