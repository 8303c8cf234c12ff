package main

import (
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

// rule says which values a key takes.
type rule struct {
	allowed string         // in words, after "it must be"
	ok      func(any) bool // of a value that has the key's type already
}

// rules has a rule for each key that Config knows.
func rules() map[string]rule {
	yesOrNo := rule{"true or false", anything}
	path := rule{"the path of a file", anything}
	count := rule{"a whole number, 0 or more", atLeast(0)}
	return map[string]rule{
		"listen":                      {`an address to listen on, such as ":8080" or "127.0.0.1:8080"`, isListenAddress},
		"udp":                         {`a port with or without an IP address, such as ":8443" or "192.0.2.1:8443"`, isUDPAddress},
		"data":                        {"the path of a directory", notEmpty},
		"demo":                        yesOrNo,
		"trust_proxy":                 yesOrNo,
		"log/level":                   {"debug, info, warn or error", func(v any) bool { _, known := logLevels()[v.(string)]; return known }},
		"log/format":                  {"text or json", func(v any) bool { return v == "text" || v == "json" }},
		"nat/public_ips":              {`a list of IP addresses that others can reach, such as "203.0.113.7"`, arePublicIPs},
		"limits/sessions":             count,
		"limits/sessions_per_address": count,
		"precondition":                {"lenient or strict", func(v any) bool { return v == "lenient" || v == "strict" }},
		"egress/transport":            {"auto or pc", func(v any) bool { return v == "auto" || v == "pc" }},
		"egress/wait":                 yesOrNo,
		"broadcast/gop_bytes":         {"a whole number of bytes, 65536 or more", atLeast(1 << 16)},
		"broadcast/cache_bytes":       {"a whole number of bytes, 1048576 or more", atLeast(1 << 20)},
		"broadcast/gop_duration":      {`a time between 100ms and 5m, such as "10s"`, isGOPDuration},
		"broadcast/writers":           count,
		"keys/*":                      {`one or more letters, digits or -._~+/ (RFC 6750 section 2.1), such as "tGzv3JOkF0XG5Qx2"`, isBearerToken},
		"streams/*/file/video":        path,
		"streams/*/file/audio":        path,
		"streams/*/file/loop":         yesOrNo,
		"streams/*/file/fps":          {"frames per second between 0 (as the file says) and 240", isFrameRate},
	}
}

// allowed says which values a key takes, after "it must be".
func allowed(pattern string) string { return rules()[pattern].allowed }

func anything(any) bool { return true }

func notEmpty(v any) bool { return strings.TrimSpace(v.(string)) != "" }

func atLeast(least int) func(any) bool {
	return func(v any) bool { return v.(int) >= least }
}

func isListenAddress(v any) bool {
	_, port, err := net.SplitHostPort(v.(string))
	return err == nil && isPort(port)
}

func isUDPAddress(v any) bool {
	host, port, err := net.SplitHostPort(v.(string))
	if err != nil || !isPort(port) {
		return false
	}
	_, err = netip.ParseAddr(host)
	return host == "" || err == nil
}

func isPort(port string) bool {
	_, err := strconv.ParseUint(port, 10, 16)
	return err == nil
}

func arePublicIPs(v any) bool {
	return !slices.ContainsFunc(v.([]netip.Addr), func(ip netip.Addr) bool {
		return ip.IsUnspecified() || ip.IsLoopback() || ip.IsMulticast() || ip.Zone() != ""
	})
}

func isGOPDuration(v any) bool {
	d := v.(time.Duration)
	return d >= 100*time.Millisecond && d <= 5*time.Minute
}

func isFrameRate(v any) bool {
	fps := v.(float64)
	return fps >= 0 && fps <= 240
}

// isBearerToken tells whether an Authorization header can carry the value (RFC 6750 section 2.1, b64token).
func isBearerToken(v any) bool {
	token := strings.TrimRight(v.(string), "=")
	return token != "" && strings.IndexFunc(token, func(r rune) bool {
		return (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') && !strings.ContainsRune("-._~+/", r)
	}) < 0
}
