#include "connections_run.h"
#include "groups_run.h"
#include "load_run.h"
#include "pump_command.h"
#include "saturate_run.h"

#include <cstdio>

int main(int argc, char** argv) {
    using namespace millrace::bench;
    auto parsed = parse({argv + 1, static_cast<std::size_t>(argc > 0 ? argc - 1 : 0)});
    if (!parsed) {
        std::fputs(parsed.error().text.c_str(), parsed.error().help ? stdout : stderr);
        return parsed.error().help ? 0 : 2;
    }
    if (parsed->command == "pump") return pump_command(*parsed);
    std::unique_ptr<run_body> body;
    if (parsed->command == "saturate")
        body = std::make_unique<saturate_run>(*parsed);
    else if (parsed->command == "connections")
        body = std::make_unique<connections_run>(*parsed);
    else if (parsed->command == "groups")
        body = std::make_unique<groups_run>(*parsed);
    else
        body = std::make_unique<load_run>(*parsed);
    return run_session(parsed->bootstrap, parsed->spin, *body);
}
