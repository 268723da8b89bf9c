#include "record_output.h"

#include "json.h"

#include <cstdio>

namespace millrace::tool {

namespace {

constexpr std::size_t out_bytes_max = 256 << 10;

void append_json_record(std::string& out, const client::read_record& r) {
    out += "{\"partition\":" + std::to_string(r.partition.value) + ",\"offset\":" + std::to_string(r.offset.value) +
           ",\"timestamp\":" + std::to_string(r.timestamp.value) + ",";
    auto part = [&](std::string_view name, const std::optional<bytes_view>& bytes) {
        if (bytes)
            append_json_bytes(out, name, as_text(*bytes));
        else
            out += "\"" + std::string{name} + "\":null";
    };
    part("key", r.key);
    out += ",";
    part("value", r.value);
    out += ",\"headers\":[";
    auto headers = r.headers;
    records::record_header h;
    bool first = true;
    while (headers.next(h)) {
        out += first ? "{" : ",{";
        first = false;
        append_json_bytes(out, "key", as_text(h.key));
        out += ",";
        part("value", h.value);
        out += "}";
    }
    out += "]}\n";
}

} // namespace

void record_output::print(const client::read_record& r) {
    ++count_;
    bytes_ += (r.key ? r.key->size() : 0) + (r.value ? r.value->size() : 0);
    if (format_.quiet) return;
    if (format_.json) {
        append_json_record(out_, r);
    } else {
        if (format_.key_separator) {
            if (r.key) out_ += as_text(*r.key);
            out_ += *format_.key_separator;
        }
        if (r.value) out_ += as_text(*r.value);
        out_ += '\n';
    }
    if (out_.size() >= out_bytes_max) flush();
}

void record_output::flush() {
    if (out_.empty()) return;
    if (std::fwrite(out_.data(), 1, out_.size(), stdout) != out_.size() || std::fflush(stdout) != 0) broken_ = true;
    out_.clear();
}

} // namespace millrace::tool
