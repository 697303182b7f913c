#include "wire/channel.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

namespace skerry::wire {

Channel::Channel(int fd) : fd_(fd), buffer_(kReadChunk) {
  fcntl(fd_, F_SETFL, fcntl(fd_, F_GETFL) | O_NONBLOCK);
  fcntl(fd_, F_SETFD, FD_CLOEXEC);
}

Channel::Read Channel::Fill() {
  if (begin_ > 0) {
    memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  if (end_ == buffer_.size())
    buffer_.resize(buffer_.size() * 2);  // Bounded: a frame over the limit was refused by Take.
  for (;;) {
    ssize_t n = read(fd_, buffer_.data() + end_, buffer_.size() - end_);
    if (n > 0) {
      end_ += static_cast<size_t>(n);
      return Read::kData;
    }
    if (n == 0) return Read::kClosed;
    if (errno == EINTR) continue;
    if (errno == EAGAIN || errno == EWOULDBLOCK) return Read::kWouldBlock;
    return Read::kClosed;
  }
}

Channel::Next Channel::Take(FrameHeader& header, std::span<const uint8_t>& payload) {
  std::span<const uint8_t> rest(buffer_.data() + begin_, end_ - begin_);
  if (rest.size() < kFrameHeaderSize) return Next::kNeedMore;
  header = FrameHeader::Decode(rest);
  if (Check(header, Side::supervisor) != FrameFault::none) return Next::kViolation;
  if (rest.size() - kFrameHeaderSize < header.length) return Next::kNeedMore;
  payload = rest.subspan(kFrameHeaderSize, header.length);
  begin_ += kFrameHeaderSize + header.length;
  return Next::kFrame;
}

size_t Channel::WriteSome(std::string_view bytes) {
  size_t sent = 0;
  while (sent < bytes.size()) {
    ssize_t n = send(fd_, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
    if (n >= 0) {
      sent += static_cast<size_t>(n);
      continue;
    }
    if (errno == EINTR) continue;
    if (errno == EAGAIN || errno == EWOULDBLOCK) break;
    _exit(0);  // The supervisor has closed its end: nobody is left to work for.
  }
  return sent;
}

void Channel::Send(std::string_view frames) {
  if (frames.empty()) return;
  std::lock_guard hold(write_mutex_);
  if (pending_.empty()) {
    size_t sent = WriteSome(frames);
    if (sent == frames.size()) return;
    pending_.assign(frames.substr(sent));
    pending_sent_ = 0;
    wants_write_.store(true, std::memory_order_release);
    return;
  }
  pending_.append(frames);
  while (pending_.size() - pending_sent_ > kPendingMax) {
    pollfd waiter{fd_, POLLOUT, 0};
    poll(&waiter, 1, -1);
    pending_sent_ += WriteSome(std::string_view(pending_).substr(pending_sent_));
  }
}

void Channel::FlushPending() {
  std::lock_guard hold(write_mutex_);
  pending_sent_ += WriteSome(std::string_view(pending_).substr(pending_sent_));
  if (pending_sent_ == pending_.size()) {
    pending_.clear();
    if (pending_.capacity() > (1u << 20)) pending_.shrink_to_fit();
    pending_sent_ = 0;
    wants_write_.store(false, std::memory_order_release);
  } else if (pending_sent_ > (1u << 20)) {
    pending_.erase(0, pending_sent_);
    pending_sent_ = 0;
  }
}

}  // namespace skerry::wire
