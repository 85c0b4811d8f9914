#include "common/base/version.h"

namespace gischat::base {

std::string_view Version() { return GISCHAT_VERSION; }

}  // namespace gischat::base
