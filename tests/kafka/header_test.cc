#include "encoded.h"
#include "kafka/header.h"

namespace millrace::kafka {

TEST_CASE("kafka: a request header of a flexible version keeps a plain client id and adds tags") {
    auto bytes = raw({0, 3, 0, 9, 0, 0, 0, 42, 0, 2, 'm', 'e', 0, 0x55});
    reader in{bytes};
    request_header header;
    REQUIRE(decode(in, header) == header_fault::none);
    CHECK(header.key == 3);
    CHECK(header.version == 9);
    CHECK(header.correlation_id == 42);
    CHECK(header.client_id.value() == "me");
    CHECK(in.remaining() == 1); // the body
    std::vector<std::byte> again(encoded_size(header));
    writer out{again};
    encode(out, header);
    bytes.pop_back();
    CHECK(again == bytes);
}

TEST_CASE("kafka: a request header of an inflexible version has no tags, and the client id may be null") {
    auto bytes = raw({0, 3, 0, 8, 0, 0, 0, 42, 0xff, 0xff});
    reader in{bytes};
    request_header header;
    REQUIRE(decode(in, header) == header_fault::none);
    CHECK(header.client_id.is_null());
    CHECK(in.remaining() == 0);
    CHECK(encoded_size(header) == request_header_bytes_min);
}

TEST_CASE("kafka: bad request headers are told apart") {
    request_header header;
    auto fault_of = [&](const std::vector<std::byte>& bytes) {
        reader in{bytes};
        return decode(in, header);
    };
    CHECK(fault_of(raw({})) == header_fault::malformed);
    CHECK(fault_of(raw({0, 3, 0, 8, 0, 0, 0})) == header_fault::malformed);
    CHECK(fault_of(raw({0, 3, 0, 8, 0, 0, 0, 1, 0, 9, 'a'})) == header_fault::malformed);
    CHECK(fault_of(raw({0, 3, 0, 9, 0, 0, 0, 1, 0xff, 0xff})) == header_fault::malformed);
    CHECK(fault_of(raw({0, 4, 0, 0, 0, 0, 0, 1, 0xff, 0xff})) == header_fault::unknown_api);
    CHECK(fault_of(raw({0xff, 0xff, 0, 0, 0, 0, 0, 1, 0xff, 0xff})) == header_fault::unknown_api);
    CHECK(fault_of(raw({0, 18, 0, 99, 0, 0, 0, 7, 1, 2, 3})) == header_fault::unsupported_version);
    CHECK(header.correlation_id == 7); // so that it can be answered in version 0
    CHECK(fault_of(raw({0, 0, 0, 2, 0, 0, 0, 7, 0xff, 0xff})) == header_fault::unsupported_version);
}

TEST_CASE("kafka: the answer to ApiVersions has header version 0, others follow their version") {
    CHECK(response_header_version(api_key::api_versions, 0) == 0);
    CHECK(response_header_version(api_key::api_versions, 4) == 0);
    CHECK(response_header_version(api_key::metadata, 8) == 0);
    CHECK(response_header_version(api_key::metadata, 9) == 1);
    std::byte bytes[5];
    writer out{bytes};
    encode_response_header(out, api_key::metadata, 9, 77);
    CHECK(out.written() == response_header_size(api_key::metadata, 9));
    reader in{bytes};
    std::int32_t correlation_id = 0;
    CHECK(decode_response_header(in, api_key::metadata, 9, correlation_id));
    CHECK(correlation_id == 77);
    CHECK(in.remaining() == 0);
}

TEST_CASE("kafka: the table of APIs is sorted and finds what is described, nothing else") {
    std::int32_t last = -1;
    for (auto& api : described_apis()) {
        CHECK(static_cast<std::int32_t>(api.key) > last);
        last = static_cast<std::int32_t>(api.key);
        CHECK(find_api(static_cast<std::int16_t>(api.key)) == &api);
    }
    CHECK(find_api(-1) == nullptr);
    CHECK(find_api(4) == nullptr);
    CHECK(find_api(0x7fff) == nullptr);
    auto* produce = find_api(0);
    REQUIRE(produce);
    CHECK(produce->version_min == 3);
    CHECK(produce->version_min_advertised == 0);
    CHECK(produce->flexible(9));
    CHECK_FALSE(produce->flexible(8));
}

TEST_CASE("kafka: error codes have names, messages and know whether to retry") {
    CHECK(name_of(error_code::none) == "none");
    CHECK(default_message(error_code::none).empty());
    CHECK(is_retriable(error_code::not_leader_or_follower));
    CHECK_FALSE(is_retriable(error_code::offset_out_of_range));
    CHECK(name_of(error_code::unknown_server_error) == "unknown_server_error");
    CHECK(name_of(error_code{9999}) == "unlisted");
    CHECK(name_of(error_code{-2}) == "unlisted");
}

} // namespace millrace::kafka
