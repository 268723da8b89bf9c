#include "client/connection.h"

#include "kafka/messages/metadata.h"
#include "scripted_transport.h"

#include <doctest/doctest.h>

using namespace millrace;
using namespace millrace::client;
using namespace millrace::client_test;

namespace {

// What a request's header says: key, version, correlation id.
struct seen_request {
    std::int16_t key, version;
    std::int32_t correlation_id;
};
seen_request header_of(const std::string& frame) {
    reader in{as_bytes(frame)};
    in.skip(4);
    auto key = in.i16();
    auto version = in.i16();
    return {key, version, in.i32()};
}

template <class Response>
std::string frame_of(const Response& said, std::int16_t version, std::int32_t correlation_id, std::int16_t header_version) {
    auto body = encoded_size(said, version);
    auto header = kafka::response_header_size(Response::api, header_version);
    std::string out(4 + header + body, '\0');
    writer to{{reinterpret_cast<std::byte*>(out.data()), out.size()}};
    to.i32(static_cast<std::int32_t>(header + body));
    kafka::encode_response_header(to, Response::api, header_version, correlation_id);
    encode(to, said, version);
    return out;
}

struct connected {
    scripted_clock clock;
    idle_driver driver;
    scripted_transport transport;
    runtime::ports ports{&clock, nullptr, nullptr, &transport, nullptr};
    runtime::shard shard{shard_id{0}, ports, driver, runtime::turn_limits{}};
    runtime::current_shard here{shard};
    runtime::scope tasks;
    std::unique_ptr<connection> link;
    std::optional<failure> refusal;
    std::vector<std::optional<failure>> outcomes; // of calls, in the order they ended
    std::vector<std::int32_t> controllers;

    connected() {
        tasks.spawn(open(*this));
        turn();
    }
    ~connected() {
        if (link) tasks.spawn(close(*this));
        turn();
    }
    void turn() {
        for (int i = 0; i < 8; ++i) shard.turn();
    }
    static runtime::task<void> open(connected& self) {
        runtime::endpoint to{"broker", 9092};
        connection_options options;
        options.in_flight_max = 2;
        auto made = co_await connection::open(self.transport, to, options);
        if (made)
            self.link = std::move(*made);
        else
            self.refusal = made.error();
    }
    static runtime::task<void> close(connected& self) { co_await self.link->close(); }
    static runtime::task<void> ask(connected& self) {
        kafka::metadata_request request;
        auto got = co_await self.link->call<kafka::metadata_response>(request);
        self.outcomes.push_back(got ? std::optional<failure>{} : std::optional<failure>{got.error()});
        if (got) self.controllers.push_back((*got)->controller_id.value);
    }
    void call() {
        runtime::current_shard mark{shard};
        tasks.spawn(ask(*this));
        turn();
    }
    void put(std::string bytes) {
        transport.stream().put(std::move(bytes));
        turn();
    }
    const std::vector<std::string>& requests() { return transport.stream().requests; }

    void agree(std::int16_t metadata_version) {
        kafka::api_versions_response said;
        std::vector<kafka::api_versions_response::api_entry> entries(1);
        entries[0].api_key = kafka::api_key::metadata;
        entries[0].max_version = metadata_version;
        said.api_keys = entries;
        auto asked = header_of(requests().back());
        put(frame_of(said, asked.version, asked.correlation_id, 0));
    }
    void answer(std::size_t request, std::int32_t controller) {
        auto asked = header_of(requests()[request]);
        kafka::metadata_response said;
        said.controller_id = broker_id{controller};
        put(frame_of(said, asked.version, asked.correlation_id, asked.version));
    }
};

} // namespace

TEST_CASE("connection: asks for the versions first and then speaks the highest in common") {
    connected c;
    REQUIRE(c.requests().size() == 1);
    CHECK(header_of(c.requests()[0]).key == 18);
    CHECK_FALSE(c.link);
    c.agree(5);
    REQUIRE(c.link);
    c.call();
    CHECK(header_of(c.requests()[1]).version == 5);
    c.answer(1, 42);
    CHECK(c.controllers == std::vector<std::int32_t>{42});
}

TEST_CASE("connection: a broker that knows only older versions of ApiVersions is asked again in one it knows") {
    connected c;
    kafka::api_versions_response said;
    std::vector<kafka::api_versions_response::api_entry> entries(1);
    entries[0].api_key = kafka::api_key::api_versions;
    entries[0].max_version = 2;
    said.api_keys = entries;
    said.error_code = kafka::error_code::unsupported_version;
    c.put(frame_of(said, 0, header_of(c.requests()[0]).correlation_id, 0));
    REQUIRE(c.requests().size() == 2);
    CHECK(header_of(c.requests()[1]).version == 2);
    c.agree(5);
    CHECK(c.link);
}

TEST_CASE("connection: requests leave without waiting for answers, up to the limit, and the others follow in order") {
    connected c;
    c.agree(5);
    for (int i = 0; i < 3; ++i) c.call();
    REQUIRE(c.requests().size() == 3); // versions, and two of the three
    c.answer(1, 1);
    REQUIRE(c.requests().size() == 4);
    c.answer(2, 2);
    c.answer(3, 3);
    CHECK(c.controllers == std::vector<std::int32_t>{1, 2, 3});
}

TEST_CASE("connection: an answer to something else ends the connection, and every call learns of it") {
    connected c;
    c.agree(5);
    for (int i = 0; i < 3; ++i) c.call();
    c.answer(2, 2); // out of turn
    REQUIRE(c.outcomes.size() == 3);
    for (const auto& o : c.outcomes) CHECK(o->what == errc::malformed);
    CHECK_FALSE(c.link->usable());
    c.call();
    CHECK(c.outcomes.size() == 4);
}

TEST_CASE("connection: a size that no answer may have ends the connection instead of taking the memory") {
    connected c;
    c.agree(5);
    c.call();
    c.put(std::string("\x7f\xff\xff\xff", 4));
    REQUIRE(c.outcomes.size() == 1);
    CHECK(c.outcomes[0]->what == errc::malformed);
}

TEST_CASE("connection: when the broker goes away, waiting calls end and say so") {
    connected c;
    c.agree(5);
    c.call();
    c.transport.stream().end();
    c.turn();
    REQUIRE(c.outcomes.size() == 1);
    CHECK(c.outcomes[0]->what == errc::closed);
    CHECK(is_retriable(*c.outcomes[0]));
}

TEST_CASE("connection: a call without an answer in time ends the connection") {
    connected c;
    c.agree(5);
    c.call();
    c.clock.at += runtime::seconds{31};
    c.turn();
    REQUIRE(c.outcomes.size() == 1);
    CHECK(c.outcomes[0]->what == errc::timed_out);
}

TEST_CASE("connection: a request that the broker does not serve fails without being sent") {
    connected c;
    kafka::api_versions_response said;
    auto asked = header_of(c.requests().back());
    c.put(frame_of(said, asked.version, asked.correlation_id, 0));
    REQUIRE(c.link);
    c.call();
    CHECK(c.requests().size() == 1);
    REQUIRE(c.outcomes.size() == 1);
    CHECK(c.outcomes[0]->what == errc::unsupported);
}
