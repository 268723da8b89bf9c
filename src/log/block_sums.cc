#include "log/block_sums.h"

#include "base/crc32c.h"
#include "base/reader.h"
#include "base/writer.h"

#include <algorithm>
#include <utility>

namespace millrace::log {

namespace {
constexpr std::uint32_t magic = 0x4d524253; // "MRBS"
constexpr std::int16_t version = 1;
constexpr std::size_t fixed_bytes = 4 + 2 + 16 + 4 + 8 + 8 + 8 + 4 + 4;
} // namespace

std::vector<std::byte> block_sums::encode() const {
    std::vector<std::byte> out(fixed_bytes + blocks.size() * 4 + 4);
    writer w{out};
    w.u32(magic);
    w.i16(version);
    for (auto b : topic.bytes) w.i8(static_cast<std::int8_t>(b));
    w.i32(partition.value);
    w.i64(base.value);
    w.i64(end.value);
    w.i64(static_cast<std::int64_t>(size_bytes));
    w.u32(static_cast<std::uint32_t>(block_bytes));
    w.u32(static_cast<std::uint32_t>(blocks.size()));
    for (auto b : blocks) w.u32(b);
    w.u32(crc32c(bytes_view{out}.first(out.size() - 4)));
    return out;
}

std::optional<block_sums> block_sums::decode(bytes_view bytes) {
    if (bytes.size() < fixed_bytes + 4) return std::nullopt;
    reader r{bytes};
    block_sums out;
    if (r.u32() != magic || r.i16() != version) return std::nullopt;
    for (auto& b : out.topic.bytes) b = static_cast<std::remove_reference_t<decltype(b)>>(r.i8());
    out.partition = {r.i32()};
    out.base = {r.i64()};
    out.end = {r.i64()};
    out.size_bytes = static_cast<std::uint64_t>(r.i64());
    const auto of_each = r.u32();
    const auto count = r.u32();
    if (of_each != block_bytes || bytes.size() != fixed_bytes + std::uint64_t{count} * 4 + 4) return std::nullopt;
    if (count != (out.size_bytes + block_bytes - 1) / block_bytes) return std::nullopt;
    if (load_be<std::uint32_t>(bytes.data() + bytes.size() - 4) != crc32c(bytes.first(bytes.size() - 4))) return std::nullopt;
    for (std::uint32_t i = 0; i < count; ++i) out.blocks.push_back(r.u32());
    return out;
}

void block_summer::add(bytes_view written) {
    while (!written.empty()) {
        const auto n = static_cast<std::size_t>(std::min<std::uint64_t>(written.size(), block_sums::block_bytes - in_block_));
        crc_ = crc32c(crc_, written.first(n));
        in_block_ += n;
        written = written.subspan(n);
        if (in_block_ < block_sums::block_bytes) return;
        whole_.push_back(std::exchange(crc_, 0));
        in_block_ = 0;
    }
}

std::vector<std::uint32_t> block_summer::take() {
    if (std::exchange(in_block_, 0) > 0) whole_.push_back(std::exchange(crc_, 0));
    return std::exchange(whole_, {});
}

} // namespace millrace::log
