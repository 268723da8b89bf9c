#include "log/aborted_transaction.h"

#include "base/writer.h"

namespace millrace::log {

namespace {
constexpr std::int16_t entry_version = 0;
}

std::vector<std::byte> encode_aborted(std::span<const aborted_transaction> all) {
    std::vector<std::byte> out(all.size() * aborted_transaction::entry_bytes);
    writer w{out};
    for (const auto& a : all) {
        w.i16(entry_version);
        w.i64(a.producer.value);
        w.i64(a.first.value);
        w.i64(a.last.value);
        w.i64(a.last_stable.value);
    }
    return out;
}

std::optional<aborted_transaction> read_aborted(reader& from) {
    if (from.i16() != entry_version) return std::nullopt;
    aborted_transaction out;
    out.producer = {from.i64()};
    out.first = {from.i64()};
    out.last = {from.i64()};
    out.last_stable = {from.i64()};
    return out;
}

std::optional<std::vector<aborted_transaction>> decode_aborted(bytes_view bytes) {
    if (bytes.size() % aborted_transaction::entry_bytes != 0) return std::nullopt;
    std::vector<aborted_transaction> out;
    out.reserve(bytes.size() / aborted_transaction::entry_bytes);
    reader r{bytes};
    while (r.remaining() > 0) {
        auto one = read_aborted(r);
        if (!one) return std::nullopt;
        out.push_back(*one);
    }
    return out;
}

} // namespace millrace::log
