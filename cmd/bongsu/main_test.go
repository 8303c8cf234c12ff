package main

import (
	"bytes"
	"context"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"runtime/debug"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	flag.Bool("update", false, "write the golden files anew")
	goleak.VerifyTestMain(m)
}

// exited is what the tests' exit panics with, since kong goes on parsing where exit returns.
type exited int

// command runs a command line and returns what it printed and its exit status.
func command(t *testing.T, args ...string) (stdout, stderr string, status int) {
	t.Helper()
	var out, problems bytes.Buffer
	defer func() {
		stdout, stderr = out.String(), problems.String()
		switch code := recover().(type) {
		case nil:
		case exited:
			status = int(code)
		default:
			panic(code)
		}
	}()
	ctx, cancel := context.WithCancel(t.Context())
	cancel() // whatever would go on for ever ends at once
	status = run(ctx, args, &out, &problems, func(code int) { panic(exited(code)) })
	return
}

func TestHelp(t *testing.T) {
	tests := map[string][]string{
		"bongsu":  {},
		"serve":   {"serve", "--help"},
		"publish": {"publish", "--help"},
		"watch":   {"watch", "--help"},
		"bench":   {"bench", "--help"},
		"check":   {"check", "--help"},
		"config":  {"config", "--help"},
		"version": {"version", "--help"},
	}
	t.Setenv("COLUMNS", "100")
	for name, args := range tests {
		t.Run(name, func(t *testing.T) {
			got, stderr, status := command(t, args...)
			if status != 0 || stderr != "" {
				t.Errorf("exit status %d, and on standard error %q", status, stderr)
			}
			golden(t, filepath.Join("testdata", "help-"+name+".txt"), got)
		})
	}
}

// golden compares a text with a file's, or writes the file under "go test -update".
func golden(t *testing.T, file, got string) {
	t.Helper()
	if flag.Lookup("update").Value.String() == "true" {
		if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s is not what is printed now (go test ./cmd/bongsu -update writes it anew):\n%s", file, got)
	}
}

func TestUsageErrors(t *testing.T) {
	t.Chdir(t.TempDir())
	tests := []struct {
		name string
		args []string
		want string
	}{
		{"no such command", []string{"pubish"}, `bongsu: unexpected argument pubish, did you mean "publish"? (see bongsu --help)` + "\n"},
		{"no such flag", []string{"serve", "--listn", ":1"}, `bongsu: unknown flag --listn, did you mean "--listen"? (see bongsu --help)` + "\n"},
		{"flag without value", []string{"serve", "--listen"}, "bongsu: --listen: expected string value but got \"EOL\" (<EOL>) (see bongsu --help)\n"},
		{"bad value", []string{"serve", "--udp", "x"}, `bongsu: the configuration can't be used: flag --udp: udp: "x" is not allowed; it must be a port with or without an IP address, such as ":8443" or "192.0.2.1:8443"` + "\n"},
		{"publish nothing", []string{"publish"}, ""},
		{"watch nothing", []string{"watch"}, ""},
		{"check nothing", []string{"check"}, "bongsu: check: which server? Give its URL, or --whip and --whep (see bongsu --help)\n"},
		{"bench nothing", []string{"bench"}, ""},
		{"a bad load", []string{"bench", "--whep", "http://localhost/whep/a", "--rate", "0"}, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			stdout, stderr, status := command(t, test.args...)
			if status != exitUsage {
				t.Errorf("exit status %d, want %d", status, exitUsage)
			}
			if stdout != "" {
				t.Errorf("on standard output: %q", stdout)
			}
			if test.want != "" && stderr != test.want || strings.Count(stderr, "\n") != 1 {
				t.Errorf("on standard error\n%s\nwant\n%s", stderr, test.want)
			}
		})
	}
}

// TestParse: what each command takes, and where it puts it.
func TestParse(t *testing.T) {
	parse := func(args ...string) *CLI {
		t.Helper()
		var cli CLI
		parser, err := newParser(&cli, os.Stdout, os.Stderr, func(int) {})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := parser.Parse(args); err != nil {
			t.Fatalf("%q: %v", args, err)
		}
		return &cli
	}
	serve := parse("serve", "--config", "c.yaml", "--listen", ":1", "--udp", "127.0.0.1:2", "--tcp", "", "--data", "d", "--demo",
		"--log-level", "debug", "--log-format=json", "--nat-public-ips", "203.0.113.7,203.0.113.8", "--no-trust-proxy").Serve
	if serve.Config != "c.yaml" {
		t.Errorf("--config is %q", serve.Config)
	}
	given := serve.given()
	want := map[string]any{"listen": ":1", "udp": "127.0.0.1:2", "tcp": "", "data": "d", "demo": "true", "log/level": "debug",
		"log/format": "json", "nat/public_ips": []string{"203.0.113.7", "203.0.113.8"}, "trust_proxy": "false"}
	equal(t, "serve's flags", given, want)
	equal(t, "no flags", parse("serve").Serve.given(), map[string]any{})
	equal(t, "config's flags", parse("config", "--demo", "--show-secrets").Config.given(), map[string]any{"demo": "true"})
	if !parse("config", "--show-secrets").Config.ShowSecrets {
		t.Error("--show-secrets shows nothing")
	}
	t.Setenv("BONGSU_CONFIG", "e.yaml")
	if got := parse("serve").Serve.Config; got != "e.yaml" {
		t.Errorf("BONGSU_CONFIG=e.yaml gives %q", got)
	}
}

func TestConfigCommand(t *testing.T) {
	write(t, "listen: 127.0.0.1:1\nnat:\n  public_ips: [203.0.113.7]\nkeys:\n  lobby: open-sesame\nstreams:\n  lobby: {file: {video: a.h264, loop: true}}\nice_servers:\n  turn: {urls: turn:example.org, secret: north}\nchat: {administrator: south}\n")
	t.Setenv("BONGSU_LOG_FORMAT", "json")
	want := `listen: 127.0.0.1:1 # bongsu.yaml:1
trust_proxy: false # default
tls:
  cert: "" # default
  key: "" # default
  mode: files # default
udp: :8443 # default
tcp: :8443 # default
ice_lite: false # default
nat:
  public_ips: [203.0.113.7] # bongsu.yaml:3
data: ./data # default
demo: true # flag --demo
log:
  level: info # default
  format: json # environment BONGSU_LOG_FORMAT
limits:
  sessions_per_address: 200 # default
  sessions: 0 # default
  requests_per_second: 100 # default
  request_burst: 3000 # default
precondition: pages # default
egress:
  wait: true # default
  transport: auto # default
  counter_offer: false # default
broadcast:
  gop_bytes: 16777216 # default
  gop_duration: 30s # default
  cache_bytes: 536870912 # default
  writers: 0 # default
origins: [] # default
ice_servers:
  turn:
    urls: ['turn:example.org'] # bongsu.yaml:9
    username: "" # default
    credential: "" # default
    secret: '********' # bongsu.yaml:9
    ttl: 0s # default
signal:
  enabled: true # default
  sockets: 10000 # default
  sockets_per_address: 200 # default
relay:
  enabled: true # default
  listen: "" # default
  sockets: 10000 # default
  sockets_per_address: 200 # default
  channels: 10000 # default
  members: 100 # default
  frame_bytes: 262144 # default
  rate: 200 # default
chat:
  enabled: true # default
  channel: client # default
  administrator: '********' # bongsu.yaml:10
  history: 100 # default
  keep: 24h0m0s # default
  max_bytes: 268435456 # default
  text_length: 500 # default
  nickname_length: 24 # default
  members: 20000 # default
  connections: 5 # default
  rate: 1 # default
  burst: 5 # default
  address_rate: 5 # default
  address_burst: 20 # default
  room_rate: 50 # default
  room_burst: 100 # default
data_channel:
  enabled: true # default
  viewers: false # default
keys:
  lobby: '********' # bongsu.yaml:5
streams:
  lobby:
    file:
      video: a.h264 # bongsu.yaml:7
      audio: "" # default
      loop: true # bongsu.yaml:7
      fps: 0 # default
`
	stdout, stderr, status := command(t, "config", "--demo")
	if stdout != want || stderr != "" || status != 0 {
		t.Errorf("exit status %d, on standard error %q, on standard output\n%s\nwant\n%s", status, stderr, stdout, want)
	}
	if stdout, _, _ := command(t, "config", "--show-secrets"); !strings.Contains(stdout, "lobby: open-sesame #") {
		t.Errorf("--show-secrets shows no secret:\n%s", stdout)
	}
}

func equal(t *testing.T, what string, got, want any) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

func TestVersion(t *testing.T) {
	if stdout, _, status := command(t, "version"); status != 0 || !strings.HasPrefix(stdout, "bongsu ") {
		t.Errorf("exit status %d, printed %q", status, stdout)
	}
	tests := []struct {
		name string
		info debug.BuildInfo
		want string
	}{
		{"module", debug.BuildInfo{Main: debug.Module{Version: "v1.2.3"}}, "v1.2.3"},
		{"commit", debug.BuildInfo{Main: debug.Module{Version: "(devel)"}, Settings: []debug.BuildSetting{{Key: "vcs.revision", Value: "0123456789abcdef"}}}, "devel-0123456789ab"},
		{"changed", debug.BuildInfo{Settings: []debug.BuildSetting{{Key: "vcs.revision", Value: "0123"}, {Key: "vcs.modified", Value: "true"}}}, "devel-0123-modified"},
		{"nothing known", debug.BuildInfo{}, "devel"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := versionOf(&test.info); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}
