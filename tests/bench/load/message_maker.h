#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "tests/bench/load/options.h"
#include "tests/bench/load/stamp.h"

namespace gischat::bench {

// The messages of a run, made of a template: only the stamp changes from one to the next. They have
// all their keys in the order of the contract, `id` and `timestamp` included, so that a server that
// only repeats what it hears delivers the same bytes as one that completes messages. Immutable.
class MessageMaker {
 public:
  // Reads --file. kInvalidArgument when that can't be read.
  static absl::StatusOr<MessageMaker> Create(const Options& options);

  // `stamp`: what StampCodec wrote. Pictures in JPEG are made to differ by a comment in the file,
  // so that a server that remembers pictures has seen none of them.
  std::string Make(std::string_view stamp, uint32_t sender) const;

 private:
  MessageMaker() = default;

  std::string type_;
  std::string before_;  // between the author and the stamp
  std::string after_;   // behind the stamp; of a JPEG: behind its comment
  size_t pad_to_ = 0;   // a text is filled up to so many bytes, stamp included
  bool is_jpeg_ = false;
};

// The base64 of the beginning of a JPEG file, up to the end of a comment that holds `words` (up to
// 99 bytes of them). No base64 quartet spans that end: the base64 of the rest can follow as it is.
std::string JpegBeginning(std::string_view words);

}  // namespace gischat::bench
