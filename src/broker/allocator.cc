#include "broker/allocator.h"

#ifndef MILLRACE_NO_MIMALLOC
#include <mimalloc.h>
#endif

namespace millrace::broker {

void keep_freed_pages() {
#ifndef MILLRACE_NO_MIMALLOC
    constexpr long delay_ms = 5'000;
    // The environment (MIMALLOC_…) still has the last word: set_default does not override it.
#if MI_MALLOC_VERSION >= 210
    mi_option_set_default(mi_option_purge_delay, delay_ms);
#else
    mi_option_set_default(mi_option_decommit_delay, delay_ms);
    mi_option_set_default(mi_option_segment_decommit_delay, delay_ms);
#endif
#endif
}

} // namespace millrace::broker
