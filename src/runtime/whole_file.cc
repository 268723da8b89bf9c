#include "runtime/disk.h"

namespace millrace::runtime {

task<result<std::vector<std::byte>>> read_whole(disk& d, std::string path, std::size_t bytes_max) {
    auto opened = co_await d.open(std::move(path), open_mode::read);
    if (!opened) co_return std::unexpected{opened.error()};
    std::unique_ptr<file> f = std::move(*opened);
    if (f->size() > bytes_max) co_return std::unexpected{errc::io_error};
    std::vector<std::byte> content(f->size());
    auto got = co_await read(*f, 0, content);
    if (!got) co_return std::unexpected{got.error()};
    content.resize(*got);
    co_return content;
}

task<result<void>> replace_whole(disk& d, std::string directory, std::string name, std::vector<std::byte> content) {
    std::string path = directory + "/" + name;
    std::string temporary = path + ".tmp";
    result<void> made;
    {
        auto opened = co_await d.open(temporary, open_mode::create);
        if (!opened) co_return std::unexpected{opened.error()};
        std::unique_ptr<file> f = std::move(*opened);
        if (f->size() > 0) {
            auto cut = co_await f->truncate(0);
            if (!cut) co_return cut;
        }
        auto wrote = co_await write(*f, 0, content);
        if (!wrote) made = std::unexpected{wrote.error()};
        if (made) {
            auto synced = co_await sync(*f);
            if (!synced) made = std::unexpected{synced.error()};
        }
    }
    if (!made) {
        auto removed = co_await d.remove(std::move(temporary)); // it may stand in the way of what makes room
        (void)removed;
        co_return made;
    }
    auto renamed = co_await d.rename(std::move(temporary), std::move(path));
    if (!renamed) co_return renamed;
    co_return co_await d.sync_directory(std::move(directory));
}

} // namespace millrace::runtime
