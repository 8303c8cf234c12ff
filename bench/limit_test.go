package bench

import (
	"bytes"
	"runtime"
	"strings"
	"testing"
	"time"
)

func TestMachineLimit(t *testing.T) {
	limit, err := MachineLimit(limited(t, time.Minute), allowedCPUs(), 8, 1041)
	if runtime.GOOS != "linux" {
		if err == nil {
			t.Error("it can't be measured here")
		}
		return
	}
	if err != nil || limit <= 0 {
		t.Errorf("%v, %v", limit, err)
	}
}

func TestTable(t *testing.T) {
	var table Table
	table.add("a", "1", "", true)
	table.add("b", "2", "at least 1", true)
	table.add("c", "3", "at most 1", false)
	var out bytes.Buffer
	table.Text(&out)
	for _, want := range []string{"at least 1  met\n", "at most 1   missed\n", "load average "} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not in\n%s", want, out.String())
		}
	}
}

func TestAnswerRuntime(t *testing.T) {
	var out bytes.Buffer
	AnswerRuntime(strings.NewReader("now\ngc\n"), &out)
	if n := strings.Count(out.String(), `"Goroutines":`); n != 2 || !strings.HasPrefix(out.String(), "{") {
		t.Errorf("%s", out.String())
	}
}

// BenchmarkViewer is what a packet costs the tester, without the kernel's part: most are only counted.
func BenchmarkViewer(b *testing.B) {
	t := &Tester{config: Config{Sample: 1 << 40}}
	v := t.newViewer()
	defer v.handshake.Close()
	v.formats = []format{{payloadType: 96, mime: "video/VP8", rate: 90000}}
	data := make([]byte, 1200)
	data[0], data[1] = 0x80, 96
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		data[2], data[3] = byte(i>>8), byte(i)
		v.receive(v.server, data, int64(i))
	}
}
