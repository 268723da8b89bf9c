// Kafka's `.txnindex` files, one per segment that has aborted transactions: read at start, added to where the log knows more.
#include "log/aborted_transaction.h"
#include "log/partition_log.h"
#include "log/transaction_index_cut.h"

namespace millrace::log {

runtime::task<result<std::vector<std::vector<std::byte>>>> partition_log::transaction_indexes() {
    std::vector<std::vector<std::byte>> out;
    for (auto of : transaction_indexes_) {
        std::string name = segment_file_name(of, ".txnindex");
        auto bytes = co_await runtime::read_whole(*env_.world.disk, path(name), 1 << 30);
        if (!bytes) co_return disk_refuses(bytes.error(), name); // without it, aborted records would be served as committed ones
        out.push_back(std::move(*bytes));
    }
    co_return out;
}

runtime::task<result<void>> partition_log::add_to_transaction_index(log_offset marker, std::vector<std::byte> entry) {
    segment_gate::pass writing{gate_, segment_gate::kind::load}; // by name, which may be another's soon
    co_await writing;
    std::string name = segment_file_name(segment_for(marker)->base, ".txnindex");
    auto opened = co_await env_.world.disk->open(path(name), runtime::open_mode::create);
    if (!opened) co_return disk_refuses(opened.error(), name);
    std::unique_ptr<runtime::file> file = std::move(*opened);
    auto wrote = co_await runtime::write(*file, file->size() / entry.size() * entry.size(), entry);
    if (!wrote) co_return disk_refuses(wrote.error(), name);
    auto synced = co_await runtime::sync(*file);
    if (!synced) co_return disk_refuses(synced.error(), name);
    auto named = co_await env_.world.disk->sync_directory(directory_);
    if (!named) co_return disk_refuses(named.error(), "");
    co_return result<void>{};
}

runtime::task<runtime::result<bool>> cut_transaction_index(runtime::disk& disk, std::string directory, log_offset segment_base, log_offset end) {
    std::string name = segment_file_name(segment_base, ".txnindex");
    auto stored = co_await runtime::read_whole(disk, directory + "/" + name, 1 << 30);
    if (!stored && stored.error() == runtime::errc::not_found) co_return false;
    if (!stored) co_return std::unexpected{stored.error()};
    auto entries = decode_aborted(*stored);
    if (!entries) co_return true;
    const auto gone = std::erase_if(*entries, [&](const aborted_transaction& a) { return a.last >= end; });
    if (gone == 0) co_return true;
    if (!entries->empty()) {
        auto left = encode_aborted(*entries);
        auto done = co_await runtime::replace_whole(disk, directory, name, std::move(left));
        if (!done) co_return std::unexpected{done.error()};
        co_return true;
    }
    auto removed = co_await disk.remove(directory + "/" + name);
    if (!removed) co_return std::unexpected{removed.error()};
    auto synced = co_await disk.sync_directory(std::move(directory));
    if (!synced) co_return std::unexpected{synced.error()};
    co_return false;
}

} // namespace millrace::log
