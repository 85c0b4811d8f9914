#pragma once

#include "edge/clients/publisher.h"
#include "edge/hub/update.h"

namespace prometheus {
class Histogram;
class Registry;
}  // namespace prometheus

namespace gischat::edge::clients {

// Measures how long messages take from the read of their frame at this edge to the moment when the
// last socket of this edge was given them: histogram gischat_edge_delivery_seconds. A message costs
// the same whatever the number of its recipients.
//
// Confined to the thread of the event stream, except for the end of what Watch() returns.
class DeliveryTimer {
 public:
  // Both outlive it and everything that Watch() has returned.
  DeliveryTimer(Publisher& publisher, prometheus::Registry& registry);

  // The same updates, to be handed to every io thread. The time of those messages in them that were
  // published here is taken when the last copy goes, that is when each thread has handed them out.
  hub::Updates Watch(hub::Updates updates);

 private:
  Publisher& publisher_;
  prometheus::Histogram& seconds_;
};

}  // namespace gischat::edge::clients
