// Memory of the HTML rewriter: taken from a source that may refuse, counted against a limit per rewriter, and never a
// reason to end the process. Buffers hold plain data only.
// Threads: one at a time; a rewriter may be destroyed on another thread than it was used on.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

namespace skerry::html {

// Where buffers come from. In the host: the isolate's counted ArrayBuffer allocator.
class MemorySource {
 public:
  virtual ~MemorySource() = default;
  // Null if refused. Contents are undefined.
  virtual void* Take(size_t bytes) = 0;
  virtual void Give(void* data, size_t bytes) = 0;
};

// What all buffers of one rewriter may hold together, in bytes.
class Budget {
 public:
  Budget(MemorySource& source, size_t limit_bytes) : source_(source), limit_(limit_bytes) {}
  Budget(const Budget&) = delete;
  Budget& operator=(const Budget&) = delete;

  void* Take(size_t bytes) {
    if (bytes > limit_ - used_) return nullptr;
    void* data = source_.Take(bytes);
    if (data != nullptr) used_ += bytes;
    return data;
  }
  void Give(void* data, size_t bytes) {
    if (data == nullptr) return;
    source_.Give(data, bytes);
    used_ -= bytes;
  }
  size_t used() const { return used_; }

 private:
  MemorySource& source_;
  const size_t limit_;
  size_t used_ = 0;
};

// A growing array of plain data. What may have to grow says false when there is no memory, and changes nothing then.
template <typename T>
class Buffer {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  explicit Buffer(Budget& budget) : budget_(budget) {}
  ~Buffer() { budget_.Give(data_, capacity_ * sizeof(T)); }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;

  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  T* data() { return data_; }
  const T* data() const { return data_; }
  T& operator[](size_t i) { return data_[i]; }
  const T& operator[](size_t i) const { return data_[i]; }
  T& back() { return data_[size_ - 1]; }
  const T& back() const { return data_[size_ - 1]; }

  [[nodiscard]] bool Reserve(size_t extra) {
    if (extra <= capacity_ - size_) [[likely]]
      return true;
    return Grow(extra);
  }
  [[nodiscard]] bool Push(T value) {
    if (!Reserve(1)) return false;
    data_[size_++] = value;
    return true;
  }
  [[nodiscard]] bool Append(const T* from, size_t count) {
    if (!Reserve(count)) return false;
    if (count != 0) std::memcpy(data_ + size_, from, count * sizeof(T));
    size_ += count;
    return true;
  }
  // After Reserve(count): the elements from size() on were written in place.
  void Grew(size_t count) { size_ += count; }
  void Truncate(size_t size) {
    if (size < size_) size_ = size;
  }
  void Clear() { size_ = 0; }
  void EraseFront(size_t count) {
    if (count == 0) return;
    size_ -= count;
    if (size_ != 0) std::memmove(data_, data_ + count, size_ * sizeof(T));
  }
  // Gives memory back that is far more than is in use.
  void Trim(size_t keep) {
    if (size_ != 0 || capacity_ <= keep) return;
    budget_.Give(data_, capacity_ * sizeof(T));
    data_ = nullptr;
    capacity_ = 0;
  }

 private:
  bool Grow(size_t extra) {
    constexpr size_t kFirst = 64;
    if (extra > (SIZE_MAX / sizeof(T) / 2) - size_) return false;
    const size_t needed = size_ + extra;
    size_t wanted = capacity_ * 2 > needed ? capacity_ * 2 : needed;
    if (wanted < kFirst) wanted = kFirst;
    void* data = budget_.Take(wanted * sizeof(T));
    if (data == nullptr && wanted > needed) {
      wanted = needed;
      data = budget_.Take(wanted * sizeof(T));
    }
    if (data == nullptr) return false;
    if (size_ != 0) std::memcpy(data, data_, size_ * sizeof(T));
    budget_.Give(data_, capacity_ * sizeof(T));
    data_ = static_cast<T*>(data);
    capacity_ = wanted;
    return true;
  }

  Budget& budget_;
  T* data_ = nullptr;
  size_t size_ = 0;
  size_t capacity_ = 0;
};

}  // namespace skerry::html
