// The seam between compression.cc and the four libraries: one file per library sees its header.
// Owner: compression.cc; contexts belong to the compressor or decompressor that made them.
// Invariant: `out` only grows, and by at most `size_max` bytes when decoding.
#pragma once

#include "records/byte_buffer.h"
#include "records/errc.h"

#include <memory>

struct ZSTD_CCtx_s;
struct ZSTD_DCtx_s;
struct LZ4F_cctx_s;
struct LZ4F_dctx_s;

namespace millrace::records::codecs {

struct free_context {
    void operator()(ZSTD_CCtx_s*) const noexcept;
    void operator()(ZSTD_DCtx_s*) const noexcept;
    void operator()(LZ4F_cctx_s*) const noexcept;
    void operator()(LZ4F_dctx_s*) const noexcept;
};
template <class T> using context = std::unique_ptr<T, free_context>;

void gzip_encode(bytes_view plain, int level, byte_buffer& out);
result<void> gzip_decode(bytes_view compressed, std::size_t size_max, byte_buffer& out);

void snappy_encode(bytes_view plain, byte_buffer& out);
result<void> snappy_decode(bytes_view compressed, std::size_t size_max, byte_buffer& out);

void lz4_encode(context<LZ4F_cctx_s>& with, bytes_view plain, int level, byte_buffer& out);
result<void> lz4_decode(context<LZ4F_dctx_s>& with, bytes_view compressed, std::size_t size_max, byte_buffer& out);

void zstd_encode(context<ZSTD_CCtx_s>& with, bytes_view plain, int level, byte_buffer& out);
result<void> zstd_decode(context<ZSTD_DCtx_s>& with, bytes_view compressed, std::size_t size_max, byte_buffer& out);

// The next piece of output space for a streaming decoder: doubles what was used so far, never asks for more
// than one byte beyond the limit. That byte is how a decoder notices that there is too much.
inline std::size_t next_piece(const byte_buffer& out, std::size_t size_max) {
    constexpr std::size_t first_piece = 16 << 10;
    auto wanted = std::max({out.size(), out.spare_size(), first_piece});
    return std::min(wanted, size_max + 1 - out.size());
}

} // namespace millrace::records::codecs
