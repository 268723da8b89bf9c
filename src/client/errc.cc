#include "client/errc.h"

namespace millrace::client {

std::unexpected<failure> refuse(kafka::error_code code, std::string_view message) {
    if (message.empty()) message = kafka::default_message(code);
    return std::unexpected{failure{errc::refused, code, std::string{message}}};
}

bool is_retriable(const failure& f) {
    switch (f.what) {
    case errc::unreachable:
    case errc::closed:
    case errc::timed_out: return true;
    case errc::refused: return kafka::is_retriable(f.code);
    case errc::malformed:
    case errc::unsupported:
    case errc::bad_data: return false;
    }
    return false;
}

std::string describe(const failure& f) {
    std::string where = f.detail.empty() ? std::string{} : f.detail + ": ";
    switch (f.what) {
    case errc::unreachable: return where + "no connection; is the broker running, and is the address right?";
    case errc::closed: return where + "the broker closed the connection; its log says why";
    case errc::timed_out: return where + "no answer in time; is the broker overloaded or stopped?";
    case errc::malformed: return where + "the answer does not decode; is a Kafka broker listening there?";
    case errc::unsupported: return where + "the broker and this client have no version of the request in common";
    case errc::bad_data: return where + "the records read do not decode; check the segment files";
    case errc::refused: break;
    }
    std::string text{kafka::name_of(f.code)};
    if (!f.detail.empty()) text += ": " + f.detail;
    return text;
}

} // namespace millrace::client
