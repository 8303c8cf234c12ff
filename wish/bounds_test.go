package wish

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// TestOfferDoesNotGrow: lines that go for every payload type don't make an offer many times as long.
func TestOfferDoesNotGrow(t *testing.T) {
	text, err := os.ReadFile("testdata/whep-chromium.sdp")
	if err != nil {
		t.Fatal(err)
	}
	head, tail, ok := strings.Cut(string(text), "a=rtcp-fb:")
	if !ok {
		t.Fatal("the offer has no feedback")
	}
	var lines strings.Builder
	for i := 0; lines.Len() < maxOffer-len(text)-1000; i++ {
		fmt.Fprintf(&lines, "a=rtcp-fb:* %d\r\n", i)
	}
	o, err := ParseOffer([]byte(head+lines.String()+"a=rtcp-fb:"+tail), Play)
	if err != nil {
		t.Fatal(err)
	}
	if len(o.SDP) > maxOffer {
		t.Errorf("%d bytes became %d", len(head)+lines.Len()+len(tail), len(o.SDP))
	}
}
