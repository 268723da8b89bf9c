#include "run_report.h"
namespace millrace::bench {
std::string html_of(const run_report& r) { return json_of(r); }
}
