package chat

import (
	"sync"
	"time"

	"golang.org/x/time/rate"
)

const (
	requestRate  = 10  // requests a second of one member, of all kinds
	requestBurst = 30  // at once
	listCost     = 10  // of a list of members, in requests
	floodLimit   = 100 // refusals for speed in a row that end a membership
	maxAddresses = 10_000
	renameEvery  = 10 * time.Second
)

func newRequestLimit() *rate.Limiter { return rate.NewLimiter(requestRate, requestBurst) }

// take asks some limits for one each: all give, or none does, and which has the longest wait is told. A nil gives always.
func take(now time.Time, limits ...*rate.Limiter) (wait time.Duration, tightest int) {
	var asked []*rate.Reservation
	for i, l := range limits {
		if l == nil {
			continue
		}
		r := l.ReserveN(now, 1)
		asked = append(asked, r)
		if w := r.DelayFrom(now); w > wait { // rate.InfDuration for what never can be
			wait, tightest = w, i
		}
	}
	if wait > 0 {
		for _, r := range asked {
			r.CancelAt(now)
		}
	}
	return wait, tightest
}

// addressLimits bounds what comes from one network, whoever says it: a new identity is free.
type addressLimits struct {
	rate  rate.Limit
	burst int

	mu     sync.Mutex
	limits map[string]*rate.Limiter
}

func newAddressLimits(perSecond float64, burst int) *addressLimits {
	return &addressLimits{rate: rate.Limit(perSecond), burst: burst, limits: map[string]*rate.Limiter{}}
}

// of gives the limit of a network; nil for an unknown one.
func (a *addressLimits) of(address string) *rate.Limiter {
	if address == "" {
		return nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if l := a.limits[address]; l != nil {
		return l
	}
	if len(a.limits) >= maxAddresses {
		a.forget()
	}
	l := rate.NewLimiter(a.rate, a.burst)
	a.limits[address] = l
	return l
}

// forget drops the limits that are full again, for a new one is the same, and where they are few any up to a quarter: it goes
// through them all, and is not to come with each new address.
func (a *addressLimits) forget() {
	for address, l := range a.limits {
		if l.Tokens() >= float64(a.burst) {
			delete(a.limits, address)
		}
	}
	for address := range a.limits {
		if len(a.limits) < maxAddresses*3/4 {
			return
		}
		delete(a.limits, address)
	}
}
