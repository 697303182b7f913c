package benchmark

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// Every duration must fall into a bucket whose top is not below it and at most 1/64 above it, and buckets must not overlap.
func TestBucketsCoverAllDurationsTightly(t *testing.T) {
	for _, d := range []time.Duration{0, 1, 63, 64, 65, 127, 128, 129, 1000, 65535, 65536, time.Millisecond, time.Second, time.Hour, 1<<63 - 1} {
		top := bucketTop(bucketOf(d))
		if top < d {
			t.Errorf("%d falls into a bucket that ends at %d", d, top)
		}
		if float64(top) > float64(d)*(1+1.0/64)+1 {
			t.Errorf("%d falls into a bucket that ends as far up as %d", d, top)
		}
		if top < 1<<62 {
			if next := bucketOf(top + 1); next != bucketOf(d)+1 {
				t.Errorf("after bucket %d, which ends at %d, comes %d", bucketOf(d), top, next)
			}
		}
	}
}

func TestQuantilesAgreeWithSorting(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	var h, other histogram
	var all []time.Duration
	for i := range 10_000 {
		d := time.Duration(random.ExpFloat64() * float64(time.Millisecond))
		all = append(all, d)
		if i%2 == 0 {
			h.record(d)
		} else {
			other.record(d)
		}
	}
	h.merge(&other)
	slices.Sort(all)
	for _, q := range []float64{0, 0.5, 0.9, 0.99, 0.999} {
		want := all[int(q*float64(len(all)))]
		got := h.quantile(q)
		if got < want || float64(got) > float64(want)*1.02+1 {
			t.Errorf("quantile %v is %v, sorting says %v", q, got, want)
		}
	}
	if got := h.quantile(1); got != all[len(all)-1] {
		t.Errorf("quantile 1 is %v, longest is %v", got, all[len(all)-1])
	}
}

func TestEmptyHistogram(t *testing.T) {
	var h histogram
	if h.quantile(0.5) != 0 || h.mean() != 0 {
		t.Errorf("quantile %v, mean %v; want zeros", h.quantile(0.5), h.mean())
	}
}
