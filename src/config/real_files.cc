#include "config/parse.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace millrace::config {

// Start-up only, before any shard runs: plain blocking reads.
file_reader real_files() {
    file_reader files;
    files.read = [](const std::string& path) -> std::expected<std::string, file_error> {
        std::error_code error;
        auto status = std::filesystem::status(path, error);
        if (status.type() == std::filesystem::file_type::not_found) return std::unexpected{file_error::not_found};
        if (std::filesystem::is_directory(status)) return std::unexpected{file_error::is_directory};
        std::ifstream in{path, std::ios::binary};
        std::ostringstream text;
        if (in && in.peek() != std::ifstream::traits_type::eof()) text << in.rdbuf();
        else if (!in.eof()) return std::unexpected{file_error::unreadable};
        return text.str();
    };
    files.list = [](const std::string& directory) {
        std::vector<std::string> names;
        std::error_code error;
        for (std::filesystem::directory_iterator at{directory, error}, end; !error && at != end; at.increment(error))
            names.push_back(at->path().filename().string());
        std::sort(names.begin(), names.end());
        return names;
    };
    return files;
}

} // namespace millrace::config
