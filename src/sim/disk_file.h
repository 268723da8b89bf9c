// An open file of the simulated disk.
// Owner: whoever opened it; a power cut makes it answer EIO for ever.
// Invariant: a write is visible, and a read or sync looks, at the moment it completes.
#pragma once

#include "sim/disk.h"

namespace millrace::sim {

class disk_file final : public runtime::file {
  public:
    disk_file(disk& on, std::shared_ptr<disk_node> node) : disk_{on}, node_{std::move(node)}, boot_{on.boot_} {}

    bool write(runtime::file_op& op, std::uint64_t position, std::span<const bytes_view> parts) override;
    bool read(runtime::file_op& op, std::uint64_t position, mutable_bytes into) override;
    bytes_view peek(std::uint64_t position, std::size_t length, std::uint64_t end) override;
    void sync(runtime::file_op& op) override;
    void write_durable(runtime::file_op& op, std::uint64_t position, bytes_view bytes) override;
    void reserve(runtime::file_op& op, std::uint64_t position, std::uint64_t length) override;
    runtime::task<runtime::result<void>> truncate(std::uint64_t size) override;
    std::uint64_t size() const override { return node_->data.size(); }
    bool resident(std::uint64_t position, std::uint64_t length) override;
    void read_ahead(runtime::file_op& op, std::uint64_t position, std::uint64_t length) override;

    // For the transport, which sends from files.
    bytes_view bytes() const { return node_->data; }

  private:
    int write_step(std::uint64_t position, bytes_view bytes, int error);
    int write_now(std::uint64_t position, std::span<const bytes_view> parts);
    int read_now(std::uint64_t position, mutable_bytes into);
    int sync_now(std::uint64_t until, bool whole);
    bool gone() const { return boot_ != disk_.boot_; }

    disk& disk_;
    std::shared_ptr<disk_node> node_;
    std::uint64_t boot_;
};

} // namespace millrace::sim
