#include "edge/session/deflate_offer.h"

#include <gtest/gtest.h>

#include <string>

namespace gischat::edge::session {
namespace {

bool IsTaken(const std::string& offer) {
  boost::beast::http::fields head;
  head.set(boost::beast::http::field::sec_websocket_extensions, offer);
  return OffersDeflate(head);
}

TEST(DeflateOffer, NothingIsOfferedWithoutTheHeader) {
  EXPECT_FALSE(OffersDeflate(boost::beast::http::fields()));
  EXPECT_FALSE(IsTaken(""));
}

TEST(DeflateOffer, OffersOfBrowsersAndLibrariesAreTaken) {
  for (const char* offer : {
           "permessage-deflate",                          // Firefox
           "permessage-deflate; client_max_window_bits",  // Chrome
           "permessage-deflate;client_max_window_bits=15",
           "permessage-deflate; client_max_window_bits=\"10\"",
           "permessage-deflate; server_no_context_takeover; client_no_context_takeover",
           "Permessage-Deflate; Client_Max_Window_Bits",
           "permessage-deflate ;\tclient_max_window_bits = 12",
           "x-webkit-deflate-frame, permessage-deflate",
           "foo; a; b=\"c, d\", permessage-deflate",
       }) {
    EXPECT_TRUE(IsTaken(offer)) << offer;
  }
}

TEST(DeflateOffer, WhatIsMalformedIsDeclined) {
  for (const char* offer : {
           "deflate",
           "permessage-deflate; unknown",
           "permessage-deflate; client_max_window_bits=7",
           "permessage-deflate; client_max_window_bits=16",
           "permessage-deflate; client_max_window_bits=x",
           "permessage-deflate; client_max_window_bits=010",
           "permessage-deflate; client_max_window_bits; client_max_window_bits",
           "permessage-deflate; client_max_window_bits=",
           "permessage-deflate; client_no_context_takeover=1",
           "foo=\"a, permessage-deflate\"",
           "permessage-deflate x",
           "permessage-deflate; server_no_context_takeover; SERVER_no_context_takeover",
           ";;;",
       }) {
    EXPECT_FALSE(IsTaken(offer)) << offer;
  }
}

TEST(DeflateOffer, SmallerWindowForWhatIsSharedIsDeclined) {
  EXPECT_FALSE(IsTaken("permessage-deflate; server_max_window_bits=10"));
}

TEST(DeflateOffer, SecondOfferIsTakenWhenTheFirstIsDeclined) {
  EXPECT_TRUE(IsTaken("permessage-deflate; server_max_window_bits=10, permessage-deflate"));
  boost::beast::http::fields head;
  head.insert(boost::beast::http::field::sec_websocket_extensions, "bbf-usp-protocol");
  head.insert(boost::beast::http::field::sec_websocket_extensions, "permessage-deflate");
  EXPECT_TRUE(OffersDeflate(head));
}

}  // namespace
}  // namespace gischat::edge::session
