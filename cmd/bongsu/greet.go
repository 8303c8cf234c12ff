package main

import (
	"fmt"
	"io"
	"net"
	"net/netip"
	"net/url"
	"strconv"

	"bongsu/web"
)

// greeting is what a start has to tell.
type greeting struct {
	cfg   *Config
	http  *net.TCPAddr
	media []netip.AddrPort
	tcp   []netip.AddrPort
}

// greet prints, for the person who started the server, where to go from here.
func greet(w io.Writer, g greeting) {
	here := g.address("localhost")
	outside := g.outside()
	fmt.Fprintf(w, "Bongsu %s is running at %s\n\n", buildVersion(), here)
	if g.cfg.Demo {
		fmt.Fprintf(w, "  Watch the test broadcast    %s/watch/%s\n", here, demoStream)
	}
	fmt.Fprintf(w, "  See what is live            %s/\n", here)
	fmt.Fprintf(w, "  Publish from a browser      %s/publish/lobby\n", here)
	fmt.Fprintf(w, "  Publish from OBS            Settings > Stream > Service: WHIP\n")
	fmt.Fprintf(w, "                                Server        %s/whip\n", outside)
	if len(g.cfg.Keys) == 0 {
		fmt.Fprintf(w, "                                Bearer Token  lobby   (any name: it becomes the stream's)\n")
	} else {
		fmt.Fprintf(w, "                                Bearer Token  the stream's key from your configuration\n")
	}
	fmt.Fprintf(w, "                              Settings > Output > Keyframe Interval: 2 s\n\n")
	if g.cfg.Web.TLS.Mode == web.TLSSelf {
		fmt.Fprintf(w, "  Browsers will warn of the certificate: it was made here, for trials.\n")
	}
	if outside != here {
		fmt.Fprintf(w, "  From other machines         %s/\n", outside)
	}
	fmt.Fprintf(w, "  Media                       UDP port %d", g.media[0].Port())
	if len(g.tcp) > 0 {
		fmt.Fprintf(w, ", or TCP port %d where UDP is blocked", g.tcp[0].Port())
	}
	if len(g.cfg.NAT.PublicIPs) > 0 {
		fmt.Fprintf(w, ", also at %v", g.cfg.NAT.PublicIPs)
	}
	fmt.Fprintf(w, "\n\nCtrl-C ends it.\n")
}

// address is the server's URL under a host name, if it listens to that at all.
func (g greeting) address(host string) string {
	if ip := g.http.IP; ip != nil && !ip.IsUnspecified() && !ip.IsLoopback() {
		host = ip.String()
	} else if ip.IsLoopback() && ip.String() != "127.0.0.1" {
		host = ip.String()
	}
	scheme := "http"
	if g.cfg.Web.TLS.Wanted() {
		scheme = "https"
	}
	u := url.URL{Scheme: scheme, Host: net.JoinHostPort(host, strconv.Itoa(g.http.Port))}
	return u.String()
}

// outside is the server's URL for other machines: the first address that is not loopback.
func (g greeting) outside() string {
	if ip := g.http.IP; ip == nil || ip.IsUnspecified() {
		for _, a := range g.media {
			if !a.Addr().IsLoopback() && a.Addr().Is4() {
				return g.address(a.Addr().String())
			}
		}
	}
	return g.address("localhost")
}
