#include "load_run.h"
#include "pump_command.h"

#include <cstdio>

int main(int argc, char** argv) {
    using namespace millrace::bench;
    auto parsed = parse({argv + 1, static_cast<std::size_t>(argc > 0 ? argc - 1 : 0)});
    if (!parsed) {
        std::fputs(parsed.error().text.c_str(), parsed.error().help ? stdout : stderr);
        return parsed.error().help ? 0 : 2;
    }
    if (parsed->command == "pump") return pump_command(*parsed);
    load_run body{*parsed};
    return run_session(parsed->bootstrap, parsed->spin, body);
}
