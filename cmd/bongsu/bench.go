package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/term"

	"bongsu/bench"
)

// selfTimeout bounds "bongsu bench self".
const selfTimeout = 4 * time.Minute

// BenchCmd tests servers under load.
type BenchCmd struct {
	Load   BenchLoadCmd   `cmd:"" default:"withargs" help:"Test a WHIP and WHEP server under load (this is what bench does without a further word)."`
	Limit  BenchLimitCmd  `cmd:"" help:"Measure what this machine can do at best, and what a plain pion server does on it."`
	Self   BenchSelfCmd   `cmd:"" help:"Measure this server on this machine, from its start to as many viewers as it holds."`
	Serve  BenchServeCmd  `cmd:"" hidden:"" help:"The server that bench self measures."`
	Fanout BenchFanoutCmd `cmd:"" hidden:"" help:"The plain pion server that bench limit measures."`
}

// BenchLoadCmd is the load test of any server.
type BenchLoadCmd struct {
	WHIP      string        `name:"whip" placeholder:"URL" help:"WHIP endpoint to publish a synthetic stream to. Without it, the stream that somebody else publishes is watched."`
	WHEP      string        `name:"whep" required:"" placeholder:"URL" help:"WHEP endpoint to watch, such as http://localhost:8080/whep/lobby."`
	Token     string        `placeholder:"T" env:"BONGSU_TOKEN" help:"Bearer token for both."`
	Viewers   int           `default:"100" placeholder:"N" help:"How many viewers come (${default})."`
	Rate      float64       `default:"50" placeholder:"R" help:"How many of them come in a second (${default})."`
	Duration  time.Duration `default:"10s" placeholder:"D" help:"How long to measure once all are there (${default})."`
	Codec     string        `default:"h264" placeholder:"C" help:"Of the synthetic stream: h264, vp8, vp9, av1 or h265 (${default})."`
	Bitrate   bitrate       `default:"2M" placeholder:"B" help:"Of its video, in bit/s (${default})."`
	FPS       int           `name:"fps" default:"30" placeholder:"N" help:"Its frames a second (${default})."`
	GOP       time.Duration `name:"gop" default:"2s" placeholder:"D" help:"From one keyframe to the next (${default})."`
	Simulcast int           `default:"1" placeholder:"N" help:"Its simulcast layers, each with a third of the bitrate of the one above (${default})."`
	Audio     bool          `default:"true" negatable:"" help:"Sound, too (Opus)."`
	AnswerPLI bool          `name:"answer-pli" help:"Send a keyframe when asked for one, as browsers do; OBS and FFmpeg don't."`
	PLI       bool          `name:"pli" default:"true" negatable:"" help:"Viewers ask for a keyframe while none has come."`
	NACK      bool          `name:"nack" help:"Viewers ask for lost packets."`
	Loss      float64       `placeholder:"P" help:"Share of the packets that viewers throw away unseen, as a bad line does, such as 0.05; turns --nack on."`
	Sample    int           `default:"17" placeholder:"N" help:"One packet of so many is decrypted to read when it was sent (${default})."`
	ServerPID int           `name:"server-pid" placeholder:"PID" help:"Process of the server, to measure its CPU time and memory (Linux)."`
	JSON      bool          `help:"Print the report as JSON."`
	HTML      string        `name:"html" type:"path" placeholder:"FILE" help:"Write the report as a page with plots."`
}

// Help is what "bongsu bench --help" says below the usage line.
func (BenchCmd) Help() string {
	return `Publishes a synthetic stream, lets viewers come, and tells how they fared: how long joining took, to the first packet, to the first keyframe; what was lost; which frames are missing; how old the packets were. The viewers cost so little that the tester is rarely the bottleneck; when it is, the report says so.

    bongsu bench --whip http://localhost:8080/whip/load --whep http://localhost:8080/whep/load
    bongsu bench --whep https://example.com/whep/show --viewers 500 --html report.html
    bongsu bench self

"bongsu bench load --help" lists the options: codec, bitrate, simulcast, losses, the server's CPU time and memory, and more.`
}

func (c *BenchLoadCmd) config() bench.Config {
	return bench.Config{
		WHIP: c.WHIP, WHEP: c.WHEP, Token: c.Token, Rate: c.Rate, Sample: c.Sample, NACK: c.NACK, PLI: c.PLI, Loss: c.Loss, ServerPID: c.ServerPID,
		Media: bench.Media{
			Codec: strings.ToUpper(c.Codec), Bitrate: int(c.Bitrate), FPS: c.FPS, GOP: c.GOP, Simulcast: c.Simulcast,
			Audio: c.Audio, AnswerPLI: c.AnswerPLI,
		},
	}
}

// Validate refuses what can't be tested.
func (c *BenchLoadCmd) Validate() error {
	switch config := c.config(); {
	case c.Viewers < 1 || c.Viewers > 100_000:
		return fmt.Errorf("--viewers is %d; it must be from 1 to 100000", c.Viewers)
	case c.Duration < time.Second:
		return fmt.Errorf("--duration is %v; it must be 1s or more", c.Duration)
	default:
		return config.Check()
	}
}

// Run tests until the duration is over or ctx ends; what was found until then is reported.
func (c *BenchLoadCmd) Run(ctx context.Context, stdout io.Writer) error {
	config := c.config()
	if !c.JSON {
		config.Each = bench.NewLive(stdout, columns(stdout)).Show
	}
	r, err := bench.Run(ctx, config, c.Viewers, c.Duration)
	if r == nil {
		return err
	}
	if ctx.Err() != nil {
		err = nil // asked to end early
	}
	if c.HTML != "" {
		err = errors.Join(err, writeHTML(c.HTML, r))
	}
	if c.JSON {
		return errors.Join(err, printJSON(stdout, r))
	}
	if r.Joins.Joined > 0 {
		fmt.Fprintln(stdout)
		r.Text(stdout)
	}
	return err
}

func writeHTML(path string, r *bench.Report) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	return errors.Join(r.HTML(f), f.Close())
}

func printJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// columns gives the width of the terminal that w is; nil if it is none.
func columns(w io.Writer) func() int {
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return nil
	}
	return func() int {
		width, _, err := term.GetSize(int(f.Fd()))
		if err != nil {
			return 80
		}
		return width
	}
}

// bitrate is a number of bits a second, such as 500k or 2.5M.
type bitrate int

// UnmarshalText reads it.
func (b *bitrate) UnmarshalText(text []byte) error {
	number, factor := strings.TrimSpace(string(text)), 1.0
	switch {
	case strings.HasSuffix(strings.ToLower(number), "k"):
		factor = 1e3
	case strings.HasSuffix(strings.ToLower(number), "m"):
		factor = 1e6
	}
	if factor > 1 {
		number = number[:len(number)-1]
	}
	n, err := strconv.ParseFloat(number, 64)
	if err != nil || n <= 0 || n*factor > 1e10 {
		return fmt.Errorf("%q is no bitrate; write it as 500k or 2M", text)
	}
	*b = bitrate(n * factor)
	return nil
}

// BenchLimitCmd measures the machine and plain pion.
type BenchLimitCmd struct {
	Compare  int           `default:"200" placeholder:"N" help:"Viewers of the pion servers (${default})."`
	Duration time.Duration `default:"5s" placeholder:"D" help:"How long to measure each (${default})."`
	JSON     bool          `help:"Print the table as JSON."`
}

// Run measures and prints the table.
func (c *BenchLimitCmd) Run(ctx context.Context, stdout io.Writer) error {
	config, err := selfConfig(stdout, c.JSON)
	if err != nil {
		return err
	}
	config.Compare, config.Duration = c.Compare, c.Duration
	ctx, cancel := context.WithTimeout(ctx, selfTimeout)
	defer cancel()
	table, err := bench.Limit(ctx, config)
	return errors.Join(err, printTable(stdout, table, c.JSON))
}

// BenchSelfCmd measures this server.
type BenchSelfCmd struct {
	Viewers  []int         `default:"100,200,400,800,1000,1200,1400,1600" placeholder:"N" help:"Levels of load; the first that does not hold is the last (${default})."`
	Compare  int           `default:"200" placeholder:"N" help:"The level at which the server is compared with plain pion (${default})."`
	Duration time.Duration `default:"5s" placeholder:"D" help:"How long to measure each level (${default})."`
	Minute   bool          `default:"true" negatable:"" help:"Stay a minute at 1000 viewers, or at the highest level, to see whether memory grows."`
	JSON     bool          `help:"Print the table as JSON."`
}

// Run measures and prints the table.
func (c *BenchSelfCmd) Run(ctx context.Context, stdout io.Writer) error {
	config, err := selfConfig(stdout, c.JSON)
	if err != nil {
		return err
	}
	config.Viewers, config.Compare, config.Duration, config.Minute = c.Viewers, c.Compare, c.Duration, c.Minute
	ctx, cancel := context.WithTimeout(ctx, selfTimeout)
	defer cancel()
	table, err := bench.Self(ctx, config)
	return errors.Join(err, printTable(stdout, table, c.JSON))
}

// selfConfig has this binary be the servers.
func selfConfig(stdout io.Writer, quiet bool) (bench.SelfConfig, error) {
	self, err := os.Executable()
	if err != nil {
		return bench.SelfConfig{}, err
	}
	c := bench.SelfConfig{
		Server: []string{self, "bench", "serve"}, Plain: []string{self, "bench", "fanout"},
		Default: []string{self, "bench", "fanout", "--interceptors"}, Out: stdout,
	}
	if quiet {
		c.Out = io.Discard
	}
	return c, nil
}

func printTable(w io.Writer, t *bench.Table, asJSON bool) error {
	if asJSON {
		return printJSON(w, t)
	}
	fmt.Fprintln(w)
	t.Text(w)
	return nil
}

// BenchServeCmd is this server as "bench self" starts it: on free ports of the loopback address, without limits, until its
// standard input ends.
type BenchServeCmd struct{}

// Run serves.
func (BenchServeCmd) Run(ctx context.Context, stdout io.Writer) (err error) {
	cfg := defaultConfig()
	if cfg.Data, err = os.MkdirTemp("", "bongsu-bench-"); err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(cfg.Data) }()
	cfg.Web.Listen, cfg.UDP, cfg.TCP, cfg.Limits.PerAddress, cfg.Log.Level = "127.0.0.1:0", "127.0.0.1:0", "", 0, "warn"
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		bench.AnswerRuntime(os.Stdin, stdout)
		cancel()
	}()
	tuneMemory()
	return serve(ctx, &cfg, newLogger(os.Stderr, cfg.Log), stdout)
}

// BenchFanoutCmd is the plain pion server, until its standard input ends.
type BenchFanoutCmd struct {
	Interceptors bool `help:"With pion's default interceptors."`
}

// Run serves.
func (c *BenchFanoutCmd) Run(ctx context.Context, stdout io.Writer) error {
	f, err := bench.NewFanout(ctx, c.Interceptors)
	if err != nil {
		return err
	}
	defer f.Close()
	fmt.Fprintf(stdout, "running at %s\n", f.URL)
	bench.AnswerRuntime(os.Stdin, stdout)
	return nil
}
