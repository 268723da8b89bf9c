#include "records/compression.h"

#include "records/codecs.h"

namespace millrace::records {

struct compressor::contexts {
    codecs::context<LZ4F_cctx_s> lz4;
    codecs::context<ZSTD_CCtx_s> zstd;
};

compressor::compressor(codec which, int level)
    : which_{which}, level_{level}, contexts_{std::make_unique<contexts>()} {}
compressor::~compressor() = default;
compressor::compressor(compressor&&) noexcept = default;
compressor& compressor::operator=(compressor&&) noexcept = default;

void compressor::append(bytes_view plain, byte_buffer& out) {
    switch (which_) {
    case codec::none: out.append(plain); return;
    case codec::gzip: codecs::gzip_encode(plain, level_, out); return;
    case codec::snappy: codecs::snappy_encode(plain, out); return;
    case codec::lz4: codecs::lz4_encode(contexts_->lz4, plain, level_, out); return;
    case codec::zstd: codecs::zstd_encode(contexts_->zstd, plain, level_, out); return;
    }
}

struct decompressor::contexts {
    codecs::context<LZ4F_dctx_s> lz4;
    codecs::context<ZSTD_DCtx_s> zstd;
};

decompressor::decompressor() : contexts_{std::make_unique<contexts>()} {}
decompressor::~decompressor() = default;
decompressor::decompressor(decompressor&&) noexcept = default;
decompressor& decompressor::operator=(decompressor&&) noexcept = default;

result<void> decompressor::run(codec which, bytes_view compressed, std::size_t size_max, byte_buffer& out) {
    out.clear();
    switch (which) {
    case codec::none:
        if (compressed.size() > size_max) return std::unexpected(errc::decompressed_too_large);
        out.append(compressed);
        return {};
    case codec::gzip: return codecs::gzip_decode(compressed, size_max, out);
    case codec::snappy: return codecs::snappy_decode(compressed, size_max, out);
    case codec::lz4: return codecs::lz4_decode(contexts_->lz4, compressed, size_max, out);
    case codec::zstd: return codecs::zstd_decode(contexts_->zstd, compressed, size_max, out);
    }
    return std::unexpected(errc::unknown_codec);
}

} // namespace millrace::records
