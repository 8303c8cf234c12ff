package main

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"bongsu/ingest"
	"bongsu/wish"
)

// write puts a configuration file into a new directory and makes that the working directory.
func write(t *testing.T, text string) {
	t.Helper()
	t.Chdir(t.TempDir())
	if text == "" {
		return
	}
	if err := os.WriteFile(defaultFile, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestDefaultsAreValid(t *testing.T) {
	write(t, "")
	cfg, from, err := loadConfig(sources{})
	if err != nil {
		t.Fatal(err)
	}
	if want := defaultConfig(); !reflect.DeepEqual(*cfg, want) {
		t.Errorf("got %+v, want the defaults %+v", *cfg, want)
	}
	if len(from) != 0 {
		t.Errorf("nobody said anything, but values come from %v", from)
	}
}

func TestEveryKeyHasARule(t *testing.T) {
	known := slices.Sorted(maps.Keys(keysOf(reflect.TypeFor[Config](), "")))
	ruled := slices.Sorted(maps.Keys(rules()))
	if !slices.Equal(known, ruled) {
		t.Errorf("Config has the keys\n%q, rules are for\n%q", known, ruled)
	}
}

func TestEveryFlagHasAKey(t *testing.T) {
	known := keysOf(reflect.TypeFor[Config](), "")
	for field := range reflect.TypeFor[ConfigFlags]().Fields() {
		if key, ok := field.Tag.Lookup("key"); ok {
			if _, ok := known[key]; !ok {
				t.Errorf("flag %s sets %q, which is no key", field.Name, key)
			}
		}
	}
}

func TestLayering(t *testing.T) {
	const file = `# a comment
listen: ":1"
udp: ":2"
data: /from/file
log:
  level: warn
`
	tests := []struct {
		name    string
		file    string
		environ []string
		flags   map[string]any
		get     func(*Config) any
		want    any
		key     string
		origin  string
	}{
		{"default", "", nil, nil, listenOf, ":8080", "listen", ""},
		{"file over default", file, nil, nil, listenOf, ":1", "listen", "bongsu.yaml:2"},
		{"nested in the file", file, nil, nil, func(c *Config) any { return c.Log.Level }, "warn", "log/level", "bongsu.yaml:6"},
		{"sibling keeps its default", file, nil, nil, func(c *Config) any { return c.Log.Format }, "text", "log/format", ""},
		{"environment over file", file, []string{"BONGSU_LISTEN=:3"}, nil, listenOf, ":3", "listen", "environment BONGSU_LISTEN"},
		{"flag over environment", file, []string{"BONGSU_LISTEN=:3"}, map[string]any{"listen": ":4"}, listenOf, ":4", "listen", "flag --listen"},
		{"empty variable says nothing", file, []string{"BONGSU_LISTEN="}, nil, listenOf, ":1", "listen", "bongsu.yaml:2"},
		{"other variables are not ours", file, []string{"LISTEN=:5", "XBONGSU_LISTEN=:5"}, nil, listenOf, ":1", "listen", "bongsu.yaml:2"},
		{"Kubernetes' variables are not ours", "", []string{"BONGSU_PORT=tcp://10.0.0.1:80", "BONGSU_SERVICE_HOST=10.0.0.1", "BONGSU_PORT_80_TCP_ADDR=10.0.0.1"}, nil, listenOf, ":8080", "listen", ""},
		{"list in the environment", "", []string{"BONGSU_NAT_PUBLIC_IPS=203.0.113.7, 2001:db8::7"}, nil, publicIPsOf, []string{"203.0.113.7", "2001:db8::7"}, "nat/public_ips", "environment BONGSU_NAT_PUBLIC_IPS"},
		{"list in the file", "nat: { public_ips: [203.0.113.7] }", nil, nil, publicIPsOf, []string{"203.0.113.7"}, "nat/public_ips", "bongsu.yaml:1"},
		{"one for a list in the file", "nat:\n  public_ips: 203.0.113.7", nil, nil, publicIPsOf, []string{"203.0.113.7"}, "nat/public_ips", "bongsu.yaml:2"},
		{"list in flags", "", nil, map[string]any{"nat/public_ips": []string{"203.0.113.7"}}, publicIPsOf, []string{"203.0.113.7"}, "nat/public_ips", "flag --nat-public-ips"},
		{"truth", "", []string{"BONGSU_DEMO=1"}, nil, func(c *Config) any { return c.Demo }, true, "demo", "environment BONGSU_DEMO"},
		{"a flag takes back", "demo: true", nil, map[string]any{"demo": "false"}, func(c *Config) any { return c.Demo }, false, "demo", "flag --demo"},
		{"number", "limits: {sessions: 5}", nil, nil, limitOf, 5, "limits/sessions", "bongsu.yaml:1"},
		{"large number", "chat: {max_bytes: 8589934592}", nil, nil, func(c *Config) any { return c.Chat.Rooms.MaxBytes }, int64(8 << 30), "chat/max_bytes", "bongsu.yaml:1"},
		{"broken number", "chat: {rate: 0.5}", nil, nil, func(c *Config) any { return c.Chat.Rooms.Rate }, 0.5, "chat/rate", "bongsu.yaml:1"},
		{"time", "broadcast: {gop_duration: 1m30s}", nil, nil, func(c *Config) any { return c.Broadcast.GOPDuration }, 90 * time.Second, "broadcast/gop_duration", "bongsu.yaml:1"},
		{"key of digits stays as written", "keys: {lobby: 00123}", nil, nil, keysFrom, map[string]string{"lobby": "00123"}, "keys/lobby", "bongsu.yaml:1"},
		{"keys are merged", "keys: {a: x, b: y}", []string{"BONGSU_KEYS=b=z=,c=w"}, nil, keysFrom, map[string]string{"a": "x", "b": "z=", "c": "w"}, "keys/b", "environment BONGSU_KEYS"},
		{"name with dots", "keys: {news.at.8: x}", nil, nil, keysFrom, map[string]string{"news.at.8": "x"}, "keys/news.at.8", "bongsu.yaml:1"},
		{"Korean name", "streams: {봉수: {file: {video: a.h264, fps: 29.97}}}", nil, nil, func(c *Config) any { return c.Streams["봉수"].File.FPS }, 29.97, "streams/봉수/file/fps", "bongsu.yaml:1"},
		{"anchor and merge key", "streams:\n  a: {file: &f {video: a.h264, loop: true}}\n  b: {file: {video: b.h264, <<: *f}}", nil, nil, func(c *Config) any { return c.Streams["b"].File }, ingest.FileConfig{Video: "b.h264", Loop: true}, "streams/b/file/video", "bongsu.yaml:3"},
		{"ICE servers", "ice_servers: {a: {urls: [turn:example.org, turns:example.org], secret: s, ttl: 1h}}", nil, nil, func(c *Config) any { return c.ICEServers["a"] }, wish.ICEServer{URLs: []string{"turn:example.org", "turns:example.org"}, Secret: "s", TTL: time.Hour}, "ice_servers/a/secret", "bongsu.yaml:1"},
		{"section with nothing in it", "keys:\nlog:\n", nil, nil, listenOf, ":8080", "listen", ""},
		{"file with nothing in it", "# only a comment\n", nil, nil, listenOf, ":8080", "listen", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			write(t, test.file)
			cfg, from, err := loadConfig(sources{environ: test.environ, flags: test.flags})
			if err != nil {
				t.Fatal(err)
			}
			if got := test.get(cfg); !reflect.DeepEqual(got, test.want) {
				t.Errorf("value is %v, want %v", got, test.want)
			}
			if from[test.key] != test.origin {
				t.Errorf("%s comes from %q, want %q", test.key, from[test.key], test.origin)
			}
		})
	}
}

func listenOf(c *Config) any { return c.Web.Listen }
func limitOf(c *Config) any  { return c.Limits.Sessions }
func publicIPsOf(c *Config) any {
	var texts []string
	for _, ip := range c.NAT.PublicIPs {
		texts = append(texts, ip.String())
	}
	return texts
}
func keysFrom(c *Config) any { return map[string]string(c.Keys) }

func TestProblems(t *testing.T) {
	tests := []struct {
		name    string
		file    string
		environ []string
		flags   map[string]any
		want    []string // lines, in any order
	}{
		{"unknown key", "listn: :1", nil, nil, []string{`bongsu.yaml:1: unknown key "listn"; did you mean "listen"?`}},
		{"unknown nested key", "nat:\n  public_ip: [a]", nil, nil, []string{`bongsu.yaml:2: unknown key "nat.public_ip"; did you mean "nat.public_ips"?`}},
		{"unknown section", "brodcast: {writers: 1}", nil, nil, []string{`bongsu.yaml:1: unknown key "brodcast"; did you mean "broadcast"?`}},
		{"right name, wrong place", "level: debug", nil, nil, []string{`bongsu.yaml:1: unknown key "level"; did you mean "log.level"?`}},
		{"unknown key of a stream", "streams: {lobby: {file: {vidoe: a}}}", nil, nil, []string{`bongsu.yaml:1: unknown key "streams.lobby.file.vidoe"; did you mean "streams.lobby.file.video"?`}},
		{"nothing near", "zzzzzz: 1", nil, nil, []string{`bongsu.yaml:1: unknown key "zzzzzz"`}},
		{"key below a value", "listen: {port: 1}", nil, nil, []string{`bongsu.yaml:1: listen: it must be an address to listen on, such as ":8080" or "127.0.0.1:8080"`}},
		{"value for a section", "log: debug", nil, nil, []string{`bongsu.yaml:1: log: there must be keys below it, not "debug"`}},
		{"list for a value", "demo: [true]", nil, nil, []string{`bongsu.yaml:1: demo: ["true"] is not allowed; it must be true or false`}},
		{"unknown variable", "", []string{"BONGSU_LISEN=:1"}, nil, []string{`environment BONGSU_LISEN: unknown variable; did you mean "BONGSU_LISTEN"?`}},
		{"section in a variable", "", []string{"BONGSU_STREAMS=x"}, nil, []string{"environment BONGSU_STREAMS: a variable can't hold this section; write it in bongsu.yaml"}},
		{"pairs", "", []string{"BONGSU_KEYS=secret"}, nil, []string{`environment BONGSU_KEYS: keys: it must be a list such as "name=value,other=value"`}},
		{"bad address", "", []string{"BONGSU_LISTEN=8080"}, nil, []string{`environment BONGSU_LISTEN: listen: "8080" is not allowed; it must be an address to listen on, such as ":8080" or "127.0.0.1:8080"`}},
		{"bad port", "", nil, map[string]any{"udp": ":65536"}, []string{`flag --udp: udp: ":65536" is not allowed; it must be a port with or without an IP address, such as ":8443" or "192.0.2.1:8443"`}},
		{"host for media", "udp: localhost:1", nil, nil, []string{`bongsu.yaml:1: udp: "localhost:1" is not allowed; it must be a port with or without an IP address, such as ":8443" or "192.0.2.1:8443"`}},
		{"bad truth", "demo: maybe", nil, nil, []string{`bongsu.yaml:1: demo: "maybe" is not allowed; it must be true or false`}},
		{"empty truth", `demo: ""`, nil, nil, []string{`bongsu.yaml:1: demo: "" is not allowed; it must be true or false`}},
		{"empty path", `data: " "`, nil, nil, []string{`bongsu.yaml:1: data: " " is not allowed; it must be the path of a directory`}},
		{"bad word", "", nil, map[string]any{"log/level": "loud"}, []string{`flag --log-level: log.level: "loud" is not allowed; it must be debug, info, warn or error`}},
		{"broken number", "limits: {sessions: 1.5}", nil, nil, []string{`bongsu.yaml:1: limits.sessions: "1.5" is not allowed; it must be a whole number, 0 or more`}},
		{"negative number", "limits: {sessions: -1}", nil, nil, []string{`bongsu.yaml:1: limits.sessions: "-1" is not allowed; it must be a whole number, 0 or more`}},
		{"decomposed letters", "keys: {\"\u1107\u1169\u11bc\": k}", nil, nil, []string{"bongsu.yaml:1: keys: not a stream name: \"\u1107\u1169\u11bc\" is written in decomposed letters (NFD); write it composed (NFC)"}},
		{"time without unit", "broadcast: {gop_duration: 10}", nil, nil, []string{`bongsu.yaml:1: broadcast.gop_duration: "10" is not allowed; it must be a time between 100ms and 5m, such as "10s"`}},
		{"loopback as public", "nat: {public_ips: [127.0.0.1]}", nil, nil, []string{`bongsu.yaml:1: nat.public_ips: ["127.0.0.1"] is not allowed; it must be a list of IP addresses that others can reach, such as "203.0.113.7"`}},
		{"secret is not shown", `keys: {lobby: "open sesame"}`, nil, nil, []string{`bongsu.yaml:1: keys.lobby: the value is not allowed; it must be one or more letters, digits or -._~+/ (RFC 6750 section 2.1), such as "tGzv3JOkF0XG5Qx2"`}},
		{"bad name", `keys: {"a b": x}`, nil, nil, []string{`bongsu.yaml:1: keys: not a stream name: ' ' is not allowed in it; use letters and digits of any script, "-", "_" and "."`}},
		{"slash in a name", `keys: {a/b: x}`, nil, nil, []string{`bongsu.yaml:1: "a/b" can't be a key: there is a "/" in it`}},
		{"one key for two", "keys: {a: x, b: x}", nil, nil, []string{"bongsu.yaml:1: keys: a and b have the same key; a key has to tell which stream is meant"}},
		{"no STUN URL", "ice_servers: {a: {urls: [stun.example.org]}}", nil, nil, []string{`bongsu.yaml:1: ice_servers.a.urls: ["stun.example.org"] is not allowed; it must be a list of URLs such as "stun:stun.example.org" or "turn:turn.example.org:3478?transport=udp"`}},
		{"TURN for nobody", "ice_servers:\n  a: {urls: turn:example.org}", nil, nil, []string{"bongsu.yaml:2: ice_servers.a: TURN asks who is there; give it a secret, or a username and a credential"}},
		{"ttl without unit", "ice_servers: {a: {urls: turn:example.org, secret: s, ttl: 10}}", nil, nil, []string{`bongsu.yaml:1: ice_servers.a.ttl: "10" is not allowed; it must be a time between 1m and 720h, such as "12h"`}},
		{"burst of nothing", "limits: {request_burst: 0}", nil, nil, []string{`bongsu.yaml:1: limits.request_burst: "0" is not allowed; it must be a whole number, 1 or more`}},
		{"stream of nothing", "streams: {lobby: {file: {loop: true}}}", nil, nil, []string{"bongsu.yaml:1: streams.lobby.file: it names neither a video nor an audio file; give it at least one"}},
		{"bad frame rate", "streams: {lobby: {file: {video: a, fps: 1000}}}", nil, nil, []string{`bongsu.yaml:1: streams.lobby.file.fps: "1000" is not allowed; it must be frames per second between 0 (as the file says) and 240`}},
		{"nothing of a rate", "chat: {rate: 0}", nil, nil, []string{`bongsu.yaml:1: chat.rate: "0" is not allowed; it must be a number greater than 0`}},
		{"too much history", "chat: {history: 1000}", nil, nil, []string{`bongsu.yaml:1: chat.history: "1000" is not allowed; it must be a whole number between 1 and 500`}},
		{"the administrator is not shown", `chat: {administrator: "open sesame"}`, nil, nil, []string{`bongsu.yaml:1: chat.administrator: the value is not allowed; it must be empty, or a token of letters, digits and -._~+/ (RFC 6750 section 2.1)`}},
		{"what is not for the file", `chat: {"-": x, broadcaster: y}`, nil, nil, []string{`bongsu.yaml:1: unknown key "chat.-"; did you mean "chat"?`, `bongsu.yaml:1: unknown key "chat.broadcaster"; did you mean "broadcast"?`}},
		{"two documents", "listen: :1\n---\nlisten: :2", nil, nil, []string{"bongsu.yaml: there is more than one YAML document in it; keep one"}},
		{"twice the same", "listen: :1\nlisten: :2", nil, nil, []string{`bongsu.yaml: yaml: unmarshal errors:`, `  line 2: mapping key "listen" already defined at line 1`}},
		{"not a mapping", "- a", nil, nil, []string{"bongsu.yaml:1: this is not a list of keys and values"}},
		{"all at once", "listn: :1\ndemo: maybe", []string{"BONGSU_LISEN=:1", "BONGSU_UDP=x"}, map[string]any{"log/level": "loud"}, []string{
			`bongsu.yaml:1: unknown key "listn"; did you mean "listen"?`,
			`bongsu.yaml:2: demo: "maybe" is not allowed; it must be true or false`,
			`environment BONGSU_LISEN: unknown variable; did you mean "BONGSU_LISTEN"?`,
			`environment BONGSU_UDP: udp: "x" is not allowed; it must be a port with or without an IP address, such as ":8443" or "192.0.2.1:8443"`,
			`flag --log-level: log.level: "loud" is not allowed; it must be debug, info, warn or error`,
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			write(t, test.file)
			cfg, _, err := loadConfig(sources{environ: test.environ, flags: test.flags})
			if !errors.Is(err, ErrConfig) || cfg != nil {
				t.Fatalf("got %v and the error %v, want ErrConfig alone", cfg, err)
			}
			text := strings.TrimPrefix(err.Error(), ErrConfig.Error()+":")
			got := strings.Split(strings.TrimSpace(text), "\n")
			slices.Sort(got)
			slices.Sort(test.want)
			if !slices.Equal(got, test.want) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(test.want, "\n"))
			}
		})
	}
}

func TestNamedFileMustBeThere(t *testing.T) {
	name := filepath.Join(t.TempDir(), "gone.yaml")
	if _, _, err := loadConfig(sources{file: name}); !errors.Is(err, os.ErrNotExist) || !errors.Is(err, ErrConfig) {
		t.Errorf("got %v, want an ErrConfig that says the file is not there", err)
	}
}

func TestEditDistance(t *testing.T) {
	tests := []struct {
		a, b string
		want int
	}{{"", "", 0}, {"", "abc", 3}, {"abc", "", 3}, {"abc", "abc", 0}, {"abc", "abd", 1}, {"abc", "ac", 1}, {"kitten", "sitting", 3}, {"봉수", "봉", 1}}
	for _, test := range tests {
		if got := editDistance(test.a, test.b); got != test.want {
			t.Errorf("editDistance(%q, %q) = %d, want %d", test.a, test.b, got, test.want)
		}
	}
}

// TestExample: the example names every key, with the default that holds.
func TestExample(t *testing.T) {
	const name = "../../bongsu.example.yaml"
	cfg, _, err := loadConfig(sources{file: name})
	if err != nil {
		t.Fatal(err)
	}
	var example, defaults strings.Builder
	want := defaultConfig()
	if err := errors.Join(printConfig(&example, cfg, nil, true), printConfig(&defaults, &want, nil, true)); err != nil {
		t.Fatal(err)
	}
	equal(t, "example", example.String(), defaults.String())
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	for path := range rules() {
		if name := last(strings.TrimSuffix(path, separator+anyName)); !strings.Contains(string(text), name+":") {
			t.Errorf("the example does not show %s", display(path))
		}
	}
}

// TestReadme: the tables of both READMEs name every key and its flag.
func TestReadme(t *testing.T) {
	flags := map[string]bool{}
	for field := range reflect.TypeFor[ConfigFlags]().Fields() {
		flags[field.Tag.Get("key")] = true
	}
	for _, name := range []string{"README.md", "README.ko.md"} {
		text, err := os.ReadFile(filepath.Join("..", "..", name))
		if err != nil {
			t.Fatal(err)
		}
		for path := range rules() {
			key, _, _ := strings.Cut(path, separator+anyName)
			_, line, found := strings.Cut(string(text), "\n| `"+display(key)+"` |")
			line, _, _ = strings.Cut(line, "\n")
			if !found || flags[path] != strings.Contains(line, "| `--"+flagName(path)+"` |") {
				t.Errorf("%s: the line of %s is missing, or its flag is wrong: %s", name, display(key), line)
			}
		}
	}
}

func last(path string) string { return path[strings.LastIndex(path, separator)+1:] }

// FuzzFile: no file makes the reader panic, and what it accepts is a valid configuration that it can print and read again.
func FuzzFile(f *testing.F) {
	f.Add("listen: :1\nkeys: {a: b}\nstreams: {x: {file: {video: v, loop: true}}}")
	f.Add("a: &a\n  <<: *a")
	f.Add("? [a]\n: b\n")
	f.Fuzz(func(t *testing.T, text string) {
		write(t, text)
		cfg, from, err := loadConfig(sources{})
		if err != nil {
			return
		}
		var printed strings.Builder
		if err := printConfig(&printed, cfg, from, true); err != nil {
			t.Fatal(err)
		}
		write(t, printed.String())
		again, _, err := loadConfig(sources{})
		if err != nil {
			t.Fatalf("%v, of\n%s", err, printed.String())
		}
		var second strings.Builder
		if err := printConfig(&second, again, from, true); err != nil || second.String() != printed.String() {
			t.Errorf("printed\n%s\nread and printed again (%v)\n%s", printed.String(), err, second.String())
		}
	})
}
