#include "client/producer_lane.h"

namespace millrace::client {

void producer_lane::seal(const producer_identity& identity, runtime::mono_time deadline) {
    auto batch = std::move(open_);
    records::batch_identity head;
    if (identity.id != no_producer) {
        head.producer_id = identity.id;
        head.producer_epoch = identity.epoch;
        head.base_sequence = sequence_number{next_sequence_};
        // Sequence numbers wrap to 0 after 2^31 - 1.
        auto next = static_cast<std::uint32_t>(next_sequence_) + static_cast<std::uint32_t>(batch->builder.record_count());
        next_sequence_ = static_cast<std::int32_t>(next & 0x7fffffff);
    }
    batch->sealed = batch->builder.finish(head);
    batch->ordinal = next_ordinal_++;
    batch->deadline = deadline;
    ready_.push_back(std::move(batch));
}

std::unique_ptr<producer_batch> producer_lane::take() {
    auto batch = std::move(ready_.front());
    ready_.pop_front();
    ++in_flight_;
    return batch;
}

void producer_lane::put_back(std::unique_ptr<producer_batch> batch) {
    auto place = std::find_if(ready_.begin(), ready_.end(), [&](const auto& b) { return b->ordinal > batch->ordinal; });
    ready_.insert(place, std::move(batch));
    repeating_ = true;
}

} // namespace millrace::client
