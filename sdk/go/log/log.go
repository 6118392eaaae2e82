// Package log writes lines to the operator's log. What the packages log and log/slog of Go write gets there, too, as
// information. Over the host's limit, lines are counted and left out.
package log

import (
	"fmt"
	"log"
	"strings"

	host "github.com/wasm-sink/wasm-sink/sdk/go/internal/wit/wasm_sink_sink_log"
)

// Debugf is for whoever wrote the component.
func Debugf(format string, args ...any) { write(host.LevelDebug, fmt.Sprintf(format, args...)) }

// Infof is worth knowing.
func Infof(format string, args ...any) { write(host.LevelInfo, fmt.Sprintf(format, args...)) }

// Warnf says that something is off, and that the pipeline goes on.
func Warnf(format string, args ...any) { write(host.LevelWarn, fmt.Sprintf(format, args...)) }

// Errorf says that something failed.
func Errorf(format string, args ...any) { write(host.LevelError, fmt.Sprintf(format, args...)) }

func write(level host.Level, line string) {
	host.Write(level, strings.ToValidUTF8(strings.TrimRight(line, "\n"), "\uFFFD"))
}

// lines are what other packages write.
type lines struct{}

func (lines) Write(line []byte) (int, error) {
	write(host.LevelInfo, string(line))
	return len(line), nil
}

// Adopt has the packages log and log/slog write here; the SDK calls it.
func Adopt() {
	log.SetFlags(0)
	log.SetOutput(lines{})
}
