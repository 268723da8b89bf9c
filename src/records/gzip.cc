// gzip by zlib. Several members in a row are one stream (RFC 1952 §2.2), as Java's GZIPInputStream reads them.
#include "records/codecs.h"
#include "records/compression.h"

#include <zlib.h>

namespace millrace::records::codecs {
namespace {

constexpr int gzip_window_bits = 15 + 16; // 16: gzip instead of zlib framing

Bytef* input_of(bytes_view bytes) {
    return const_cast<Bytef*>(reinterpret_cast<const Bytef*>(bytes.data())); // zlib only reads it
}

} // namespace

void gzip_encode(bytes_view plain, int level, byte_buffer& out) {
    z_stream stream{};
    auto started = deflateInit2(&stream, level == codec_level_default ? Z_DEFAULT_COMPRESSION : level, Z_DEFLATED,
                                gzip_window_bits, 8, Z_DEFAULT_STRATEGY);
    MR_ASSERT(started == Z_OK, "zlib refused its parameters or found no memory");
    auto bound = deflateBound(&stream, static_cast<uLong>(plain.size()));
    stream.next_out = reinterpret_cast<Bytef*>(out.spare(bound));
    stream.avail_out = static_cast<uInt>(bound);
    stream.next_in = input_of(plain);
    stream.avail_in = static_cast<uInt>(plain.size());
    auto ended = deflate(&stream, Z_FINISH);
    MR_ASSERT(ended == Z_STREAM_END, "deflateBound holds the whole result");
    out.commit(stream.total_out);
    deflateEnd(&stream);
}

result<void> gzip_decode(bytes_view compressed, std::size_t size_max, byte_buffer& out) {
    z_stream stream{};
    auto started = inflateInit2(&stream, gzip_window_bits);
    MR_ASSERT(started == Z_OK, "zlib refused its parameters or found no memory");
    stream.next_in = input_of(compressed);
    stream.avail_in = static_cast<uInt>(compressed.size());
    result<void> outcome;
    for (;;) {
        auto piece = next_piece(out, size_max);
        stream.next_out = reinterpret_cast<Bytef*>(out.spare(piece));
        stream.avail_out = static_cast<uInt>(piece);
        auto step = inflate(&stream, Z_NO_FLUSH);
        out.commit(piece - stream.avail_out);
        if (out.size() > size_max) {
            outcome = std::unexpected(errc::decompressed_too_large);
            break;
        }
        if (step == Z_STREAM_END) {
            if (stream.avail_in == 0) break;
            inflateReset(&stream);
            continue;
        }
        if (step != Z_OK || (stream.avail_in == 0 && stream.avail_out != 0)) {
            outcome = std::unexpected(errc::bad_compressed_data);
            break;
        }
    }
    inflateEnd(&stream);
    return outcome;
}

} // namespace millrace::records::codecs
