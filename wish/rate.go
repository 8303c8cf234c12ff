package wish

import (
	"fmt"
	"maps"
	"math"
	"net/netip"
	"strconv"
	"sync"
	"time"

	"github.com/labstack/echo/v4"
	"golang.org/x/time/rate"
)

const (
	maxBuckets = 10_000 // about 2 MB
	sweepPause = time.Second
)

// pacer holds back clients that ask too often (RFC 9725 section 5), by a token bucket for each client network.
type pacer struct {
	limit rate.Limit // 0: none
	burst int

	mu      sync.Mutex
	buckets map[netip.Prefix]*rate.Limiter
	swept   time.Time
}

func newPacer(l Limits) *pacer {
	return &pacer{limit: rate.Limit(l.Rate), burst: max(l.Burst, 1), buckets: make(map[netip.Prefix]*rate.Limiter)}
}

// take counts a request of n. One that is too many doesn't count, and is told when the next will not be.
func (p *pacer) take(n netip.Prefix, now time.Time) (wait time.Duration) {
	if p.limit <= 0 || !n.IsValid() {
		return 0
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	bucket := p.buckets[n]
	if bucket == nil {
		p.makeRoom(now)
		bucket = rate.NewLimiter(p.limit, p.burst)
		p.buckets[n] = bucket
	}
	if bucket.AllowN(now, 1) {
		return 0
	}
	return time.Duration((1 - bucket.TokensAt(now)) / float64(p.limit) * float64(time.Second))
}

// makeRoom forgets those who have not asked for a while, whose buckets are full again; where that is not enough, anybody.
func (p *pacer) makeRoom(now time.Time) {
	if len(p.buckets) < maxBuckets {
		return
	}
	if now.Sub(p.swept) >= sweepPause {
		p.swept = now
		maps.DeleteFunc(p.buckets, func(_ netip.Prefix, b *rate.Limiter) bool { return b.TokensAt(now) >= float64(p.burst) })
	}
	for n := range p.buckets {
		if len(p.buckets) < maxBuckets {
			return
		}
		delete(p.buckets, n)
	}
}

// pace refuses a request of a client that asks too often, and says when to come again.
func (r *Resources) pace(q *Request) error {
	wait := r.pacer.take(q.Network(), time.Now())
	if wait <= 0 {
		return nil
	}
	q.Reply.Set(echo.HeaderRetryAfter, strconv.Itoa(int(math.Ceil(wait.Seconds()))))
	return fmt.Errorf("%w: %s may send %g requests a second; slow down, or share one address with fewer others", ErrTooFast, nameOf(q.Network()), r.limits.Rate)
}
