// The four codecs of record batches, as Kafka's Java client frames them.
// Owner: one thread each (a builder, or an offload worker); contexts are made once and used again.
// Invariant: decompression never yields or holds more than the limit it was given, whatever the input claims.
#pragma once

#include "records/batch.h"
#include "records/byte_buffer.h"
#include "records/errc.h"

#include <memory>

namespace millrace::records {

// Kafka's compression.*.level; `codec_level_default` is each library's own choice.
inline constexpr int codec_level_default = -0x7fffffff;

class compressor {
  public:
    explicit compressor(codec which, int level = codec_level_default);
    ~compressor();
    compressor(compressor&&) noexcept;
    compressor& operator=(compressor&&) noexcept;

    codec which() const { return which_; }
    // Appends the compressed form of `plain` to `out`. codec::none copies.
    void append(bytes_view plain, byte_buffer& out);

  private:
    struct contexts;
    codec which_;
    int level_;
    std::unique_ptr<contexts> contexts_;
};

class decompressor {
  public:
    decompressor();
    ~decompressor();
    decompressor(decompressor&&) noexcept;
    decompressor& operator=(decompressor&&) noexcept;

    // Replaces `out` by the decompressed form. Errors: bad_compressed_data, decompressed_too_large.
    result<void> run(codec which, bytes_view compressed, std::size_t size_max, byte_buffer& out);

  private:
    struct contexts;
    std::unique_ptr<contexts> contexts_;
};

} // namespace millrace::records
