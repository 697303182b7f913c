package benchmark

import (
	"math/bits"
	"time"
)

// histogram counts durations in logarithmic buckets: 64 per power of two, so that a quantile is at most 1.6 % too high.
// The zero value is empty. It is not safe for concurrent use; connections have one each, merged at the end.
type histogram struct {
	counts [64 * subBuckets]uint64
	total  uint64
	sum    time.Duration
	max    time.Duration
}

const (
	subBucketBits = 6
	subBuckets    = 1 << subBucketBits
)

func bucketOf(d time.Duration) int {
	v := uint64(max(d, 0))
	if v < subBuckets {
		return int(v)
	}
	exponent := bits.Len64(v) - subBucketBits - 1
	return (exponent+1)*subBuckets + int(v>>exponent) - subBuckets
}

// bucketTop is the longest duration that falls into a bucket.
func bucketTop(bucket int) time.Duration {
	if bucket < subBuckets {
		return time.Duration(bucket)
	}
	exponent := bucket/subBuckets - 1
	return time.Duration((uint64(bucket%subBuckets)+subBuckets+1)<<exponent - 1)
}

func (h *histogram) record(d time.Duration) {
	h.counts[bucketOf(d)]++
	h.total++
	h.sum += d
	h.max = max(h.max, d)
}

func (h *histogram) merge(other *histogram) {
	for i, n := range other.counts {
		h.counts[i] += n
	}
	h.total += other.total
	h.sum += other.sum
	h.max = max(h.max, other.max)
}

// quantile is the duration that the fraction q of all is not longer than, 0 if there are none.
func (h *histogram) quantile(q float64) time.Duration {
	rank := uint64(q * float64(h.total))
	if rank >= h.total {
		return h.max
	}
	var seen uint64
	for bucket, n := range h.counts {
		seen += n
		if seen > rank {
			return min(bucketTop(bucket), h.max)
		}
	}
	return h.max
}

func (h *histogram) mean() time.Duration {
	if h.total == 0 {
		return 0
	}
	return h.sum / time.Duration(h.total)
}
