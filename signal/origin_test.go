package signal

import (
	"net/http"
	"testing"
)

func TestAllowOrigins(t *testing.T) {
	for _, c := range []struct {
		origins           []string
		trust             bool
		origin, forwarded string
		want              bool
	}{
		{nil, false, "", "", true},
		{nil, false, "https://live.example:8080", "", true},
		{nil, false, "https://LIVE.example:8080", "", true},
		{nil, false, "https://live.example", "", false},
		{nil, false, "https://evil.example", "", false},
		{nil, false, "null", "", false},
		{nil, false, "https://front.example", "front.example", false},
		{nil, true, "https://front.example", "front.example", true},
		{nil, true, "https://front.example", "evil.example, front.example", true},
		{[]string{"https://club.example"}, false, "https://club.example", "", true},
		{[]string{"https://club.example"}, false, "http://club.example", "", false},
		{[]string{"*"}, false, "https://evil.example", "", true},
	} {
		r := &http.Request{Host: "live.example:8080", Header: http.Header{"Origin": {c.origin}, "X-Forwarded-Host": {c.forwarded}}}
		if got := AllowOrigins(c.origins, c.trust)(r); got != c.want {
			t.Errorf("%+v: %v", c, got)
		}
	}
}
