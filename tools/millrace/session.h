// One shard on the calling thread that lives as long as one command.
// Owner: main; everything runs on its thread.
// Invariant: when `run` returns, the command's task has ended and the link to the cluster is closed.
#pragma once

#include "client/cluster_link.h"
#include "runtime/task.h"

#include <string>
#include <vector>

namespace millrace::tool {

// What a command does, once connected: the exit code.
class command_body {
  public:
    virtual ~command_body() = default;
    virtual runtime::task<int> run(client::cluster_link& link) = 0;
    // SIGINT or SIGTERM, on the shard; only for `run_session_until_signal`.
    virtual void interrupted() {}
};

int run_session(std::vector<runtime::endpoint> bootstrap, command_body& body);
// The first SIGINT or SIGTERM is told to the body, which ends in its own time; the second one kills as usual.
int run_session_until_signal(std::vector<runtime::endpoint> bootstrap, command_body& body);

// "host:port,host:port"; empty where it is none.
std::vector<runtime::endpoint> parse_bootstrap(const std::string& text);

} // namespace millrace::tool
