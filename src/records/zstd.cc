// zstd (KIP-110).
#include "records/codecs.h"
#include "records/compression.h"

#include <bit>
#include <zstd.h>

namespace millrace::records::codecs {
namespace {

// A frame's window is memory that the decoder must hold. Encoders up to level 19 use at most 2^23; the
// library's own ceiling is 2^27.
int window_log_max(std::size_t size_max) {
    return std::clamp(static_cast<int>(std::bit_width(size_max)), 23, 27);
}

} // namespace

void free_context::operator()(ZSTD_CCtx_s* context) const noexcept { ZSTD_freeCCtx(context); }
void free_context::operator()(ZSTD_DCtx_s* context) const noexcept { ZSTD_freeDCtx(context); }

void zstd_encode(context<ZSTD_CCtx_s>& with, bytes_view plain, int level, byte_buffer& out) {
    if (!with) with.reset(ZSTD_createCCtx());
    MR_ASSERT(with != nullptr, "no memory for zstd");
    ZSTD_CCtx_setParameter(with.get(), ZSTD_c_compressionLevel,
                           level == codec_level_default ? ZSTD_CLEVEL_DEFAULT : level);
    auto bound = ZSTD_compressBound(plain.size());
    auto size = ZSTD_compress2(with.get(), out.spare(bound), bound, plain.data(), plain.size());
    MR_ASSERT(!ZSTD_isError(size), "ZSTD_compressBound holds the whole result");
    out.commit(size);
}

result<void> zstd_decode(context<ZSTD_DCtx_s>& with, bytes_view compressed, std::size_t size_max, byte_buffer& out) {
    if (!with) with.reset(ZSTD_createDCtx());
    MR_ASSERT(with != nullptr, "no memory for zstd");
    ZSTD_DCtx_reset(with.get(), ZSTD_reset_session_only);
    ZSTD_DCtx_setParameter(with.get(), ZSTD_d_windowLogMax, window_log_max(size_max));
    ZSTD_inBuffer in{compressed.data(), compressed.size(), 0};
    for (;;) {
        auto piece = next_piece(out, size_max);
        ZSTD_outBuffer made{out.spare(piece), piece, 0};
        auto hint = ZSTD_decompressStream(with.get(), &made, &in);
        if (ZSTD_isError(hint)) return std::unexpected(errc::bad_compressed_data);
        out.commit(made.pos);
        if (out.size() > size_max) return std::unexpected(errc::decompressed_too_large);
        if (hint == 0 && in.pos == in.size) return {};
        if (hint != 0 && in.pos == in.size && made.pos < made.size) return std::unexpected(errc::bad_compressed_data);
    }
}

} // namespace millrace::records::codecs
