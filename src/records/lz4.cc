// LZ4 frames. Kafka's Java client reads only frames of independent blocks (KIP-57).
#include "records/codecs.h"
#include "records/compression.h"

#include <lz4frame.h>

namespace millrace::records::codecs {

void free_context::operator()(LZ4F_cctx_s* context) const noexcept { LZ4F_freeCompressionContext(context); }
void free_context::operator()(LZ4F_dctx_s* context) const noexcept { LZ4F_freeDecompressionContext(context); }

void lz4_encode(context<LZ4F_cctx_s>& with, bytes_view plain, int level, byte_buffer& out) {
    if (!with) {
        LZ4F_cctx* made = nullptr;
        MR_ASSERT(!LZ4F_isError(LZ4F_createCompressionContext(&made, LZ4F_VERSION)), "no memory for LZ4");
        with.reset(made);
    }
    LZ4F_preferences_t preferences{};
    preferences.frameInfo.blockSizeID = LZ4F_max64KB;
    preferences.frameInfo.blockMode = LZ4F_blockIndependent;
    preferences.compressionLevel = level == codec_level_default ? 0 : level;
    auto bound = LZ4F_compressBound(plain.size(), &preferences) + LZ4F_HEADER_SIZE_MAX;
    auto* begin = out.spare(bound);
    auto* to = begin;
    auto advance = [&](std::size_t written) {
        MR_ASSERT(!LZ4F_isError(written), "LZ4F_compressBound holds the whole result");
        to += written;
    };
    auto left = [&] { return bound - static_cast<std::size_t>(to - begin); };
    advance(LZ4F_compressBegin(with.get(), to, left(), &preferences));
    advance(LZ4F_compressUpdate(with.get(), to, left(), plain.data(), plain.size(), nullptr));
    advance(LZ4F_compressEnd(with.get(), to, left(), nullptr));
    out.commit(static_cast<std::size_t>(to - begin));
}

result<void> lz4_decode(context<LZ4F_dctx_s>& with, bytes_view compressed, std::size_t size_max, byte_buffer& out) {
    if (!with) {
        LZ4F_dctx* made = nullptr;
        MR_ASSERT(!LZ4F_isError(LZ4F_createDecompressionContext(&made, LZ4F_VERSION)), "no memory for LZ4");
        with.reset(made);
    }
    LZ4F_resetDecompressionContext(with.get());
    for (;;) {
        auto piece = next_piece(out, size_max);
        auto* to = out.spare(piece);
        auto taken = compressed.size(), made = piece;
        auto hint = LZ4F_decompress(with.get(), to, &made, compressed.data(), &taken, nullptr);
        if (LZ4F_isError(hint)) return std::unexpected(errc::bad_compressed_data);
        out.commit(made);
        compressed = compressed.subspan(taken);
        if (out.size() > size_max) return std::unexpected(errc::decompressed_too_large);
        // 0: the frame is complete, and the context ready for another one.
        if (hint == 0 && compressed.empty()) return {};
        if (hint != 0 && compressed.empty() && made < piece) return std::unexpected(errc::bad_compressed_data);
    }
}

} // namespace millrace::records::codecs
