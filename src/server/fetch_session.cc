#include "server/fetch_session.h"

#include <limits>

namespace millrace::server {

namespace {

constexpr std::int32_t epoch_opens = 0;
constexpr std::int32_t epoch_ends = -1;
constexpr std::int16_t version_by_id = 13;

std::int32_t epoch_after(std::int32_t epoch) {
    return epoch == std::numeric_limits<std::int32_t>::max() ? 1 : epoch + 1;
}

} // namespace

void fetch_session::clear() {
    order_.clear();
    entries_.clear();
    id_ = 0;
}

bool fetch_session::add(const kafka::fetch_request& request) {
    for (const auto& topic : request.topics) {
        for (const auto& wanted : topic.partitions) {
            auto [at, is_new] = entries_.try_emplace(key{std::string{topic.topic}, topic.topic_id, wanted.partition});
            if (is_new) {
                if (entries_.size() > session_partitions_max) {
                    entries_.erase(at);
                    return false;
                }
                at->second = std::make_unique<fetched_partition>();
                at->second->topic = at->first.topic;
                at->second->id = topic.topic_id;
                at->second->partition = wanted.partition;
                order_.push_back(*at->second);
            }
            fetched_partition& p = *at->second;
            p.fetch_offset = wanted.fetch_offset;
            p.bytes_max = wanted.partition_max_bytes;
            p.current_leader_epoch = wanted.current_leader_epoch;
            p.last_fetched_epoch = wanted.last_fetched_epoch;
        }
    }
    return true;
}

void fetch_session::forget(const kafka::fetch_request& request) {
    for (const auto& topic : request.forgotten_topics_data)
        for (auto partition : topic.partitions)
            entries_.erase(key{std::string{topic.topic}, topic.topic_id, partition});
}

kafka::error_code fetch_session::begin(const kafka::fetch_request& request, std::int16_t version,
                                       std::int32_t fresh_id) {
    const bool by_id = version >= version_by_id;
    if (request.session_epoch == epoch_opens || request.session_epoch == epoch_ends) {
        // A full fetch; it ends the session that it names, and there is only ours.
        clear();
        incremental_ = false;
        by_id_ = by_id;
        // The partitions over the limit are left out of a request that no client sends: 100,000 in one frame.
        bool fits = add(request);
        if (request.session_epoch == epoch_opens && fits && !entries_.empty()) {
            id_ = fresh_id;
            next_epoch_ = 1;
        }
        return kafka::error_code::none;
    }
    if (id_ == 0 || request.session_id != id_) return kafka::error_code::fetch_session_id_not_found;
    if (request.session_epoch != next_epoch_) return kafka::error_code::invalid_fetch_session_epoch;
    if (by_id != by_id_) return kafka::error_code::fetch_session_topic_id_error;
    std::size_t added = 0;
    for (const auto& topic : request.topics) added += topic.partitions.size();
    if (entries_.size() + added > session_partitions_max) {
        // The client is told that its session is gone and begins anew, with a full fetch.
        clear();
        return kafka::error_code::fetch_session_id_not_found;
    }
    add(request);
    forget(request);
    next_epoch_ = epoch_after(next_epoch_);
    incremental_ = true;
    if (entries_.empty()) id_ = 0;
    return kafka::error_code::none;
}

bool fetch_session::include(fetched_partition& p, const kafka::fetch_response::partition_entry& answer) {
    const bool has_records = answer.records.size() > 0;
    const bool news = has_records || answer.error_code != kafka::error_code::none ||
                      answer.high_watermark != p.told_high_watermark || answer.log_start_offset != p.told_log_start ||
                      answer.diverging_epoch.epoch != no_epoch;
    if (answer.error_code == kafka::error_code::none) {
        p.told_high_watermark = answer.high_watermark;
        p.told_log_start = answer.log_start_offset;
    } else {
        // After an error the client must hear of the partition again, whatever has not changed.
        p.told_high_watermark = p.told_log_start = no_offset;
    }
    if (has_records && id_ != 0) {
        order::remove(p);
        order_.push_back(p);
    }
    return news || !incremental_;
}

} // namespace millrace::server
