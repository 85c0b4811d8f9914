#include "edge/web/pages.h"

#include "common/base/version.h"
#include "edge/web/embedded_pages.h"

namespace gischat::edge::web {
namespace {

constexpr std::string_view kVersionMark = "@VERSION@";

std::string WithVersion(std::string_view text) {
  std::string filled(text);
  const size_t mark = filled.find(kVersionMark);
  if (mark != std::string::npos) filled.replace(mark, kVersionMark.size(), base::Version());
  return filled;
}

}  // namespace

std::string_view IndexPage() { return kIndexHtml; }

std::string_view DocsPage() { return kDocsHtml; }

const std::string& OpenApiDocument() {
  static const std::string document = WithVersion(kOpenapiJson);
  return document;
}

}  // namespace gischat::edge::web
