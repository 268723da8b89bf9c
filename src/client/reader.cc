#include "client/reader.h"

#include "kafka/messages/fetch.h"
#include "records/validate.h"

namespace millrace::client {

partition_reader::partition_reader(cluster_link& link, std::string topic, const reader_options& options)
    : link_{link}, topic_{std::move(topic)}, options_{options} {}

runtime::task<result<std::size_t>> partition_reader::poll(record_sink& sink) {
    std::size_t handed = 0;
    stopped_ = false;
    std::map<connection*, std::vector<partition_index>> by_leader;
    std::optional<failure> trouble;
    std::vector<partition_index> wanted;
    for (const auto& [partition, place] : at_) wanted.push_back(partition);
    for (auto partition : wanted) {
        auto over = co_await link_.leader_of(topic_, partition);
        if (over)
            by_leader[*over].push_back(partition);
        else
            trouble = std::move(over.error());
    }
    bool alone = by_leader.size() == 1;
    for (auto& [over, partitions] : by_leader) {
        auto got = co_await fetch(*over, partitions, alone, sink);
        if (got) {
            handed += *got;
            if (stopped_) break;
        } else {
            trouble = std::move(got.error());
        }
    }
    if (!trouble) {
        failures_ = 0;
        co_return handed;
    }
    if (!is_retriable(*trouble) || ++failures_ > options_.failures_max) co_return std::unexpected{std::move(*trouble)};
    link_.forget(topic_);
    co_await runtime::sleep_for(options_.retry_backoff);
    co_return handed;
}

runtime::task<result<std::size_t>> partition_reader::fetch(connection& over, std::vector<partition_index> from,
                                                           bool alone, record_sink& sink) {
    auto known = co_await link_.topic(topic_);
    if (!known) co_return std::unexpected{std::move(known.error())};
    auto version = over.version_of(kafka::api_key::fetch).value_or(0);
    std::vector<kafka::fetch_request::partition_entry> parts(from.size());
    for (std::size_t i = 0; i < from.size(); ++i) {
        parts[i].partition = from[i];
        parts[i].fetch_offset = at_.at(from[i]).next;
        parts[i].partition_max_bytes = options_.partition_bytes_max;
    }
    kafka::fetch_request::topic_entry named;
    if (version >= 13)
        named.topic_id = (*known)->id;
    else
        named.topic = topic_;
    named.partitions = parts;
    kafka::fetch_request request;
    // One leader's empty partitions must not hold back another's records.
    request.max_wait_ms = alone ? options_.max_wait_ms : std::min(options_.max_wait_ms, 20);
    request.min_bytes = options_.min_bytes;
    request.max_bytes = options_.fetch_bytes_max;
    request.topics = {&named, 1};
    auto got = co_await over.call<kafka::fetch_response>(request);
    if (!got) co_return std::unexpected{std::move(got.error())};
    const auto& said = **got;
    if (said.error_code != kafka::error_code::none) co_return refuse(said.error_code);
    std::size_t handed = 0;
    std::optional<failure> trouble;
    for (const auto& topic : said.responses) {
        for (const auto& part : topic.partitions) {
            auto place = at_.find(part.partition_index);
            if (place == at_.end()) continue;
            if (part.error_code != kafka::error_code::none) {
                std::string detail = "partition " + std::to_string(part.partition_index.value);
                if (part.error_code == kafka::error_code::offset_out_of_range)
                    detail += " has no offset " + std::to_string(place->second.next.value) +
                              "; read from earliest or latest, or from an offset between them";
                else
                    detail += ": " + std::string{kafka::default_message(part.error_code)};
                trouble = failure{errc::refused, part.error_code, detail};
                continue;
            }
            place->second.high_watermark = part.high_watermark;
            auto count = hand_out(part.partition_index, part.records.bytes(), sink);
            if (!count) co_return std::unexpected{std::move(count.error())};
            handed += *count;
            if (stopped_) co_return handed;
        }
    }
    if (trouble) co_return std::unexpected{std::move(*trouble)};
    co_return handed;
}

result<std::size_t> partition_reader::hand_out(partition_index partition, bytes_view batches, record_sink& sink) {
    std::size_t handed = 0;
    auto where = [&](const char* what) {
        return topic_ + "-" + std::to_string(partition.value) + " at offset " +
               std::to_string(at_.at(partition).next.value) + ": " + what;
    };
    // The last batch may be cut off at the fetch's limit.
    while (batches.size() >= records::header_size) {
        auto length = load_be<std::int32_t>(batches.data() + records::at::length);
        if (length < records::length_field_min) return fail(errc::bad_data, where("a batch with an impossible length"));
        auto size = records::log_overhead + static_cast<std::size_t>(length);
        if (size > batches.size()) break;
        records::batch_view batch{batches.first(size)};
        batches = batches.subspan(size);
        if (batch.computed_crc() != batch.crc()) return fail(errc::bad_data, where("a batch with a wrong checksum"));
        auto past = batch.base_offset() + (batch.last_offset_delta() + std::int64_t{1});
        auto codec = batch.codec();
        if (!codec) return fail(errc::bad_data, where("an unknown codec"));
        if (!batch.is_control()) {
            auto payload = batch.payload();
            if (*codec != records::codec::none) {
                auto done = decompressor_.run(*codec, payload, options_.batch_plain_bytes_max, plain_);
                if (!done) return fail(errc::bad_data, where(records::name_of(done.error())));
                payload = plain_.view();
            }
            records::record_iterator walk{payload, batch.record_count()};
            records::record_view one;
            bool append_time = batch.timestamp_type() == records::timestamp_type::log_append_time;
            while (walk.next(one)) {
                read_record out;
                out.offset = batch.base_offset() + one.offset_delta;
                if (out.offset < at_.at(partition).next) continue;
                out.partition = partition;
                out.timestamp = append_time ? batch.max_timestamp() : one.timestamp(batch.base_timestamp());
                out.key = one.key;
                out.value = one.value;
                out.headers = one.headers();
                at_.at(partition).next = out.offset + 1;
                ++handed;
                if (!sink.record(out)) {
                    stopped_ = true;
                    return handed;
                }
            }
            if (walk.failed()) return fail(errc::bad_data, where("a malformed record"));
        }
        // Compaction may have taken the last records of a batch: go behind it all the same.
        if (past > at_.at(partition).next) at_.at(partition).next = past;
    }
    return handed;
}

} // namespace millrace::client
