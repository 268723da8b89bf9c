// How the process's allocator treats memory that was freed.
// Owner: the process; set once, by `main`.
// Invariant: none; it only changes what memory costs.
#pragma once

namespace millrace::broker {

// Freed pages stay with the process for some seconds: a request of 1 MB that finds the pages of the one before it costs no
// page faults. At mimalloc's own delay of 25 ms a producer of large batches took ten thousand faults per GB and more
// (`perf stat -e page-faults -p PID` counts them).
void keep_freed_pages();

} // namespace millrace::broker
