// snappy. Java's client writes xerial framing (a 16-byte header, then chunks with a big-endian length); some
// other clients write one raw block. Both are read, the framed form is written.
#include "records/codecs.h"

#include <array>
#include <snappy.h>

namespace millrace::records::codecs {
namespace {

// 0x82 "SNAPPY" 0, version 1, compatible with version 1.
constexpr std::array<unsigned char, 16> xerial_header{0x82, 'S', 'N', 'A', 'P', 'P', 'Y', 0, 0, 0, 0, 1, 0, 0, 0, 1};
constexpr std::size_t xerial_magic_size = 8;
constexpr std::size_t xerial_chunk_size = 32 << 10; // SnappyOutputStream's default block

const char* text(bytes_view bytes) { return reinterpret_cast<const char*>(bytes.data()); }

bool starts_with_magic(bytes_view bytes) {
    return bytes.size() >= xerial_header.size() &&
           std::memcmp(bytes.data(), xerial_header.data(), xerial_magic_size) == 0;
}

result<void> decode_block(bytes_view block, std::size_t size_max, byte_buffer& out) {
    std::size_t plain_size;
    if (!snappy::GetUncompressedLength(text(block), block.size(), &plain_size))
        return std::unexpected(errc::bad_compressed_data);
    if (plain_size > size_max - out.size()) return std::unexpected(errc::decompressed_too_large);
    // A snappy element of three bytes makes at most 64: a claim beyond that is a lie, found before allocating.
    if (plain_size / 64 > block.size()) return std::unexpected(errc::bad_compressed_data);
    if (!snappy::RawUncompress(text(block), block.size(), reinterpret_cast<char*>(out.spare(plain_size))))
        return std::unexpected(errc::bad_compressed_data);
    out.commit(plain_size);
    return {};
}

} // namespace

void snappy_encode(bytes_view plain, byte_buffer& out) {
    out.append({reinterpret_cast<const std::byte*>(xerial_header.data()), xerial_header.size()});
    while (!plain.empty()) {
        auto chunk = plain.first(std::min(plain.size(), xerial_chunk_size));
        plain = plain.subspan(chunk.size());
        auto* to = out.spare(4 + snappy::MaxCompressedLength(chunk.size()));
        std::size_t size;
        snappy::RawCompress(text(chunk), chunk.size(), reinterpret_cast<char*>(to + 4), &size);
        store_be<std::int32_t>(to, static_cast<std::int32_t>(size));
        out.commit(4 + size);
    }
}

result<void> snappy_decode(bytes_view compressed, std::size_t size_max, byte_buffer& out) {
    if (!starts_with_magic(compressed)) return decode_block(compressed, size_max, out);
    while (!compressed.empty()) {
        // Streams may have been joined: a header can come again between chunks.
        if (starts_with_magic(compressed)) {
            compressed = compressed.subspan(xerial_header.size());
            continue;
        }
        if (compressed.size() < 4) return std::unexpected(errc::bad_compressed_data);
        auto size = load_be<std::uint32_t>(compressed.data());
        compressed = compressed.subspan(4);
        if (size > compressed.size()) return std::unexpected(errc::bad_compressed_data);
        if (auto done = decode_block(compressed.first(size), size_max, out); !done) return done;
        compressed = compressed.subspan(size);
    }
    return {};
}

} // namespace millrace::records::codecs
