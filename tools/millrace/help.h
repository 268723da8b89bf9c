// What --help prints.
// Owner: constants.
// Invariant: every option that a command takes is named here.
#pragma once

namespace millrace::tool {

extern const char* const help_overview;
extern const char* const help_cluster;
extern const char* const help_config;
extern const char* const help_group;
extern const char* const help_topic;
extern const char* const help_log;
extern const char* const help_produce;
extern const char* const help_consume;

} // namespace millrace::tool
