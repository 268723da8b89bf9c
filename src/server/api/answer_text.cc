#include "server/api/answer_text.h"

#include "server/api/errors.h"

namespace millrace::server {

refusal::refusal(const cluster::failure& f) : code{to_kafka(f.code)}, text{f.message} {}

} // namespace millrace::server
