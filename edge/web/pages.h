#pragma once

#include <string>
#include <string_view>

// The pages that the edge serves, compiled in from the files of this folder.
namespace gischat::edge::web {

// The web client.
std::string_view IndexPage();

// The page that shows the OpenAPI description.
std::string_view DocsPage();

// The OpenAPI description, with the version of this suite.
const std::string& OpenApiDocument();

}  // namespace gischat::edge::web
