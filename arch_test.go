package bongsu_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const module = "bongsu"

// floors is the house: a package imports only from floors below its own. CONTRIBUTING.md says what lives in each room.
var floors = [][]string{
	{"broadcast", "udp", "auth", "chat", "cluster"},
	{"wish", "rtc", "lite", "channel"},
	{"ingest", "egress", "bench", "check"},
	{"signal"},
	{"web"},
	{"cmd/bongsu"},
}

// coreMayUse are the modules outside the standard library that the core may import: value types of the wire, nothing that acts.
var coreMayUse = []string{"github.com/pion/rtp", "github.com/pion/rtcp"}

// pkg is what is read of "go list -json".
type pkg struct {
	ImportPath string
	Imports    []string
}

func TestFloors(t *testing.T) {
	floorOf := map[string]int{}
	for floor, rooms := range floors {
		for _, room := range rooms {
			floorOf[room] = floor
		}
	}
	for _, p := range list(t) {
		room := strings.TrimPrefix(p.ImportPath, module+"/")
		floor, known := floorOf[room]
		if !known {
			t.Errorf("package %s has no floor: name it in the table of this test, and in CONTRIBUTING.md", room)
			continue
		}
		for _, imported := range p.Imports {
			below, ours := strings.CutPrefix(imported, module+"/")
			if other, known := floorOf[below]; ours && known && other >= floor {
				t.Errorf("%s (floor %d) imports %s (floor %d): only floors below may be imported", room, floor, below, other)
			}
		}
	}
}

// TestCore: the core knows no HTTP and no PeerConnection.
func TestCore(t *testing.T) {
	for _, p := range list(t) {
		if p.ImportPath != module+"/broadcast" {
			continue
		}
		for _, imported := range p.Imports {
			if imported == "net/http" || isForeign(imported) && !mayUse(imported) {
				t.Errorf("broadcast imports %s; of other modules it may use %s", imported, strings.Join(coreMayUse, " and "))
			}
		}
		return
	}
	t.Error("there is no package broadcast")
}

// isForeign tells an import from another module by the dot in its first element.
func isForeign(path string) bool {
	host, _, _ := strings.Cut(path, "/")
	return strings.Contains(host, ".")
}

func mayUse(path string) bool {
	for _, allowed := range coreMayUse {
		if path == allowed || strings.HasPrefix(path, allowed+"/") {
			return true
		}
	}
	return false
}

// list gives the packages of the module, but for the root, which holds this test alone.
func list(t *testing.T) []pkg {
	t.Helper()
	look(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var stderr bytes.Buffer
	command := exec.CommandContext(ctx, "go", "list", "-json=ImportPath,Imports", "./...")
	command.Stderr = &stderr
	out, err := command.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, stderr.String())
	}
	var packages []pkg
	for decoder := json.NewDecoder(bytes.NewReader(out)); ; {
		var p pkg
		switch err := decoder.Decode(&p); {
		case errors.Is(err, io.EOF):
			return packages
		case err != nil:
			t.Fatal(err)
		case p.ImportPath != module:
			packages = append(packages, p)
		}
	}
}

// look has this process look at what "go list" reads: else the test cache would keep an old result when a file changes.
func look(t *testing.T) {
	t.Helper()
	err := filepath.WalkDir(".", func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (entry.Name() == "node_modules" || entry.Name() == ".git"):
			return fs.SkipDir
		case filepath.Ext(path) == ".go":
			_, err = os.Stat(path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
