#include "coord/group/group_replay.h"

#include "records/record_iterator.h"
#include "runtime/aside.h"

namespace millrace::coord {

using runtime::task;

namespace {

// What a compressed batch may hold: other brokers write these too, and a data directory may come from one.
constexpr std::size_t decompressed_bytes_max = 64 << 20;

} // namespace

group_replay::group_replay(const group_settings& settings, const cluster::image_ptr& topics)
    : topics_{topics}, machine_{std::make_unique<coordinator>(settings, *runtime::shard::current().world().random)} {}

task<bool> group_replay::run(partition::replica& from, std::unique_ptr<coordinator> old) {
    if (old) {
        auto letting_go = runtime::aside([&old] { old.reset(); });
        (void)co_await letting_go;
    }
    auto reading = from.log().replay(from.log_start_offset(), [this](records::batch_view b) { replay(b); });
    auto read = co_await reading;
    if (!read || !readable_) co_return false;
    machine_->see(topics_);
    auto finish = [this, now = moment{runtime::shard::current().now(), runtime::shard::current().wall()}] { machine_->loaded(now); };
    if (records_ > records_at_once_max) {
        auto finishing = runtime::aside(finish);
        (void)co_await finishing;
    } else {
        finish();
    }
    co_return true;
}

void group_replay::replay(records::batch_view b) {
    if (b.is_control()) return;
    auto payload = b.payload();
    if (b.is_compressed()) {
        if (!open_up_.run(*b.codec(), payload, decompressed_bytes_max, plain_)) {
            readable_ = false;
            return;
        }
        payload = plain_.view();
    }
    records::record_iterator walk{payload, b.record_count()};
    records::record_view one;
    while (walk.next(one)) {
        if (one.key) machine_->replay(*one.key, one.value);
        ++records_;
    }
}

} // namespace millrace::coord
