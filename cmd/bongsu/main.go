// Command bongsu is a gateway for live broadcasts: it takes them in by WHIP and gives them to many viewers by WHEP.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"
)

// Exit statuses, besides 0 for all that went well.
const (
	exitFailure = 1 // the work could not be done
	exitUsage   = 2 // the command line or the configuration is wrong
)

// CLI is the command line.
type CLI struct {
	Serve   ServeCmd   `cmd:"" help:"Run the gateway: take broadcasts in by WHIP, give them to viewers by WHEP."`
	Publish PublishCmd `cmd:"" help:"Send media files to a WHIP endpoint, in real time."`
	Watch   WatchCmd   `cmd:"" help:"Watch a WHEP endpoint without a browser: print what arrives, or record it."`
	Bench   BenchCmd   `cmd:"" help:"Test a WHIP and WHEP server under load."`
	Check   CheckCmd   `cmd:"" help:"Test whether a WHIP and WHEP server keeps to the standards."`
	Config  ConfigCmd  `cmd:"" help:"Print the configuration, and where each value of it comes from."`
	Version VersionCmd `cmd:"" help:"Print the version."`
}

// Help is what "bongsu --help" says below the usage line.
func (CLI) Help() string {
	return `Start here:

    bongsu serve --demo        then open the address it prints

Every server option can also be an environment variable or a line in a YAML file; "bongsu config --help" tells how.`
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // the first Ctrl-C asks for an end, the second is the system's own: it ends at once
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr, os.Exit))
}

// run does what the arguments say and returns the exit status. It calls exit only after printing a help text.
func run(ctx context.Context, args []string, stdout, stderr io.Writer, exit func(int)) int {
	var cli CLI
	parser, err := newParser(&cli, stdout, stderr, exit)
	if err != nil {
		return fail(stderr, err, exitFailure)
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	command, err := parser.Parse(args)
	if err != nil {
		return fail(stderr, fmt.Errorf("%w (see bongsu --help)", err), exitUsage)
	}
	command.BindTo(ctx, (*context.Context)(nil))
	command.BindTo(stdout, (*io.Writer)(nil))
	err = command.Run(slog.New(slog.NewTextHandler(stderr, nil)))
	switch {
	case errors.Is(err, ErrConfig):
		return fail(stderr, err, exitUsage)
	case err != nil:
		return fail(stderr, err, exitFailure)
	}
	return 0
}

func newParser(cli *CLI, stdout, stderr io.Writer, exit func(int)) (*kong.Kong, error) {
	return kong.New(cli,
		kong.Name("bongsu"),
		kong.Description("Bongsu, a gateway for live broadcasts: WHIP in, WHEP out, one binary."),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 100, NoExpandSubcommands: true}),
		kong.Writers(stdout, stderr),
		kong.Exit(exit),
	)
}

func fail(stderr io.Writer, err error, status int) int {
	fmt.Fprintf(stderr, "bongsu: %v\n", err)
	return status
}
