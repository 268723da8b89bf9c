// What the service manager that started us is told (sd_notify(3)), where there is one.
// Owner: the process; from any thread.
// Invariant: without NOTIFY_SOCKET nothing happens; a failure to tell is no failure of ours.
#pragma once

#include <string>

namespace millrace::io {

// Lines as sd_notify takes them: "STATUS=…", "READY=1", "STOPPING=1".
void tell_service_manager(const std::string& state);

} // namespace millrace::io
