#include "client/producer_lane.h"

#include "records/batch.h"

#include <doctest/doctest.h>

using namespace millrace;
using namespace millrace::client;

namespace {
struct lane_fixture {
    producer_lane lane{partition_index{0}};
    producer_identity identity{producer_id{7}, producer_epoch{1}};

    void seal_batch_of(int records) {
        lane.begin(std::make_unique<producer_batch>(records::builder_options{}));
        for (int i = 0; i < records; ++i) lane.open()->builder.append(timestamp_ms{1000}, std::nullopt, as_bytes("v"));
        lane.seal(identity, runtime::mono_time{});
    }
    static std::int32_t sequence(const producer_batch& b) { return records::batch_view{b.sealed}.base_sequence().value; }
};
} // namespace

TEST_CASE_FIXTURE(lane_fixture, "producer lane: sequence numbers go on from batch to batch without a gap") {
    seal_batch_of(3);
    seal_batch_of(2);
    auto first = lane.take();
    auto second = lane.take();
    CHECK(sequence(*first) == 0);
    CHECK(sequence(*second) == 3);
    CHECK(records::batch_view{first->sealed}.producer_id() == producer_id{7});
}

TEST_CASE_FIXTURE(lane_fixture, "producer lane: without an identity a batch carries no sequence") {
    identity = {};
    seal_batch_of(1);
    auto only = lane.take();
    CHECK_FALSE(records::batch_view{only->sealed}.has_producer_id());
    CHECK(sequence(*only) == -1);
}

TEST_CASE_FIXTURE(lane_fixture, "producer lane: no more batches are on the wire than allowed") {
    for (int i = 0; i < 3; ++i) seal_batch_of(1);
    CHECK(lane.may_send(2));
    auto a = lane.take();
    auto b = lane.take();
    CHECK_FALSE(lane.may_send(2));
    lane.ended();
    CHECK(lane.may_send(2));
}

TEST_CASE_FIXTURE(lane_fixture, "producer lane: a batch that failed goes first again, before its successors and only when none is on the wire") {
    for (int i = 0; i < 3; ++i) seal_batch_of(1);
    auto first = lane.take();
    auto second = lane.take();
    lane.ended();
    lane.put_back(std::move(first));
    CHECK_FALSE(lane.may_send(5));
    lane.ended();
    lane.put_back(std::move(second));
    CHECK(lane.may_send(5));
    lane.repeated();
    CHECK(sequence(*lane.take()) == 0);
    CHECK(sequence(*lane.take()) == 1);
    CHECK(sequence(*lane.take()) == 2);
}

TEST_CASE_FIXTURE(lane_fixture, "producer lane: a batch sent again is the same bytes") {
    seal_batch_of(2);
    auto batch = lane.take();
    std::vector<std::byte> before{batch->sealed.begin(), batch->sealed.end()};
    lane.ended();
    lane.put_back(std::move(batch));
    seal_batch_of(2);
    lane.repeated();
    auto again = lane.take();
    CHECK(std::vector<std::byte>{again->sealed.begin(), again->sealed.end()} == before);
}
