#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "common/bus/message_bus.h"

namespace gischat::fanout {

namespace v1 {
class Snapshot;
}

// A serialised SubscribeResponse with one item. Two of them, one after the other, are one with two
// items (so Protobuf promises), which is why an event is serialised once, however many streams it
// goes down.
using Wire = std::shared_ptr<const std::string>;

Wire EncodeEvent(const std::string& channel, const bus::Event& event);
Wire EncodeSnapshot(const std::string& channel, const bus::Snapshot& snapshot,
                    uint32_t history_limit);

void FillSnapshot(const bus::Snapshot& snapshot, uint32_t history_limit, v1::Snapshot* message);

}  // namespace gischat::fanout
