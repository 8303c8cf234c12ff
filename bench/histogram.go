package bench

import (
	"math/bits"
	"time"
)

const (
	subBits    = 5
	subBuckets = 1 << subBits
	buckets    = 36 * subBuckets // up to 2^40 microseconds
)

// histogram counts durations in buckets whose width is a 32nd of their power of two, so that a percentile of any number of
// them takes 5 KiB and is right to 3 %. Below 32 microseconds it is exact to one. The zero value is empty.
type histogram struct {
	counts   [buckets]uint32
	n        uint64
	min, max time.Duration
}

func bucketOf(us uint64) int {
	if us < subBuckets {
		return int(us)
	}
	shift := bits.Len64(us) - subBits - 1
	return min((shift+1)*subBuckets+int(us>>shift)-subBuckets, buckets-1)
}

// bucketMiddle is the duration that a bucket stands for.
func bucketMiddle(i int) time.Duration {
	if i < subBuckets {
		return time.Duration(i) * time.Microsecond
	}
	shift := i/subBuckets - 1
	low := uint64(i%subBuckets+subBuckets) << shift
	return time.Duration(low+(1<<shift)/2) * time.Microsecond
}

// add counts a duration; one below zero, from clocks that disagree, counts as zero.
func (h *histogram) add(d time.Duration) {
	d = max(d, 0)
	if h.n == 0 || d < h.min {
		h.min = d
	}
	h.max = max(h.max, d)
	h.counts[bucketOf(uint64(d/time.Microsecond))]++
	h.n++
}

func (h *histogram) merge(o *histogram) {
	if o.n == 0 {
		return
	}
	if h.n == 0 || o.min < h.min {
		h.min = o.min
	}
	h.max = max(h.max, o.max)
	for i, c := range o.counts {
		h.counts[i] += c
	}
	h.n += o.n
}

// quantile is the smallest duration that the share q (0 to 1) of all does not exceed; 0 without any.
func (h *histogram) quantile(q float64) time.Duration {
	rank := max(uint64(q*float64(h.n)+0.999999), 1)
	var seen uint64
	for i, c := range h.counts {
		if seen += uint64(c); seen >= rank {
			return min(max(bucketMiddle(i), h.min), h.max)
		}
	}
	return h.max
}

// Quantiles sums up many durations, in milliseconds.
type Quantiles struct {
	Count uint64  `json:"count"`
	P50   float64 `json:"p50"`
	P95   float64 `json:"p95"`
	P99   float64 `json:"p99"`
	Max   float64 `json:"max"`
}

func (h *histogram) quantiles() Quantiles {
	return Quantiles{
		Count: h.n, P50: milliseconds(h.quantile(0.5)), P95: milliseconds(h.quantile(0.95)), P99: milliseconds(h.quantile(0.99)),
		Max: milliseconds(h.max),
	}
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
