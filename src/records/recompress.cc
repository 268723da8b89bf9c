#include "records/recompress.h"

#include "base/crc32c.h"

namespace millrace::records {

result<walk_info> recompress(bytes_view bytes, const batch_rules& rules, codec to, int level, std::size_t plain_max, byte_buffer& out) {
    batch_view batch{bytes};
    auto from = batch.codec();
    if (!from) return std::unexpected(errc::unknown_codec);
    decompressor unpack;
    byte_buffer unpacked;
    bytes_view plain = batch.payload();
    if (*from != codec::none) {
        if (auto done = unpack.run(*from, plain, plain_max, unpacked); !done) return std::unexpected(done.error());
        plain = unpacked.view();
    }
    auto found = walk_records(batch, plain, rules);
    if (!found) return found;
    out.clear();
    out.append(bytes.first(header_size));
    compressor{to, level}.append(plain, out);
    if (out.size() > rules.batch_size_max) return std::unexpected(errc::batch_too_large);
    auto header = out.bytes();
    store_be<std::int32_t>(header.data() + at::length, static_cast<std::int32_t>(out.size() - log_overhead));
    auto attributes = static_cast<std::int16_t>((batch.attributes() & ~codec_mask) | static_cast<int>(to));
    store_be<std::int16_t>(header.data() + at::attributes, attributes);
    store_be<std::uint32_t>(header.data() + at::crc, crc32c(out.view().subspan(at::attributes)));
    return found;
}

} // namespace millrace::records
