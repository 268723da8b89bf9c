#include "records/compressed_walk.h"

namespace millrace::records {

result<walk_info> walk_compressed(bytes_view bytes, const batch_rules& rules, std::size_t size_max, decompressor& with, byte_buffer& scratch) {
    batch_view batch{bytes};
    auto which = batch.codec();
    if (!which) return std::unexpected(errc::unknown_codec);
    if (auto done = with.run(*which, batch.payload(), size_max, scratch); !done) return std::unexpected(done.error());
    return walk_records(batch, scratch.view(), rules);
}

} // namespace millrace::records
