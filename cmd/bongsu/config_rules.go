package main

import (
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"bongsu/web"
	"bongsu/wish"
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
	some := rule{"a whole number, 1 or more", atLeast(1)}
	pace := rule{"a number greater than 0", func(v any) bool { return v.(float64) > 0 && v.(float64) <= 1e6 }}
	return map[string]rule{
		"listen":                      {`an address to listen on, such as ":8080" or "127.0.0.1:8080"`, isListenAddress},
		"udp":                         {`a port with or without an IP address, such as ":8443" or "192.0.2.1:8443"`, isUDPAddress},
		"tcp":                         {`a port with or without an IP address, such as ":8443" or "192.0.2.1:8443", or "" for none`, isTCPAddress},
		"ice_lite":                    yesOrNo,
		"data":                        {"the path of a directory", notEmpty},
		"demo":                        yesOrNo,
		"trust_proxy":                 yesOrNo,
		"log/level":                   {"debug, info, warn or error", func(v any) bool { _, known := logLevels()[v.(string)]; return known }},
		"log/format":                  {"text or json", func(v any) bool { return v == "text" || v == "json" }},
		"nat/public_ips":              {`a list of IP addresses that others can reach, such as "203.0.113.7"`, arePublicIPs},
		"limits/sessions":             count,
		"limits/sessions_per_address": count,
		"limits/requests_per_second":  count,
		"limits/request_burst":        some,
		"ice_servers/*/urls":          {`a list of URLs such as "stun:stun.example.org" or "turn:turn.example.org:3478?transport=udp"`, areICEURLs},
		"ice_servers/*/username":      {"text", anything},
		"ice_servers/*/credential":    {"text", anything},
		"ice_servers/*/secret":        {"text", anything},
		"ice_servers/*/ttl":           {`a time between 1m and 720h, such as "12h"`, isTTL},
		"precondition":                {"pages, lenient or strict", isPrecondition},
		"egress/transport":            {"auto or pc", func(v any) bool { return v == "auto" || v == "pc" }},
		"egress/wait":                 yesOrNo,
		"egress/counter_offer":        yesOrNo,
		"broadcast/gop_bytes":         {"a whole number of bytes, 65536 or more", atLeast(1 << 16)},
		"broadcast/cache_bytes":       {"a whole number of bytes, 1048576 or more", atLeast(1 << 20)},
		"broadcast/gop_duration":      {`a time between 100ms and 5m, such as "10s"`, isGOPDuration},
		"broadcast/writers":           count,
		"origins":                     {`a list of origins such as "https://example.org", or "*" for all`, areOrigins},
		"tls/cert":                    path,
		"tls/key":                     path,
		"tls/mode":                    {"files or self", func(v any) bool { return v == web.TLSFiles || v == web.TLSSelf }},
		"signal/enabled":              yesOrNo,
		"signal/sockets":              some,
		"signal/sockets_per_address":  some,
		"relay/enabled":               yesOrNo,
		"relay/listen":                {`an address to listen on, such as ":9449", or nothing`, func(v any) bool { return v == "" || isListenAddress(v) }},
		"relay/sockets":               some,
		"relay/sockets_per_address":   some,
		"relay/channels":              some,
		"relay/members":               {"a whole number, 2 or more", atLeast(2)},
		"relay/frame_bytes":           {"a whole number of bytes, 1024 or more", atLeast(1 << 10)},
		"relay/rate":                  {"a whole number of frames a second, 1 or more", atLeast(1)},
		"chat/enabled":                yesOrNo,
		"chat/channel":                {"client or server", func(v any) bool { return v == channelClient || v == channelServer }},
		"chat/administrator":          {"empty, or a token of letters, digits and -._~+/ (RFC 6750 section 2.1)", func(v any) bool { return v == "" || isBearerToken(v) }},
		"chat/history":                {"a whole number between 1 and 500", func(v any) bool { return v.(int) >= 1 && v.(int) <= 500 }},
		"chat/keep":                   {`a time between 1m and 8760h, such as "24h"`, func(v any) bool { d := v.(time.Duration); return d >= time.Minute && d <= 365*24*time.Hour }},
		"chat/max_bytes":              {"a whole number of bytes, 1048576 or more", func(v any) bool { return v.(int64) >= 1<<20 }},
		"chat/text_length":            {"a whole number between 1 and 2000", func(v any) bool { return v.(int) >= 1 && v.(int) <= 2000 }},
		"chat/nickname_length":        {"a whole number between 1 and 100", func(v any) bool { return v.(int) >= 1 && v.(int) <= 100 }},
		"chat/members":                some,
		"chat/connections":            some,
		"chat/rate":                   pace,
		"chat/burst":                  some,
		"chat/address_rate":           pace,
		"chat/address_burst":          some,
		"chat/room_rate":              pace,
		"chat/room_burst":             some,
		"data_channel/enabled":        yesOrNo,
		"data_channel/viewers":        yesOrNo,
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

func isPrecondition(v any) bool {
	return slices.Contains([]string{wish.PreconditionPages, wish.PreconditionLenient, wish.PreconditionStrict}, v.(string))
}

func areOrigins(v any) bool {
	return !slices.ContainsFunc(v.([]string), func(o string) bool {
		u, err := url.Parse(o)
		return o != "*" && (err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.Scheme+"://"+u.Host != o)
	})
}

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

func isTCPAddress(v any) bool { return v == "" || isUDPAddress(v) }

func isPort(port string) bool {
	_, err := strconv.ParseUint(port, 10, 16)
	return err == nil
}

func arePublicIPs(v any) bool {
	return !slices.ContainsFunc(v.([]netip.Addr), func(ip netip.Addr) bool {
		return ip.IsUnspecified() || ip.IsLoopback() || ip.IsMulticast() || ip.Zone() != ""
	})
}

func areICEURLs(v any) bool {
	return !slices.ContainsFunc(v.([]string), func(u string) bool { return wish.CheckICEURL(u) != nil })
}

// isTTL takes 0 too, which stands for nothing said.
func isTTL(v any) bool {
	d := v.(time.Duration)
	return d == 0 || d >= time.Minute && d <= 30*24*time.Hour
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
