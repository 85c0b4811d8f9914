#include "edge/net/frame_inflater.h"

#include <zlib.h>

#include <algorithm>

namespace gischat::edge::net {
namespace {

constexpr uint8_t kFinal = 0x80;
constexpr uint8_t kReserved = 0x70;
constexpr uint8_t kDeflated = 0x40;
constexpr uint8_t kOpcode = 0x0F;
constexpr uint8_t kControl = 0x08;
constexpr uint8_t kMasked = 0x80;

// The end of a compressed message, which is not sent.
constexpr std::string_view kTail("\x00\x00\xff\xff", 4);
// What comes of a message is passed on in frames of this size at most.
constexpr size_t kChunkBytes = 16 << 10;
// Compressed bytes that are unmasked at once.
constexpr size_t kStepBytes = 2 << 10;
// A text frame with all reserved bits.
constexpr std::string_view kRefused("\xF1\x80\x00\x00\x00\x00", 6);

void AppendBigEndian(uint64_t value, int bytes, std::string* out) {
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8) {
    out->push_back(static_cast<char>(value >> shift));
  }
}

}  // namespace

// Allocated for the time of a message: between messages there is nothing to remember.
struct FrameInflater::Inflating {
  explicit Inflating(uint8_t given_opcode) : opcode(given_opcode) {
    valid = inflateInit2(&stream, -MAX_WBITS) == Z_OK;
    ClearChunk();
  }
  ~Inflating() {
    if (valid) inflateEnd(&stream);
  }
  Inflating(const Inflating&) = delete;
  Inflating& operator=(const Inflating&) = delete;

  void ClearChunk() {
    stream.next_out = reinterpret_cast<Bytef*>(chunk.data());
    stream.avail_out = static_cast<uInt>(chunk.size());
  }
  bool is_done() const { return tail_taken == kTail.size(); }
  size_t chunk_bytes() const { return chunk.size() - stream.avail_out; }

  z_stream stream = {};
  bool valid;
  uint8_t opcode;         // of the next frame that is passed on
  size_t tail_taken = 0;  // of kTail
  bool between_blocks = false;
  std::array<char, kChunkBytes> chunk;
};

FrameInflater::FrameInflater(uint64_t max_message_bytes) : max_message_bytes_(max_message_bytes) {}

FrameInflater::~FrameInflater() = default;

void FrameInflater::Feed(std::string_view bytes) {
  fed_.erase(0, at_);
  at_ = 0;
  fed_.append(bytes);
}

std::string_view FrameInflater::Ready() {
  for (;;) {
    if (ready_at_ < ready_.size()) return From(ready_, ready_at_);
    if (phase_ == Phase::kPassing) {
      const std::string_view payload = Unread().substr(0, left_);
      if (!payload.empty()) return payload;
    }
    if (Advance()) continue;
    if (at_ == fed_.size()) {  // an idle client costs nothing
      std::string().swap(fed_);
      at_ = 0;
    }
    return {};
  }
}

void FrameInflater::Consume(size_t bytes) {
  if (ready_at_ == ready_.size()) {
    at_ += bytes;
    left_ -= bytes;
    return;
  }
  ready_at_ += bytes;
  if (ready_at_ < ready_.size()) return;
  std::string().swap(ready_);
  ready_at_ = 0;
}

// False: more has to be fed first.
bool FrameInflater::Advance() {
  switch (phase_) {
    case Phase::kHeader:
      return TakeHeader();
    case Phase::kPassing:
      if (left_ > 0) return false;
      phase_ = Phase::kHeader;
      return true;
    case Phase::kInflating:
      return InflateSome();
    case Phase::kBroken:
      at_ = fed_.size();
      return false;
  }
  return false;
}

bool FrameInflater::TakeHeader() {
  const std::string_view bytes = Unread();
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(bytes[i]); };
  if (bytes.size() < 2) return false;
  const uint8_t first = byte(0);
  const bool masked = (byte(1) & kMasked) != 0;
  const uint8_t short_length = byte(1) & static_cast<uint8_t>(~kMasked);
  const size_t extended = short_length == 126 ? 2 : short_length == 127 ? 8 : 0;
  const size_t size = 2 + extended + (masked ? mask_.size() : 0);
  if (bytes.size() < size) return false;
  left_ = extended == 0 ? short_length : 0;
  for (size_t i = 2; i < 2 + extended; ++i) left_ = left_ << 8 | byte(i);
  passed_ = 0;
  final_ = (first & kFinal) != 0;
  const uint8_t opcode = first & kOpcode;
  const uint8_t reserved = first & kReserved;
  const bool begins = opcode == 1 || opcode == 2;
  const bool is_deflated = masked && (begins ? !in_message_ && reserved == kDeflated
                                             : opcode == 0 && reserved == 0 && inflating_);
  if ((opcode & kControl) == 0) in_message_ = !final_;
  at_ += size;
  if (!is_deflated || left_ > max_message_bytes_) {
    ready_.assign(bytes.substr(0, size));
    if (is_deflated) ready_[0] = static_cast<char>(first & ~kDeflated);
    phase_ = Phase::kPassing;
    return true;
  }
  bytes.copy(mask_.data(), mask_.size(), size - mask_.size());
  if (begins) inflating_ = std::make_unique<Inflating>(opcode);
  phase_ = inflating_->valid ? Phase::kInflating : Phase::kBroken;
  return true;
}

bool FrameInflater::InflateSome() {
  std::array<char, kStepBytes> step;
  for (;;) {
    size_t taken = 0;
    if (left_ > 0) {
      const std::string_view masked = Unread().substr(0, std::min<uint64_t>(left_, step.size()));
      if (masked.empty()) return false;
      for (size_t i = 0; i < masked.size(); ++i) {
        step[i] = static_cast<char>(masked[i] ^ mask_[(passed_ + i) % mask_.size()]);
      }
      if (!InflateFrom({step.data(), masked.size()}, &taken)) return Break();
      at_ += taken;
      left_ -= taken;
      passed_ += taken;
    } else if (final_ && !inflating_->is_done()) {
      if (!InflateFrom(kTail.substr(inflating_->tail_taken), &taken)) return Break();
      inflating_->tail_taken += taken;
      if (inflating_->is_done() && !inflating_->between_blocks) return Break();
    } else if (!final_) {
      phase_ = Phase::kHeader;
      return true;
    }
    if (inflating_->stream.avail_out == 0) {
      EmitChunk(/*final=*/false);
      return true;
    }
    if (inflating_->is_done()) {
      EmitChunk(/*final=*/true);
      inflating_.reset();
      phase_ = Phase::kHeader;
      return true;
    }
  }
}

// False: that is no deflated data.
bool FrameInflater::InflateFrom(std::string_view input, size_t* taken) {
  z_stream& stream = inflating_->stream;
  // The interface only lacks the const.
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(input.data()));
  stream.avail_in = static_cast<uInt>(input.size());
  const int result = inflate(&stream, Z_SYNC_FLUSH);
  *taken = input.size() - stream.avail_in;
  inflating_->between_blocks = result == Z_STREAM_END || (stream.data_type & 128) != 0;
  // A client may end the data itself; what follows begins anew.
  if (result == Z_STREAM_END) return inflateReset(&stream) == Z_OK;
  return result == Z_OK || result == Z_BUF_ERROR;
}

void FrameInflater::EmitChunk(bool final) {
  const size_t size = inflating_->chunk_bytes();
  const auto first = static_cast<uint8_t>(inflating_->opcode | (final ? kFinal : 0));
  ready_.reserve(size + 14);
  ready_.push_back(static_cast<char>(first));
  if (size < 126) {
    ready_.push_back(static_cast<char>(kMasked | size));
  } else {
    ready_.push_back(static_cast<char>(kMasked | 126));
    AppendBigEndian(size, 2, &ready_);
  }
  ready_.append(mask_.size(), '\0');  // masks nothing
  ready_.append(inflating_->chunk.data(), size);
  inflating_->opcode = 0;
  inflating_->ClearChunk();
}

bool FrameInflater::Break() {
  ready_.assign(kRefused);
  inflating_.reset();
  phase_ = Phase::kBroken;
  return true;
}

}  // namespace gischat::edge::net
