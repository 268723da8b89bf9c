#include "runtime/stall.h"

namespace millrace::runtime {

const char* name_of(step s) {
    switch (s) {
    case step::other: return "other";
    case step::timer: return "timer";
    case step::message: return "message";
    case step::received: return "received";
    case step::sent: return "sent";
    case step::file_done: return "file_done";
    case step::append_written: return "append_written";
    case step::flushed: return "flushed";
    case step::offloaded: return "offloaded";
    case step::append: return "append";
    case step::commit: return "commit";
    case step::send: return "send";
    case step::kinds: case step::request: break;
    }
    return "request";
}

const char* name_of(turn_part p) {
    switch (p) {
    case turn_part::parse: return "parse";
    case turn_part::append: return "append";
    case turn_part::commit: return "commit";
    case turn_part::send: return "send";
    }
    return "unknown";
}

} // namespace millrace::runtime
