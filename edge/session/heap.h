#pragma once

namespace gischat::edge::session {

// Gives free memory back to the system. The queue of a client that was cut off may have been a
// hundred thousand small pieces all over the heap, which the allocator keeps otherwise. Does
// nothing when that was done a moment ago, since it walks through the whole heap. Thread-safe.
void TrimHeap();

}  // namespace gischat::edge::session
