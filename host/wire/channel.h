// The socket to the supervisor: frames in, batches of frames out. Knows no V8.
//
// Reading is for one thread at a time (whoever leads the executors); writing is for any thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "wire/frame.h"

namespace skerry::wire {

class Channel {
 public:
  // Bytes that may wait for the supervisor to read before writers are held up.
  static constexpr size_t kPendingMax = 8u << 20;
  static constexpr size_t kReadChunk = 256u << 10;

  explicit Channel(int fd);
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;

  int fd() const { return fd_; }

  enum class Read { kData, kWouldBlock, kClosed };
  // One read from the socket into the buffer.
  Read Fill();
  enum class Next { kFrame, kNeedMore, kViolation };
  // The next whole frame in the buffer. The payload is valid until the next Fill.
  Next Take(FrameHeader& header, std::span<const uint8_t>& payload);

  // Sends whole frames. What the socket does not take is kept; then wants_write() holds until FlushPending is done.
  void Send(std::string_view frames);
  bool wants_write() const { return wants_write_.load(std::memory_order_acquire); }
  void FlushPending();

 private:
  // Writes what the socket takes; returns the number of bytes taken. Exits the process if the supervisor is gone.
  size_t WriteSome(std::string_view bytes);

  const int fd_;
  std::vector<uint8_t> buffer_;
  size_t begin_ = 0;
  size_t end_ = 0;

  std::mutex write_mutex_;
  std::string pending_;
  size_t pending_sent_ = 0;
  std::atomic<bool> wants_write_{false};
};

}  // namespace skerry::wire
