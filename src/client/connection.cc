#include "client/connection.h"

namespace millrace::client {

namespace {
// For ApiVersions v3 and later (KIP-511).
constexpr std::string_view software_name = "millrace";
constexpr std::string_view software_version = "0.1.0";
} // namespace

connection::exchange::exchange(connection& of, bool wants_answer) : owner{of}, answered{!wants_answer} {
    done = [](runtime::completion& c) noexcept {
        auto& self = static_cast<exchange&>(static_cast<runtime::outgoing&>(c));
        self.sent = true;
        if (self.res < 0) {
            if (!self.error) self.error = errc::closed;
            self.owner.stream_->close();
        }
        self.owner.finish_if_complete(self);
    };
    wake.owner = this;
    wake.done = [](runtime::completion& c) noexcept { static_cast<wake_up&>(c).owner->waiter.resume(); };
}

connection::connection(std::unique_ptr<runtime::stream> s, std::string address, connection_options options)
    : stream_{std::move(s)}, address_{std::move(address)}, options_{std::move(options)} {
    timer_.owner = this;
    timer_.fired = [](runtime::timer& t) noexcept {
        auto& self = *static_cast<deadline_timer&>(t).owner;
        if (!self.in_flight_.empty() && self.in_flight_.front()->deadline <= runtime::shard::current().now()) {
            if (!self.failed_) self.failed_ = errc::timed_out;
            self.stream_->close();
            return;
        }
        self.watch_deadline();
    };
}

connection::~connection() { MR_ASSERT(in_flight_.empty() && waiting_.empty(), "a connection was destroyed in use"); }

runtime::task<result<std::unique_ptr<connection>>> connection::open(runtime::transport& world, runtime::endpoint to,
                                                                    connection_options options) {
    auto address = to.host + ":" + std::to_string(to.port);
    auto connected = co_await world.connect(to);
    if (!connected) {
        std::string detail = address + " (" + runtime::describe(connected.error()) + ")";
        co_return fail(errc::unreachable, std::move(detail));
    }
    std::unique_ptr<connection> made{new connection{std::move(*connected), address, std::move(options)}};
    made->tasks_.spawn(made->receive_answers());
    auto agreed = co_await made->negotiate();
    if (!agreed) {
        co_await made->close();
        co_return std::unexpected{std::move(agreed.error())};
    }
    co_return std::move(made);
}

runtime::task<result<void>> connection::negotiate() {
    kafka::api_versions_request request;
    request.client_software_name = software_name;
    request.client_software_version = software_version;
    const auto& ours = *kafka::find_api(static_cast<std::int16_t>(kafka::api_key::api_versions));
    auto version = ours.version_max;
    for (int attempt = 0; attempt < 2; ++attempt) {
        exchange one{*this, true};
        encode_into(one, request, version);
        co_await wait_for(one);
        if (one.error) co_return fail(*one.error, address_);
        // An unsupported version is answered in version 0, whatever was asked (KIP-511): the code behind the
        // correlation id tells which it is.
        reader peek{{one.body.get(), one.body_size}};
        peek.skip(4);
        auto code = static_cast<kafka::error_code>(peek.i16());
        bool downgraded = code == kafka::error_code::unsupported_version;
        answer<kafka::api_versions_response> out;
        if (!decode_answer(one, kafka::api_key::api_versions, downgraded ? 0 : version, out))
            co_return fail(errc::malformed, address_);
        if (!downgraded) {
            if (code != kafka::error_code::none) co_return refuse(code);
            versions_.learn(*out);
            co_return result<void>{};
        }
        version = 0;
        for (const auto& entry : out->api_keys)
            if (entry.api_key == kafka::api_key::api_versions)
                version = highest_common(ours, entry.min_version, entry.max_version).value_or(0);
    }
    co_return fail(errc::unsupported, address_);
}

runtime::task<void> connection::receive_answers() {
    runtime::receive_awaiter op;
    auto why = errc::closed;
    std::byte prefix[kafka::frame_prefix_bytes];
    while (true) {
        mutable_bytes into{prefix};
        int got = co_await runtime::receive_all(*stream_, op, into);
        if (got < static_cast<int>(sizeof prefix)) break;
        auto size = load_be<std::int32_t>(prefix);
        if (size < 4 || static_cast<std::size_t>(size) > options_.answer_bytes_max || in_flight_.empty()) {
            why = errc::malformed;
            break;
        }
        auto body = std::make_unique_for_overwrite<std::byte[]>(static_cast<std::size_t>(size));
        into = {body.get(), static_cast<std::size_t>(size)};
        got = co_await runtime::receive_all(*stream_, op, into);
        if (got < size) break;
        exchange& oldest = *in_flight_.front();
        if (load_be<std::int32_t>(body.get()) != oldest.correlation_id) {
            why = errc::malformed;
            break;
        }
        in_flight_.pop_front();
        oldest.body = std::move(body);
        oldest.body_size = static_cast<std::size_t>(size);
        oldest.answered = true;
        finish_if_complete(oldest);
        send_waiting();
    }
    stream_->close();
    fail_all(failed_.value_or(why));
}

void connection::submit(exchange& one) {
    if (failed_) {
        one.error = *failed_;
        one.sent = one.answered = true;
        finish_if_complete(one);
        return;
    }
    waiting_.push_back(&one);
    send_waiting();
}

void connection::send_waiting() {
    while (!failed_ && !waiting_.empty() && in_flight_.size() < options_.in_flight_max) {
        exchange& one = *waiting_.front();
        waiting_.pop_front();
        if (!one.answered) {
            one.deadline = runtime::shard::current().now() + options_.request_timeout;
            in_flight_.push_back(&one);
            watch_deadline();
        }
        stream_->send(one);
    }
}

void connection::finish_if_complete(exchange& one) {
    // The bytes sent belong to the waiter: it goes on only when neither the stream nor the answer needs them.
    if (one.sent && one.answered) runtime::shard::current().post(one.wake);
}

void connection::fail_all(errc why) {
    failed_ = why;
    runtime::shard::cancel(timer_);
    for (auto* one : in_flight_) {
        one->error = why;
        one->answered = true;
        finish_if_complete(*one);
    }
    in_flight_.clear();
    for (auto* one : waiting_) {
        one->error = why;
        one->sent = one->answered = true;
        finish_if_complete(*one);
    }
    waiting_.clear();
}

void connection::watch_deadline() {
    if (!timer_.armed() && !in_flight_.empty())
        runtime::shard::current().arm(timer_, in_flight_.front()->deadline);
}

runtime::task<void> connection::close() {
    if (!failed_) failed_ = errc::closed;
    stream_->close();
    co_await tasks_.drain();
}

} // namespace millrace::client
