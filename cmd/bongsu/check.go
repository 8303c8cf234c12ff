package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"bongsu/check"
)

// errCheck is the error of a server that breaks a rule.
var errCheck = errors.New("the server breaks what the standards demand")

// CheckCmd tests whether a server keeps to the standards.
type CheckCmd struct {
	URL      string   `arg:"" name:"url" optional:"" help:"Server, such as http://localhost:8080, or one of its WHIP or WHEP endpoints."`
	WHIP     string   `name:"whip" placeholder:"URL" help:"WHIP endpoint. {stream} in it stands for the stream's name."`
	WHEP     string   `name:"whep" placeholder:"URL" help:"WHEP endpoint. {stream} in it stands for the stream's name."`
	Stream   string   `placeholder:"NAME" help:"The stream to publish and to watch, for servers that don't let us choose."`
	Token    string   `placeholder:"T" env:"BONGSU_TOKEN" help:"Bearer token, if the server asks for one."`
	Header   []string `sep:"none" placeholder:"H" help:"Header for every request, such as 'X-Api-Key: 7'. May be given several times."`
	Only     []string `placeholder:"ID" help:"Only these checks, such as W-14 or E-*, separated by commas."`
	Level    string   `placeholder:"L" enum:",must,should,may,interop" default:"" help:"The lowest level: must, should, may or interop (all)."`
	Slow     bool     `help:"Also what takes up to a minute: clients that vanish, offers that expire."`
	Load     bool     `help:"Also what burdens the server: floods, more sessions than it likes."`
	Insecure bool     `help:"Take any certificate."`
	Fails    bool     `help:"Print only what fails."`
	JSON     bool     `help:"Print the results as JSON."`
}

// Help is what "bongsu check --help" says below the usage line.
func (CheckCmd) Help() string {
	return `Tests any WHIP (RFC 9725) and WHEP (draft-ietf-wish-whep-03) server from outside, with the requests and the media that clients send, also with wrong ones, and tells for each rule whether the server keeps it. docs/conformance.md explains the rules by their IDs.

    bongsu check http://localhost:8080
    bongsu check --whip https://example.com/whip/test --token KEY --only W-*
    bongsu check http://localhost:8889 --level must --json

The streams that it publishes have names of their own, unless the URL or --stream says which to take: then nobody else should use that one. The exit status is 1 if the server breaks a rule of the level must.`
}

// Validate refuses what names no server.
func (c *CheckCmd) Validate() error {
	if c.URL == "" && c.WHIP == "" && c.WHEP == "" {
		return errors.New("which server? Give its URL, or --whip and --whep")
	}
	if c.URL != "" && (c.WHIP != "" || c.WHEP != "") {
		return errors.New("give either the server's URL, or --whip and --whep")
	}
	_, err := c.header()
	return err
}

// Run checks until all is done or ctx ends; what was found until then is printed.
func (c *CheckCmd) Run(ctx context.Context, stdout io.Writer) error {
	header, err := c.header()
	if err != nil {
		return err
	}
	config := check.Config{
		WHIP: c.WHIP, WHEP: c.WHEP, Stream: c.Stream, Token: c.Token, Header: header, Only: c.Only, Level: check.Level(c.Level),
		Slow: c.Slow, Load: c.Load, Insecure: c.Insecure,
	}
	if c.URL != "" {
		if err := check.Find(ctx, &config, c.URL); err != nil {
			return err
		}
	}
	terminal := columns(stdout) != nil
	if done := 0; terminal && !c.JSON {
		config.Each = func(r check.Result) {
			done++
			fmt.Fprintf(stdout, "\r\x1b[K%d checks, now %s", done, r.ID)
		}
	}
	results, err := check.Run(ctx, config)
	if terminal && !c.JSON {
		fmt.Fprint(stdout, "\r\x1b[K")
	}
	if c.JSON {
		err = errors.Join(err, printJSON(stdout, map[string]any{"whip": config.WHIP, "whep": config.WHEP, "results": results}))
	} else {
		report := checkReport{out: stdout, colors: terminal, fails: c.Fails}
		report.print(results)
	}
	if failed := count(results, check.Must, check.Fail); err == nil && failed > 0 {
		err = fmt.Errorf("%w: %d rules of the level must fail", errCheck, failed)
	}
	return err
}

func (c *CheckCmd) header() (http.Header, error) {
	if len(c.Header) == 0 {
		return nil, nil
	}
	header := http.Header{}
	for _, line := range c.Header {
		name, value, ok := strings.Cut(line, ":")
		if !ok || strings.TrimSpace(name) == "" {
			return nil, fmt.Errorf("--header is %q; it must be a name, a colon and a value", line)
		}
		header.Add(strings.TrimSpace(name), strings.TrimSpace(value))
	}
	return header, nil
}
