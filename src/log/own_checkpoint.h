// Whether the checkpoints of a log directory have this very log in them: its name, and with the topic id that it has now.
// Owner: pure function.
// Invariant: true only for a log that this broker wrote, and whose names were durable when the checkpoint was written.
#pragma once

#include "log/directory_checkpoints.h"
#include "log/environment.h"

namespace millrace::log {

inline bool checkpoints_know(const environment& env, const std::string& directory, topic_id id) {
    auto at = directory_checkpoints::parse_directory_name(std::string_view{directory}.substr(directory.rfind('/') + 1));
    return at && env.checkpoints && env.checkpoints->knows(*at, id);
}

} // namespace millrace::log
