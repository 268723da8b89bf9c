#include "server/api/produce.h"

#include "records/batch.h"
#include "server/api/batch_fault_text.h"
#include "server/api/errors.h"
#include "server/connection.h"

namespace millrace::server {

namespace {

constexpr std::int16_t version_by_id = 13;
// A request may name so many partitions without giving a batch for each; beyond it there must be room for a batch header
// per partition, so that what is kept per partition stays a small multiple of what was received.
constexpr std::size_t empty_partitions_max = 1000;

// Looked at before the batch is checked: only the attributes' place is taken for granted.
bool transactional(bytes_view batch) {
    return batch.size() >= records::header_size &&
           (load_be<std::int16_t>(batch.data() + records::at::attributes) & records::transactional_bit);
}

} // namespace

bool produce_operation::start(connection& c, frame request, const kafka::request_header& header, reader body) {
    arena_.reset();
    bool understood = decode(body, header.version, arena_, request_);
    count_ = 0;
    if (understood)
        for (const auto& topic : request_.topic_data) count_ += topic.partition_data.size();
    if (!understood || (count_ > empty_partitions_max && count_ > request.size / records::header_size)) {
        c.at().produces().put(*this);
        return false;
    }
    frame_ = std::move(request);
    request_bytes_ = frame_.size;
    version_ = header.version;
    correlation_id_ = header.correlation_id;
    client_id_ = header.client_id.value(); // in the frame
    auto& here = c.at().here();
    const auto& image = *here.image; // nothing here suspends
    c.expect(*this);
    silent = request_.acks == 0;

    if (count_ > capacity_) {
        appends_ = std::make_unique<partition_append[]>(count_);
        capacity_ = count_;
    }
    left_ = 1; // ours: nothing ends before all have begun
    std::size_t i = 0;
    for (const auto& topic : request_.topic_data) {
        const auto* known = version_ >= version_by_id ? image.find(topic.topic_id) : image.find(topic.name);
        for (const auto& wanted : topic.partition_data) resolve(appends_[i++], topic, known, wanted);
    }
    for (i = 0; i < count_; ++i) {
        auto& a = appends_[i];
        if (!a.owner) continue;
        ++left_;
        c.worked(a.owner->id, a.records.size());
        if (a.owner == &here) {
            append_here(a);
        } else {
            here.stats.appends_forwarded.add(1);
            a.arrived = &arrived_at_owner;
            runtime::shard::current().send(a.owner->id, a, a.records.size());
        }
    }
    one_done();
    return true;
}

// Where the batch goes, or why it goes nowhere.
void produce_operation::resolve(partition_append& a, const kafka::produce_request::topic_entry& topic,
                                const cluster::topic* known, const kafka::produce_request::partition_entry& wanted) {
    using kafka::error_code;
    a.operation = this;
    a.owner = nullptr;
    a.error.reset();
    a.base_offset = a.log_start_offset = no_offset;
    a.append_time = no_timestamp;
    a.refused = error_code::none;
    if (request_.acks < -1 || request_.acks > 1) {
        a.refused = error_code::invalid_required_acks;
        return;
    }
    if (!known && version_ >= version_by_id && !topic.topic_id.is_zero()) {
        a.refused = error_code::unknown_topic_id;
        return;
    }
    // Kafka's tools alone write there by hand, under this name (AdminUtils.ADMIN_CLIENT_ID).
    if (known && known->internal && client_id_ != "__admin_client") {
        a.refused = error_code::invalid_topic_exception;
        return;
    }
    if (!known || wanted.index.value < 0 || wanted.index.value >= known->partition_count) {
        a.refused = error_code::unknown_topic_or_partition;
        return;
    }
    if (request_.acks == -1 && known->config->min_insync_replicas > 1) {
        a.refused = error_code::not_enough_replicas; // there is one replica
        return;
    }
    bytes_view batch = wanted.records.bytes();
    // Nothing coordinates transactions yet, so nobody could ever end this one.
    if (transactional(batch)) {
        a.refused = error_code::invalid_txn_state;
        return;
    }
    a.key = {known->id, wanted.index};
    a.records = frame_.writable().subspan(batch.empty() ? 0 : static_cast<std::size_t>(batch.data() - frame_.bytes().data()),
                                          batch.size());
    a.acks = request_.acks;
    a.produce_version = version_;
    a.done = &appended;
    a.owner = &owner->at().here().context_of(a.key);
}

void produce_operation::append_here(partition_append& a) {
    auto* hosted = a.owner->partitions.find(a.key);
    if (!hosted || !hosted->replica) {
        a.refused = hosted ? kafka::error_code::kafka_storage_error : kafka::error_code::not_leader_or_follower;
        appended(a);
        return;
    }
    hosted->replica->append(a);
}

void produce_operation::arrived_at_owner(runtime::message& m) noexcept { append_here(static_cast<partition_append&>(m)); }

void produce_operation::arrived_home(runtime::message& m) noexcept { static_cast<partition_append&>(m).operation->one_done(); }

// On the owner's shard.
void produce_operation::appended(partition::append_request& r) noexcept {
    auto& a = static_cast<partition_append&>(r);
    bool ok = !a.error && a.refused == kafka::error_code::none;
    (ok ? a.owner->stats.batches_appended : a.owner->stats.batches_refused).add(1);
    auto home = a.operation->owner->at().here().id;
    if (home == a.owner->id) {
        a.operation->one_done();
        return;
    }
    a.arrived = &arrived_home;
    runtime::shard::current().send(home, a);
}

void produce_operation::one_done() {
    if (--left_ == 0) finish();
}

void produce_operation::finish() {
    using response = kafka::produce_response;
    auto topics = arena_.make_array<response::topic_entry>(request_.topic_data.size());
    std::size_t at = 0;
    bool failed = false;
    for (std::size_t t = 0; t < topics.size(); ++t) {
        const auto& asked = request_.topic_data[t];
        if (version_ >= version_by_id) topics[t].topic_id = asked.topic_id;
        else topics[t].name = asked.name;
        auto entries = arena_.make_array<response::partition_entry>(asked.partition_data.size());
        for (std::size_t p = 0; p < entries.size(); ++p, ++at) {
            const auto& a = appends_[at];
            auto& e = entries[p];
            e.index = asked.partition_data[p].index;
            e.error_code = a.error ? to_kafka(*a.error, a.batch_fault) : a.refused;
            failed |= e.error_code != kafka::error_code::none;
            e.base_offset = e.error_code == kafka::error_code::none ? a.base_offset : no_offset;
            if (version_ >= 5) e.log_start_offset = a.log_start_offset;
            e.log_append_time_ms = a.append_time;
            if (version_ >= 8 && a.error == partition::errc::invalid_batch) e.error_message = batch_fault_text(a.batch_fault);
        }
        topics[t].partition_responses = entries;
    }
    auto& c = *owner;
    if (silent) {
        // The only way to tell a producer that does not listen (KafkaApis.sendNoOpResponse).
        if (failed) c.close();
        c.answered(*this);
        return;
    }
    response answer;
    answer.responses = topics;
    encode_reply(bytes, answer, version_, correlation_id_);
    pieces.push_back({bytes});
    c.answered(*this);
}

void produce_operation::ended() noexcept {
    auto& c = *owner;
    frame_ = {};
    auto bytes = request_bytes_;
    c.at().produces().put(*this);
    c.give_back(bytes); // last: others go on in it, and the connection may end
}

} // namespace millrace::server
